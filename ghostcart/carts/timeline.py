"""The history of a cart for people: a sentence for each entry of the log, and the cart as it was after any of them."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from django.utils.functional import Promise
from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_lazy as _

from ghostcart.carts.kinds import EventKind
from ghostcart.lib.money import format_minor

_STEERING = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""Signs that turn the direction of a text: a name must not turn the sentence around it."""


class Told(Protocol):
    """What of a log entry matters here; `CartEvent` is one."""

    @property
    def kind(self) -> str: ...
    @property
    def actor(self) -> str: ...
    @property
    def data(self) -> dict[str, Any]: ...


# -- sentences ---------------------------------------------------------------------------------------

_SENTENCES: dict[str, str | Promise] = {
    "line_added": _("%(who)s added %(quantity)s × %(product)s. The cart now comes to %(total)s."),
    "more_added": _("%(who)s added %(more)s more of %(product)s, now %(quantity)s. The cart now comes to %(total)s."),
    "gift_added": _("%(product)s was added as a gift. The cart now comes to %(total)s."),
    "quantity_changed": _(
        "%(who)s changed the quantity of %(product)s from %(was)s to %(quantity)s. The cart now comes to %(total)s."
    ),
    "line_removed": _("%(who)s removed %(was)s × %(product)s. The cart now comes to %(total)s."),
    "gift_removed": _("The gift %(product)s was taken out. The cart now comes to %(total)s."),
    "customer_identified": _("The shopper said who they are: %(customer)s."),
    "voucher_applied": _("%(who)s used the voucher %(voucher)s. The cart now comes to %(total)s."),
    "voucher_removed": _("%(who)s took out the voucher %(voucher)s. The cart now comes to %(total)s."),
    "shipping_chosen": _("%(who)s chose the delivery “%(shipping)s”. The cart now comes to %(total)s."),
    "checkout_started": _("%(who)s started the checkout of %(total)s."),
    "ordered": _("%(who)s placed the order %(order)s over %(total)s."),
    "merged_into": _("The cart went into cart %(into)s when the shopper signed in."),
    "merged_ordered": _("What the cart held was ordered with cart %(into)s, into which a mailed link had brought it."),
    "merged_from": _("Cart %(from)s came in when the shopper signed in. The cart now comes to %(total)s."),
    "restored": _("%(who)s restored the cart. It comes to %(total)s."),
    "restored_from": _(
        "%(who)s brought back the products of cart %(from)s by a mailed link. The cart now comes to %(total)s."
    ),
    "deleted": _("%(who)s deleted the cart."),
}
_OTHER = _("Something happened to the cart.")


def sentence(event: Told, shopper: str = "", staff: Mapping[str, str] | None = None) -> str:
    """What happened, in the active language: who did what, and what the cart comes to now.

    `shopper` names the shopper, `staff` others by actor ("staff:7", "key:3"); whoever has no name is "a visitor",
    "a member of staff" or "a connected program".
    """
    data = event.data
    line = _part(data, "line")
    return str(_SENTENCES.get(_which(event.kind, line, data), _OTHER)) % {
        "who": _who(event.actor, shopper, staff or {}),
        "product": _product(line),
        "quantity": line.get("quantity", 0),
        "was": line.get("was", 0),
        "more": _whole(line.get("quantity")) - _whole(line.get("was")),
        "customer": _name(_part(data, "customer").get("label")),
        "voucher": _voucher(_part(data, "voucher")),
        "shipping": _name(_part(data, "shipping").get("name")),
        "order": _name(_part(data, "order").get("number")),
        "into": f"#{_whole(data.get('into'))}",
        "from": f"#{_whole(data.get('from'))}",
        "total": _total(data),
    }


def _which(kind: str, line: Mapping[str, Any], data: Mapping[str, Any]) -> str:
    if kind == EventKind.MERGED:
        if "into" in data:
            return "merged_ordered" if data.get("was_restored") else "merged_into"
        return "merged_from"
    if kind == EventKind.RESTORED and "from" in data:
        return "restored_from"
    if line.get("is_gift") and kind in (EventKind.LINE_ADDED, EventKind.LINE_REMOVED):
        return "gift_added" if kind == EventKind.LINE_ADDED else "gift_removed"
    if kind == EventKind.LINE_ADDED and _whole(line.get("was")):
        return "more_added"
    return str(kind)


def _who(actor: str, shopper: str, staff: Mapping[str, str]) -> str:
    name = shopper if actor == "shopper" else staff.get(actor, "")
    if name:
        return _name(name)
    if actor == "shopper":
        return gettext("A visitor")
    if actor.startswith("key:"):
        return gettext("A connected program")
    return gettext("A member of staff") if actor.startswith("staff:") else "Ghostcart"


def _product(line: Mapping[str, Any]) -> str:
    name, option = str(line.get("name") or line.get("sku") or "?"), str(line.get("option") or "")
    return _name(f"{name} ({option})" if option else name)


def _voucher(voucher: Mapping[str, Any]) -> str:
    return _name(voucher.get("code") or voucher.get("name"))


def _name(text: object) -> str:
    """Somebody's text inside our sentence, kept apart from it in its direction (U+2068 ... U+2069)."""
    return f"\u2068{_STEERING.sub('', str(text or '?'))}\u2069"


def _total(data: Mapping[str, Any]) -> str:
    return format_minor(_whole(data.get("total_minor")), str(data.get("currency") or ""), (get_language() or "en")[:2])


def _part(data: Mapping[str, Any], name: str) -> dict[str, Any]:
    part = data.get(name)
    return part if isinstance(part, dict) else {}


def _whole(number: object) -> int:
    return number if isinstance(number, int) else 0


# -- the cart as it was ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PastLine:
    """A line as it was: its price in micros."""

    key: str
    sku: str
    name: str
    option: str
    picture: str
    unit_price_micros: int
    quantity: int
    is_gift: bool


@dataclass(frozen=True, slots=True)
class Past:
    """A cart at one moment of its life. `total_minor` in minor units of `currency`."""

    lines: tuple[PastLine, ...] = ()
    vouchers: tuple[str, ...] = ()
    customer: str = ""
    order_number: str = ""
    merged_into: int | None = None
    is_deleted: bool = False
    total_minor: int = 0
    item_count: int = 0
    currency: str = ""


def fold(events: Iterable[Told]) -> Past:
    """The cart after these entries of its log, oldest first. Pure: the same entries give the same cart."""
    past = Past()
    for event in events:
        past = _after(past, event)
    return past


def _after(past: Past, event: Told) -> Past:
    data = event.data
    past = replace(
        past,
        lines=_lines_after(past.lines, data),
        vouchers=_vouchers_after(past.vouchers, event),
        customer=str(_part(data, "customer").get("label") or past.customer),
        order_number=str(_part(data, "order").get("number") or past.order_number),
        merged_into=data.get("into", past.merged_into),
        is_deleted=event.kind == EventKind.DELETED,
    )
    if "total_minor" not in data:
        return past
    return replace(
        past,
        total_minor=_whole(data["total_minor"]),
        item_count=_whole(data.get("item_count")),
        currency=str(data.get("currency") or past.currency),
    )


def _lines_after(lines: tuple[PastLine, ...], data: Mapping[str, Any]) -> tuple[PastLine, ...]:
    """Entries carry either all lines or the one that changed; quantity 0 takes it out."""
    if isinstance(data.get("lines"), list):
        told = [_past_line(line) for line in data["lines"] if isinstance(line, dict)]
        return tuple(line for line in told if line.quantity)
    if not _part(data, "line"):
        return lines
    changed = _past_line(_part(data, "line"))
    if not changed.quantity:
        return tuple(line for line in lines if line.key != changed.key)
    if any(line.key == changed.key for line in lines):
        return tuple(changed if line.key == changed.key else line for line in lines)
    return (*lines, changed)


def _past_line(line: Mapping[str, Any]) -> PastLine:
    return PastLine(
        key=str(line.get("key", "")),
        sku=str(line.get("sku", "")),
        name=str(line.get("name", "")),
        option=str(line.get("option", "")),
        picture=str(line.get("picture", "")),
        unit_price_micros=_whole(line.get("unit_price_micros")),
        quantity=_whole(line.get("quantity")),
        is_gift=bool(line.get("is_gift")),
    )


def _vouchers_after(vouchers: tuple[str, ...], event: Told) -> tuple[str, ...]:
    code = str(_part(event.data, "voucher").get("code", ""))
    if event.kind == EventKind.VOUCHER_APPLIED and code not in vouchers:
        return (*vouchers, code)
    if event.kind == EventKind.VOUCHER_REMOVED:
        return tuple(other for other in vouchers if other != code)
    return vouchers
