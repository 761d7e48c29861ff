"""Orders of a shop there, with their lines, vouchers and states."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ghostcart.carts.snapshots import LineSnapshot, Sums, VoucherSnapshot
from ghostcart.connectors.prestashop.basics import Basics, clean, listed, micros
from ghostcart.connectors.prestashop.catalogue import Catalogue, variant_id
from ghostcart.connectors.prestashop.database import Database
from ghostcart.orders.models import OrderStatus
from ghostcart.orders.snapshots import OrderSnapshot

_NUMBERS = (
    "id_order", "id_cart", "id_customer", "id_currency", "id_lang", "id_carrier", "current_state",
    "id_address_delivery", "total_products", "total_products_wt", "total_discounts_tax_incl",
    "total_discounts_tax_excl", "total_shipping_tax_incl", "total_shipping_tax_excl", "total_wrapping_tax_incl",
    "total_wrapping_tax_excl", "total_paid_tax_incl", "total_paid_tax_excl", "date_add", "date_upd",
)  # fmt: skip
_WHOLE = 8
"""So many of them, the first, are whole numbers."""
_PRICES = ("unit_price_tax_incl", "unit_price_tax_excl", "total_price_tax_incl", "total_price_tax_excl")
_SETTLED = {OrderStatus.PAID, OrderStatus.CANCELLED, OrderStatus.REFUNDED}


@dataclass(slots=True)
class Detail:
    """A line of an order as the shop holds it; prices in micros, with and without tax."""

    number: int
    product: int
    variant: int
    customization: int
    name: str
    reference: str
    quantity: int
    unit_incl: int
    unit_excl: int
    total_incl: int
    total_excl: int


@dataclass(slots=True)
class Found:
    """An order between reading and telling."""

    head: dict[str, Any]
    details: list[Detail] = field(default_factory=list)
    vouchers: list[VoucherSnapshot] = field(default_factory=list)
    states: list[tuple[int, str]] = field(default_factory=list)
    email: str = ""
    is_of_known: bool = False
    """Whether the customer is still there."""
    shows_tax: bool = True
    address: dict[str, str] = field(default_factory=dict)
    phone: str = ""
    sums: Sums | None = None
    refunded: int = 0
    """Given back for products by credit slips, in micros, with or without tax as the order shows it."""


def read(database: Database, basics: Basics, condition: str, parameters: Collection[Any]) -> list[Found]:
    """Orders of our shop that meet a condition on `o`."""
    glued = ", ".join(f"o.{name}" for name in _NUMBERS)
    sql = f"""SELECT CONCAT_WS(' # ', {glued}), o.reference, o.payment, u.email, u.id_default_group, u.deleted
              FROM {{p}}orders o LEFT JOIN {{p}}customer u ON u.id_customer = o.id_customer
              WHERE {condition} AND o.id_shop = %s ORDER BY o.id_order"""
    found: dict[int, Found] = {}
    for numbers, reference, payment, email, group, is_deleted in database.tuples(
        sql, (*parameters, basics.settings.shop_id)
    ):
        values = numbers.split(" # ")
        head: dict[str, Any] = dict(zip(_NUMBERS, [*map(int, values[:_WHOLE]), *values[_WHOLE:]], strict=True))
        head |= {"reference": reference, "payment": payment}
        one = Found(head, email="" if is_deleted else clean(email), is_of_known=email is not None)
        one.shows_tax = basics.group(group or basics.group_of_visitors).shows_tax
        found[head["id_order"]] = one
    if found:
        _read_details(database, basics, found)
        _read_vouchers(database, basics, found)
        _read_states(database, basics, found)
        _read_slips(database, basics, found)
        _read_addresses(database, basics, found)
    return list(found.values())


def _read_details(database: Database, basics: Basics, found: dict[int, Found]) -> None:
    custom = "id_customization" if basics.settings.has("order_detail", "id_customization") else "0"
    columns = ("id_order", "id_order_detail", "product_id", "IFNULL(product_attribute_id, 0)", f"IFNULL({custom}, 0)",
               "product_quantity", *_PRICES)  # fmt: skip
    sql = f"""SELECT CONCAT_WS(' # ', {", ".join(columns)}), product_name, product_reference FROM {{p}}order_detail
              WHERE id_order IN ({listed(found)}) ORDER BY id_order_detail"""
    for numbers, name, reference in database.tuples(sql):
        order, number, product, variant, customization, quantity, *prices = numbers.split(" # ")
        detail = Detail(
            int(number), int(product), int(variant), int(customization), clean(name), clean(reference), int(quantity),
            *map(micros, prices),
        )  # fmt: skip
        found[int(order)].details.append(detail)


def _read_vouchers(database: Database, basics: Basics, found: dict[int, Found]) -> None:
    if not basics.settings.has("order_cart_rule"):
        return
    standing = "AND o.deleted = 0" if basics.settings.has("order_cart_rule", "deleted") else ""
    code = "r.code" if basics.settings.has("cart_rule") else "''"
    join = "LEFT JOIN {p}cart_rule r ON r.id_cart_rule = o.id_cart_rule" if code == "r.code" else ""
    sql = f"""SELECT o.id_order, {code}, o.name, o.value, o.value_tax_excl, o.id_cart_rule
              FROM {{p}}order_cart_rule o {join}
              WHERE o.id_order IN ({listed(found)}) {standing} ORDER BY o.id_order_cart_rule"""
    for number, name_of_code, name, incl, excl, rule in database.tuples(sql):
        one = found[number]
        amount = basics.minor(micros(incl if one.shows_tax else excl), one.head["id_currency"])
        one.vouchers.append(VoucherSnapshot(clean(name_of_code) or f"#{rule}", clean(name), max(0, amount)))


def _read_states(database: Database, basics: Basics, found: dict[int, Found]) -> None:
    if not basics.settings.has("order_history"):
        return
    rest = f"FROM {{p}}order_history WHERE id_order IN ({listed(found)}) ORDER BY id_order_history"
    for number, state, at in database.packed(("id_order", "id_order_state", "date_add"), rest):
        found[int(number)].states.append((int(state), at))


def _read_slips(database: Database, basics: Basics, found: dict[int, Found]) -> None:
    """What was given back, in part or whole. Early ones of 1.6 tell one amount, with tax."""
    if not basics.settings.has("order_slip"):
        return
    excl, incl = "total_products_tax_excl", "total_products_tax_incl"
    if not basics.settings.has("order_slip", incl):
        excl = incl = "amount"
    rest = f"FROM {{p}}order_slip WHERE id_order IN ({listed(found)})"
    for number, without_tax, with_tax in database.packed(("id_order", excl, incl), rest):
        one = found[int(number)]
        one.refunded += micros(with_tax if one.shows_tax else without_tax)


def _read_addresses(database: Database, basics: Basics, found: dict[int, Found]) -> None:
    numbers = {one.head["id_address_delivery"] for one in found.values()} - {0}
    if not numbers or not basics.settings.has("address"):
        return
    sql = f"""SELECT id_address, firstname, lastname, address1, postcode, city, id_country, phone, phone_mobile
              FROM {{p}}address WHERE id_address IN ({listed(numbers)})"""
    rows = {row[0]: row[1:] for row in database.tuples(sql)}
    for one in found.values():
        if row := rows.get(one.head["id_address_delivery"]):
            first, last, street, postcode, city, country, phone, mobile = row
            one.address = {
                "first_name": clean(first), "last_name": clean(last), "street": clean(street),
                "postcode": clean(postcode), "city": clean(city), "country": basics.countries.get(country, ""),
            }  # fmt: skip
            one.phone = clean(mobile) or clean(phone)


def sums(basics: Basics, one: Found) -> Sums:
    """What an order comes to, by its own words."""
    if one.sums is None:
        one.sums = _sums(basics, one)
    return one.sums


def _sums(basics: Basics, one: Found) -> Sums:
    head, shows_tax = one.head, one.shows_tax

    def minor(name: str, other: str = "") -> int:
        number = micros(head[name]) + (micros(head[other]) if other else 0)
        return max(0, basics.minor(number, head["id_currency"]))

    total = minor("total_paid_tax_incl")
    tax = "incl" if shows_tax else "excl"
    return Sums(
        products_minor=minor("total_products_wt" if shows_tax else "total_products"),
        discount_minor=minor(f"total_discounts_tax_{tax}"),
        shipping_minor=minor(f"total_shipping_tax_{tax}", f"total_wrapping_tax_{tax}"),
        tax_minor=max(0, total - minor("total_paid_tax_excl")),
        total_minor=total,
    )


def snapshot(basics: Basics, catalogue: Catalogue, one: Found) -> OrderSnapshot:
    """What we are told of an order."""
    head = one.head
    status = basics.statuses.get(head["current_state"], OrderStatus.PENDING.value)
    placed_at = basics.times.utc(head["date_add"]) or basics.times.utc(head["date_upd"]) or EPOCH
    return OrderSnapshot(
        external_id=str(head["id_order"]),
        number=clean(head["reference"]) or f"{head['id_order']:06d}",
        cart=str(head["id_cart"]) if head["id_cart"] else "",
        customer=str(head["id_customer"]) if one.is_of_known else "",
        email=one.email,
        phone=one.phone,
        address=one.address,
        status=status,
        payment_name=clean(head["payment"]),
        shipping_name=basics.carriers.get(head["id_carrier"], ""),
        currency=basics.currency(head["id_currency"]).code,
        language=basics.language(head["id_lang"]),
        prices_include_tax=one.shows_tax,
        lines=[_line(basics, catalogue, one, detail) for detail in one.details],
        vouchers=one.vouchers,
        sums=sums(basics, one),
        refunded_minor=max(0, basics.minor(one.refunded, head["id_currency"])),
        placed_at=placed_at,
        settled_at=_settled_at(basics, one, status),
    )


def _settled_at(basics: Basics, one: Found, status: str) -> datetime | None:
    """Since when it is as it is: from its history, else its last change."""
    if status not in _SETTLED:
        return None
    since = ""
    for state, at in one.states:
        if basics.statuses.get(state, OrderStatus.PENDING.value) != status:
            since = ""
        elif not since:
            since = at
    head = one.head
    return basics.times.utc(since) or basics.times.utc(head["date_upd"]) or basics.times.utc(head["date_add"])


def _line(basics: Basics, catalogue: Catalogue, one: Found, detail: Detail) -> LineSnapshot:
    item = catalogue.get(detail.product)
    shown, total = (detail.unit_incl, detail.total_incl) if one.shows_tax else (detail.unit_excl, detail.total_excl)
    return LineSnapshot(
        key=f"{detail.product}-{detail.variant}-{detail.number}",
        variant=variant_id(detail.product, detail.variant),
        sku=detail.reference or variant_id(detail.product, detail.variant),
        name=detail.name or f"#{detail.product}",
        picture=catalogue.picture(item, detail.variant) if item else "",
        quantity=detail.quantity,
        unit_price_micros=shown,
        tax_rate_ppm=basics.nearest_rate(detail.unit_excl, detail.unit_incl),
        total_minor=basics.minor(total, one.head["id_currency"]),
    )


EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
"""For what happened at no time that anybody knows."""
