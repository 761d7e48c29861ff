"""Using a voucher with an order: as often as it may be, whoever else tries in the same moment."""

from collections import Counter
from threading import Barrier

import pytest
from django.db import transaction

from ghostcart.vouchers import services
from ghostcart.vouchers.errors import VoucherRefused
from ghostcart.vouchers.models import Voucher, VoucherRedemption
from ghostcart.vouchers.terms import Kind
from tests import factories
from tests.factories import NOON
from tests.races import together

pytestmark = pytest.mark.django_db
threads = pytest.mark.django_db(transaction=True)
THREADS = 50


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
    for _ in range(3):
        once = voucher(shop, quantity=1)
        assert outcomes(race(once)) == {"None": 1, "voucher_used_up": THREADS - 1}
        assert uses(once) == (1, 1)
    print(f"\n3 rounds of {THREADS} threads at one single-use voucher: used once each time")


@threads
def test_a_voucher_for_three_uses_is_used_three_times(shop):
    three = voucher(shop, quantity=3)
    assert outcomes(race(three)) == {"None": 3, "voucher_used_up": THREADS - 3}
    assert uses(three) == (3, 3)


@threads
def test_one_customer_in_fifty_tabs_uses_it_once(shop, ada):
    each_once = voucher(shop, per_customer=1)
    assert outcomes(race(each_once, ada)) == {"None": 1, "voucher_used_by_customer": THREADS - 1}
    assert uses(each_once) == (1, 1)


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
