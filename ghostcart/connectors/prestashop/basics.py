"""What every cart of a shop needs to be understood: languages, currencies, groups, countries, taxes, states, carriers.

Small tables, read whole, and again after a minute.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property, lru_cache
from typing import Any

from ghostcart.connectors.prestashop import checking
from ghostcart.connectors.prestashop.configuration import Configuration
from ghostcart.connectors.prestashop.database import Database
from ghostcart.connectors.prestashop.moments import LocalTimes
from ghostcart.lib.money import MICROS, Rounding, to_minor
from ghostcart.orders.models import OrderStatus

WHOLE_PPM = 1_000_000
MOST_TAX_RULES = 200_000
_ROUNDINGS = dict(
    enumerate((Rounding.UP, Rounding.DOWN, Rounding.HALF_UP, Rounding.HALF_DOWN, Rounding.HALF_EVEN, Rounding.HALF_ODD))
)
_ROUNDING_TYPES = {1: "item", 2: "line", 3: "total"}


@lru_cache(maxsize=100_000)
def micros(text: str | None) -> int:
    """A decimal as the database writes it, in millionths; what has more decimals is cut. 0 for what is no number."""
    if not text:
        return 0
    whole, _point, rest = text.partition(".")
    try:
        number = abs(int(whole or 0)) * MICROS + int(rest[:6].ljust(6, "0") or 0)
    except ValueError:
        return _micros_of_any(text)
    return -number if text.startswith("-") else number


def _micros_of_any(text: str) -> int:
    """Web services tell what modules of a shop made of a number, such as "1.0E-5"."""
    try:
        told = Decimal(text)
    except ArithmeticError:
        return 0
    return int(told * MICROS) if told.is_finite() and told.adjusted() < 18 else 0


def clean(text: str | None) -> str:
    """A text without what no database of ours holds."""
    return (text or "").replace("\x00", "")


@dataclass(frozen=True, slots=True)
class Currency:
    code: str
    rate_micros: int
    """Units of it for one unit of the shop's own currency."""


@dataclass(frozen=True, slots=True)
class Group:
    reduction_ppm: int
    shows_tax: bool
    name: str = ""


@dataclass(frozen=True, slots=True)
class TaxRule:
    state: int
    has_zip: bool
    rate_ppm: int
    behavior: int


@dataclass
class Basics:
    settings: Configuration
    times: LocalTimes
    languages: Mapping[int, str]
    currencies: Mapping[int, Currency]
    groups: Mapping[int, Group]
    carriers: Mapping[int, str]
    statuses: Mapping[int, str]
    countries: Mapping[int, str]
    tax_rules: Mapping[tuple[int, int], list[TaxRule]]
    rates: tuple[int, ...]
    """All tax rates there are, in ppm."""
    address: str = ""
    main_language: int = 0
    main_currency: int = 0
    has_cart_prices: bool = False
    has_customer_prices: bool = False
    priorities: tuple[str, ...] = ()
    _found_rates: dict[tuple[int, int, int], int] = field(default_factory=dict)
    _near: dict[tuple[int, int], int] = field(default_factory=dict)

    @classmethod
    def read(cls, database: Database, settings: Configuration) -> "Basics":
        main_languages = checking.languages_of(database, settings)
        currencies = _currencies(database, settings)
        main_currency = next(iter(checking.currencies_of(database, settings)), 0)
        tax_rules, rates = _taxes(database, settings)
        has_prices = settings.has("specific_price")
        any_of = "SELECT 1 FROM {p}specific_price WHERE %s > 0 LIMIT 1"
        priorities = settings.text("PS_SPECIFIC_PRICE_PRIORITIES", "id_shop;id_currency;id_country;id_group")
        return cls(
            settings=settings,
            times=LocalTimes(settings.zone),
            languages=_languages(database),
            currencies=currencies,
            groups=_groups(database, settings, next(iter(main_languages), 0)),
            carriers=_carriers(database, settings),
            statuses=_statuses(database, settings),
            countries=_countries(database, settings),
            tax_rules=tax_rules,
            rates=rates,
            address=checking.address_of(database, settings),
            main_language=next(iter(main_languages), 0),
            main_currency=main_currency,
            has_cart_prices=has_prices and database.value(any_of % "id_cart") is not None,
            has_customer_prices=has_prices and database.value(any_of % "id_customer") is not None,
            priorities=("id_customer", *priorities.split(";")),
        )

    @cached_property
    def main_code(self) -> str:
        return self.currencies[self.main_currency].code if self.main_currency in self.currencies else "EUR"

    @cached_property
    def rounding(self) -> Rounding:
        return _ROUNDINGS.get(self.settings.number("PS_PRICE_ROUND_MODE", 2), Rounding.HALF_UP)

    @cached_property
    def rounding_type(self) -> str:
        return _ROUNDING_TYPES.get(self.settings.number("PS_ROUND_TYPE", 1), "item")

    @cached_property
    def home_country(self) -> int:
        return self.settings.number("PS_COUNTRY_DEFAULT")

    def language(self, number: int) -> str:
        """The code of a language, also of one that is off; the shop's own for one that is gone."""
        return self.languages.get(number) or self.languages.get(self.main_language, "en")

    def currency(self, number: int) -> Currency:
        """A currency, also one that is off; the shop's own for one that is gone."""
        return self.currencies.get(number) or self.currencies.get(self.main_currency) or Currency("EUR", MICROS)

    def minor(self, amount_micros: int, currency: int) -> int:
        """An amount in the smallest units of a currency, rounded as the shop does it."""
        return to_minor(amount_micros, self.currency(currency).code, self.rounding)

    def group(self, number: int) -> Group:
        return self.groups.get(number) or _ANY_GROUP

    @cached_property
    def group_of_visitors(self) -> int:
        return self.settings.number("PS_UNIDENTIFIED_GROUP", 1)

    def tax_rate(self, rules_group: int, country: int, state: int) -> int:
        """What is paid on top of a price in a place, in ppm. Rules for single postcodes are left aside."""
        if not rules_group or not self.settings.has_taxes:
            return 0
        place = (rules_group, country or self.home_country, state)
        if place not in self._found_rates:
            self._found_rates[place] = self._rate(*place)
        return self._found_rates[place]

    def _rate(self, rules_group: int, country: int, state: int) -> int:
        rules = [
            one for one in self.tax_rules.get((rules_group, country), ()) if one.state in (0, state) and not one.has_zip
        ]
        rules.sort(key=lambda one: -one.state)
        rate = 0
        for rule in rules:
            if rule.behavior == 2:  # one after the other
                rate = rate + rule.rate_ppm + rate * rule.rate_ppm // WHOLE_PPM
            else:
                rate += rule.rate_ppm
            if rule.behavior == 0:
                break
        return rate

    def nearest_rate(self, excl_micros: int, incl_micros: int) -> int:
        """The tax rate between two prices: the known one that explains them, else what they say, to a tenth of 1 %."""
        if excl_micros <= 0 or incl_micros <= excl_micros:
            return 0
        known = self._near.get((excl_micros, incl_micros))
        if known is None:
            if len(self._near) > 100_000:
                self._near.clear()
            known = self._near[excl_micros, incl_micros] = self._nearest(excl_micros, incl_micros)
        return known

    def _nearest(self, excl_micros: int, incl_micros: int) -> int:
        told = (incl_micros - excl_micros) * WHOLE_PPM // excl_micros
        slack = max(500, 10_000 * WHOLE_PPM // excl_micros)  # a cent's rounding
        near = min(self.rates, key=lambda rate: abs(rate - told), default=0)
        return near if near and abs(near - told) <= slack else (told + 500) // 1000 * 1000


_ANY_GROUP = Group(0, True)


def _languages(database: Database) -> dict[int, str]:
    rows = database.tuples("SELECT id_lang, iso_code, language_code FROM {p}lang")
    return {number: (code.split("-")[0] or iso).lower()[:5] for number, iso, code in rows}


def _currencies(database: Database, settings: Configuration) -> dict[int, Currency]:
    rows = database.tuples("SELECT id_currency, iso_code, conversion_rate FROM {p}currency")
    ours: dict[int, str] = {}
    if settings.has("currency_shop"):
        sql = "SELECT id_currency, conversion_rate FROM {p}currency_shop WHERE id_shop = %s"
        ours = dict(database.tuples(sql, [settings.shop_id]))
    return {
        number: Currency(code.upper(), micros(ours.get(number, rate)) or MICROS)
        for number, code, rate in rows
        if len(code) == 3 and code.isalpha()
    }


def _groups(database: Database, settings: Configuration, language: int) -> dict[int, Group]:
    if not settings.has("group"):
        return {}
    names: dict[int, str] = {}
    if settings.has("group_lang"):
        names = dict(database.tuples("SELECT id_group, name FROM {p}group_lang WHERE id_lang = %s", [language]))
    rows = database.tuples("SELECT id_group, reduction, price_display_method FROM `{p}group`")
    return {
        number: Group(micros(reduction) // 100, method == 0, clean(names.get(number)))
        for number, reduction, method in rows
    }


def _carriers(database: Database, settings: Configuration) -> dict[int, str]:
    if not settings.has("carrier"):
        return {}
    shop = settings.text("PS_SHOP_NAME")
    rows = database.tuples("SELECT id_carrier, name FROM {p}carrier")
    return {number: shop if name == "0" else clean(name) for number, name in rows}


def _statuses(database: Database, settings: Configuration) -> dict[int, str]:
    rows = database.tuples("SELECT id_order_state, paid, logable FROM {p}order_state")
    return meanings(settings, {number: bool(paid or logable) for number, paid, logable in rows})


def meanings(settings: Configuration, is_paid: Mapping[int, bool]) -> dict[int, str]:
    """What each order state means to us; `is_paid` says in which the money is there, or as good as."""
    special = {
        settings.number("PS_OS_REFUND", 7): OrderStatus.REFUNDED,
        settings.number("PS_OS_CANCELED", 6): OrderStatus.CANCELLED,
        settings.number("PS_OS_ERROR", 8): OrderStatus.CANCELLED,
    }
    usual = {state: OrderStatus.PAID if paid else OrderStatus.PENDING for state, paid in is_paid.items()}
    return {state: special.get(state, status).value for state, status in usual.items()}


def _countries(database: Database, settings: Configuration) -> dict[int, str]:
    if not settings.has("country"):
        return {}
    return {number: code[:2].upper() for number, code in database.tuples("SELECT id_country, iso_code FROM {p}country")}


def _taxes(database: Database, settings: Configuration) -> tuple[dict[tuple[int, int], list[TaxRule]], tuple[int, ...]]:
    if not (settings.has("tax_rule") and settings.has("tax")):
        return {}, ()
    sql = """SELECT r.id_tax_rules_group, r.id_country, r.id_state, r.zipcode_from, r.zipcode_to, r.behavior, t.rate
             FROM {p}tax_rule r JOIN {p}tax t ON t.id_tax = r.id_tax
             WHERE t.active = 1 AND t.deleted = 0 ORDER BY r.id_tax_rule LIMIT %s"""
    found: dict[tuple[int, int], list[TaxRule]] = {}
    for group, country, state, first, last, behavior, rate in database.tuples(sql, [MOST_TAX_RULES]):
        has_zip = str(first or "0").strip("0") != "" or str(last or "0").strip("0") != ""
        rule = TaxRule(state, has_zip, micros(rate) // 100, behavior)
        found.setdefault((group, country), []).append(rule)
    rates = {micros(rate) // 100 for (rate,) in database.tuples("SELECT DISTINCT rate FROM {p}tax")}
    return found, tuple(sorted(rates))


def marks(values: Any) -> str:
    """As many `%s` as there are values, for IN (...)."""
    return ", ".join(["%s"] * len(values))


def listed(numbers: Iterable[int]) -> str:
    """Whole numbers for IN (...), written out."""
    return ", ".join(str(int(number)) for number in numbers) or "0"
