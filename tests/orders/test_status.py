"""What becomes of an order: which status may follow which, and what is given back."""

import pytest

from ghostcart.carts import changes
from ghostcart.orders import services
from ghostcart.orders.errors import OrderElsewhere, RefundRefused, WrongStatus
from ghostcart.orders.models import Order, OrderStatus
from ghostcart.vouchers import services as vouchers
from ghostcart.vouchers.models import Voucher
from ghostcart.vouchers.terms import Kind
from tests import factories
from tests.factories import NOON, Shopper
from tests.races import names, order, stock, together

PENDING, PAID, CANCELLED, REFUNDED = OrderStatus


@pytest.fixture
def placed(db):
    shop = factories.shop()
    vouchers.create(shop_id=shop.pk, kind=Kind.PERCENT, percent_bp=1000, code="ONCE", quantity=1, now=NOON)
    shopper = Shopper(shop)
    shopper.add("CLOCK", 2)
    shopper.do(changes.ApplyVoucher, code="ONCE")
    return order(shopper, factories.customer(shop))


def move(order, status):
    services.set_status(order, status, "staff:1", NOON)


@pytest.mark.parametrize("before", OrderStatus)
@pytest.mark.parametrize("after", OrderStatus)
def test_each_status_allows_few_others(placed, before, after):
    Order.objects.update(status=before)
    allowed = {(PENDING, PAID), (PENDING, CANCELLED), (PAID, REFUNDED), (PAID, CANCELLED)}
    if (before, after) in allowed:
        move(placed, after)
        assert Order.objects.get().status == placed.status == after
    else:
        with pytest.raises(WrongStatus):
            move(placed, after)
        assert Order.objects.get().status == before


def test_a_status_that_does_not_exist_is_refused(placed):
    for junk in ("", "lost", "PAID", "\x00"):
        with pytest.raises(WrongStatus):
            move(placed, junk)


def test_cancelling_gives_stock_and_voucher_back(placed):
    assert (stock("CLOCK"), Voucher.objects.get().used) == (0, 1)
    move(placed, CANCELLED)
    assert (stock("CLOCK"), Voucher.objects.get().used) == (2, 0)


def test_refunding_gives_the_voucher_back_and_no_goods(placed):
    move(placed, PAID)
    move(placed, REFUNDED)
    assert (stock("CLOCK"), Voucher.objects.get().used) == (0, 0)


@pytest.mark.django_db(transaction=True)
def test_cancelling_twice_at_once_gives_back_once(placed):
    results = together([lambda: move(placed, CANCELLED)] * 6)
    assert names(results) == ["NoneType"] + ["WrongStatus"] * 5
    assert (stock("CLOCK"), Voucher.objects.get().used) == (2, 0)


def give_back(placed, amount=500, seen=0):
    services.refund(placed, amount, seen_minor=seen, now=NOON)


@pytest.mark.parametrize("status", [status for status in OrderStatus if status != PAID])
def test_only_a_paid_order_is_refunded_in_part(placed, status):
    Order.objects.update(status=status)
    with pytest.raises(RefundRefused):
        give_back(placed)
    assert Order.objects.get().refunded_minor == 0


def test_what_another_shop_keeps_is_refunded_there(placed):
    move(placed, PAID)
    Order.objects.update(source="prestashop", external_id="9")
    with pytest.raises(OrderElsewhere):
        give_back(Order.objects.get())
    assert Order.objects.get().refunded_minor == 0


def test_a_part_is_given_back_and_the_order_stands(placed):
    move(placed, PAID)
    give_back(placed)
    order = Order.objects.get()
    assert (order.status, order.refunded_minor) == (PAID, 500)
    assert order.kept_minor == order.products_minor - order.discount_minor - 500
    assert (stock("CLOCK"), Voucher.objects.get().used) == (0, 1)


@pytest.mark.parametrize("amount", [-1, 0, 10**9])
def test_no_more_is_given_back_than_the_products_came_to(placed, amount):
    move(placed, PAID)
    with pytest.raises(RefundRefused):
        give_back(placed, amount)
    give_back(placed, placed.products_minor - placed.discount_minor)
    with pytest.raises(RefundRefused):
        give_back(placed, 1, seen=placed.products_minor - placed.discount_minor)
    assert Order.objects.get().kept_minor == 0


@pytest.mark.django_db(transaction=True)
def test_a_refund_that_is_sent_six_times_counts_once(placed):
    move(placed, PAID)
    results = together([lambda: give_back(placed)] * 6)
    assert names(results) == ["NoneType"] + ["RefundedMeanwhile"] * 5
    assert Order.objects.get().refunded_minor == 500


def test_without_what_was_seen_a_refund_that_is_sent_twice_counts_twice(placed):
    """The guard of the test above."""
    move(placed, PAID)
    for _again in range(2):
        give_back(placed, seen=Order.objects.get().refunded_minor)
    assert Order.objects.get().refunded_minor == 1_000
