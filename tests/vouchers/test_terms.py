"""Who may put which voucher on which cart, and when."""

from datetime import UTC, datetime, timedelta

import pytest

from ghostcart.vouchers.terms import Kind, Refusal, Terms, refusal

NOW = datetime(2026, 3, 29, 12, 0, tzinfo=UTC)
MOMENT = timedelta(microseconds=1)


def terms(**what) -> Terms:
    return Terms(**({"id": 1, "code": "SPRING", "kind": Kind.PERCENT, "percent_bp": 1000} | what))


def refused(what: Terms, *, now=NOW, currency="EUR", customer_id=7, used_by_customer=0, others=(), **more):
    return refusal(
        what,
        now=now,
        currency=currency,
        customer_id=customer_id,
        used_by_customer=used_by_customer,
        others=others,
        **more,
    )


def test_it_works():
    assert refused(terms()) is None


def test_a_voucher_that_asks_for_nobody_is_good_for_an_unknown_customer():
    assert refused(terms(quantity=5), customer_id=None) is None


def test_an_inactive_voucher_is_refused():
    assert refused(terms(is_active=False)) == Refusal.INACTIVE


def test_it_is_valid_from_the_first_moment_on():
    assert refused(terms(valid_from=NOW + MOMENT)) == Refusal.NOT_YET_VALID
    assert refused(terms(valid_from=NOW)) is None


def test_it_ends_with_the_last_moment():
    assert refused(terms(valid_until=NOW + MOMENT)) is None
    assert refused(terms(valid_until=NOW)) == Refusal.EXPIRED


def test_it_is_used_up_when_all_uses_are_gone():
    assert refused(terms(quantity=2, used=1)) is None
    assert refused(terms(quantity=2, used=2)) == Refusal.USED_UP
    assert refused(terms(quantity=0)) == Refusal.USED_UP


def test_a_customer_may_use_it_so_often_and_no_more():
    assert refused(terms(per_customer=2), used_by_customer=1) is None
    assert refused(terms(per_customer=2), used_by_customer=2) == Refusal.USED_BY_CUSTOMER


def test_another_customers_voucher_is_refused():
    assert refused(terms(customer_id=7)) is None
    assert refused(terms(customer_id=8)) == Refusal.OTHER_CUSTOMER


@pytest.mark.parametrize("limit", [{"per_customer": 1}, {"customer_id": 7}])
def test_an_unknown_customer_cannot_escape_a_personal_limit(limit):
    assert refused(terms(**limit), customer_id=None) == Refusal.SIGN_IN_NEEDED


@pytest.mark.parametrize(
    ("bound", "is_personal", "belongs_to"),
    [
        ({}, False, {7, 8, 9, None}),
        ({"customer_id": 7}, True, {7}),
        ({"customer_ids": frozenset({7, 8})}, True, {7, 8}),
        ({"customer_ids": frozenset()}, True, set()),  # its person is gone: it is nobody's
        ({"customer_id": 7, "customer_ids": frozenset({8})}, True, set()),
        ({"customer_id": 7, "customer_ids": frozenset({7, 8})}, True, {7}),
    ],
)
def test_whose_it_is(bound, is_personal, belongs_to):
    personal = terms(**bound)
    assert personal.is_personal == is_personal
    assert {customer for customer in (7, 8, 9, None) if personal.is_for(customer)} == belongs_to
    for customer in (7, 8, 9):
        expected = None if customer in belongs_to else Refusal.OTHER_CUSTOMER
        assert refused(personal, customer_id=customer) == expected


def test_a_voucher_of_a_person_waits_for_a_visitor_to_say_who_they_are():
    personal = terms(customer_ids=frozenset({7}))
    assert refused(personal, customer_id=None) is None
    assert refused(personal, customer_id=None, is_final=False) is None
    assert refused(personal, customer_id=None, is_final=True) == Refusal.SIGN_IN_NEEDED
    assert refused(personal, is_final=True) is None
    assert refused(terms(), customer_id=None, is_final=True) is None
    limited = terms(customer_ids=frozenset({7}), per_customer=1)
    assert refused(limited, customer_id=None) == Refusal.SIGN_IN_NEEDED


@pytest.mark.parametrize(
    ("what", "needs"),
    [({"kind": Kind.AMOUNT}, True), ({"minimum_minor": 1}, True), ({}, False), ({"minimum_minor": 0}, False)],
)
def test_money_needs_a_currency_and_a_percentage_none(what, needs):
    assert terms(**what).needs_currency is needs


def test_it_is_good_for_its_own_currency_only():
    amount = terms(kind=Kind.AMOUNT, amount_minor=1000, currency="EUR")
    assert refused(amount) is None
    assert refused(amount, currency="JPY") == Refusal.OTHER_CURRENCY


@pytest.mark.parametrize(
    "money", [{"kind": Kind.AMOUNT, "amount_minor": 1000}, {"minimum_minor": 5000}], ids=["amount", "minimum"]
)
def test_money_without_a_currency_fits_no_cart(money):
    assert refused(terms(**money)) == Refusal.OTHER_CURRENCY


def test_a_percentage_without_a_currency_fits_every_cart():
    assert refused(terms(), currency="JPY") is None


def test_the_same_voucher_is_not_applied_twice():
    assert refused(terms(), others=[terms()]) == Refusal.ALREADY_APPLIED


def test_combinable_vouchers_go_together():
    assert refused(terms(), others=[terms(id=2), terms(id=3)]) is None


def test_a_voucher_that_is_not_combinable_goes_with_no_other():
    assert refused(terms(combinable=False)) is None
    assert refused(terms(combinable=False), others=[terms(id=2)]) == Refusal.NOT_COMBINABLE
    assert refused(terms(), others=[terms(id=2), terms(id=3, combinable=False)]) == Refusal.NOT_COMBINABLE


def test_a_percentage_with_a_currency_of_its_own_is_for_that_one():
    assert refused(terms(currency="EUR")) is None
    assert refused(terms(currency="EUR"), currency="JPY") == Refusal.OTHER_CURRENCY


def test_a_gift_that_is_gone_is_refused():
    assert refused(terms(kind=Kind.GIFT, gift_variant_id=3)) is None
    assert refused(terms(kind=Kind.GIFT, gift_variant_id=None)) == Refusal.GIFT_UNAVAILABLE


def test_the_first_reason_counts_from_the_voucher_to_the_shopper_to_the_cart():
    wrong = {
        "is_active": False,
        "valid_from": NOW + MOMENT,
        "valid_until": NOW,
        "quantity": 0,
        "customer_id": 8,
        "per_customer": 0,
        "currency": "JPY",
        "id": 2,
        "combinable": False,
        "kind": Kind.GIFT,
    }
    reasons = []
    for fault in list(wrong):
        reasons.append(refused(terms(**wrong), others=[terms(id=2, combinable=True)]))
        del wrong[fault]
    assert reasons == [
        Refusal.INACTIVE,
        Refusal.NOT_YET_VALID,
        Refusal.EXPIRED,
        Refusal.USED_UP,
        Refusal.OTHER_CUSTOMER,
        Refusal.USED_BY_CUSTOMER,
        Refusal.OTHER_CURRENCY,
        Refusal.ALREADY_APPLIED,
        Refusal.NOT_COMBINABLE,
        Refusal.GIFT_UNAVAILABLE,
    ]


def test_every_refusal_has_a_stable_code_and_a_sentence():
    from ghostcart.vouchers.errors import SENTENCES, VoucherRefused

    assert set(SENTENCES) == set(Refusal)
    for reason in Refusal:
        error = VoucherRefused(reason)
        assert error.refusal is reason
        assert error.code == reason.value == f"voucher_{reason.name.lower()}"
        assert str(error).endswith(".")
