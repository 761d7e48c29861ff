"""How a batch of the cart log looks on the screens of one language and time zone.

The same templates draw the first paint of the live page and its updates; each batch is drawn once for all screens of
one look.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.template.loader import render_to_string
from django.utils import timezone, translation

from ghostcart.carts import watching
from ghostcart.carts.log import Cursor, Entry
from ghostcart.carts.models import Cart
from ghostcart.carts.timeline import sentence
from ghostcart.lib import clock


@dataclass(frozen=True, slots=True)
class Look:
    language: str
    zone: str


@dataclass(frozen=True, slots=True)
class Drawn:
    """HTML of each entry's sentence and of each concerned cart's row, with the shop they belong to.

    A page keeps the newest of each shop and no more. Of what it would drop at once it is only told that it was: the
    place, shop and cart of such an entry.
    """

    entries: list[dict[str, Any]]
    carts: list[dict[str, Any]]
    passed: list[tuple[Cursor, int, int]]


def draw(entries: Sequence[Entry], look: Look) -> Drawn:
    """Blocking. Reads the carts as they are now, in one query."""
    now = clock.now()
    carts = watching.by_number({entry.cart_id for entry in entries})
    kept_entries = _newest(((entry.shop_id, entry.pk) for entry in reversed(entries)), watching.MOST_ENTRIES)
    kept_carts = _newest(((entry.shop_id, entry.cart_id) for entry in reversed(entries)), watching.MOST_CARTS)
    with translation.override(look.language), timezone.override(ZoneInfo(look.zone)):
        return Drawn(
            [_entry(entry, carts.get(entry.cart_id)) for entry in entries if entry.pk in kept_entries],
            [_cart(cart, now, number in kept_carts) for number, cart in carts.items()],
            [(entry.cursor, entry.shop_id, entry.cart_id) for entry in entries if entry.pk not in kept_entries],
        )


def _newest(told: Iterable[tuple[int, int]], most: int) -> set[int]:
    """Of (shop, number), newest first: the first numbers of each shop."""
    kept: dict[int, set[int]] = {}
    for shop_id, number in told:
        numbers = kept.setdefault(shop_id, set())
        if len(numbers) < most:
            numbers.add(number)
    return set().union(*kept.values())


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


def _cart(cart: Cart, now: datetime, is_kept: bool) -> dict[str, Any]:
    """A cart's row; a deleted cart has none any more."""
    has_row = is_kept and not cart.deleted_at
    html = render_to_string("backoffice/_live_cart.html", {"cart": cart, "now": now}) if has_row else ""
    return {"id": cart.pk, "shop": cart.shop_id, "html": html}
