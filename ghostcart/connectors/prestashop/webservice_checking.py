"""The first look at a PrestaShop through its web service: what the key may read, and what that means."""

from django.utils.translation import gettext as _

from ghostcart.connectors import errors
from ghostcart.connectors.prestashop import webservice_basics
from ghostcart.connectors.prestashop.basics import Basics
from ghostcart.connectors.prestashop.checking import Found, FoundShop
from ghostcart.connectors.prestashop.webservice import Webservice, number
from ghostcart.connectors.prestashop.webservice_basics import NEEDED, USEFUL, Source, text, whole

TELLS = {
    "configurations": "no_configuration",
    "order_details": "no_order_lines",
    "order_histories": "no_order_history",
    "order_slip": "no_refunds",
    "specific_prices": "no_reductions",
    "tax_rules": "no_taxes",
    "taxes": "no_taxes",
    "addresses": "no_taxes",
    "countries": "no_taxes",
    "order_cart_rules": "no_vouchers",
    "cart_rules": "no_vouchers",
    "combinations": "no_variants",
    "stock_availables": "no_stock",
    "groups": "no_groups",
    "carriers": "no_carriers",
}
"""What is not known without the right to read a resource: see `sentence` and `checking.sentence`."""


def check(webservice: Webservice, shop: int = 1, time_zone: str = "") -> Found:
    """Look at the key's rights, languages and currencies. Raises ShopTrouble if nobody answers."""
    rights = webservice.rights()
    may = frozenset(name for name, methods in rights.items() if "get" in methods)
    missing = [errors.MissingKeyRight(resource=name).note for name in NEEDED if name not in may]
    notes = list(dict.fromkeys(TELLS[name] for name in USEFUL if name in TELLS and name not in may))
    notes += ["no_visits", "no_cart_vouchers"]
    if missing:
        return Found(webservice.place, "", missing=missing, notes=notes)
    source = Source(webservice, shop, may)
    basics = webservice_basics.read(source, time_zone)
    if not is_zone_known(basics):
        notes.append("no_time_zone")
    rows = [row for row in source.all("shops") if text(row, "deleted") != "1"]
    told = [(number(row), text(row, "name"), whole(row, "id_shop_group") or 1) for row in rows] or [(shop, "", 1)]
    offered = _offered(source, "languages"), _offered(source, "currencies")
    shops = [_shop(basics, *one, *offered) for one in told]
    return Found(webservice.place, "", version=basics.settings.text("PS_VERSION_DB"), shops=shops, notes=notes)


def is_zone_known(basics: Basics) -> bool:
    return basics.settings.zone_name != "UTC" or basics.settings.text("PS_TIMEZONE") == "UTC"


def _offered(source: Source, resource: str) -> set[int]:
    """Those that are on."""
    rows = source.all(resource)
    return {number(row) for row in rows if text(row, "active") != "0" and text(row, "deleted") != "1"}


def _shop(
    basics: Basics, shop: int, name: str, group: int, languages_on: set[int], currencies_on: set[int]
) -> FoundShop:
    """As far as the one shop that was asked for tells of all: its languages and currencies are mostly theirs too."""
    languages = [basics.language(basics.main_language)]
    languages += [code for one, code in basics.languages.items() if one in languages_on and code not in languages]
    currencies = [basics.main_code]
    currencies += [one.code for key, one in basics.currencies.items() if key in currencies_on]
    return FoundShop(
        number=shop,
        name=name or basics.settings.text("PS_SHOP_NAME"),
        group=group,
        address=basics.address,
        time_zone=basics.settings.zone_name if is_zone_known(basics) else "",
        language=languages[0],
        languages=languages,
        currency=currencies[0],
        currencies=list(dict.fromkeys(currencies)),
        country=basics.countries.get(basics.home_country, ""),
    )


def sentence(note: str) -> str:
    """A note that only this way in has, in the active language; "" for the others."""
    return {
        "no_cart_vouchers": _("The web service does not tell which vouchers are in a cart: totals are without them."),
        "no_order_lines": _("The key may not read order_details: totals of order lines are reckoned."),
    }.get(note, "")
