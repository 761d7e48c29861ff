"""Shoppers, tabs and staff at the same cart in the same moment."""

from collections import Counter
from threading import Barrier

import pytest
from django.db import OperationalError

from ghostcart.carts import changes, ingest, storage
from ghostcart.carts.errors import CartChanged, CartClosed, CartEmpty, SoldOut, UnknownLine
from ghostcart.carts.models import Cart, CartLine, Device
from ghostcart.lib import sql
from ghostcart.orders import services as orders
from ghostcart.orders.models import Order, OrderLine, OrderStatus
from ghostcart.vouchers import services as vouchers
from ghostcart.vouchers.errors import VoucherRefused
from ghostcart.vouchers.models import Voucher
from ghostcart.vouchers.terms import Kind
from tests import factories
from tests.factories import NOON, Shopper, holding
from tests.races import names, order, replace_statement, stock, together

pytestmark = pytest.mark.django_db(transaction=True)
only_postgres = pytest.mark.postgres  # SQLite has one writer: without our locks nothing goes wrong there


@pytest.fixture
def shopper(shop):
    return Shopper(shop)


def versions(cart):
    return list(cart.events.order_by("id").values_list("cart_version", flat=True))


# -- adding --------------------------------------------------------------------------------------


def test_sixteen_threads_add_to_one_cart_and_all_is_there(shop, shopper):
    for number in range(16):
        factories.product(shop, f"P{number}")

    def add(number):
        shopper.add(f"P{number}")
        shopper.add("MUG")

    assert together([lambda number=number: add(number) for number in range(16)]) == [None] * 16
    assert shopper.cart.line_count == 17
    assert holding(shopper.cart)["MUG"] == 16
    assert versions(shopper.cart) == list(range(1, 33))


def staff_adds(cart_id, shop_id):
    change = changes.AddLine(shop_id=shop_id, at=NOON, cart_id=cart_id, actor="staff:1", sku="MUG")
    return lambda: ingest.record(change)


def test_staff_who_name_the_cart_by_its_number_wait_for_each_other(shop, shopper):
    shopper.add("MUG")
    together([staff_adds(shopper.cart.pk, shop.pk)] * 8)
    assert holding(shopper.cart) == {"MUG": 9}
    assert versions(shopper.cart) == list(range(1, 10))


@only_postgres
def test_without_the_lock_on_the_head_lines_are_lost(shop, shopper, monkeypatch):
    """The guard of the tests above."""
    shopper.add("MUG")
    both_have_read, real = Barrier(2), storage.read_carts
    replace_statement(monkeypatch, "lock_heads", sql.statement(storage.FOLDER, "read_heads", "postgresql"))

    def read(*given):
        carts = real(*given)
        both_have_read.wait(20)
        return carts

    monkeypatch.setattr(storage, "read_carts", read)
    together([staff_adds(shopper.cart.pk, shop.pk)] * 2)
    assert holding(shopper.cart) == {"MUG": 2}
    assert versions(shopper.cart) == [1, 2, 2]


def test_two_first_lines_at_once_make_one_cart(shop):
    for _ in range(20):
        shopper = Shopper(shop)
        together([lambda shopper=shopper: shopper.add("MUG"), lambda shopper=shopper: shopper.add("LAMP")])
        assert holding(shopper.cart) == {"MUG": 1, "LAMP": 1}
    assert Cart.objects.count() == Device.objects.count() == 20


@only_postgres
def test_without_the_devices_lock_they_make_two(shopper, monkeypatch):
    """The guard of the test above."""
    ingest.record(shopper.change(changes.Touch))
    both_have_read, real = Barrier(2), storage.upsert_devices
    replace_statement(
        monkeypatch,
        "upsert_device",
        "SELECT d.shop_id, d.token_hash, d.id, d.cart_id, d.customer_id"
        " FROM json_populate_recordset(NULL::carts_device, %(rows)s) r JOIN carts_device d USING (shop_id, token_hash)",
    )

    def read(batch):
        devices = real(batch)
        both_have_read.wait(20)
        return devices

    monkeypatch.setattr(storage, "upsert_devices", read)
    together([lambda: shopper.add("MUG"), lambda: shopper.add("LAMP")])
    assert Cart.objects.count() == 2


# -- tabs ----------------------------------------------------------------------------------------


def test_what_two_tabs_add_is_there_in_both(shopper):
    together([lambda: shopper.add("MUG"), lambda: shopper.add("LAMP"), lambda: shopper.add("CLOCK")])
    assert holding(shopper.cart) == {"MUG": 1, "LAMP": 1, "CLOCK": 1}


def set_mugs(shopper, quantity, seen=None):
    return lambda: shopper.do(changes.SetQuantity, key="MUG", quantity=quantity, expected_version=seen)


def test_of_two_tabs_that_saw_the_same_version_one_wins(shop):
    for _ in range(20):
        shopper = Shopper(shop)
        shopper.add("MUG")
        results = together([set_mugs(shopper, 2, seen=1), set_mugs(shopper, 5, seen=1)])
        assert names(results) == ["CartChanged", "OpenCart"]
        won = 2 if isinstance(results[1], CartChanged) else 5
        lost = next(result for result in results if isinstance(result, CartChanged))
        assert holding(shopper.cart) == {"MUG": won}
        assert lost.cart.lines["MUG"].quantity == won
        assert shopper.cart.version == 2


def test_without_the_version_both_would_be_taken(shopper):
    """The guard of the test above."""
    shopper.add("MUG")
    assert names(together([set_mugs(shopper, 2), set_mugs(shopper, 5)])) == ["OpenCart", "OpenCart"]
    assert shopper.cart.version == 3


def test_removing_wins_over_changing_in_any_order(shop):
    for _ in range(10):
        shopper = Shopper(shop)
        shopper.add("MUG")
        removed, changed = together(
            [lambda shopper=shopper: shopper.do(changes.RemoveLine, key="MUG"), set_mugs(shopper, 7)]
        )
        assert not isinstance(removed, Exception)
        assert not isinstance(changed, Exception) or isinstance(changed, UnknownLine)
        assert holding(shopper.cart) == {}


def answer(change, cart):
    return f"version {cart.version}, {cart.lines['MUG'].quantity} mugs"


def test_one_key_from_eight_threads_has_one_effect_and_one_answer(shop):
    for number in range(5):
        shopper = Shopper(shop)
        once = changes.Idempotency(f"key {number}", "body")
        change = shopper.change(changes.AddLine, sku="MUG", idempotency=once)
        results = together([lambda change=change: ingest.record(change, answer).answer] * 8)
        assert results == ["version 1, 1 mugs"] * 8
        assert shopper.cart.item_count == 1


def test_without_a_key_all_eight_count(shopper):
    """The guard of the test above."""
    together([lambda: shopper.add("MUG")] * 8)
    assert shopper.cart.item_count == 8


# -- checkout ------------------------------------------------------------------------------------


def test_a_line_added_during_checkout_is_in_the_order_or_in_the_next_cart(shop, ada):
    places = Counter()
    for _ in range(50):
        shopper = Shopper(shop)
        shopper.add("MUG")
        placed, added = together(
            [lambda shopper=shopper: order(shopper, ada), lambda shopper=shopper: shopper.add("LAMP")]
        )
        assert not isinstance(placed, Exception)
        assert not isinstance(added, Exception)
        ordered = dict(placed.lines.values_list("sku", "quantity"))
        assert holding(Cart.objects.get(pk=placed.cart_id)) == ordered
        next_cart = {} if "LAMP" in ordered else holding(shopper.cart)
        assert Counter(ordered) + Counter(next_cart) == {"MUG": 1, "LAMP": 1}
        places["ordered" if "LAMP" in ordered else "next cart"] += 1
    print(f"\nlines added during 50 checkouts: {dict(places)}, lost 0, doubled 0")
    assert Order.objects.count() == 50
    assert (stock("MUG"), stock("LAMP")) == (950, 1000 - places["ordered"])


def test_two_checkouts_of_one_cart_make_one_order(shop, ada):
    for _ in range(10):
        shopper = Shopper(shop)
        shopper.add("MUG")
        results = together([lambda shopper=shopper: order(shopper, ada)] * 3)
        assert names(results) == ["CartEmpty", "CartEmpty", "Order"]
    assert Order.objects.count() == 10
    assert stock("MUG") == 990


def test_one_key_gives_all_checkouts_the_same_order(shop, ada):
    shopper = Shopper(shop)
    shopper.add("MUG")
    results = together([lambda: order(shopper, ada, key="once")] * 4)
    assert {result.pk for result in results} == {Order.objects.get().pk}


def test_staff_and_shopper_order_the_cart_once(shop, ada):
    shopper = Shopper(shop)
    shopper.add("MUG")
    by_phone = changes.Change(shop_id=shop.pk, at=NOON, cart_id=shopper.cart.pk, actor="staff:1")

    def staff_order():
        return orders.place(by_phone, customer=ada, address=factories.ADDRESS, payment=orders.Payment("by_phone"),
                            shipping_method="standard")  # fmt: skip

    results = together([staff_order, lambda: order(shopper, ada)])
    assert Order.objects.count() == 1
    assert [result for result in results if isinstance(result, CartClosed | CartEmpty)]


def by_strangers(shop, shoppers):
    """Checkouts of people who share nothing: those of one person, or one address, wait for each other anyway."""
    people = [factories.customer(shop, f"stranger{number}@example.com") for number in range(len(shoppers))]
    return [
        lambda shopper=shopper, person=person: order(
            shopper, person, address={**factories.ADDRESS, "street": f"Via Roma {person.pk}"}
        )
        for shopper, person in zip(shoppers, people, strict=True)
    ]


def test_numbers_of_orders_have_no_gap_and_no_twin(shop):
    shoppers = [Shopper(shop) for _ in range(10)]
    for shopper in shoppers:
        shopper.add("MUG")
    together(by_strangers(shop, shoppers))
    assert sorted(Order.objects.values_list("number", flat=True)) == [f"T-{n:06d}" for n in range(1, 11)]


def test_what_is_left_in_stock_is_sold_and_no_more(shop):
    shoppers = [Shopper(shop) for _ in range(10)]
    for shopper in shoppers:
        shopper.add("CLOCK")
    results = together(by_strangers(shop, shoppers))
    assert names(results) == ["Order"] * 2 + ["SoldOut"] * 8
    assert stock("CLOCK") == 0
    assert OrderLine.objects.filter(sku="CLOCK").count() == 2
    assert Cart.objects.filter(ordered_at=None, line_count=1).count() == 8


@only_postgres
def test_asking_for_the_stock_before_taking_it_sells_too_much(shop, monkeypatch):
    """The guard of the test above."""
    shoppers = [Shopper(shop) for _ in range(3)]
    for shopper in shoppers:
        shopper.add("CLOCK")
    all_have_asked = Barrier(3)

    def take_naively(cart):
        left = stock("CLOCK")
        all_have_asked.wait(20)
        if left < 1:
            raise SoldOut(stock=left, name="Clock")
        orders.Variant.objects.filter(sku="CLOCK").update(stock=left - 1)

    monkeypatch.setattr(orders, "_take_stock", take_naively)
    results = together(by_strangers(shop, shoppers))
    assert names(results) == ["Order"] * 3
    assert stock("CLOCK") == 1


def test_a_voucher_for_one_use_is_used_by_one_of_twenty_checkouts(shop):
    vouchers.create(shop_id=shop.pk, kind=Kind.PERCENT, percent_bp=1000, code="ONCE", quantity=1, now=NOON)
    shoppers = [Shopper(shop) for _ in range(20)]
    for shopper in shoppers:
        shopper.add("MUG")
        shopper.do(changes.ApplyVoucher, code="ONCE")
    results = together(by_strangers(shop, shoppers))
    assert names(results) == ["Order"] + ["VoucherRefused"] * 19
    assert {result.code for result in results if isinstance(result, VoucherRefused)} == {"voucher_used_up"}
    assert (Voucher.objects.get().used, stock("MUG")) == (1, 999)


# -- locks ---------------------------------------------------------------------------------------


def crossing(shoppers, rounds):
    """Jobs that write the same carts in opposite orders."""

    def job(mine):
        return lambda: [
            ingest.record_all([one.change(changes.AddLine, sku="MUG") for one in mine]) for _ in range(rounds)
        ]

    return [job(shoppers), job(shoppers[::-1]), job(shoppers[::2] + shoppers[1::2]), job(shoppers[::-1])]


def test_batches_in_opposite_orders_never_wait_in_a_circle(shop):
    shoppers = [Shopper(shop) for _ in range(8)]
    results = together(crossing(shoppers, rounds=20))
    assert not [result for result in results if isinstance(result, Exception)]
    assert set(Cart.objects.values_list("item_count", flat=True)) == {80}


@only_postgres
def test_unsorted_they_would(shop, monkeypatch):
    """The guard of the test above."""
    monkeypatch.setattr(storage, "sorted", list, raising=False)
    slowly = sql.statement(storage.FOLDER, "upsert_device", "postgresql")
    slowly = slowly.replace("SELECT shop_id, token_hash", "SELECT shop_id, token_hash || pg_sleep(0.01)::text")
    replace_statement(monkeypatch, "upsert_device", slowly)
    shoppers = [Shopper(shop) for _ in range(8)]
    results = together(crossing(shoppers, rounds=20))
    assert [result for result in results if isinstance(result, OperationalError) and "deadlock" in str(result)]


def test_ordering_and_cancelling_never_wait_in_a_circle(shop, ada):
    vouchers.create(shop_id=shop.pk, kind=Kind.PERCENT, percent_bp=1000, code="ALL", now=NOON)

    def full_cart(*skus):
        shopper = Shopper(shop)
        for sku in skus:
            shopper.add(sku)
        shopper.do(changes.ApplyVoucher, code="ALL")
        return shopper

    for _ in range(5):
        first = [order(full_cart(*skus), ada) for skus in (("MUG", "LAMP"), ("LAMP", "MUG"))]
        fresh = [full_cart("MUG", "LAMP"), full_cart("LAMP", "MUG")]
        cancel = [lambda one=one: orders.set_status(one, OrderStatus.CANCELLED, "staff:1", NOON) for one in first]
        results = together([*cancel, *by_strangers(shop, fresh)])
        assert [type(result).__name__ for result in results] == ["NoneType", "NoneType", "Order", "Order"]
    assert Voucher.objects.get().used == 10
    assert (stock("MUG"), stock("LAMP")) == (990, 990)
    assert CartLine.objects.filter(quantity=1).count() == 40
