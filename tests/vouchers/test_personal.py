"""Vouchers that belong to one human, under whichever address; and codes, which nobody can find out by trying."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from ghostcart.carts import changes, ingest
from ghostcart.customers import identity
from ghostcart.customers import services as customer_services
from ghostcart.lib.errors import GhostcartError
from ghostcart.vouchers import limits, services
from ghostcart.vouchers.errors import TooManyCodes, UnknownVoucher, VoucherRefused
from ghostcart.vouchers.models import Voucher, VoucherRedemption, WrongCodes
from ghostcart.vouchers.terms import Kind
from tests import races
from tests.factories import NOON, Shopper

pytestmark = pytest.mark.django_db
ENDED = NOON - timedelta(seconds=1)


def person(shop, email="ada@example.com"):
    customer = customer_services.identify(shop.pk, email=email, now=NOON)
    identity.recognise(customer, NOON)
    customer.refresh_from_db()
    return customer


@pytest.fixture
def ada(shop):
    return person(shop)


@pytest.fixture
def ben(shop):
    return person(shop, "ben@example.com")


def voucher(shop, code, **more):
    return services.create(shop_id=shop.pk, kind=Kind.PERCENT, percent_bp=1000, code=code, now=NOON, **more)


def shopper_of(shop, customer=None, sku="MUG", **seen):
    shopper = Shopper(shop, **seen)
    shopper.add(sku)
    if customer is not None:
        shopper.do(changes.Identify, customer_id=customer.pk, label=customer.label)
    return shopper


def tried(shopper, code, **more):
    """The code of the answer, and its sentence; "" if the voucher is on the cart."""
    try:
        shopper.do(changes.ApplyVoucher, code=code, **more)
    except GhostcartError as refused:
        return refused.code, str(refused)
    return ""


# -- whose it is -------------------------------------------------------------------------------------


def test_it_waits_on_a_visitors_cart_and_is_used_by_its_person_under_any_of_their_addresses(shop, ada):
    voucher(shop, "ADAS", person_id=ada.person_id, quantity=1)
    shopper = shopper_of(shop)
    shopper.do(changes.ApplyVoucher, code="ADAS")
    order = races.order(shopper, person(shop, "ADA+mobile@example.com"))
    assert order.discount_minor == 125
    assert Voucher.objects.get().used == 1


def test_on_a_visitors_cart_it_is_refused_to_everybody_else_at_the_checkout(shop, ada, ben):
    voucher(shop, "ADAS", person_id=ada.person_id, quantity=1)
    shopper = shopper_of(shop)
    shopper.do(changes.ApplyVoucher, code="ADAS")
    with pytest.raises(VoucherRefused) as refused:
        races.order(shopper, ben)
    assert str(refused.value) == "This voucher belongs to another customer."
    assert (Voucher.objects.get().used, VoucherRedemption.objects.count()) == (0, 0)
    shopper.do(changes.RemoveVoucher, code="ADAS")
    assert races.order(shopper, ben).discount_minor == 0


def test_an_order_without_a_customer_cannot_use_it(shop, ada):
    adas = voucher(shop, "ADAS", person_id=ada.person_id)
    with pytest.raises(VoucherRefused) as refused:
        services.redeem(adas.pk, order_id=1, customer_id=None, amount_minor=1, currency="EUR", now=NOON)
    assert refused.value.code == "voucher_sign_in_needed"


def test_two_who_turn_out_to_be_one_share_it(shop, ada, ben):
    voucher(shop, "BENS", person_id=ben.person_id, quantity=1)
    for customer in (ada, ben):
        identity.recognise(customer, NOON, phone="+39 011 5550199")
    assert races.order(_with(shopper_of(shop), "BENS"), ada).discount_minor == 125


def _with(shopper, code):
    shopper.do(changes.ApplyVoucher, code=code)
    return shopper


def test_a_recovery_voucher_whose_person_is_gone_is_nobodys(shop, ada):
    voucher(shop, "GONE", person_id=ada.person_id, is_recovery=True)
    Voucher.objects.update(person=None)
    assert tried(shopper_of(shop, ada), "GONE")[0] == "voucher_unknown"
    with pytest.raises(VoucherRefused):
        races.order(_with(shopper_of(shop), "GONE"), ada)


def test_a_voucher_of_a_customer_still_wants_to_know_who_it_is(shop, ada, ben):
    voucher(shop, "ADAS", customer_id=ada.pk)
    assert tried(shopper_of(shop), "ADAS")[0] == "voucher_sign_in_needed"
    assert tried(shopper_of(shop, ben), "ADAS")[0] == "voucher_unknown"
    assert tried(shopper_of(shop, ada), "ADAS") == ""


def test_a_limit_per_customer_counts_all_addresses_of_a_person(shop, ada):
    voucher(shop, "EACH", per_customer=1)
    races.order(_with(shopper_of(shop, ada), "EACH"), ada)
    alias = person(shop, "ada+2@example.com")
    assert tried(shopper_of(shop, alias), "EACH")[0] == "voucher_used_by_customer"
    with pytest.raises(VoucherRefused):
        services.redeem(Voucher.objects.get().pk, order_id=99, customer_id=alias.pk, amount_minor=1, currency="EUR",
                        now=NOON)  # fmt: skip


# -- what strangers hear -----------------------------------------------------------------------------


@pytest.fixture
def codes(shop, ada):
    """A code of each kind that a stranger may try; only Ada may know the reasons."""
    voucher(shop, "FOREIGN", person_id=ada.person_id)
    voucher(shop, "EXPIRED", person_id=ada.person_id, valid_until=ENDED)
    voucher(shop, "LATER", customer_id=ada.pk, valid_from=NOON + timedelta(days=1))
    voucher(shop, "OFF", customer_id=ada.pk, is_active=False)
    used = voucher(shop, "USED", person_id=ada.person_id, quantity=1)
    Voucher.objects.filter(pk=used.pk).update(used=1)
    return ["NEVERWAS", "FOREIGN", "EXPIRED", "LATER", "OFF", "USED"]


def test_unknown_expired_and_foreign_codes_are_answered_alike(shop, ben, codes):
    unknown = ("voucher_unknown", "This code is unknown, has expired or belongs to somebody else.")
    assert {code: tried(shopper_of(shop, ben), code) for code in codes} == dict.fromkeys(codes, unknown)
    visitors = [code for code in codes if code != "FOREIGN"]  # a visitor may be its person
    assert {code: tried(shopper_of(shop), code) for code in visitors} == dict.fromkeys(visitors, unknown)


def test_the_owner_is_told_the_reason_and_so_is_whoever_comes_by_our_link(shop, ada, codes):
    reasons = {
        "EXPIRED": "voucher_expired",
        "LATER": "voucher_not_yet_valid",
        "OFF": "voucher_inactive",
        "USED": "voucher_used_up",
    }
    assert {code: tried(shopper_of(shop, ada), code)[0] for code in reasons} == reasons
    assert tried(shopper_of(shop), "EXPIRED", is_mailed=True)[0] == "voucher_expired"
    assert tried(shopper_of(shop, ada), "FOREIGN") == ""


def test_a_public_voucher_tells_everybody_why_not(shop):
    voucher(shop, "SPRING", valid_until=ENDED)
    assert tried(shopper_of(shop), "spring") == ("voucher_expired", "This voucher has expired.")


def test_a_code_that_others_try_is_known_to_be_about(shop, ada, ben, codes):
    for _ in range(2):
        tried(shopper_of(shop, ben), "FOREIGN")
    tried(shopper_of(shop, ada), "FOREIGN")
    assert dict(Voucher.objects.exclude(strangers=0).values_list("code", "strangers")) == {"FOREIGN": 2}


def test_the_answers_cost_alike(shop, ben, codes):
    """By how long it takes nobody can tell a code that exists: two small queries more, far below 5 ms."""
    asked = {}
    for code in ("NEVERWAS", "FOREIGN", "EXPIRED"):
        shopper = shopper_of(shop, ben)
        with CaptureQueriesContext(connection) as queries:
            tried(shopper, code)
        asked[code] = len(queries)
    assert asked["FOREIGN"] == asked["EXPIRED"] <= asked["NEVERWAS"] + 2


# -- guessing ----------------------------------------------------------------------------------------


def test_ten_wrong_codes_close_the_door_also_to_a_right_one(shop):
    voucher(shop, "RIGHT")
    shopper = shopper_of(shop)
    answers = [tried(shopper, f"WRONG{number}")[0] for number in range(12)]
    assert answers == ["voucher_unknown"] * 10 + ["voucher_too_many_tries"] * 2
    assert tried(shopper, "RIGHT")[0] == "voucher_too_many_tries"
    assert tried(shopper.wait(minutes=14, seconds=59), "RIGHT")[0] == "voucher_too_many_tries"
    assert tried(shopper.wait(seconds=1), "RIGHT") == ""


def test_a_new_device_of_the_same_source_does_not_open_it_and_another_source_does(shop):
    voucher(shop, "RIGHT")
    for number in range(10):
        tried(shopper_of(shop, source="2001:db8:1:2:ffff::1"), f"WRONG{number}")
    assert tried(shopper_of(shop, source="2001:db8:1:2::9"), "RIGHT")[0] == "voucher_too_many_tries"
    assert tried(shopper_of(shop, source="192.0.2.7"), "RIGHT") == ""
    assert "192.0.2" not in str(list(WrongCodes.objects.values_list("key", flat=True)))


def test_a_proxy_that_nobody_declared_does_not_lock_everybody_out(shop):
    voucher(shop, "RIGHT")
    for number in range(10):
        tried(shopper_of(shop, source="127.0.0.1"), f"WRONG{number}")
    assert tried(shopper_of(shop, source="127.0.0.1"), "RIGHT") == ""


def test_who_is_not_known_by_device_or_source_counts_for_the_shop():
    minute, quarter = timedelta(minutes=1), timedelta(minutes=15)
    assert [(one.most, one.window) for one in limits.buckets(1, "", "")] == [(50, minute)]
    known = limits.buckets(1, "d" * 64, "192.0.2.7")
    assert [(one.most, one.window) for one in known] == [(50, minute), (10, quarter), (10, quarter)]
    assert len({one.key for one in [*known, *limits.buckets(2, "d" * 64, "192.0.2.7")]}) == 6


def test_wrong_codes_in_one_batch_are_a_guess_too_many_with_those_before_it(shop):
    shopper = shopper_of(shop)
    for number in range(4):
        tried(shopper, f"EARLY{number}")
    batch = [shopper.change(changes.ApplyVoucher, code=f"WRONG{number}") for number in range(8)]
    assert [type(one) for one in ingest.record_all(batch)] == [UnknownVoucher] * 6 + [TooManyCodes] * 2
    counts = WrongCodes.objects.filter(key=limits.device_key(shop.pk, shopper.seen.token_hash))
    assert counts.values_list("count", "in_all", "since").get() == (10, 10, NOON)


def test_wrong_codes_of_an_earlier_window_are_no_longer_held_against_anybody(shop):
    shopper = shopper_of(shop)
    for number in range(10):
        tried(shopper, f"EARLY{number}")
    shopper.wait(minutes=15)
    assert [tried(shopper, f"WRONG{number}")[0] for number in range(11)] == (
        ["voucher_unknown"] * 10 + ["voucher_too_many_tries"]
    )
    assert limits.most_guesses(shop.pk, [shopper.seen.token_hash]) == 20
    assert limits.most_guesses(shop.pk, []) == limits.most_guesses(shop.pk + 1, [shopper.seen.token_hash]) == 0


def test_who_comes_by_our_link_makes_no_guess(shop):
    shopper = shopper_of(shop)
    assert [tried(shopper, "GONE", is_mailed=True)[0] for _ in range(12)] == ["voucher_unknown"] * 12
    assert not WrongCodes.objects.exists()


def test_a_thousand_sources_get_fifty_guesses_a_minute(shop):
    voucher(shop, "RIGHT")
    answers = [tried(shopper_of(shop, source=f"192.0.2.{number}"), "WRONG")[0] for number in range(60)]
    assert answers == ["voucher_unknown"] * 50 + ["voucher_too_many_tries"] * 10
    honest = shopper_of(shop, source="203.0.113.1")
    assert tried(honest, "RIGHT")[0] == "voucher_too_many_tries"
    assert tried(honest.wait(minutes=1), "RIGHT") == ""


def test_whoever_owns_a_voucher_is_not_held_up_by_guessers(shop, ada):
    voucher(shop, "ADAS", person_id=ada.person_id)
    voucher(shop, "LINKED", person_id=ada.person_id)
    for number in range(60):
        tried(shopper_of(shop, source=f"192.0.2.{number}"), "WRONG")
    assert tried(shopper_of(shop, ada), "ADAS") == ""
    assert tried(shopper_of(shop), "LINKED", is_mailed=True) == ""


def test_guesses_that_come_in_one_batch_are_counted_too(shop):
    voucher(shop, "RIGHT")
    shopper = shopper_of(shop)
    batch = [shopper.change(changes.ApplyVoucher, code=f"WRONG{number}") for number in range(12)]
    results = ingest.record_all([*batch, shopper.change(changes.ApplyVoucher, code="RIGHT")])
    assert [type(one) for one in results] == [UnknownVoucher] * 10 + [TooManyCodes] * 3
    assert set(WrongCodes.objects.values_list("count", flat=True)) == {10}


@pytest.mark.django_db(transaction=True)
def test_guesses_at_the_same_time_are_all_counted(shop):
    shopper = shopper_of(shop, source="192.0.2.7")
    jobs = [lambda n=n: ingest.record(shopper.change(changes.ApplyVoucher, code=f"W{n}")) for n in range(20)]
    results = races.together(jobs)
    assert races.names(results).count("UnknownVoucher") == 10
    assert WrongCodes.objects.get(key=limits.device_key(shop.pk, shopper.seen.token_hash)).count == 10


def test_a_right_code_writes_no_count_and_asks_nothing_more(shop, ada):
    voucher(shop, "RIGHT")
    voucher(shop, "ADAS", person_id=ada.person_id)
    shopper = shopper_of(shop, source="192.0.2.7")
    with CaptureQueriesContext(connection) as queries:
        shopper.do(changes.ApplyVoucher, code="RIGHT")
    about = [one["sql"] for one in queries if "vouchers_" in one["sql"] and "carts_cartvoucher" not in one["sql"]]
    assert len(about) == 1
    with CaptureQueriesContext(connection) as queries:
        shopper_of(shop).add("LAMP")
    assert not [one for one in queries if '"vouchers_' in one["sql"] or " customers_" in one["sql"]]
    assert not WrongCodes.objects.exists()


def test_counts_are_forgotten_after_two_months_and_not_before(shop):
    shopper = shopper_of(shop)
    for number in range(6):
        tried(shopper, f"WRONG{number}")
    assert limits.most_guesses(shop.pk, [shopper.seen.token_hash]) == 6
    assert not limits.forget(NOON + timedelta(days=59))
    tried(shopper.wait(days=1), "WRONG")
    assert limits.most_guesses(shop.pk, [shopper.seen.token_hash, "other"]) == 7
    assert not limits.forget(NOON + timedelta(days=61) - timedelta(seconds=1))
    assert limits.forget(NOON + timedelta(days=61))
    assert not WrongCodes.objects.exists()


def test_codes_are_random_and_easy_to_read():
    made = {services.new_code() for _ in range(1000)}
    assert len(made) == 1000
    assert {len(code) for code in made} == {12}
    assert not set("".join(made)) & set("ILOU")
    assert len(services.CODE_ALPHABET) ** services.NEW_CODE_LENGTH >= 2**60
