"""How a batch of the cart log looks on the screens of one language and time zone.

The same templates draw the first paint of the live page and its updates; each batch is drawn once for all screens of
one look.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.template.loader import render_to_string
from django.utils import timezone, translation

from ghostcart.carts import watching
from ghostcart.carts.log import Entry
from ghostcart.carts.models import Cart
from ghostcart.carts.timeline import sentence
from ghostcart.lib import clock


@dataclass(frozen=True, slots=True)
class Look:
    language: str
    zone: str


@dataclass(frozen=True, slots=True)
class Drawn:
    """HTML of each entry's sentence and of each concerned cart's row, with the shop they belong to."""

    entries: list[dict[str, Any]]
    carts: list[dict[str, Any]]


def draw(entries: Sequence[Entry], look: Look) -> Drawn:
    """Blocking. Reads the carts as they are now, in one query."""
    now = clock.now()
    carts = watching.by_number({entry.cart_id for entry in entries})
    with translation.override(look.language), timezone.override(ZoneInfo(look.zone)):
        return Drawn(
            [_entry(entry, carts.get(entry.cart_id)) for entry in entries],
            [_cart(cart, now) for cart in carts.values()],
        )


def _entry(entry: Entry, cart: Cart | None) -> dict[str, Any]:
    told = sentence(entry, cart.customer_label if cart else "")
    html = render_to_string("backoffice/_live_entry.html", {"entry": entry, "cart": cart, "sentence": told})
    return {
        "id": str(entry.cursor),
        "shop": entry.shop_id,
        "cart": entry.cart_id,
        "kind": entry.kind,
        "html": html,
    }


def _cart(cart: Cart, now: datetime) -> dict[str, Any]:
    """A cart's row; a deleted cart has none any more."""
    html = "" if cart.deleted_at else render_to_string("backoffice/_live_cart.html", {"cart": cart, "now": now})
    return {"id": cart.pk, "shop": cart.shop_id, "html": html}
