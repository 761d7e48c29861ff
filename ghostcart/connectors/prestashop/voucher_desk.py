"""Vouchers in a PrestaShop's database: cart rules, written as the shop's own pages write them.

Needs the rights to INSERT into cart_rule, cart_rule_lang and, as the case may be, cart_rule_shop and the three
cart_rule_product_rule tables; to take vouchers away, DELETE there and on cart_cart_rule, or else UPDATE of cart_rule.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from ghostcart.connectors.errors import (
    DatabaseTrouble,
    MissingRight,
    MissingWriteRight,
    NoCurrencyThere,
    NotAPrestaShop,
    VouchersOff,
)
from ghostcart.connectors.prestashop.database import Database
from ghostcart.connectors.vouchers import Fate, Wish
from ghostcart.lib.money import minor_digits
from ghostcart.vouchers.terms import AppliesTo, Kind

APPLIES_TO = {AppliesTo.ORDER: 0, AppliesTo.CHEAPEST: -1, AppliesTo.PRODUCTS: -2}
WRITTEN = ("cart_rule", "cart_rule_lang")
CHILDREN = ("cart_rule_lang", "cart_rule_shop", "cart_cart_rule")


class DatabaseDesk:
    """`database` was opened with `writes`; `shop` is the number of the shop in it."""

    def __init__(self, database: Database, shop: int) -> None:
        self.database, self.shop = database, shop

    # -- making ----------------------------------------------------------------------------------

    def find(self, wish: Wish) -> str:
        """There is no index on the code: the end of the voucher leads to it."""
        sql = "SELECT id_cart_rule FROM {p}cart_rule WHERE date_to = %s AND code = %s ORDER BY id_cart_rule LIMIT 1"
        return str(self.database.value(sql, (last_moment(wish), wish.code)) or "")

    def make(self, wish: Wish) -> str:
        row = self._row(wish)
        with _writing(), self.database.transaction():
            number = self._insert("cart_rule", row)
            for language, iso in self._languages().items():
                name = wish.names.get(iso) or next(iter(wish.names.values()), wish.code)
                self._insert("cart_rule_lang", {"id_cart_rule": number, "id_lang": language, "name": name[:254]})
            if row.get("shop_restriction"):
                self._insert("cart_rule_shop", {"id_cart_rule": number, "id_shop": self.shop})
            if row.get("product_restriction"):
                self._restrict(number, wish)
        return str(number)

    def _row(self, wish: Wish) -> dict[str, Any]:
        """The cart rule, as far as this version of PrestaShop has the columns."""
        currency = self._currency(wish.currency) if wish.currency else 0
        made = local(wish.begins, wish)
        values = {
            **plain_values(wish, currency),
            "shop_restriction": int(self._has_many_shops()),
            "date_add": made,
            "date_upd": made,
        }
        known = {str(row["Field"]) for row in self.database.rows("SHOW COLUMNS FROM {p}cart_rule")}
        return {name: value for name, value in values.items() if name in known}

    def _insert(self, table: str, values: Mapping[str, Any]) -> int:
        names = ", ".join(f"`{name}`" for name in values)
        marks = ", ".join(["%s"] * len(values))
        return self.database.insert(f"INSERT INTO {{p}}{table} ({names}) VALUES ({marks})", tuple(values.values()))

    def _restrict(self, number: int, wish: Wish) -> None:
        """Only for carts with one of these products, and only for them."""
        group = self._insert("cart_rule_product_rule_group", {"id_cart_rule": number, "quantity": 1})
        rule = self._insert("cart_rule_product_rule", {"id_product_rule_group": group, "type": "products"})
        for product in wish.products:
            self._insert("cart_rule_product_rule_value", {"id_product_rule": rule, "id_item": product})

    def _languages(self) -> dict[int, str]:
        rows = self.database.tuples("SELECT id_lang, iso_code FROM {p}lang ORDER BY id_lang")
        return {int(number): str(iso).lower()[:2] for number, iso in rows}

    def _currency(self, iso: str) -> int:
        sql = "SELECT id_currency FROM {p}currency WHERE iso_code = %s AND deleted = 0 ORDER BY id_currency LIMIT 1"
        found = self.database.value(sql, (iso,))
        if found is None:
            raise NoCurrencyThere(currency=iso)
        return int(found)

    def _has_many_shops(self) -> bool:
        return int(self.database.value("SELECT COUNT(*) FROM {p}shop WHERE deleted = 0") or 0) > 1

    # -- taking away -----------------------------------------------------------------------------

    def take_away(self, outside_id: str, code: str) -> Fate:
        """Out of carts too, as the shop does when it deletes one. Without the right to delete it is switched off."""
        number = self._number(outside_id, code)
        if number is None:
            return Fate.REMOVED
        if self.database.value("SELECT 1 FROM {p}order_cart_rule WHERE id_cart_rule = %s LIMIT 1", (number,)):
            return Fate.USED
        try:
            with _writing(), self.database.transaction():
                for table in CHILDREN:
                    self._delete(table, number)
                self._delete_restriction(number)
                self._delete("cart_rule", number)
        except MissingWriteRight:
            with _writing(), self.database.transaction():
                self.database.execute("UPDATE {p}cart_rule SET active = 0 WHERE id_cart_rule = %s", (number,))
            return Fate.SWITCHED_OFF
        return Fate.REMOVED

    def _number(self, outside_id: str, code: str) -> int | None:
        """The rule that is ours: numbers may mean something else after a backup was restored there. Without a number
        its making was cut off before we knew of it; then the whole table is looked through."""
        if outside_id.isdigit():
            found = self.database.value("SELECT code FROM {p}cart_rule WHERE id_cart_rule = %s", (outside_id,))
            return int(outside_id) if found == code else None
        found = self.database.value("SELECT id_cart_rule FROM {p}cart_rule WHERE code = %s LIMIT 1", (code,))
        return int(found) if found is not None else None

    def _delete(self, table: str, number: int) -> None:
        """Rows of this rule, if there are any: a right that is not needed is not asked for."""
        if self._has_rows(table, number):
            self.database.execute(f"DELETE FROM {{p}}{table} WHERE id_cart_rule = %s", (number,))

    def _has_rows(self, table: str, number: int) -> bool:
        try:
            sql = f"SELECT 1 FROM {{p}}{table} WHERE id_cart_rule = %s LIMIT 1"
            return self.database.value(sql, (number,)) is not None
        except (NotAPrestaShop, MissingRight):  # no such table there; or none that we may see, and so wrote
            return False

    def _delete_restriction(self, number: int) -> None:
        if not self._has_rows("cart_rule_product_rule_group", number):
            return
        groups = "SELECT id_product_rule_group FROM {p}cart_rule_product_rule_group WHERE id_cart_rule = %s"
        rules = f"SELECT id_product_rule FROM {{p}}cart_rule_product_rule WHERE id_product_rule_group IN ({groups})"
        for table, column, inner in (
            ("cart_rule_product_rule_value", "id_product_rule", rules),
            ("cart_rule_product_rule", "id_product_rule_group", groups),
        ):
            self.database.execute(f"DELETE FROM {{p}}{table} WHERE {column} IN ({inner})", (number,))
        self._delete("cart_rule_product_rule_group", number)

    # -- checking --------------------------------------------------------------------------------

    def check(self) -> None:
        """Try the rights on nothing at all: statements that touch no row are refused like all others."""
        tables = [*WRITTEN, "cart_rule_shop"] if self._has_many_shops() else list(WRITTEN)
        with _writing():
            for table in tables:
                self.database.execute(f"INSERT INTO {{p}}{table} SELECT * FROM {{p}}{table} WHERE 1 = 0")
        try:
            name = "PS_CART_RULE_FEATURE_ACTIVE"
            is_on = self.database.value("SELECT value FROM {p}configuration WHERE name = %s LIMIT 1", (name,))
        except (NotAPrestaShop, MissingRight):
            return
        if str(is_on) == "0":
            raise VouchersOff


@contextmanager
def _writing() -> Iterator[None]:
    """A right that lacks here is one to write."""
    try:
        yield
    except MissingRight as error:
        raise MissingWriteRight(**error.params) from None
    except DatabaseTrouble as error:
        if error.params.get("number") in (1290, 1792, 1836):  # the server, or the account, is read-only
            raise MissingWriteRight(table="cart_rule") from None
        raise


# -- what a cart rule says, by whichever way ---------------------------------------------------------


def local(moment: datetime, wish: Wish) -> str:
    """A moment as the shop's clocks show it, and as its database keeps it."""
    return moment.astimezone(wish.zone).strftime("%Y-%m-%d %H:%M:%S")


def last_moment(wish: Wish) -> str:
    """The shop counts the end in: the second before our first moment too late, the last of a local day."""
    return local(wish.ends - timedelta(seconds=1), wish)


def plain_values(wish: Wish, currency: int) -> dict[str, Any]:
    """The columns of a cart rule that do not hang on where it is written."""
    digits = minor_digits(wish.currency) if wish.currency else 2
    taxed = int(wish.with_tax)
    return {
        "id_customer": int(wish.customer) if wish.customer.isdigit() else 0,
        "date_from": local(wish.begins, wish),
        "date_to": last_moment(wish),
        "description": "Ghostcart",
        "quantity": 1,
        "quantity_per_user": 1,
        "priority": wish.priority,
        "partial_use": 0,
        "code": wish.code,
        "minimum_amount": Decimal(wish.minimum_minor).scaleb(-digits),
        "minimum_amount_tax": taxed,
        "minimum_amount_currency": currency if wish.minimum_minor else 0,
        "minimum_amount_shipping": 0,
        "country_restriction": 0,
        "carrier_restriction": 0,
        "group_restriction": 0,
        "cart_rule_restriction": int(not wish.combinable),
        "product_restriction": int(bool(wish.products)),
        "free_shipping": int(wish.kind == Kind.FREE_SHIPPING),
        "reduction_percent": Decimal(wish.percent_bp) / 100 if wish.kind == Kind.PERCENT else 0,
        "reduction_amount": Decimal(wish.amount_minor).scaleb(-digits) if wish.kind == Kind.AMOUNT else 0,
        "reduction_tax": taxed,
        "reduction_currency": currency if wish.kind == Kind.AMOUNT else 0,
        "reduction_product": APPLIES_TO[wish.applies_to],
        "reduction_exclude_special": int(wish.exclude_discounted),
        "gift_product": 0,
        "gift_product_attribute": 0,
        "highlight": 0,
        "active": 1,
    }
