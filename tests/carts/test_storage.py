"""What the hot path writes is what it reads again, and each of its statements finds its rows by an index."""

from dataclasses import asdict

import pytest
from django.db import connection

from ghostcart.carts import changes, ingest, storage
from ghostcart.carts.models import Cart, CartLine
from ghostcart.lib import sql
from ghostcart.vouchers import services as vouchers
from ghostcart.vouchers.terms import Kind
from tests import factories
from tests.factories import NOON, Shopper

pytestmark = pytest.mark.django_db

STATEMENTS = [
    "lock_heads",
    "read_heads",
    "read_lines",
    "read_vouchers",
    "read_device_cart",
    "read_answer",
    "read_saved_cart",
    "read_customer_labels",
    "lock_customer",
    "update_head",
    "update_device",
    "delete_line",
    "delete_vouchers",
]


@pytest.fixture
def full_cart(shop):
    """A cart with everything a cart can have."""
    gift = factories.product(shop, "CARD", stock=5)
    factories.product(shop, "TEA", price="3.333333", regular="4.00")
    vouchers.create(shop_id=shop.pk, kind=Kind.PERCENT, percent_bp=1500, code="OFF", now=NOON)
    vouchers.create(shop_id=shop.pk, kind=Kind.GIFT, gift_variant_id=gift.pk, code="GIFT", now=NOON)
    shopper = Shopper(shop, language="it", bot_reasons=("headless",))
    shopper.add("MUG", 2)
    shopper.add("TEA", 7)
    for code in ("OFF", "GIFT"):
        shopper.do(changes.ApplyVoucher, code=code)
    shopper.do(changes.Identify, customer_id=factories.customer(shop).pk, label="Ada Byron")
    shopper.do(changes.ChooseShipping, method="express")
    return shopper.do(changes.StartCheckout)


def told(cart):
    values = asdict(cart)
    for line in values["lines"].values():
        del line["stock"]
    for name in ("changed_lines", "removed_lines", "vouchers_changed"):
        del values[name]
    return values


def test_what_was_written_is_read_again(full_cart):
    read = storage.read_carts([full_cart.id])[full_cart.id]
    read.work_out()
    assert told(read) == told(full_cart)
    assert read.totals.total_minor == Cart.objects.get().total_minor
    assert list(read.lines) == ["MUG", "TEA", "gift:CARD"]


def test_lines_and_their_totals_are_what_the_head_says(full_cart):
    head = Cart.objects.get()
    assert sum(CartLine.objects.values_list("total_minor", flat=True)) == head.products_minor
    assert sum(CartLine.objects.values_list("quantity", flat=True)) == head.item_count == 10
    paid = head.products_minor - head.discount_minor + head.shipping_minor
    assert head.total_minor == paid


def test_looking_at_a_cart_takes_no_lock(full_cart, monkeypatch):
    asked, run = [], sql.run
    monkeypatch.setattr(
        sql, "run", lambda folder, name, *more, **lists: asked.append(name) or run(folder, name, *more, **lists)
    )
    storage.read_carts([full_cart.id], lock=False)
    assert asked == ["read_heads", "read_lines", "read_vouchers"]
    assert "FOR UPDATE" not in sql.statement(storage.FOLDER, "read_heads", connection.vendor)


def test_numbers_that_are_no_carts_are_left_out(full_cart):
    assert storage.read_carts([full_cart.id, 10**9]).keys() == {full_cart.id}
    assert storage.read_carts([]) == {}


def test_a_long_user_agent_and_page_are_cut_to_their_columns(shop):
    shopper = Shopper(shop, page="/" + "p" * 500, user_agent="u" * 5000)
    ingest.record(shopper.change(changes.Touch))
    device = storage.upsert_devices([shopper.change(changes.Touch)])[(shop.pk, shopper.seen.token_hash)]
    assert device.cart_id is None


@pytest.mark.parametrize("name", STATEMENTS)
def test_statements_find_their_rows_by_an_index(name, full_cart):
    """On a plan that may not read a table from end to end if it has any other way."""
    text = sql.statement(storage.FOLDER, name, connection.vendor).replace("{ids}", "%(id)s")
    values = dict.fromkeys(storage._head(full_cart)) | {"id": 1, "bot_reasons": "[]", "rows": "[]"}
    values |= dict.fromkeys(("cart_id", "customer_id", "shop_id"), 1) | dict.fromkeys(
        ("token_hash", "scope", "key"), "x"
    )
    on_postgres = connection.vendor == "postgresql"
    with connection.cursor() as cursor:
        if on_postgres:
            cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(("EXPLAIN " if on_postgres else "EXPLAIN QUERY PLAN ") + text, values)
        plan = "\n".join(str(row) for row in cursor.fetchall())
    assert "Seq Scan" not in plan
    assert "SCAN" not in plan
