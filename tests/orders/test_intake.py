"""Orders as another shop tells them: they close their cart, whichever came first."""

from datetime import timedelta

import pytest
from msgspec import structs

from ghostcart.carts import intake as cart_intake
from ghostcart.carts.models import Cart, CartEvent
from ghostcart.carts.snapshots import VoucherSnapshot
from ghostcart.customers import intake as customer_intake
from ghostcart.lib.snapshots import Taken
from ghostcart.orders import intake
from ghostcart.orders.models import Order
from ghostcart.vouchers import services as voucher_services
from ghostcart.vouchers.models import Voucher
from ghostcart.vouchers.terms import Kind
from tests.factories import NOON
from tests.outside import SOURCE, cart, customer, line, order

pytestmark = pytest.mark.django_db


def take(shop, *told, **more):
    return intake.take(shop.pk, SOURCE, told, NOON, **more)


def take_carts(shop, *told):
    return cart_intake.take(shop.pk, SOURCE, told, NOON)


def head(of: str = "1") -> Cart:
    return Cart.objects.get(external_id=of)


def test_an_order_closes_its_cart_and_is_in_the_log(shop):
    customer_intake.take(shop.pk, SOURCE, [customer("7")], NOON)
    take_carts(shop, cart("1", line("mug"), customer="7"))
    assert take(shop, order("9", "1", line("mug", 1, 11), customer="7")) == {"9": Taken.CREATED}
    ours = Order.objects.get()
    assert (ours.number, ours.cart, ours.customer_label, ours.total_minor) == ("N9", head(), "Ada Byron", 1100)
    assert [one.sku for one in ours.lines.all()] == ["mug"]
    assert (head().order_id, head().order_number, head().total_minor) == (ours.pk, "N9", 1100)
    assert CartEvent.objects.order_by("-id").first().kind == "ordered"


def test_an_order_may_come_before_its_cart(shop):
    take(shop, order("9", "1", line("mug", 2)))
    assert (head().order_number, head().line_count, head().total_minor) == ("N9", 1, 2000)
    assert take_carts(shop, cart("1", line("mug", 2), line("lamp"))) == {"1": Taken.CHANGED}
    assert (head().line_count, head().order_number, head().total_minor) == (2, "N9", 2000)


def test_of_an_order_without_a_cart_one_is_made(shop):
    take(shop, order("9", "", line("mug")))
    assert head("order:9").order_number == "N9"


def test_of_several_orders_the_first_names_the_cart_and_all_count(shop):
    take_carts(shop, cart("1", line("mug"), line("lamp")))
    take(shop, order("10", "1", line("lamp"), number="SAME", placed_at=NOON + timedelta(hours=2)))
    take(shop, order("9", "1", line("mug"), number="SAME"))
    assert sorted(Order.objects.values_list("number", flat=True)) == ["SAME", "SAME/9"]
    assert (head().ordered_at, head().total_minor) == (NOON + timedelta(hours=1), 2000)


def test_orders_of_one_number_whose_long_ids_begin_alike_are_told_apart(shop):
    take_carts(shop, cart("1", line("mug"), line("lamp")))
    for name in ("order-of-shop-1", "order-of-shop-2", "order-of-shop-3"):
        take(shop, order(name, "1", line("mug"), number="SAME"))
    assert len(set(Order.objects.values_list("number", flat=True))) == 3


def test_told_again_nothing_changes_and_late_news_is_left_out(shop):
    take(shop, order("9", "1", line("mug"), version=5, status="paid"))
    before = list(Order.objects.values())
    assert take(shop, order("9", "1", line("mug"), version=5, status="paid")) == {"9": Taken.UNCHANGED}
    assert take(shop, order("9", "1", line("mug"), version=4, status="pending")) == {"9": Taken.STALE}
    assert list(Order.objects.values()) == before


def test_our_voucher_is_noted_as_used_once_and_given_back_by_a_refund(shop):
    voucher = voucher_services.create(shop_id=shop.pk, kind=Kind.PERCENT, percent_bp=1000, quantity=1, now=NOON)
    vouchers = [VoucherSnapshot(voucher.code.lower(), "", 100)]
    for _again in range(2):
        take(shop, order("9", "1", line("mug"), vouchers=vouchers))
        assert Voucher.objects.get().used == 1
    take(shop, order("9", "1", line("mug"), vouchers=vouchers, version=2, status="refunded", settled_at=NOON))
    assert Voucher.objects.get().used == 0


def test_what_was_given_back_in_part_is_told_again_as_a_whole(shop):
    told = order("9", "1", line("mug", 2), status="paid")
    take(shop, told)
    assert take(shop, structs.replace(told, version=2, refunded_minor=700)) == {"9": Taken.CHANGED}
    assert take(shop, structs.replace(told, version=3, refunded_minor=700)) == {"9": Taken.UNCHANGED}
    kept = Order.objects.get()
    assert (kept.refunded_minor, kept.kept_minor, kept.status) == (700, 1300, "paid")
    assert head().total_minor == 2000  # what was ordered


def test_a_history_of_orders_writes_no_log(shop):
    take(shop, order("9", "1", line("mug")), is_history=True)
    assert head().ordered_at is not None
    assert not CartEvent.objects.exists()


def test_nobody_pays_outside_at_our_own_checkout():
    from ghostcart.orders.errors import UnknownPayment
    from ghostcart.orders.services import Payment

    with pytest.raises(UnknownPayment):
        Payment("outside").status()
