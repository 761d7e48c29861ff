"""Carts of a shop there as whole snapshots: their lines, what these cost, their vouchers and orders.

A cart there holds no price. An ordered one shows what its orders say; any other is reckoned from the catalogue as the
shop would reckon it, and marked as estimated.
"""

from collections import Counter, defaultdict
from collections.abc import Collection
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any

from ghostcart.carts import pricing
from ghostcart.carts.snapshots import CartSnapshot, LineSnapshot, Sums, VoucherSnapshot
from ghostcart.connectors.prestashop import orders as ordering
from ghostcart.connectors.prestashop.basics import Basics, Currency
from ghostcart.connectors.prestashop.carts import Batch, Head, Row, Rule
from ghostcart.connectors.prestashop.catalogue import Catalogue, Item, variant_id
from ghostcart.connectors.prestashop.prices import Occasion, UnitPrice
from ghostcart.lib.money import divide, divider, minor_micros
from ghostcart.vouchers.terms import AppliesTo, Kind, Terms

MOST_OF_A_LINE = 9999
"""More of one product is cut: our lines hold no more."""


JUST_NOW = timedelta(minutes=15)


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
