"""What is told in another order than it happened is joined when the rest comes."""

import random
from datetime import timedelta
from functools import partial

import pytest

from ghostcart.carts import intake as cart_intake
from ghostcart.carts.models import Cart, CartEvent, CartLine
from ghostcart.carts.snapshots import VoucherSnapshot
from ghostcart.customers import erasing
from ghostcart.customers import intake as customer_intake
from ghostcart.customers.models import Customer
from ghostcart.lib.snapshots import Taken
from ghostcart.orders import claims, joining
from ghostcart.orders import intake as order_intake
from ghostcart.orders.models import Order, OrderLine
from ghostcart.orders.snapshots import CLAIMED
from ghostcart.vouchers import services as vouchers
from ghostcart.vouchers.terms import Kind
from tests import factories
from tests.factories import NOON
from tests.outside import SOURCE, cart, customer, line, order, product
from tests.races import together

pytestmark = pytest.mark.django_db(transaction=True)


def tell_cart(shop, source=SOURCE):
    cart_intake.take(shop.pk, source, [cart("1", line("mug", 2), customer="7")], NOON)


def tell_customer(shop, **more):
    return joining.take_customers(shop.pk, SOURCE, [customer("7", **more)], NOON)


def test_a_customer_told_after_their_cart_is_joined_and_it_is_told_in_the_log(shop):
    tell_cart(shop)
    tell_cart(shop, "third")
    tell_customer(shop)
    ours, theirs = Cart.objects.get(source=SOURCE), Cart.objects.get(source="third")
    assert (ours.customer_label, ours.version) == ("Ada Byron", 2)
    assert theirs.customer is None
    assert list(ours.events.values_list("kind", flat=True)) == ["line_added", "customer_identified"]
    assert cart_intake.take(shop.pk, SOURCE, [cart("1", line("mug", 2), customer="7")], NOON) == {"1": Taken.UNCHANGED}
    tell_customer(shop, version=2, first_name="Augusta")
    assert CartEvent.objects.filter(kind="customer_identified").count() == 1


def test_a_product_told_after_the_lines_that_name_it_is_joined(shop):
    tell_cart(shop)
    order_intake.take(shop.pk, SOURCE, [order("9", "2", line("mug"))], NOON)
    joining.take_products(shop.pk, SOURCE, [product("mug")])
    lines = [*CartLine.objects.all(), *OrderLine.objects.all()]
    assert [one.variant and one.variant.external_id for one in lines] == ["mug"] * 3
    assert {one.product_id for one in lines} == {lines[0].variant.product_id}


def test_an_orders_customer_may_come_last(shop):
    order_intake.take(shop.pk, SOURCE, [order("9", "1", line("mug"), customer="7")], NOON)
    tell_customer(shop)
    assert (Order.objects.get().customer_label, Cart.objects.get().customer_label) == ("Ada Byron", "Ada Byron")
    assert not CartEvent.objects.filter(kind="customer_identified").exists()  # an ordered cart's log is closed


def test_in_whatever_order_four_facts_come_the_same_stands_in_the_end(shop):
    tell = [
        partial(joining.take_products, shop.pk, SOURCE, [product("mug")]),
        partial(tell_customer, shop),
        partial(cart_intake.take, shop.pk, SOURCE, [cart("1", line("mug", 2), customer="7")], NOON),
        partial(order_intake.take, shop.pk, SOURCE, [order("9", "1", line("mug", 2), customer="7")], NOON),
    ]
    chance, seen = random.Random(4), set()
    for _ in range(8):
        chance.shuffle(tell)
        for one in tell:
            one()
        head, placed = Cart.objects.get(), Order.objects.get()
        variants = [line.variant.external_id for line in (head.lines.get(), placed.lines.get())]
        seen.add((head.customer_label, head.order_number, placed.customer_label, head.total_minor, *variants))
        Order.objects.all().delete()
        Cart.objects.all().delete()
        Customer.objects.all().delete()
        shop.products.all().delete()
    assert seen == {("Ada Byron", "N9", "Ada Byron", 2000, "mug", "mug")}


def test_who_was_erased_stays_forgotten_however_they_are_told_again(shop):
    tell_cart(shop)
    tell_customer(shop, email="")  # no address, so nothing but the number to know them by
    erasing.forget(Customer.objects.get(), NOON)
    assert tell_customer(shop, email="", version=2) == {"7": Taken.FORGOTTEN}
    Cart.objects.update(customer=None, customer_label="")
    tell_cart(shop)
    assert Cart.objects.get().customer is None
    assert not Customer.objects.exclude(first_name="").exists()


@pytest.mark.parametrize("known_by", [{"customer": "7"}, {"email": "ADA@example.com"}])
def test_a_late_order_of_who_was_erased_brings_no_name_back(shop, known_by):
    told = {"email": "a@b.example", "phone": "011 5550147", "address": factories.ADDRESS, **known_by}
    tell_customer(shop)
    erasing.forget(Customer.objects.get(), NOON + timedelta(hours=2))
    order_intake.take(shop.pk, SOURCE, [order("9", "1", line("mug"), **told)], NOON)
    ours = Order.objects.get()
    assert (ours.email, ours.phone, ours.address, ours.customer_label) == ("", "", {"country": "IT"}, "")


def test_who_was_erased_and_comes_back_is_somebody_new(shop):
    """The guard of the test above: it is the time of the order that counts."""
    tell_customer(shop)
    erasing.forget(Customer.objects.get(), NOON)
    told = order("9", "1", line("mug"), email="ada@example.com", address=factories.ADDRESS)
    order_intake.take(shop.pk, SOURCE, [told], NOON)
    ours = Order.objects.get()
    assert (ours.email, ours.address) == ("ada@example.com", factories.ADDRESS)


@pytest.mark.parametrize("attempt", range(4))
def test_told_at_the_same_moment_they_are_joined_all_the_same(shop, attempt):
    together([partial(tell_cart, shop), partial(tell_customer, shop)])
    assert Cart.objects.get().customer_label == "Ada Byron"


@pytest.mark.parametrize("looks_again", [True, False])
def test_only_the_look_after_the_commit_finds_who_came_meanwhile(shop, monkeypatch, looks_again):
    known = customer_intake.known

    def late(*args):
        found = known(*args)
        monkeypatch.setattr(customer_intake, "known", known)
        tell_customer(shop)
        return found

    monkeypatch.setattr(customer_intake, "known", late)
    if not looks_again:
        monkeypatch.setattr(cart_intake.joining, "look_again", lambda *_: None)
    tell_cart(shop)
    assert (Cart.objects.get().customer is not None) == looks_again


# -- orders that a browser told of first -------------------------------------------------------------


def claim(shop, number="N9", cart="t1", price=10):
    told = order(f"{cart}-{number}", cart, line("mug", price=price), number=number)
    return order_intake.take(shop.pk, CLAIMED, [told], NOON)


def test_the_shops_own_word_takes_the_place_of_what_a_browser_claimed(shop):
    claim(shop, price=1)
    claimed = Order.objects.get()
    assert claimed.number != "N9"  # a browser cannot take a number away from who gives it
    order_intake.take(shop.pk, SOURCE, [order("9", "", line("mug", 2), line("lamp"), status="paid")], NOON)
    ours = Order.objects.get()
    assert (ours.pk, ours.source, ours.number, ours.total_minor, ours.status) == (
        claimed.pk,
        SOURCE,
        "N9",
        3000,
        "paid",
    )
    assert [one.sku for one in ours.lines.all()] == ["mug", "lamp"]
    head = Cart.objects.get()
    assert (head.external_id, head.order_number, head.total_minor, ours.cart_id) == ("t1", "N9", 3000, head.pk)


def test_the_shop_may_name_the_browsers_cart_before_the_browser_does(shop):
    order_intake.take(shop.pk, SOURCE, [order("9", "t1", line("mug"), cart_source="tracker")], NOON)
    cart_intake.take(shop.pk, "tracker", [cart("t1", line("lamp"))], NOON)
    head = Cart.objects.get()
    assert (head.order_number, head.source, head.total_minor) == ("N9", "tracker", 1000)


def test_a_number_that_several_browsers_claim_is_nobodys(shop):
    claim(shop)
    claim(shop, cart="t2")
    order_intake.take(shop.pk, SOURCE, [order("9", "", line("mug"))], NOON)
    ours = Order.objects.get(source=SOURCE)
    assert (ours.number, ours.cart.source) == ("N9", SOURCE)
    assert Order.objects.count() == 3


def test_a_claim_takes_no_order_of_another_shop_or_of_our_own(shop):
    other = factories.shop()
    claim(other)
    order_intake.take(shop.pk, SOURCE, [order("9", "", line("mug"))], NOON)
    assert Order.objects.filter(shop=other, source="tracker").count() == 1


def test_an_order_that_the_shop_told_of_first_closes_the_browsers_cart_and_nothing_else(shop):
    order_intake.take(shop.pk, SOURCE, [order("9", "", line("mug"))], NOON)
    for name in ("t1", "t2"):
        cart_intake.take(shop.pk, CLAIMED, [cart(name, line("lamp", 2))], NOON)
    Cart.objects.filter(external_id="t1").update(deleted_at=NOON, deleted_by="staff:1")
    before = Cart.objects.get(external_id="t1").version
    told = order("x", "t1", line("lamp"), number="N9")
    assert claims.claim(shop.pk, told, NOON) == Taken.CHANGED
    closed = Cart.objects.get(external_id="t1")
    assert (closed.ordered_at, closed.order_number, closed.version) == (told.placed_at, "N9", before + 1)
    assert (closed.deleted_at, closed.deleted_by) == (None, "")  # it was bought: it is not rubbish
    last = closed.events.last()
    assert (last.kind, last.cart_version, last.actor, last.at) == ("ordered", before + 1, "shopper", told.placed_at)
    assert last.data == {"order": {"number": "N9"}, "total_minor": 2000, "item_count": 2, "currency": "EUR"}
    assert claims.claim(shop.pk, told, NOON) == Taken.UNCHANGED  # told again
    assert claims.claim(shop.pk, order("y", "t9", line("lamp"), number="N9"), NOON) == Taken.UNCHANGED
    assert Cart.objects.get(external_id="t1").version == before + 1
    assert Cart.objects.get(external_id="t2").ordered_at is None
    assert Order.objects.count() == 1


def test_a_claim_of_a_number_that_nobody_has_is_kept_and_uses_no_voucher(shop):
    used = vouchers.create(shop_id=shop.pk, kind=Kind.PERCENT, percent_bp=1000, code="SPRING", now=NOON)
    told = order("x", "t1", line("lamp"), number="N9", vouchers=(VoucherSnapshot(code="SPRING", amount_minor=100),))
    assert claims.claim(shop.pk, told, NOON) == Taken.CREATED
    assert Order.objects.get().source == CLAIMED
    used.refresh_from_db()
    assert used.used == 0
    assert claims.claim(shop.pk, told, NOON) == Taken.UNCHANGED
