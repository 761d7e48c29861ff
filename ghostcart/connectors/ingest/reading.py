"""From what a shop told in JSON to what the intakes take: money, times, versions and totals. Nothing is stored here."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ghostcart.carts.snapshots import CartSnapshot, LineSnapshot, Sums, VoucherSnapshot
from ghostcart.catalog.intake import PriceSnapshot, ProductSnapshot, VariantSnapshot
from ghostcart.connectors.ingest import shapes
from ghostcart.connectors.ingest.errors import WrongFact
from ghostcart.connectors.ingest.shapes import Money
from ghostcart.customers.intake import CustomerSnapshot
from ghostcart.customers.keys import tidy
from ghostcart.customers.services import Consented
from ghostcart.lib import machines, money
from ghostcart.lib.texts import LANGUAGES
from ghostcart.orders.snapshots import OrderSnapshot
from ghostcart.shops.rules import ShopRules
from ghostcart.vouchers.queries import normal_code

AHEAD = timedelta(minutes=5)
"""So much may a sender's clock be ahead of ours."""
EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
MOST_LINES, MOST_PIECES = 200, 9999
LARGEST = 10**15
"""Of a unit price in micros, and of an amount in minor units: sums of many still fit their columns."""
WHOLE_PPM = 1_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads what is told of one shop at one moment. Everything it refuses is a WrongFact."""

    shop: ShopRules
    now: datetime

    # -- the four facts --------------------------------------------------------------------------

    def customer(self, external_id: str, told: shapes.CustomerIn) -> CustomerSnapshot:
        registered = self._time(told.registered_at, "registered_at") if told.registered_at else None
        version = self._version(told)
        return CustomerSnapshot(
            external_id=external_id, version=version, email=told.email, first_name=told.first_name,
            last_name=told.last_name, phone=told.phone, language=_language(told.language) or self.shop.language,
            is_guest=told.is_guest, group=told.group, registered_at=registered or told.updated_at or self.now,
            consent=self._consent(told.consent) if told.consent else None,
        )  # fmt: skip

    def _consent(self, told: shapes.ConsentIn) -> Consented:
        at = self._time(told.at, "consent.at")
        return Consented(is_given=told.given, text=told.text, text_version=told.version, source=told.source, at=at)

    def product(self, external_id: str, told: shapes.ProductIn) -> ProductSnapshot:
        _refuse_twins([one.id for one in told.variants], "variants[{}].id")
        _refuse_twins([one.sku or one.id for one in told.variants], "variants[{}].sku")
        variants = [self._variant(one, f"variants[{place}]") for place, one in enumerate(told.variants)]
        return ProductSnapshot(
            external_id=external_id, version=self._version(told), names=self._texts(told.name, 200),
            descriptions=self._texts(told.description, 5000), reference=told.reference, url=told.url,
            tax_rate_ppm=_rate(told.tax_rate, "tax_rate"), is_active=told.is_active, variants=variants,
        )  # fmt: skip

    def _variant(self, told: shapes.VariantIn, place: str) -> VariantSnapshot:
        regular = {c: price(m, _known(c, f"{place}.regular_prices"), f"{place}.regular_prices.{c}")
                   for c, m in told.regular_prices.items()}  # fmt: skip
        costs = {c: price(m, _known(c, f"{place}.cost_prices"), f"{place}.cost_prices.{c}")
                 for c, m in told.cost_prices.items()}  # fmt: skip
        prices = {
            c: PriceSnapshot(
                price(m, _known(c, f"{place}.prices"), f"{place}.prices.{c}"), regular.get(c), costs.get(c)
            )
            for c, m in told.prices.items()
        }
        return VariantSnapshot(
            external_id=told.id, sku=told.sku, options=self._texts(told.option, 120), picture=told.picture,
            stock=told.stock, is_active=told.is_active, prices=prices,
        )  # fmt: skip

    def cart(self, external_id: str, told: shapes.CartIn) -> CartSnapshot:
        if told.currency is None and not told.is_deleted:
            raise WrongFact("missing_currency", "currency")
        currency = _known(told.currency or self.shop.currency, "currency")
        with_tax = self.shop.prices_include_tax if told.prices_include_tax is None else told.prices_include_tax
        updated = self._time(told.updated_at, "updated_at")
        created = self._time(told.created_at, "created_at") if told.created_at else updated
        lines = self.lines(told.lines, currency)
        vouchers = self.vouchers(told.vouchers, currency)
        sums = self._totals(told.totals, currency, lines) if told.totals else self.reckon(lines, vouchers, with_tax)
        return CartSnapshot(
            external_id=external_id, version=self._version(told), currency=currency, customer=told.customer,
            language=_language(told.language), prices_include_tax=with_tax, lines=lines, vouchers=vouchers, sums=sums,
            is_estimated=told.totals is None, shipping_name=told.shipping, created_at=min(created, updated),
            updated_at=updated, seen_at=self._time(told.seen_at, "seen_at") if told.seen_at else None,
            checkout_started_at=self._time(told.checkout_started_at, "checkout_started_at")
            if told.checkout_started_at else None,
            is_deleted=told.is_deleted,
            bot_reasons=() if told.user_agent is None else machines.reasons(told.user_agent),
        )  # fmt: skip

    def order(self, external_id: str, told: shapes.OrderIn) -> OrderSnapshot:
        currency = _known(told.currency, "currency")
        with_tax = self.shop.prices_include_tax if told.prices_include_tax is None else told.prices_include_tax
        placed = self._time(told.placed_at, "placed_at")
        settled = self._time(told.settled_at, "settled_at") if told.settled_at else None
        if settled is None and told.status != "pending":
            settled = told.updated_at or placed
        lines = self.lines(told.lines, currency)
        sums = self._totals(told.totals, currency, lines)
        refunded = self.amount(told.refunded, currency, "refunded")
        if refunded > sums.products_minor:
            raise WrongFact("refund_too_large", "refunded")
        names = shapes.OrderAddressIn.__struct_fields__
        return OrderSnapshot(
            external_id=external_id, version=self._version(told), number=told.number, cart=told.cart,
            cart_source=told.cart_source, customer=told.customer, email=told.email, phone=told.phone,
            address={name: getattr(told.address, name) for name in names} if told.address else {},
            status=told.status, payment_name=told.payment, shipping_name=told.shipping, currency=currency,
            language=_language(told.language), prices_include_tax=with_tax, lines=lines,
            vouchers=self.vouchers(told.vouchers, currency), sums=sums, refunded_minor=refunded,
            placed_at=placed, settled_at=settled,
        )  # fmt: skip

    # -- their parts -----------------------------------------------------------------------------

    def lines(self, told: list[shapes.LineIn], currency: str) -> list[LineSnapshot]:
        if len(told) > MOST_LINES:
            raise WrongFact("too_many_lines", "lines", most=MOST_LINES)
        lines = [self._line(one, currency, f"lines[{place}]") for place, one in enumerate(told)]
        _refuse_twins([line.key for line in lines], "lines[{}].id")
        return lines

    def _line(self, told: shapes.LineIn, currency: str, place: str) -> LineSnapshot:
        key = told.id or told.variant or told.sku
        if not key:
            raise WrongFact("missing_id", place)
        if not 1 <= told.quantity <= MOST_PIECES:
            raise WrongFact("quantity_out_of_range", f"{place}.quantity", least=1, most=MOST_PIECES)
        unit = price(told.price, currency, f"{place}.price")
        regular = None if told.regular_price is None else price(told.regular_price, currency, f"{place}.regular_price")
        if told.total is None:
            total = _in_range(self._rounded(unit * told.quantity, currency), f"{place}.price")
        else:
            total = self.amount(told.total, currency, f"{place}.total")
        return LineSnapshot(
            key=key, variant=told.variant, sku=told.sku, name=tidy(told.name, 200), option=tidy(told.option, 120),
            picture=told.picture, quantity=told.quantity, unit_price_micros=unit, regular_micros=regular,
            tax_rate_ppm=_rate(told.tax_rate, f"{place}.tax_rate"), total_minor=total, is_gift=told.is_gift,
        )  # fmt: skip

    def vouchers(self, told: list[shapes.VoucherIn], currency: str) -> list[VoucherSnapshot]:
        _refuse_twins([normal_code(one.code)[:40] for one in told], "vouchers[{}].code")
        return [
            VoucherSnapshot(one.code, one.name, self.amount(one.amount, currency, f"vouchers[{place}].amount"))
            for place, one in enumerate(told)
        ]

    def _totals(self, told: shapes.TotalsIn, currency: str, lines: Iterable[LineSnapshot]) -> Sums:
        products = _in_range(sum(line.total_minor for line in lines), "lines")
        named = {name: self.amount(getattr(told, name), currency, f"totals.{name}")
                 for name in ("discount", "shipping", "tax", "total")}  # fmt: skip
        if told.products is not None:
            products = self.amount(told.products, currency, "totals.products")
        return Sums(products_minor=products, **{f"{name}_minor": value for name, value in named.items()})

    def reckon(self, lines: list[LineSnapshot], vouchers: list[VoucherSnapshot], with_tax: bool) -> Sums:
        """What a cart comes to as far as its lines tell: without shipping, the tax cut by the share of the discount."""
        products = _in_range(sum(line.total_minor for line in lines), "lines")
        discount = min(products, sum(voucher.amount_minor for voucher in vouchers))
        divide = money.divider(money.Rounding(self.shop.rounding))
        tax = sum(
            divide(line.total_minor * line.tax_rate_ppm, WHOLE_PPM + with_tax * line.tax_rate_ppm) for line in lines
        )
        tax = divide(tax * (products - discount), products) if products else 0
        total = products - discount + (0 if with_tax else tax)
        return Sums(products_minor=products, discount_minor=discount, tax_minor=tax, total_minor=total)

    # -- numbers, times, words -------------------------------------------------------------------

    def amount(self, told: Money, currency: str, place: str) -> int:
        """Minor units; what a text has beyond them is rounded as the shop rounds."""
        minor = self._rounded(_micros(told, place), currency) if isinstance(told, str) else told
        return _in_range(minor, place)

    def _rounded(self, micros: int, currency: str) -> int:
        return money.to_minor(micros, currency, money.Rounding(self.shop.rounding))

    def _time(self, told: datetime, place: str) -> datetime:
        if told > self.now + AHEAD:
            raise WrongFact("time_in_future", place)
        if told < EARLIEST:
            raise WrongFact("time_out_of_range", place)
        return told.astimezone(UTC)

    def _version(self, told: shapes.CustomerIn | shapes.ProductIn | shapes.CartIn | shapes.OrderIn) -> int:
        """The sender's number, else the time of the last change in microseconds."""
        updated = self._time(told.updated_at, "updated_at") if told.updated_at else None
        if told.version is not None:
            return told.version
        if updated is None:
            raise WrongFact("missing_version", "version")
        return (updated - _EPOCH) // timedelta(microseconds=1)

    def _texts(self, told: str | Mapping[str, str], most: int) -> dict[str, str]:
        """Texts by language; one without a language is in the shop's own."""
        by_language = {self.shop.language: told} if isinstance(told, str) else told
        cut = {_language(language): tidy(text, most) for language, text in by_language.items()}
        return {language: text for language, text in cut.items() if language and text}


def price(told: Money, currency: str, place: str) -> int:
    """Micros of a price for one piece."""
    micros = _micros(told, place) if isinstance(told, str) else told * money.minor_micros(currency)
    return _in_range(micros, place)


def _micros(told: str, place: str) -> int:
    try:
        return money.parse_decimal_to_micros(told)
    except ValueError:
        raise WrongFact("bad_price", place, told=told[:40]) from None


def _in_range(number: int, place: str) -> int:
    if not 0 <= number <= LARGEST:
        raise WrongFact("price_out_of_range", place, most=LARGEST)
    return number


def _rate(told: str, place: str) -> int:
    """Parts in a million of a rate in percent."""
    try:
        millionths = money.parse_decimal_to_micros(told)
    except ValueError:
        millionths = -1
    if not 0 <= millionths <= 100 * money.MICROS:
        raise WrongFact("bad_tax_rate", place, told=told)
    return millionths // 100


def _known(currency: str, place: str) -> str:
    if not money.is_known(currency):
        raise WrongFact("unknown_currency", place, told=currency)
    return currency


def _language(told: str) -> str:
    """One of ours, or none: texts in others are shown in the shop's."""
    return told[:2] if told[:2] in LANGUAGES else ""


def _refuse_twins(names: list[str], place: str) -> None:
    seen: set[str] = set()
    for number, name in enumerate(names):
        if name in seen:
            raise WrongFact("repeated", place.format(number), told=name)
        seen.add(name)
