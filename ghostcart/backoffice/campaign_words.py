"""What the pages of campaigns say: kinds, delays, vouchers, and whom a campaign is for, in sentences."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from babel.dates import format_date
from babel.units import format_unit
from django.utils.functional import Promise
from django.utils.translation import get_language, gettext, pgettext
from django.utils.translation import gettext_lazy as _

from ghostcart.backoffice.campaign_forms import UNITS, language_name, references
from ghostcart.backoffice.forms import countries
from ghostcart.catalog.models import Category
from ghostcart.lib import money
from ghostcart.lib.template_tags import cldr, language, number, percent
from ghostcart.recovery.kinds import TRAITS
from ghostcart.recovery.models import Campaign, CampaignState, Kind, Step, VoucherKind
from ghostcart.shops.models import Shop

MET = _("%(delay)s after the campaign met them")


@dataclass(frozen=True)
class KindWords:
    """`after`: when a step goes out that does not wait for the one before."""

    icon: str
    about: str | Promise
    after: str | Promise = MET


KINDS: Mapping[str, KindWords] = {
    Kind.ABANDONED: KindWords(
        "ghost",
        _("Writes to people who left products in their cart, and brings the cart back with one click."),
        _("%(delay)s after the last activity in the cart"),
    ),
    Kind.THANKS: KindWords(
        "heart",
        _("Says thank you some days after an order, with a reason to come back."),
        _("%(delay)s after the order"),
    ),
    Kind.BEST: KindWords("star", _("Writes to those who spent more than an amount within a period.")),
    Kind.LAPSED: KindWords("hourglass", _("Writes to those who have not ordered for a number of days.")),
    Kind.MANUAL: KindWords(
        "hand-click", _("Does nothing by itself: staff send it from the page of a cart or of a customer.")
    ),
}

STATE_LOOKS = {
    CampaignState.DRAFT: ("", "edit"),
    CampaignState.RUNNING: ("tag-good", "player-play"),
    CampaignState.PAUSED: ("tag-warn", "player-pause"),
    CampaignState.ENDED: ("", "check"),
}

PAUSED_FOR = {
    "staff": _("Paused by staff."),
    "unusual_size": _("It stopped by itself: it met far more people at once than usual."),
    "clock": _("It waits: the clock of this computer has leapt. It goes on by itself when the clock is right again."),
    "complaints": _("It stopped by itself: too many people reported its mails as spam."),
}


def kinds() -> list[tuple[str, str, KindWords]]:
    """(value, name, words) of each kind, for choosing one."""
    return [(kind.value, str(kind.label), KINDS[kind]) for kind in Kind]


# -- steps --------------------------------------------------------------------------------------------


def duration(minutes: int) -> str:
    """A delay in its largest whole unit: 90 is "90 minutes", 120 "2 hours"."""
    unit = next((unit for unit, size in UNITS.items() if minutes and minutes % size == 0), "minutes")
    return str(format_unit(minutes // UNITS[unit], f"duration-{unit.removesuffix('s')}", locale=cldr(language())))


def goes_out(step: Step, kind: str) -> str:
    """When a step goes out, as a sentence."""
    if TRAITS[kind].is_by_hand and step.delay_minutes == 0:
        return gettext("At once")
    values = {"delay": duration(step.delay_minutes)}
    if step.since == Step.Since.PREVIOUS:
        return gettext("%(delay)s after the step before") % values
    return str(KINDS[kind].after) % values


def voucher(step: Step) -> str:
    """The voucher of a step; empty if it brings none."""
    if step.voucher == VoucherKind.PERCENT:
        return gettext("Voucher of %(percent)s") % {
            "percent": percent(step.percent_bp / 10_000, int(step.percent_bp % 100 > 0))
        }
    if step.voucher == VoucherKind.AMOUNT:
        return gettext("Voucher of %(amount)s") % {"amount": amounts(step.amounts_minor)}
    return gettext("Voucher for free shipping") if step.voucher == VoucherKind.FREE_SHIPPING else ""


def amounts(sums: Mapping[str, int]) -> str:
    return " / ".join(money.format_minor(minor, currency, language()) for currency, minor in sums.items())


def missing(step: Step, shop: Shop) -> list[str]:
    """The languages of the shop that a step has no text in, by name."""
    return [language_name(one) for one in shop.languages if not (step.texts.get(one) or {}).get("body", "").strip()]


# -- whom it is for -----------------------------------------------------------------------------------


def audience(campaign: Campaign) -> list[str]:
    """Whom a campaign is for, a sentence for each condition; empty: everybody who may be written to."""
    wanted, shop = campaign.audience, campaign.shop
    said = [*_who(wanted), *_cart(wanted, shop)]
    return [one for one in said if one]


def _list(values: Sequence[str]) -> str:
    return ", ".join(values)


def _who(wanted: Mapping[str, Any]) -> list[str]:
    names = dict(countries((get_language() or "en")[:2]))
    said = []
    if languages := wanted.get("languages"):
        said.append(gettext("Language: %(list)s") % {"list": _list([language_name(one) for one in languages])})
    if codes := wanted.get("countries"):
        said.append(gettext("Country: %(list)s") % {"list": _list([names.get(one, one) for one in codes])})
    if groups := wanted.get("groups"):
        said.append(gettext("Customer groups: %(list)s") % {"list": _list(groups)})
    said.append(
        {"new": gettext("Only who never ordered"), "returning": gettext("Only who ordered before")}.get(
            wanted.get("buyers", ""), ""
        )
    )
    said.append(_range(wanted.get("orders_min"), wanted.get("orders_max"), pgettext("range", "Orders")))
    said.append(
        {"yes": gettext("Only who takes the newsletter"), "no": gettext("Only who does not take the newsletter")}.get(
            wanted.get("newsletter", ""), ""
        )
    )
    return said


def _cart(wanted: Mapping[str, Any], shop: Shop) -> list[str]:
    said = []
    if codes := wanted.get("currencies"):
        said.append(gettext("Currency: %(list)s") % {"list": _list(codes)})
    least, most = wanted.get("value_min_minor") or {}, wanted.get("value_max_minor") or {}
    if least:
        said.append(gettext("Cart of at least %(amount)s") % {"amount": amounts(least)})
    if most:
        said.append(gettext("Cart of at most %(amount)s") % {"amount": amounts(most)})
    said.append(_range(wanted.get("items_min"), wanted.get("items_max"), pgettext("range", "Items")))
    for name, sentence in (
        ("product_ids_in", gettext("With one of the products %(list)s")),
        ("product_ids_out", gettext("With none of the products %(list)s")),
    ):
        if numbers := wanted.get(name):
            said.append(sentence % {"list": _list(references(shop, numbers)) or "–"})
    for name, sentence in (
        ("category_ids_in", gettext("With a product of %(list)s")),
        ("category_ids_out", gettext("With no product of %(list)s")),
    ):
        if numbers := wanted.get(name):
            found = Category.objects.filter(shop=shop, pk__in=numbers)
            said.append(sentence % {"list": _list([one.name(language()) for one in found]) or "–"})
    return said


def _range(least: int | None, most: int | None, what: str) -> str:
    if least is None and most is None:
        return ""
    if most is None:
        return gettext("%(what)s: at least %(number)s") % {"what": what, "number": number(least or 0)}
    if least is None:
        return gettext("%(what)s: at most %(number)s") % {"what": what, "number": number(most)}
    return gettext("%(what)s: from %(least)s to %(most)s") % {
        "what": what,
        "least": number(least),
        "most": number(most),
    }


def day_name(day: date) -> str:
    return format_date(day, "medium", locale=cldr(language()))
