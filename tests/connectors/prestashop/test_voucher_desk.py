"""Vouchers in the tables of a PrestaShop, of each version: written as its own pages would, and taken away again."""

from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from ghostcart.connectors import errors
from ghostcart.connectors.prestashop.database import Database
from ghostcart.connectors.prestashop.voucher_desk import DatabaseDesk
from ghostcart.connectors.vouchers import Fate, Wish
from ghostcart.vouchers.terms import AppliesTo, Kind
from tests.connectors.prestashop import voucher_tables
from tests.connectors.prestashop.voucher_tables import CLERK, VERSIONS, rows

ROME = ZoneInfo("Europe/Rome")


@pytest.fixture
def server(shops_server):
    return shops_server


@pytest.fixture
def shop(server):
    voucher_tables.make(server, "shop", "8")
    return "shop"


def wish(**more):
    values = {
        "code": "GHOST-1", "names": {"en": "A voucher for you", "it": "Un buono per te"}, "kind": Kind.PERCENT,
        "percent_bp": 1250, "begins": datetime(2026, 3, 20, 9, 30, tzinfo=UTC),
        "ends": datetime(2026, 3, 29, 22, 0, tzinfo=UTC), "zone": ROME,
    }  # fmt: skip
    return Wish(**{**values, **more})


def desk(url, number=1):
    return DatabaseDesk(Database.open(url, writes=True), number)


def rule(server, database, number):
    columns = [row[0] for row in rows(server, database, "SHOW COLUMNS FROM ps_cart_rule")]
    found = rows(server, database, f"SELECT * FROM ps_cart_rule WHERE id_cart_rule = {number}")[0]
    return dict(zip(columns, found, strict=True))


@pytest.mark.parametrize("version", VERSIONS)
def test_a_voucher_of_each_version(server, version):
    voucher_tables.make(server, "shop", version)
    url = voucher_tables.user(server, "shop", "clerk", writes="INSERT", tables=("cart_rule", "cart_rule_lang"))
    made = desk(url)
    made.check()
    number = made.make(wish(customer="7", minimum_minor=5000, currency="CHF"))
    found = rule(server, "shop", number)
    told = {
        "id_customer": 7, "code": "GHOST-1", "quantity": 1, "quantity_per_user": 1, "partial_use": 0, "active": 1,
        "highlight": 0, "reduction_percent": Decimal("12.50"), "reduction_amount": 0, "free_shipping": 0,
        "minimum_amount": Decimal("50"), "minimum_amount_currency": 2, "minimum_amount_tax": 1,
        "minimum_amount_shipping": 0, "cart_rule_restriction": 1, "product_restriction": 0, "shop_restriction": 0,
        "reduction_product": 0, "date_from": datetime(2026, 3, 20, 10, 30),
        "date_to": datetime(2026, 3, 29, 23, 59, 59),  # the day on which the clocks go forward
    }  # fmt: skip
    assert {name: found[name] for name in told} == told
    assert rows(server, "shop", "SELECT id_lang, name FROM ps_cart_rule_lang ORDER BY id_lang") == [
        (1, "A voucher for you"), (2, "Un buono per te"), (3, "A voucher for you")
    ]  # fmt: skip


def test_an_amount_in_a_currency_without_cents_and_free_shipping(server, shop):
    voucher_tables.rows(server, shop, "INSERT INTO ps_currency (id_currency, iso_code) VALUES (3, 'JPY')")
    url = voucher_tables.user(server, shop, "clerk", writes="INSERT")
    number = desk(url).make(wish(kind=Kind.AMOUNT, amount_minor=1500, currency="JPY", percent_bp=0))
    found = rule(server, shop, number)
    assert (found["reduction_amount"], found["reduction_currency"], found["reduction_tax"]) == (Decimal("1500"), 3, 1)
    assert (found["reduction_percent"], found["minimum_amount_currency"]) == (0, 0)
    number = desk(url).make(wish(code="GHOST-2", kind=Kind.FREE_SHIPPING, percent_bp=0, with_tax=False))
    found = rule(server, shop, number)
    assert (found["free_shipping"], found["reduction_percent"], found["reduction_tax"]) == (1, 0, 0)


def test_for_some_products_in_one_of_several_shops(server, shop):
    voucher_tables.rows(server, shop, "INSERT INTO ps_shop (id_shop, name) VALUES (2, 'There')")
    url = voucher_tables.user(server, shop, "clerk", writes="INSERT, DELETE", tables=(*CLERK, "cart_cart_rule"))
    made = desk(url, 2)
    number = made.make(wish(applies_to=AppliesTo.PRODUCTS, products=("5", "9"), exclude_discounted=True))
    found = rule(server, shop, number)
    assert (found["product_restriction"], found["reduction_product"], found["reduction_exclude_special"]) == (1, -2, 1)
    assert rows(server, shop, "SELECT id_cart_rule, id_shop FROM ps_cart_rule_shop") == [(int(number), 2)]
    assert rows(server, shop, "SELECT id_item FROM ps_cart_rule_product_rule_value ORDER BY 1") == [(5,), (9,)]
    assert made.take_away(number, "GHOST-1") == Fate.REMOVED
    for table in CLERK:
        assert rows(server, shop, f"SELECT COUNT(*) FROM ps_{table}") == [(0,)]


def test_what_was_made_is_found_by_its_index(server, shop):
    url = voucher_tables.user(server, shop, "clerk", writes="INSERT")
    made = desk(url)
    assert made.find(wish()) == ""
    number = made.make(wish())
    assert made.find(wish()) == number
    assert made.find(wish(code="GHOST-2")) == ""
    plan = rows(
        server, shop, "EXPLAIN SELECT id_cart_rule FROM ps_cart_rule WHERE date_to='2026-03-29 23:59:59' AND code='x'"
    )
    assert "date_to" in str(plan)


def test_nothing_is_left_of_a_voucher_that_could_not_be_made_whole(server, shop):
    url = voucher_tables.user(server, shop, "clerk", writes="INSERT", tables=("cart_rule",))
    with pytest.raises(errors.MissingWriteRight) as refused:
        desk(url).make(wish())
    assert refused.value.note == "missing_write_right:ps_cart_rule_lang"
    assert rows(server, shop, "SELECT COUNT(*) FROM ps_cart_rule") == [(0,)]
    with pytest.raises(errors.NoCurrencyThere):
        desk(url).make(wish(minimum_minor=1, currency="SEK"))


def test_a_check_tells_a_missing_right_and_changes_nothing(server, shop):
    for writes, tables in (("", ()), ("INSERT", ("cart_rule",))):
        with pytest.raises(errors.MissingWriteRight):
            desk(voucher_tables.user(server, shop, "clerk", writes=writes, tables=tables)).check()
    url = voucher_tables.user(server, shop, "clerk", writes="INSERT")
    desk(url).check()
    assert rows(server, shop, "SELECT COUNT(*) FROM ps_cart_rule") == [(0,)]
    voucher_tables.rows(server, shop, "UPDATE ps_configuration SET value = '0'")
    with pytest.raises(errors.VouchersOff):
        desk(url).check()


# -- taking away -------------------------------------------------------------------------------------


def test_an_unused_voucher_leaves_no_row_not_even_in_a_cart(server, shop):
    url = voucher_tables.user(server, shop, "clerk", writes="INSERT, DELETE", tables=(*CLERK, "cart_cart_rule"))
    made = desk(url)
    number = made.make(wish())
    rows(server, shop, f"INSERT INTO ps_cart_cart_rule VALUES (3, {number}), (3, 999)")
    assert made.take_away(number, "GHOST-1") == Fate.REMOVED
    assert rows(server, shop, "SELECT id_cart_rule FROM ps_cart_cart_rule") == [(999,)]
    assert rows(server, shop, "SELECT COUNT(*) FROM ps_cart_rule, ps_cart_rule_lang") == [(0,)]
    assert made.take_away(number, "GHOST-1") == Fate.REMOVED


def test_a_used_voucher_stays(server, shop):
    url = voucher_tables.user(server, shop, "clerk", writes="INSERT, DELETE")
    made = desk(url)
    number = made.make(wish())
    rows(server, shop, f"INSERT INTO ps_order_cart_rule (id_order, id_cart_rule) VALUES (5, {number})")
    assert made.take_away(number, "GHOST-1") == Fate.USED
    assert rule(server, shop, number)["active"] == 1


def test_without_the_right_to_delete_it_is_switched_off_and_without_that_said_so(server, shop):
    made = desk(voucher_tables.user(server, shop, "clerk", writes="INSERT"))
    number = made.make(wish())
    with pytest.raises(errors.MissingWriteRight):
        made.take_away(number, "GHOST-1")
    made = desk(voucher_tables.user(server, shop, "clerk", writes="INSERT, UPDATE"))
    assert made.take_away(number, "GHOST-1") == Fate.SWITCHED_OFF
    assert rule(server, shop, number)["active"] == 0
    assert rows(server, shop, "SELECT COUNT(*) FROM ps_cart_rule_lang") == [(3,)]


def test_a_number_that_means_another_voucher_now_is_left_alone(server, shop):
    made = desk(voucher_tables.user(server, shop, "clerk", writes="INSERT, DELETE"))
    number = made.make(wish(code="SOMEBODY-ELSES"))
    assert made.take_away(number, "GHOST-1") == Fate.REMOVED
    assert rule(server, shop, number)["code"] == "SOMEBODY-ELSES"
    unknown = made.make(wish(code="CUT-OFF"))
    assert made.take_away("", "CUT-OFF") == Fate.REMOVED
    assert rows(server, shop, f"SELECT COUNT(*) FROM ps_cart_rule WHERE id_cart_rule = {unknown}") == [(0,)]
