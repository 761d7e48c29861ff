"""What every cart of a shop needs to be understood, as its web service tells it.

What the key may not read is left at what a new shop is set to.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ghostcart.connectors import errors
from ghostcart.connectors.prestashop.basics import Basics, Currency, Group, TaxRule, clean, meanings, micros
from ghostcart.connectors.prestashop.configuration import Configuration
from ghostcart.connectors.prestashop.moments import LocalTimes
from ghostcart.connectors.prestashop.webservice import Row, Webservice, number
from ghostcart.lib.money import MICROS

NEEDED = ("carts", "customers", "orders", "products", "languages", "currencies")
"""Without the right to GET these nothing can be read."""
USEFUL = (
    "addresses", "carriers", "cart_rules", "combinations", "configurations", "countries", "customizations", "groups",
    "order_cart_rules", "order_details", "order_histories", "order_slip", "order_states",
    "product_option_values", "product_options", "shop_groups", "shop_urls", "shops", "specific_prices",
    "stock_availables", "tax_rules", "taxes",
)  # fmt: skip
"""Without these something is not known, or is taken for what a new shop has."""


@dataclass
class Source:
    """A web service with what its key may read, for one shop of the installation."""

    webservice: Webservice
    shop: int
    may: frozenset[str] = field(default_factory=frozenset)
    shares_customers: bool = False

    @classmethod
    def of(cls, webservice: Webservice, shop: int) -> "Source":
        """Raises ShopTrouble: MissingKeyRight without the rights that are needed."""
        rights = webservice.rights()
        may = frozenset(name for name, methods in rights.items() if "get" in methods)
        for name in NEEDED:
            if name not in may:
                raise errors.MissingKeyRight(resource=name)
        return cls(webservice, shop, may)

    def all(self, resource: str) -> list[Row]:
        """All rows of a small resource; none if the key may not read it."""
        if resource not in self.may:
            return []
        return [row for rows in self.webservice.all(resource, id_shop=str(self.shop)) for row in rows]

    def where(self, resource: str, column: str, numbers: list[int]) -> list[Row]:
        """The rows in which a column is one of these numbers; none if the key may not read them."""
        if resource not in self.may or not numbers:
            return []
        return self.webservice.some(resource, sorted(numbers), column, id_shop=str(self.shop))


def whole(row: Row, name: str) -> int:
    """A number of a row; 0 for what is none."""
    try:
        return int(float(row.get(name) or 0))
    except (TypeError, ValueError, OverflowError):
        return 0


def text(row: Row, name: str) -> str:
    value = row.get(name)
    return clean(value) if isinstance(value, str) else ""


def names(row: Row, name: str, main: int) -> dict[int, str]:
    """A text in several languages, by the language's number; a shop with one language tells just the text."""
    value = row.get(name)
    if isinstance(value, str):
        return {main: clean(value)} if value else {}
    if not isinstance(value, Mapping):
        return {}
    return {int(language): clean(one) for language, one in value.items() if str(language).isdigit() and one}


def read(source: Source, time_zone: str = "") -> Basics:
    settings = _settings(source, time_zone)
    groups = {number(row): row for row in source.all("shop_groups")}
    source.shares_customers = whole(groups.get(settings.group_id, {}), "share_customer") == 1
    languages = [row for row in source.all("languages") if number(row)]
    wanted = settings.number("PS_LANG_DEFAULT")
    offered = [number(row) for row in languages if text(row, "active") != "0"] or [number(row) for row in languages]
    main_language = wanted if wanted in offered else min(offered, default=0)
    currencies, main_currency = _currencies(source, settings)
    tax_rules, rates = _taxes(source)
    priorities = settings.text("PS_SPECIFIC_PRICE_PRIORITIES", "id_shop;id_currency;id_country;id_group")
    return Basics(
        settings=settings,
        times=LocalTimes(settings.zone),
        languages={number(row): _code(row) for row in languages},
        currencies=currencies,
        groups={number(row): _group(row, main_language) for row in source.all("groups")},
        carriers={number(row): _carrier(row, settings) for row in source.all("carriers")},
        statuses=_statuses(source, settings),
        countries={number(row): text(row, "iso_code")[:2].upper() for row in source.all("countries")},
        tax_rules=tax_rules,
        rates=rates,
        address=_address(source, settings),
        main_language=main_language,
        main_currency=main_currency,
        has_cart_prices=_has_prices(source, "id_cart"),
        has_customer_prices=_has_prices(source, "id_customer"),
        priorities=("id_customer", *priorities.split(";")),
    )


def _has_prices(source: Source, column: str) -> bool:
    """Whether there are special prices for single carts or customers at all."""
    if "specific_prices" not in source.may:
        return False
    asked = {f"filter[{column}]": ">[0]", "limit": "0,1", "id_shop": str(source.shop)}
    return bool(source.webservice.rows("specific_prices", **asked))


def _settings(source: Source, time_zone: str) -> Configuration:
    """Everybody's settings, then the group's, then the shop's own."""
    values: dict[str, str] = {}
    rows = [row for row in source.all("configurations") if text(row, "name").startswith("PS_")]
    group = next((whole(row, "id_shop_group") for row in source.all("shops") if number(row) == source.shop), 1)
    for row in sorted(rows, key=lambda row: (whole(row, "id_shop") > 0, whole(row, "id_shop_group") > 0)):
        shop, of_group = whole(row, "id_shop"), whole(row, "id_shop_group")
        if shop in (0, source.shop) and (shop or of_group in (0, group)) and "PASSWD" not in text(row, "name"):
            values[text(row, "name")] = text(row, "value")
    return Configuration(source.shop, group, values, {}, time_zone)


def _code(row: Row) -> str:
    return (text(row, "language_code").split("-")[0] or text(row, "iso_code")).lower()[:5]


def _currencies(source: Source, settings: Configuration) -> tuple[dict[int, Currency], int]:
    rows = [row for row in source.all("currencies") if len(text(row, "iso_code")) == 3]
    found = {
        number(row): Currency(text(row, "iso_code").upper(), micros(text(row, "conversion_rate")) or MICROS)
        for row in rows
    }
    wanted = settings.number("PS_CURRENCY_DEFAULT")
    usable = [row for row in rows if text(row, "deleted") != "1" and text(row, "active") != "0"] or rows
    order = sorted(
        (number(row) != wanted, micros(text(row, "conversion_rate")) != MICROS, number(row)) for row in usable
    )
    return found, order[0][2] if order else 0


def _group(row: Row, language: int) -> Group:
    name = names(row, "name", language).get(language, "")
    return Group(micros(text(row, "reduction")) // 100, whole(row, "price_display_method") == 0, name)


def _carrier(row: Row, settings: Configuration) -> str:
    name = text(row, "name")
    return settings.text("PS_SHOP_NAME") if name == "0" else name


def _statuses(source: Source, settings: Configuration) -> dict[int, str]:
    """What each order state means to us; of a shop that does not tell, what they are when it is set up."""
    rows = source.all("order_states")
    paid = {number(row): bool(whole(row, "paid") or whole(row, "logable")) for row in rows}
    return meanings(settings, paid or {state: state in (2, 3, 4, 5, 9, 11) for state in range(1, 15)})


def _taxes(source: Source) -> tuple[dict[tuple[int, int], list[TaxRule]], tuple[int, ...]]:
    taxes = source.all("taxes")
    rates = {number(row): micros(text(row, "rate")) // 100 for row in taxes}
    active = {number(row) for row in taxes if text(row, "active") != "0" and text(row, "deleted") != "1"}
    found: dict[tuple[int, int], list[TaxRule]] = {}
    for row in source.all("tax_rules"):
        tax = whole(row, "id_tax")
        if tax not in active:
            continue
        has_zip = any(text(row, name).strip("0") for name in ("zipcode_from", "zipcode_to"))
        rule = TaxRule(whole(row, "id_state"), has_zip, rates[tax], whole(row, "behavior"))
        found.setdefault((whole(row, "id_tax_rules_group"), whole(row, "id_country")), []).append(rule)
    return found, tuple(sorted(set(rates.values())))


def _address(source: Source, settings: Configuration) -> str:
    """The shop's own address, with its closing slash: as it tells it, else above the web service's own."""
    ours = [row for row in source.all("shop_urls") if whole(row, "id_shop") == source.shop and whole(row, "active")]
    if not ours:
        return source.webservice.base.removesuffix("api")
    row = min(ours, key=lambda row: (-whole(row, "main"), number(row)))
    return settings.address(*(text(row, name) for name in ("domain", "domain_ssl", "physical_uri", "virtual_uri")))
