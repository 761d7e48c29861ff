"""Carts of a shop there as whole snapshots: their lines, what these cost, their vouchers and orders.

A cart there holds no price. An ordered one shows what its orders say; any other is reckoned from the catalogue as the
shop would reckon it, and marked as estimated.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any, NamedTuple

from ghostcart.carts import pricing
from ghostcart.carts.snapshots import CartSnapshot, LineSnapshot, Sums, VoucherSnapshot
from ghostcart.connectors.prestashop import orders as ordering
from ghostcart.connectors.prestashop.basics import Basics, Currency, clean, listed, micros
from ghostcart.connectors.prestashop.catalogue import Catalogue, Item, variant_id
from ghostcart.connectors.prestashop.database import Database
from ghostcart.connectors.prestashop.prices import Occasion, SpecialPrice, UnitPrice
from ghostcart.lib.money import divide, divider, minor_micros
from ghostcart.vouchers.terms import AppliesTo, Kind, Terms

MOST_OF_A_LINE = 9999
"""More of one product is cut: our lines hold no more."""


JUST_NOW = timedelta(minutes=15)


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


# -- telling -------------------------------------------------------------------------------------


class Teller:
    """Makes snapshots of a batch. `now`: its carts changed lately."""

    def __init__(self, basics: Basics, catalogue: Catalogue, batch: Batch, now: datetime | None = None) -> None:
        self.basics, self.catalogue, self.batch, self.now = basics, catalogue, batch, now
        products = {row.product for rows in batch.rows.values() for row in rows}
        products |= {detail.product for one in batch.orders for detail in one.details}
        catalogue.load(products)
        self.ordered: dict[int, list[ordering.Found]] = defaultdict(list)
        for one in batch.orders:
            self.ordered[one.head["id_cart"]].append(one)
        self.by_variant = basics.settings.number("PS_QTY_DISCOUNT_ON_COMBINATION")
        self.divide = divider(basics.rounding)
        self.are_plain = {
            product: not batch.specials and not catalogue.everywhere and item.is_plain
            for product in products
            if (item := catalogue.get(product)) is not None
        }

    def tell_carts(self) -> list[CartSnapshot]:
        return [self.cart(head) for head in self.batch.heads]

    def tell_orders(self) -> list[ordering.OrderSnapshot]:
        return [ordering.snapshot(self.basics, self.catalogue, one) for one in self.batch.orders]

    def cart(self, head: Head) -> CartSnapshot:
        basics = self.basics
        currency = basics.currency(head.currency)
        group = head.group if head.group is not None else basics.group_of_visitors
        shows_tax = basics.group(group).shows_tax
        rows = _merged(self.batch.rows.get(head.id, ()))
        found = self.ordered.get(head.id, [])
        lines = [self._line(head, row, rows, currency, group) for row in rows]
        if found:
            lines = self._as_ordered(lines, rows, found, currency)
            vouchers = [voucher for one in found for voucher in one.vouchers]
            sums = _added([ordering.sums(basics, one) for one in found])
        else:
            lines, vouchers, sums = self._reckon(head, lines, rows, currency, shows_tax)
        created, updated = self.moments(head)
        return CartSnapshot(
            external_id=str(head.id),
            currency=currency.code,
            language=basics.language(head.language),
            prices_include_tax=found[0].shows_tax if found else shows_tax,
            customer=str(head.customer) if head.group is not None else "",
            lines=lines,
            vouchers=vouchers,
            sums=sums,
            is_estimated=not found,
            shipping_name=basics.carriers.get(head.carrier, ""),
            created_at=created,
            updated_at=updated,
        )

    def moments(self, head: Head) -> tuple[datetime, datetime]:
        created, updated = self._moment(head.date_add), self._moment(head.date_upd)
        return created or ordering.EPOCH, updated or created or ordering.EPOCH

    def _moment(self, text: str) -> datetime | None:
        """Of a time that the clock shows twice the second, if that is just now; else the first."""
        if self.now is not None:
            second = self.basics.times.later(text)
            if second is not None and -JUST_NOW < self.now - second < JUST_NOW:
                return second
        return self.basics.times.utc(text)

    # -- lines -----------------------------------------------------------------------------------

    def _line(self, head: Head, row: Row, rows: list[Row], currency: Currency, group: int) -> LineSnapshot:
        basics = self.basics
        item = self.catalogue.get(row.product)
        variant = variant_id(row.product, row.variant)
        key = f"{variant}-{row.customization}" if row.customization else variant
        if item is None:
            return LineSnapshot(key=key, variant=variant, sku=variant, name=f"#{row.product}", quantity=row.quantity,
                                option=self.batch.texts.get(row.customization, ""), total_minor=0)  # fmt: skip
        price, tax = self._price(head, row, rows, item, currency, group)
        unit, regular = price.micros, price.regular_micros
        surcharge = self.batch.surcharges.get(row.customization, 0)
        if surcharge:
            surcharge = surcharge * currency.rate_micros // 1_000_000
            surcharge = surcharge * (1_000_000 + tax) // 1_000_000 if basics.group(group).shows_tax else surcharge
            unit, regular = unit + surcharge, regular + surcharge if regular else None
        face = self.catalogue.face(item, row.variant, head.language)
        wish = self.batch.texts.get(row.customization, "") if row.customization else ""
        return LineSnapshot(
            key=key,
            variant=variant,
            sku=face.sku,
            name=face.name,
            option=" · ".join(filter(None, (face.option, wish))) if wish else face.option,
            picture=face.picture,
            quantity=row.quantity,
            unit_price_micros=unit,
            regular_micros=regular,
            tax_rate_ppm=tax,
            total_minor=self._total(unit, row.quantity, currency.code),
        )

    def _total(self, unit_micros: int, quantity: int, currency: str) -> int:
        minor = minor_micros(currency)
        if self.basics.rounding_type == "item":
            return self.divide(unit_micros, minor) * quantity
        return self.divide(unit_micros * quantity, minor)

    def _price(
        self, head: Head, row: Row, rows: list[Row], item: Item, currency: Currency, group: int
    ) -> tuple[UnitPrice, int]:
        """The price of a unit, and its tax rate. Where it is the same for everybody of a group it is reckoned once."""
        country = head.country or self.basics.home_country
        key = (row.product, row.variant, head.currency, country, head.state, group)
        is_plain = self.are_plain[row.product]
        if is_plain and (known := self.catalogue.plain_prices.get(key)):
            return known
        basics = self.basics
        tax = basics.tax_rate(item.tax_group, country, head.state)
        quantity = sum(
            one.quantity
            for one in rows
            if one.product == row.product and (not self.by_variant or one.variant == row.variant)
        )
        rules = basics.group(group)
        occasion = Occasion(
            basics.settings.shop_id, basics.settings.group_id, head.currency, currency.rate_micros, country, group,
            rules.reduction_ppm, head.customer, head.id, head.date_upd, quantity, rules.shows_tax,
        )  # fmt: skip
        more = [
            one
            for one in self.batch.specials
            if one.cart in (0, head.id) and one.customer in (0, head.customer) and one.product in (0, row.product)
        ]
        price = self.catalogue.price(item, row.variant, occasion, tax, more), tax
        if is_plain:
            self.catalogue.plain_prices[key] = price
        return price

    def _as_ordered(
        self, lines: list[LineSnapshot], rows: list[Row], found: list[ordering.Found], currency: Currency
    ) -> list[LineSnapshot]:
        """Lines with the prices that were paid."""
        paid = {
            (detail.product, detail.variant, detail.customization): (one, detail)
            for one in found
            for detail in one.details
        }
        told = []
        for line, row in zip(lines, rows, strict=True):
            match = paid.get((row.product, row.variant, row.customization)) or paid.get((row.product, row.variant, 0))
            told.append(self._paid(line, *match, currency) if match else line)
        return told

    def _paid(
        self, line: LineSnapshot, one: ordering.Found, detail: ordering.Detail, currency: Currency
    ) -> LineSnapshot:
        unit, total = (detail.unit_incl, detail.total_incl) if one.shows_tax else (detail.unit_excl, detail.total_excl)
        exact = total if detail.quantity == line.quantity else unit * line.quantity
        is_named = not line.name.startswith("#")
        return LineSnapshot(
            key=line.key, variant=line.variant, sku=line.sku, name=line.name if is_named else detail.name or line.name,
            option=line.option, picture=line.picture, quantity=line.quantity, unit_price_micros=unit,
            tax_rate_ppm=self.basics.nearest_rate(detail.unit_excl, detail.unit_incl),
            total_minor=divide(exact, minor_micros(currency.code), self.basics.rounding),
        )  # fmt: skip

    # -- what it comes to ------------------------------------------------------------------------

    def _reckon(
        self, head: Head, lines: list[LineSnapshot], rows: list[Row], currency: Currency, shows_tax: bool
    ) -> tuple[list[LineSnapshot], list[VoucherSnapshot], Sums]:
        basics = self.basics
        rules = self.batch.rules.get(head.id, [])
        if not rules and basics.rounding_type != "total":
            return lines, [], self._simple_sums(lines, shows_tax)
        products = {line.key: row.product for line, row in zip(lines, rows, strict=True)}
        if rules:
            lines = _with_gifts(lines, rules)
        priced = [
            pricing.PricingLine(
                line.key, line.unit_price_micros, line.quantity, line.tax_rate_ppm, products.get(line.key),
                line.regular_micros is not None,
            )
            for line in lines
        ]  # fmt: skip
        terms = [term for place, rule in enumerate(rules) for term in self._terms(place, rule, currency, lines)]
        how = pricing.Rules(currency.code, shows_tax, basics.rounding, pricing.RoundingType(basics.rounding_type))
        totals = pricing.price(priced, terms, pricing.Shipping(), how)
        taken: Counter[str] = Counter()
        for effect in totals.vouchers:
            taken[effect.code] += effect.amount_minor
        vouchers = [
            VoucherSnapshot(rule.code or f"#{rule.number}", rule.name, taken[str(place)])
            for place, rule in enumerate(rules)
        ]
        sums = Sums(
            products_minor=totals.products_minor, discount_minor=totals.discount_minor,
            shipping_minor=totals.shipping_minor, tax_minor=totals.tax_minor, total_minor=totals.total_minor,
        )  # fmt: skip
        return lines, vouchers, sums

    def _simple_sums(self, lines: list[LineSnapshot], shows_tax: bool) -> Sums:
        """What `pricing.price` says of lines alone that are rounded one by one."""
        products = tax = 0
        for line in lines:
            products += line.total_minor
            part = line.tax_rate_ppm if shows_tax else 0
            tax += self.divide(line.total_minor * line.tax_rate_ppm, 1_000_000 + part)
        total = products if shows_tax else products + tax
        return Sums(products_minor=products, tax_minor=tax, total_minor=total)

    def _terms(self, place: int, rule: Rule, currency: Currency, lines: list[LineSnapshot]) -> list[Terms]:
        """A cart rule as our terms. One for products chosen by conditions counts for all products."""
        applies, products = AppliesTo.ORDER, frozenset[int]()
        if rule.product > 0:
            applies, products = AppliesTo.PRODUCTS, frozenset({rule.product})
        elif rule.product == -1:
            applies = AppliesTo.CHEAPEST
        common: dict[str, Any] = {
            "id": rule.number, "code": str(place), "priority": rule.priority, "applies_to": applies,
            "product_ids": products, "exclude_discounted": rule.skips_reduced,
        }  # fmt: skip
        found = []
        if 0 < rule.percent_bp <= 10_000:
            found.append(Terms(kind=Kind.PERCENT, percent_bp=rule.percent_bp, **common))
        if rule.amount_micros > 0:
            amount = rule.amount_micros
            theirs = self.basics.currency(rule.amount_currency or self.basics.main_currency)
            if theirs.code != currency.code:
                amount = divide(amount * currency.rate_micros, theirs.rate_micros, self.basics.rounding)
            minor = divide(amount, minor_micros(currency.code), self.basics.rounding)
            found.append(Terms(kind=Kind.AMOUNT, amount_minor=minor, currency=currency.code, **common))
        return found


def _merged(rows: Collection[Row]) -> list[Row]:
    """One row for a product that goes to several addresses; none for what is not there in any quantity."""
    found: dict[tuple[int, int, int], Row] = {}
    for row in rows:
        key = (row.product, row.variant, row.customization)
        known = found.get(key)
        quantity = row.quantity + (known.quantity if known else 0)
        found[key] = (known or row)._replace(quantity=min(quantity, MOST_OF_A_LINE))
    return sorted((row for row in found.values() if row.quantity > 0), key=attrgetter("date_add"))


def _with_gifts(lines: list[LineSnapshot], rules: list[Rule]) -> list[LineSnapshot]:
    """A gift is a line of its own that costs nothing; there it is one more of an ordinary line."""
    told = list(lines)
    for rule in rules:
        if not rule.gift[0]:
            continue
        key = variant_id(*rule.gift)
        for place, line in enumerate(told):
            if line.key == key:
                values = {name: getattr(line, name) for name in LineSnapshot.__struct_fields__}
                free = {"key": f"gift:{rule.number}:{key}"[:80], "quantity": 1, "unit_price_micros": 0,
                        "regular_micros": None, "total_minor": 0, "is_gift": True}  # fmt: skip
                rest = line.quantity - 1
                kept = {"quantity": rest, "total_minor": line.total_minor * rest // line.quantity}
                told[place : place + 1] = [LineSnapshot(**{**values, **kept})] if rest else []
                told.append(LineSnapshot(**{**values, **free}))
                break
    return told


def _added(parts: list[Sums]) -> Sums:
    return Sums(**{name: sum(getattr(one, name) for one in parts) for name in Sums.__struct_fields__})
