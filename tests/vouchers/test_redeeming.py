"""Using a voucher with an order: as often as it may be, whoever else tries in the same moment.

GHOSTCART_LONG=1: 200 rounds of each race. The limit per person in 90 days is the guard's: recovery/test_guard_races.py.
"""

import os
from collections import Counter
from datetime import timedelta
from threading import Barrier

import pytest
from django.db import transaction

from ghostcart.customers import identity
from ghostcart.vouchers import issuing, queries, services
from ghostcart.vouchers.errors import CodeTaken, InvalidVoucher, VoucherRefused
from ghostcart.vouchers.models import Voucher, VoucherRedemption
from ghostcart.vouchers.terms import AppliesTo, Kind
from tests import factories
from tests.factories import NOON
from tests.races import together

pytestmark = pytest.mark.django_db
threads = pytest.mark.django_db(transaction=True)
THREADS = 50
ROUNDS = 200 if os.environ.get("GHOSTCART_LONG") == "1" else 2


def voucher(shop, **more):
    values = {"kind": Kind.PERCENT, "percent_bp": 1000} | more
    return services.create(shop_id=shop.pk, now=NOON, **values)


def redeem(voucher, order_id, customer=None, currency="EUR"):
    with transaction.atomic():
        services.redeem(voucher.pk, order_id=order_id, customer_id=customer and customer.pk, amount_minor=500,
                        currency=currency, now=NOON)  # fmt: skip


def refusal(redeeming):
    with pytest.raises(VoucherRefused) as refused:
        redeeming()
    return refused.value.code


def uses(voucher):
    """(counted, written): always the same number."""
    voucher.refresh_from_db()
    return voucher.used, voucher.redemptions.filter(reversed_at=None).count()


def outcomes(results):
    return Counter(result.code if isinstance(result, VoucherRefused) else repr(result) for result in results)


# -- one after the other -------------------------------------------------------------------------


def test_a_voucher_is_used_as_often_as_it_may(shop):
    three = voucher(shop, quantity=3)
    for order_id in (1, 2, 3):
        redeem(three, order_id)
    assert refusal(lambda: redeem(three, 4)) == "voucher_used_up"
    assert uses(three) == (3, 3)


def test_each_customer_has_their_own_limit(shop, ada):
    each_once, bob = voucher(shop, per_customer=1), factories.customer(shop, "bob@example.com")
    redeem(each_once, 1, ada)
    assert refusal(lambda: redeem(each_once, 2, ada)) == "voucher_used_by_customer"
    assert refusal(lambda: redeem(each_once, 2)) == "voucher_sign_in_needed"
    redeem(each_once, 3, bob)
    assert uses(each_once) == (2, 2)


def test_a_refused_use_is_not_counted(shop, ada):
    francs = voucher(shop, kind=Kind.AMOUNT, percent_bp=0, amount_minor=500, currency="CHF", quantity=1)
    assert refusal(lambda: redeem(francs, 1, ada)) == "voucher_other_currency"
    assert uses(francs) == (0, 0)
    redeem(francs, 1, ada, currency="CHF")


def test_one_order_uses_a_voucher_once(shop):
    many = voucher(shop)
    redeem(many, 1)
    assert refusal(lambda: redeem(many, 1)) == "voucher_already_applied"
    assert uses(many) == (1, 1)


def test_what_was_given_back_can_be_used_again(shop):
    once = voucher(shop, quantity=1)
    redeem(once, 1)
    assert services.release(1, now=NOON) == 1
    assert services.release(1, now=NOON) == 0
    assert uses(once) == (0, 0)
    redeem(once, 1)
    assert uses(once) == (1, 1)
    assert VoucherRedemption.objects.count() == 1


def test_a_voucher_that_is_off_or_gone_is_refused(shop):
    off = voucher(shop)
    services.switch_off(off.pk)
    assert refusal(lambda: redeem(off, 1)) == "voucher_inactive"
    Voucher.objects.all().delete()
    assert refusal(lambda: redeem(off, 1)) == "voucher_inactive"


def test_the_use_is_written_down_as_it_was_made(shop, ada):
    once = voucher(shop)
    told = services.redeem(once.pk, order_id=7, customer_id=ada.pk, amount_minor=500, currency="EUR", now=NOON)
    written = VoucherRedemption.objects.get()
    assert told == written
    assert (written.voucher, written.shop, written.customer, written.order_id) == (once, shop, ada, 7)
    assert (written.amount_minor, written.currency, written.at, written.reversed_at) == (500, "EUR", NOON, None)


def test_the_last_use_is_the_last_and_the_one_in_hand_does_not_count_against_itself(shop, ada):
    twice = voucher(shop, quantity=2, per_customer=2)
    redeem(twice, 1, ada)
    redeem(twice, 2, ada)
    assert refusal(lambda: redeem(twice, 3, ada)) == "voucher_used_up"
    assert uses(twice) == (2, 2)


@pytest.mark.parametrize(
    ("terms", "reason"),
    [({"valid_until": NOON}, "expired"), ({"valid_from": NOON + timedelta(seconds=1)}, "not_yet_valid")],
)
def test_a_use_is_refused_outside_its_time_and_nothing_is_counted(shop, ada, terms, reason):
    early = voucher(shop, quantity=1, **terms)
    assert refusal(lambda: redeem(early, 1, ada)) == f"voucher_{reason}"
    assert uses(early) == (0, 0)


def test_why_no_use_is_left_is_told_by_what_cannot_be_helped_first(shop, ada):
    used_up = voucher(shop, quantity=1, valid_until=NOON + timedelta(days=1))
    redeem(used_up, 1, ada)
    assert refusal(lambda: redeem(used_up, 2)) == "voucher_used_up"
    Voucher.objects.update(valid_until=NOON)
    assert refusal(lambda: redeem(used_up, 2)) == "voucher_expired"


def test_an_order_gives_back_all_its_vouchers_and_only_its_own(shop, ada):
    one, other = voucher(shop), voucher(shop)
    for order_id in (1, 2):
        redeem(one, order_id, ada)
    redeem(other, 1, ada)
    assert services.release(1, now=NOON + timedelta(hours=1)) == 2
    assert (uses(one), uses(other)) == ((1, 1), (0, 0))
    given_back = VoucherRedemption.objects.filter(order_id=1).values_list("reversed_at", flat=True)
    assert set(given_back) == {NOON + timedelta(hours=1)}
    assert services.release(3, now=NOON) == 0
    assert services.release(2) == 1
    assert VoucherRedemption.objects.get(order_id=2).reversed_at is not None


def test_a_use_in_another_shop_is_noted_once_whatever_the_voucher_asks(shop, ada):
    over = voucher(shop, quantity=0, is_active=False)

    def note(order_id=9, amount_minor=700):
        services.note_use(
            over.pk, order_id=order_id, customer_id=ada.pk, amount_minor=amount_minor, currency="EUR", at=NOON
        )

    note()
    written = VoucherRedemption.objects.get()
    assert (written.shop, written.customer, written.amount_minor, written.currency, written.at) == (
        shop, ada, 700, "EUR", NOON,
    )  # fmt: skip
    note(amount_minor=650)  # told again, with another amount
    assert (uses(over), VoucherRedemption.objects.get().amount_minor) == ((1, 1), 650)
    services.release(9, now=NOON)
    assert uses(over) == (0, 0)
    note()
    note()
    assert uses(over) == (1, 1)
    note(order_id=10)
    assert uses(over) == (2, 2)


# -- a new one -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "is_good"),
    [
        ({"percent_bp": 1}, True),
        ({"percent_bp": 0}, False),
        ({"percent_bp": 10_000}, True),
        ({"percent_bp": 10_001}, False),
        ({"kind": Kind.AMOUNT, "amount_minor": 1, "currency": "EUR"}, True),
        ({"kind": Kind.AMOUNT, "amount_minor": 0, "currency": "EUR"}, False),
        ({"kind": Kind.AMOUNT, "amount_minor": 1}, False),
        ({"minimum_minor": 1, "currency": "EUR"}, True),
        ({"minimum_minor": 1}, False),
        ({"minimum_minor": -1, "currency": "EUR"}, False),
        ({"kind": Kind.FREE_SHIPPING, "percent_bp": 0}, True),
        ({"kind": Kind.GIFT, "percent_bp": 0}, False),
        ({"applies_to": AppliesTo.PRODUCTS, "product_ids": [1]}, True),
        ({"applies_to": AppliesTo.PRODUCTS}, False),
        ({"applies_to": AppliesTo.CHEAPEST}, True),
        ({"valid_from": NOON, "valid_until": NOON + timedelta(seconds=1)}, True),
        ({"valid_from": NOON, "valid_until": NOON}, False),
        ({"valid_from": NOON}, True),
        ({"valid_until": NOON - timedelta(days=9)}, True),
        ({"code": "x" * 40}, True),
        ({"code": "x" * 41}, False),
        ({"code": "a\x00b"}, False),
    ],
)
def test_what_does_not_fit_together_is_not_issued(shop, values, is_good):
    if is_good:
        assert voucher(shop, **values).pk
    else:
        with pytest.raises(InvalidVoucher):
            voucher(shop, **values)
    assert Voucher.objects.exists() == is_good


def test_what_is_not_said_of_a_voucher_is_not_asked(shop):
    bare = voucher(shop)
    assert bare.terms() == services.replace(
        bare.terms(), priority=1, combinable=True, is_active=True, quantity=None, per_customer=None, customer_id=None,
        customer_ids=None, exclude_discounted=False, minimum_minor=0, amount_minor=0, used=0,
    )  # fmt: skip
    assert (bare.is_recovery, bare.is_demo, bare.created_at, len(bare.code)) == (False, False, NOON, 12)
    free = services.create(shop_id=shop.pk, kind=Kind.FREE_SHIPPING, now=NOON)
    assert (free.percent_bp, free.amount_minor, free.minimum_minor, free.currency) == (0, 0, 0, "")
    many = voucher(shop, names={"it": "Dieci"}, applies_to=AppliesTo.PRODUCTS, product_ids=[3, 1, 3])
    assert (many.product_ids, many.terms("it").name) == ([1, 3], "Dieci")


def test_a_code_is_taken_in_its_own_shop_alone(shop):
    voucher(shop, code=" spring")
    with pytest.raises(CodeTaken) as refused:
        voucher(shop, code="Spring")
    assert refused.value.params == {"voucher": "SPRING"}
    assert voucher(factories.shop(), code="SPRING").code == "SPRING"
    with pytest.raises(services.IntegrityError):  # what else the table refuses is no taken code
        voucher(shop, code="OTHER", quantity=-1)


def issue(shop, kind=Kind.PERCENT, **more):
    return issuing.issue(shop, **{"kind": kind, "now": NOON, "percent_bp": 1000, "currency": "EUR", **more})


def test_a_voucher_made_by_hand_keeps_what_its_kind_has_a_use_for(shop):
    gift = issuing.article(shop, " MUG ")
    everything = {"amount_minor": 700, "gift_variant_id": gift, "product_ids": [1]}
    values = [
        (one.percent_bp, one.amount_minor, one.gift_variant_id, one.currency, one.product_ids)
        for one in (issue(shop, kind, **everything) for kind in (Kind.PERCENT, Kind.AMOUNT, Kind.GIFT))
    ]
    assert values == [(1000, 0, None, "", []), (0, 700, None, "EUR", []), (0, 0, gift, "", [])]
    some = issue(shop, applies_to=AppliesTo.PRODUCTS, minimum_minor=1, **everything)
    assert (some.product_ids, some.currency, some.minimum_minor) == ([1], "EUR", 1)
    assert issue(shop, currency="CHF", minimum_minor=1).currency == "CHF"


@pytest.mark.parametrize("money", [{"kind": Kind.AMOUNT, "amount_minor": 1}, {"minimum_minor": 1}])
def test_money_that_the_shop_does_not_take_is_refused_and_of_a_percentage_it_is_not_asked(shop, money):
    for currency, told in (("USD", "USD"), ("", "–")):
        with pytest.raises(InvalidVoucher) as refused:
            issue(shop, **money, currency=currency)
        assert refused.value.params == {"currency": told}
    assert issue(shop, currency="USD").currency == ""
    only = factories.shop(currencies=[])
    assert issue(only, **money, currency=only.currency).currency == "EUR"


def test_what_is_not_said_is_nothing(shop):
    for kind in (Kind.AMOUNT, Kind.GIFT):
        with pytest.raises(InvalidVoucher):
            issue(shop, kind)
    with pytest.raises(InvalidVoucher):
        issuing.issue(shop, kind=Kind.PERCENT, now=NOON)
    assert issue(shop).minimum_minor == 0
    assert issuing.LARGEST_COUNT == 2**31 - 1  # what the columns hold on PostgreSQL


def test_a_voucher_for_a_customer_is_the_persons(shop, ada):
    assert issue(shop, customer=ada).person_id == identity.recognise(ada, NOON).pk
    assert issue(shop).person_id is None
    assert issuing.owner(shop, " ADA@example.com") == ada
    with pytest.raises(InvalidVoucher):
        issuing.owner(factories.shop(), "ada@example.com")


def test_products_are_found_by_reference_or_sku_and_what_is_unknown_is_named(shop):
    mug, lamp = (issuing.products(shop, [name])[0] for name in ("MUG", "R-LAMP"))
    assert issuing.products(shop, ["R-MUG", "MUG", "LAMP"]) == sorted([mug, lamp])
    with pytest.raises(InvalidVoucher) as refused:
        issuing.products(shop, ["MUG", *"abcdef"])
    assert refused.value.params == {"names": "a, b, c, d, e"}
    with pytest.raises(InvalidVoucher) as refused:
        issuing.products(shop, [f"P{number}" for number in range(501)])
    assert "Unknown" not in str(refused.value)
    with pytest.raises(InvalidVoucher) as refused:
        issuing.products(shop, [f"P{number}" for number in range(500)])
    assert "Unknown" in str(refused.value)
    for sku in ("NOTHING", ""):
        with pytest.raises(InvalidVoucher):
            issuing.article(shop, sku)
    with pytest.raises(InvalidVoucher):
        issuing.article(factories.shop(currencies=["EUR"]), "R-MUG")


def test_what_a_campaign_issued_goes_a_month_after_it_ended_unused_and_nothing_else_does(shop, ada, monkeypatch):
    for code in ("GONE", "ALSO", "USED", "BACK"):
        voucher(shop, code=code, is_recovery=True, valid_until=NOON)
    voucher(shop, code="LATER", is_recovery=True, valid_until=NOON + timedelta(seconds=1))
    voucher(shop, code="ENDLESS", is_recovery=True)
    voucher(shop, code="PUBLIC", valid_until=NOON)
    for order_id, code in enumerate(("USED", "BACK")):
        services.note_use(queries.by_code(shop.pk, code).pk, order_id=order_id, customer_id=ada.pk, amount_minor=1,
                          currency="EUR", at=NOON)  # fmt: skip
    services.release(1, now=NOON)
    monkeypatch.setattr(services, "BATCH", 1)
    month = NOON + timedelta(days=30)
    assert services.clean_up(month - timedelta(seconds=1)) is False
    assert [services.clean_up(month) for _ in range(3)] == [True, True, False]
    left = set(Voucher.objects.values_list("code", flat=True))
    assert left == {"USED", "BACK", "LATER", "ENDLESS", "PUBLIC"}


# -- what others read ----------------------------------------------------------------------------


def test_codes_are_found_as_they_are_typed_and_nothing_else_is(shop):
    spring, long = voucher(shop, code="SPRING"), voucher(shop, code="X" * 40)
    assert queries.by_code(shop.pk, " spring\n") == spring
    assert queries.by_code(shop.pk, "x" * 40) == long
    assert [queries.by_code(shop.pk, odd) for odd in ("x" * 41, "SPR\x00ING", "", "SPRIN")] == [None] * 4
    assert queries.by_code(factories.shop().pk, "SPRING") is None
    assert queries.by_codes(shop.pk, ["spring", "NOTHING", "x" * 40]) == {"SPRING": spring.pk, "X" * 40: long.pk}
    assert queries.by_codes(shop.pk, ["x" * 41, "SPR\x00ING"]) == queries.by_codes(shop.pk, []) == {}
    assert [one.id for one in queries.terms_of([long.pk, spring.pk, 10**9])] == [spring.pk, long.pk]


def test_uses_are_counted_where_there_is_a_limit_and_what_was_given_back_is_not(shop, ada):
    limited, free = voucher(shop, per_customer=5), voucher(shop)
    for order_id in (1, 2, 3):
        redeem(limited, order_id, ada)
        redeem(free, order_id, ada)
    services.release(3, now=NOON)
    both = [limited.terms(), free.terms()]
    assert queries.uses_by_customer(both, ada.pk) == {limited.pk: 2}
    assert queries.uses_by_customer(both, None) == {limited.pk: 0}
    assert queries.uses_by_customer([free.terms()], ada.pk) == {}
    bob = factories.customer(shop, "bob@example.com")
    assert queries.uses_by_customer(both, bob.pk) == {limited.pk: 0}


def test_the_vouchers_of_a_customer_are_theirs_their_persons_and_those_they_used(shop, ada):
    person = identity.recognise(ada, NOON)
    ada.refresh_from_db()
    bob = factories.customer(shop, "bob@example.com")
    hers, persons, used, bobs = (
        voucher(shop, customer_id=ada.pk), voucher(shop, person_id=person.pk), voucher(shop),
        voucher(shop, customer_id=bob.pk),
    )  # fmt: skip
    redeem(used, 1, ada)
    assert list(queries.of_customer(ada)) == [used, persons, hers]
    assert list(queries.of_customer(bob)) == [bobs]
    stranger = factories.customer(shop, "eve@example.com")
    stranger.person = None
    assert list(queries.of_customer(stranger)) == []


# -- at the same time ----------------------------------------------------------------------------


def race(voucher, customer=None):
    return together([lambda order_id=order_id: redeem(voucher, order_id, customer) for order_id in range(THREADS)])


@threads
def test_a_voucher_for_one_use_is_used_once_by_fifty(shop):
    for _ in range(ROUNDS):
        once = voucher(shop, quantity=1)
        assert outcomes(race(once)) == {"None": 1, "voucher_used_up": THREADS - 1}
        assert uses(once) == (1, 1)
    print(f"\n{ROUNDS} rounds of {THREADS} threads at one single-use voucher: used once each time")


@threads
def test_a_voucher_for_three_uses_is_used_three_times(shop):
    three = voucher(shop, quantity=3)
    assert outcomes(race(three)) == {"None": 3, "voucher_used_up": THREADS - 3}
    assert uses(three) == (3, 3)


@threads
def test_one_customer_in_fifty_tabs_under_five_addresses_uses_it_once(shop, ada):
    aliases = [factories.customer(shop, f"ada+{number}@example.com") for number in range(4)] + [ada]
    for customer in aliases:
        identity.recognise(customer, NOON)
    for _ in range(ROUNDS):
        each_once = voucher(shop, per_customer=1)
        jobs = [
            lambda order_id=order_id, each_once=each_once: redeem(each_once, order_id, aliases[order_id % 5])
            for order_id in range(THREADS)
        ]
        assert outcomes(together(jobs)) == {"None": 1, "voucher_used_by_customer": THREADS - 1}
        assert uses(each_once) == (1, 1)
    print(f"\n{ROUNDS} rounds of {THREADS} tabs of one person under {len(aliases)} addresses: used once each time")


@threads
def test_addresses_that_nobody_joins_would_use_it_once_each(shop, ada, monkeypatch):
    """The guard of the test above: uses are counted by customer, not by person."""
    monkeypatch.setattr(queries, "_same", lambda customer_id: [customer_id])
    aliases = [factories.customer(shop, f"ada+{number}@example.com") for number in range(4)] + [ada]
    each_once = voucher(shop, per_customer=1)
    for order_id, customer in enumerate(aliases):
        redeem(each_once, order_id, customer)
    assert uses(each_once) == (5, 5)


@threads
def test_a_voucher_of_one_person_is_used_by_nobody_else_at_any_moment(shop, ada):
    bens = [factories.customer(shop, f"ben{number}@example.com") for number in range(5)]
    person = identity.recognise(ada, NOON)
    adas = voucher(shop, quantity=1, person_id=person.pk)
    them = [ada, *bens]
    results = together(
        [lambda order_id=order_id: redeem(adas, order_id, them[order_id % 6]) for order_id in range(THREADS)]
    )
    assert set(outcomes(results)) <= {"None", "voucher_used_up", "voucher_other_customer"}
    assert uses(adas) == (1, 1)
    assert adas.redemptions.get().customer == ada


@threads
def test_asking_first_and_counting_then_uses_it_too_often(shop):
    """The guard of the tests above: read, check, write."""
    once, all_have_asked = voucher(shop, quantity=1), Barrier(5)

    def redeem_naively(order_id):
        left = Voucher.objects.get(pk=once.pk).used < 1
        all_have_asked.wait(20)
        if left:
            Voucher.objects.filter(pk=once.pk).update(used=1)
            VoucherRedemption.objects.create(voucher=once, shop=shop, order_id=order_id, amount_minor=1, currency="EUR",
                                             at=NOON)  # fmt: skip

    together([lambda order_id=order_id: redeem_naively(order_id) for order_id in range(5)])
    assert uses(once) == (1, 5)


@threads
def test_giving_back_while_others_take_keeps_the_count(shop):
    five = voucher(shop, quantity=5)
    redeem(five, 7)
    jobs = [lambda: services.release(7, now=NOON), lambda: redeem(five, 7)] * 12
    results = together(jobs)
    assert {type(result).__name__ for result in results} <= {"int", "NoneType", "VoucherRefused"}
    counted, written = uses(five)
    assert counted == written
    assert counted in (0, 1)
