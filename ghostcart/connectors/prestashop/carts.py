"""Carts of a shop there with all that belongs to them, read at one moment. `telling` makes snapshots of them."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ghostcart.connectors.prestashop import orders as ordering
from ghostcart.connectors.prestashop.basics import Basics, clean, listed, micros
from ghostcart.connectors.prestashop.catalogue import Catalogue
from ghostcart.connectors.prestashop.database import Database
from ghostcart.connectors.prestashop.prices import SpecialPrice


class Head(NamedTuple):
    id: int
    carrier: int
    language: int
    currency: int
    customer: int
    guest: int
    group: int | None
    """The customer's default group; None: a visitor, or somebody who is gone."""
    country: int
    state: int
    date_add: str
    date_upd: str


class Row(NamedTuple):
    cart: int
    product: int
    variant: int
    customization: int
    quantity: int
    date_add: str


@dataclass(slots=True)
class Batch:
    """Some carts with all that belongs to them, read at one moment."""

    heads: list[Head]
    rows: dict[int, list[Row]] = field(default_factory=dict)
    rules: dict[int, list["Rule"]] = field(default_factory=dict)
    orders: list[ordering.Found] = field(default_factory=list)
    texts: dict[int, str] = field(default_factory=dict)
    surcharges: dict[int, int] = field(default_factory=dict)
    specials: list[SpecialPrice] = field(default_factory=list)

    def people(self) -> set[int]:
        """The numbers of all who are named and still there."""
        found = {head.customer for head in self.heads if head.group is not None}
        return found | {one.head["id_customer"] for one in self.orders if one.is_of_known}


@dataclass(slots=True)
class Rule:
    """A cart rule on a cart."""

    number: int
    code: str
    name: str
    percent_bp: int
    amount_micros: int
    amount_currency: int
    product: int
    frees_shipping: bool
    gift: tuple[int, int]
    priority: int
    skips_reduced: bool


def read(database: Database, basics: Basics, condition: str, parameters: Collection[Any], most: int = 0) -> Batch:
    """The carts of our shop that meet a condition on `c`, by number."""
    settings = basics.settings
    which = "invoice" if settings.text("PS_TAX_ADDRESS_TYPE") == "id_address_invoice" else "delivery"
    has_place = settings.has("address")
    place = ("a.id_country", "a.id_state") if has_place else ("NULL", "NULL")
    join = f"LEFT JOIN {{p}}address a ON a.id_address = c.id_address_{which}" if has_place else ""
    columns = ("c.id_cart", "c.id_carrier", "c.id_lang", "c.id_currency", "c.id_customer", "c.id_guest",
               "u.id_default_group", *place, "c.date_add", "c.date_upd")  # fmt: skip
    rest = f"""FROM {{p}}cart c LEFT JOIN {{p}}customer u ON u.id_customer = c.id_customer {join}
               WHERE {condition} AND c.id_shop = %s ORDER BY c.id_cart {"LIMIT %s" if most else ""}"""
    batch = Batch([])
    for row in database.packed(columns, rest, (*parameters, settings.shop_id, *([most] if most else []))):
        number, carrier, language, currency, customer, guest, group, country, state, added, updated = row
        batch.heads.append(Head(
            int(number), int(carrier), int(language), int(currency), int(customer), int(guest),
            int(group) if group else None, int(country or 0), int(state or 0), added, updated,
        ))  # fmt: skip
    if batch.heads:
        _read_rows(database, basics, batch)
        _read_rules(database, basics, batch)
        _read_customizations(database, basics, batch)
        _read_specials(basics, batch, Catalogue(database, basics))
        batch.orders = ordering.read(database, basics, f"o.id_cart IN ({_ids(batch)})", [])
    return batch


def _ids(batch: Batch) -> str:
    return listed(head.id for head in batch.heads)


def _read_rows(database: Database, basics: Basics, batch: Batch) -> None:
    custom = "id_customization" if basics.settings.has("cart_product", "id_customization") else "0"
    glued = f"id_product, id_product_attribute, {custom}, quantity, date_add"
    sql = f"""SELECT id_cart, GROUP_CONCAT(CONCAT_WS(',', {glued}) SEPARATOR ';')
              FROM {{p}}cart_product WHERE id_cart IN ({_ids(batch)}) GROUP BY id_cart"""
    for cart, lines in database.tuples(sql):
        rows = batch.rows[cart] = []
        for line in lines.split(";"):
            product, variant, customization, quantity, added = line.split(",")
            rows.append(Row(cart, int(product), int(variant), int(customization), int(quantity), added))


def _read_rules(database: Database, basics: Basics, batch: Batch) -> None:
    settings = basics.settings
    if not (settings.has("cart_cart_rule") and settings.has("cart_rule")):
        return
    reduced = "r.reduction_exclude_special" if settings.has("cart_rule", "reduction_exclude_special") else "0"
    has_names = settings.has("cart_rule_lang")
    name = "l.name" if has_names else "r.description"
    join = "LEFT JOIN {p}cart_rule_lang l ON l.id_cart_rule = r.id_cart_rule AND l.id_lang = %s" if has_names else ""
    sql = f"""SELECT k.id_cart, r.id_cart_rule, r.code, {name}, r.reduction_percent, r.reduction_amount,
                r.reduction_currency, r.reduction_product, r.free_shipping, r.gift_product, r.gift_product_attribute,
                r.priority, {reduced}
              FROM {{p}}cart_cart_rule k JOIN {{p}}cart_rule r ON r.id_cart_rule = k.id_cart_rule {join}
              WHERE k.id_cart IN ({_ids(batch)}) ORDER BY k.id_cart, r.priority, r.id_cart_rule"""
    parameters = (basics.main_language,) if has_names else ()
    for cart, number, code, name, percent, amount, currency, product, free, *gift, priority, skips in database.tuples(
        sql, parameters
    ):
        rule = Rule(
            number, clean(code), clean(name), micros(percent) // 10_000, micros(amount), currency, product, bool(free),
            (gift[0], gift[1]), priority, bool(skips),
        )  # fmt: skip
        batch.rules.setdefault(cart, []).append(rule)


def _read_customizations(database: Database, basics: Basics, batch: Batch) -> None:
    """What shoppers wrote on their products. In 1.6 a row of the cart stands for all customizations of a product."""
    settings = basics.settings
    if not (settings.has("customization") and settings.has("customized_data")):
        return
    price = "d.price" if settings.has("customized_data", "price") else "NULL"
    sql = f"""SELECT z.id_cart, z.id_customization, z.id_product, z.id_product_attribute, z.quantity,
                d.type, d.value, {price}
              FROM {{p}}customization z LEFT JOIN {{p}}customized_data d ON d.id_customization = z.id_customization
              WHERE z.id_cart IN ({_ids(batch)}) AND z.in_cart = 1
              ORDER BY z.id_customization, d.type, d.`index`"""
    texts: dict[int, list[str]] = defaultdict(list)
    owned: dict[tuple[int, int, int], dict[int, int]] = defaultdict(dict)
    for cart, number, product, variant, quantity, kind, value, surcharge in database.tuples(sql):
        owned[cart, product, variant][number] = quantity
        if kind is not None:
            texts[number].append(clean(value) if kind == 1 else "…")
            batch.surcharges[number] = batch.surcharges.get(number, 0) + micros(surcharge)
    batch.texts = {number: ", ".join(words) for number, words in texts.items()}
    if not settings.has("cart_product", "id_customization"):
        batch.rows = {cart: _apart(rows, owned) for cart, rows in batch.rows.items()}


def _apart(rows: list[Row], owned: Mapping[tuple[int, int, int], Mapping[int, int]]) -> list[Row]:
    """1.6: each customization of a product as a row of its own, and what is left of the row without."""
    found = []
    for row in rows:
        left = row.quantity
        for number, quantity in owned.get((row.cart, row.product, row.variant), {}).items():
            part = min(quantity, left)
            if part > 0:
                found.append(row._replace(customization=number, quantity=part))
                left -= part
        if left > 0:
            found.append(row._replace(quantity=left))
    return found


def _read_specials(basics: Basics, batch: Batch, catalogue: Catalogue) -> None:
    if basics.has_cart_prices:
        batch.specials += catalogue.specials(f"id_cart IN ({_ids(batch)})")
    customers = {head.customer for head in batch.heads} - {0}
    if basics.has_customer_prices and customers:
        batch.specials += catalogue.specials(f"id_cart = 0 AND id_customer IN ({listed(customers)})")
