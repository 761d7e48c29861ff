"""Using a voucher with an order: as often as it may be, whoever else tries in the same moment.

GHOSTCART_LONG=1: 200 rounds of each race. The limit per person in 90 days is the guard's: recovery/test_guard_races.py.
"""

import os
from collections import Counter
from threading import Barrier

import pytest
from django.db import transaction

from ghostcart.customers import identity
from ghostcart.vouchers import queries, services
from ghostcart.vouchers.errors import VoucherRefused
from ghostcart.vouchers.models import Voucher, VoucherRedemption
from ghostcart.vouchers.terms import Kind
from tests import factories
from tests.factories import NOON
from tests.races import together

pytestmark = pytest.mark.django_db
threads = pytest.mark.django_db(transaction=True)
THREADS = 50
ROUNDS = 200 if os.environ.get("GHOSTCART_LONG") == "1" else 2


@pytest.fixture
def shop():
    return factories.shop()


@pytest.fixture
def ada(shop):
    return factories.customer(shop)


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
