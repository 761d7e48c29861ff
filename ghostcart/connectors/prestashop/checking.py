"""The first look at a PrestaShop: what is there, what is missing, and what that means. Changes nothing."""

from dataclasses import asdict, dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from ghostcart.connectors import errors
from ghostcart.connectors.prestashop import configuration
from ghostcart.connectors.prestashop.configuration import Columns, Configuration
from ghostcart.connectors.prestashop.database import Database

NEEDED = (
    "shop", "lang", "currency", "cart", "cart_product", "customer", "orders", "order_detail", "order_state", "product",
    "product_shop", "product_lang",
)  # fmt: skip
"""Without these nothing can be read."""
USEFUL = {
    "configuration": "no_configuration",
    "connections": "no_visits",
    "order_history": "no_order_history",
    "order_slip": "no_refunds",
    "specific_price": "no_reductions",
    "tax_rule": "no_taxes",
    "tax": "no_taxes",
    "address": "no_taxes",
    "country": "no_taxes",
    "cart_cart_rule": "no_vouchers",
    "cart_rule": "no_vouchers",
    "product_attribute": "no_variants",
    "product_attribute_shop": "no_variants",
    "image_shop": "no_pictures",
    "shop_url": "no_addresses",
    "stock_available": "no_stock",
    "group": "no_groups",
    "carrier": "no_carriers",
}
"""Without these something is not known: the note says what."""


@dataclass(frozen=True)
class FoundShop:
    """One shop of the installation."""

    number: int
    name: str
    group: int
    is_active: bool = True
    address: str = ""
    time_zone: str = ""
    language: str = ""
    languages: list[str] = field(default_factory=list)
    currency: str = ""
    currencies: list[str] = field(default_factory=list)
    country: str = ""
    carts: int = 0
    orders: int = 0


@dataclass(frozen=True)
class Found:
    """What a check saw. `missing`: troubles that stop us, as notes (`errors.explain`); `notes`: codes of `sentence`."""

    place: str
    prefix: str
    server: str = ""
    version: str = ""
    shops: list[FoundShop] = field(default_factory=list)
    customers: int = 0
    products: int = 0
    missing: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def is_fit(self) -> bool:
        return not self.missing and bool(self.shops)

    def shop(self, number: int | None) -> FoundShop:
        """The shop of this number, or the first one. Raises NoSuchShop."""
        for one in self.shops:
            if number is None or one.number == number:
                return one
        raise errors.NoSuchShop(number=number or 0)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def check(database: Database, time_zone: str = "") -> Found:
    """Look at the version, rights, time zone, shops, languages and currencies. Raises ShopTrouble if nobody answers."""
    seen = configuration.columns(database)
    missing, notes = _rights(database, seen)
    about: dict[str, Any] = {
        "place": database.place,
        "prefix": database.prefix,
        "server": str(database.value("SELECT VERSION()")),
    }
    if missing:
        return Found(**about, missing=missing, notes=notes)
    shops = [_shop(database, seen, row, time_zone) for row in _shop_rows(database)]
    if not any(one.time_zone for one in shops):
        notes.append("no_time_zone")
    return Found(
        **about,
        version=_version(database, seen),
        shops=shops,
        customers=_about(database, "customer"),
        products=_about(database, "product"),
        notes=notes,
    )


def _rights(database: Database, seen: Columns) -> tuple[list[str], list[str]]:
    missing, notes = [], []
    for table in (*NEEDED, *USEFUL):
        trouble = _look_at(database, table) if table not in seen else None
        if trouble is None:
            continue
        if table in NEEDED:
            missing.append(trouble.note)
        elif USEFUL[table] not in notes:
            notes.append(USEFUL[table])
    return missing, notes


def _look_at(database: Database, table: str) -> errors.ShopTrouble | None:
    try:
        database.rows(f"SELECT 1 FROM `{{p}}{table}` LIMIT 0")
    except (errors.MissingRight, errors.NotAPrestaShop) as trouble:
        return type(trouble)(table=database.table(table))
    return None


def _shop_rows(database: Database) -> list[dict[str, Any]]:
    return database.rows("SELECT id_shop, id_shop_group, name, active FROM {p}shop WHERE deleted = 0 ORDER BY id_shop")


def _shop(database: Database, seen: Columns, row: dict[str, Any], time_zone: str) -> FoundShop:
    number = int(row["id_shop"])
    settings = Configuration.read(database, number, time_zone, seen)
    languages = languages_of(database, settings)
    currencies = currencies_of(database, settings)
    counted = "SELECT COUNT(*) FROM {p}%s WHERE id_shop = %d"
    return FoundShop(
        number=number,
        name=str(row["name"]),
        group=int(row["id_shop_group"]),
        is_active=bool(row["active"]),
        address=address_of(database, settings),
        time_zone=settings.zone_name if settings.zone_name != "UTC" or settings.text("PS_TIMEZONE") == "UTC" else "",
        language=next(iter(languages.values()), "en"),
        languages=list(dict.fromkeys(languages.values())),
        currency=next(iter(currencies.values()), "EUR"),
        currencies=list(dict.fromkeys(currencies.values())),
        country=country_of(database, settings),
        carts=int(database.value(counted % ("cart", number)) or 0),
        orders=int(database.value(counted % ("orders", number)) or 0),
    )


def languages_of(database: Database, settings: Configuration) -> dict[int, str]:
    """Language codes of a shop by number, its default first."""
    main = settings.number("PS_LANG_DEFAULT")
    rows = database.tuples("SELECT id_lang, iso_code FROM {p}lang WHERE active = 1 ORDER BY id_lang")
    if settings.has("lang_shop"):
        ours = database.tuples("SELECT id_lang FROM {p}lang_shop WHERE id_shop = %s", [settings.shop_id])
        offered = {row[0] for row in ours}
        rows = [row for row in rows if row[0] in offered] or rows
    return {number: code.lower() for number, code in sorted(rows, key=lambda row: (row[0] != main, row[0]))}


def currencies_of(database: Database, settings: Configuration) -> dict[int, str]:
    """Currency codes of a shop by number, its default first."""
    main = settings.number("PS_CURRENCY_DEFAULT")
    rows = database.tuples(
        "SELECT id_currency, iso_code, conversion_rate FROM {p}currency WHERE deleted = 0 AND active = 1"
    )
    if settings.has("currency_shop"):
        ours = database.tuples("SELECT id_currency FROM {p}currency_shop WHERE id_shop = %s", [settings.shop_id])
        offered = {row[0] for row in ours}
        rows = [row for row in rows if row[0] in offered] or rows
    in_turn = sorted(rows, key=lambda row: (row[0] != main, float(row[2]) != 1, row[0]))
    return {number: code.upper() for number, code, _rate in in_turn}


def country_of(database: Database, settings: Configuration) -> str:
    number = settings.number("PS_COUNTRY_DEFAULT")
    if not number or not settings.has("country"):
        return ""
    return str(database.value("SELECT iso_code FROM {p}country WHERE id_country = %s", [number]) or "").upper()[:2]


def address_of(database: Database, settings: Configuration) -> str:
    """The shop's own address, with its closing slash; empty if it is not known."""
    if not settings.has("shop_url"):
        return ""
    rows = database.tuples(
        """SELECT domain, domain_ssl, physical_uri, virtual_uri FROM {p}shop_url
           WHERE id_shop = %s AND active = 1 ORDER BY main DESC, id_shop_url LIMIT 1""",
        [settings.shop_id],
    )
    return next((settings.address(*row) for row in rows), "")


def _version(database: Database, seen: Columns) -> str:
    """As the shop says it; else what its tables tell."""
    if "configuration" in seen:
        told = database.value(
            "SELECT value FROM {p}configuration WHERE name = 'PS_VERSION_DB' ORDER BY id_configuration"
        )
        if told:
            return str(told)
    if "id_cart_rule_type" in seen.get("cart_rule", ()):
        return "9.1"
    if "product_type" in seen["product"]:
        return "8"
    return "1.7" if "id_customization" in seen["cart_product"] else "1.6"


def _about(database: Database, table: str) -> int:
    return int(database.value(f"SELECT COUNT(*) FROM {{p}}{table}") or 0)


def sentence(note: str) -> str:
    """A note in the active language."""
    return {
        "no_configuration": _("The shop's settings (table configuration) cannot be read: defaults are taken."),
        "no_time_zone": _("The shop's time zone is not known: its times are taken for UTC. Name it, if it is another."),
        "no_visits": _("Visits (table connections) cannot be read: who is online is known from cart changes only."),
        "no_order_history": _("The history of orders cannot be read: a change of state is noticed later."),
        "no_refunds": _("Credit slips cannot be read: orders that were refunded in part count whole."),
        "no_reductions": _("Reduced prices cannot be read: estimated carts show the regular ones."),
        "no_taxes": _("Tax rules or addresses cannot be read: estimated carts are shown without tax."),
        "no_vouchers": _("Vouchers on carts cannot be read."),
        "no_variants": _("Combinations cannot be read: all products are shown without their variants."),
        "no_pictures": _("Pictures cannot be read."),
        "no_addresses": _("The shop's address cannot be read: there are no links and no pictures."),
        "no_stock": _("Stock cannot be read."),
        "no_groups": _("Customer groups cannot be read: prices are shown with tax, without group reductions."),
        "no_carriers": _("Carriers cannot be read."),
    }.get(note, note)
