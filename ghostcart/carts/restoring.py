"""What a mailed link brings back: the products of one cart, put into another as they can be had today.

Pure: the carts are in memory. Nothing is doubled, nothing taken away: of a product in both the larger quantity stays.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from ghostcart.carts.changes import EventDraft
from ghostcart.carts.kinds import EventKind
from ghostcart.carts.opencart import MOST_LINES, Line, OpenCart
from ghostcart.catalog.offers import Offer
from ghostcart.lib.texts import pick


class Fate(StrEnum):
    """What became of a product that was to be brought back."""

    ADDED = "added"
    KEPT = "kept"  # as many, or more, are in the cart already
    FEWER = "fewer"  # less are left than were in the cart
    SOLD_OUT = "sold_out"
    GONE = "gone"  # not sold any more, or not for this money
    NO_ROOM = "no_room"  # the cart holds no more products


@dataclass(frozen=True, slots=True)
class Item:
    """A product of the cart that comes back. Prices in micros; `then_micros` where it can be compared with today's."""

    sku: str
    name: str
    option: str
    picture: str
    fate: Fate
    wanted: int
    quantity: int
    price_micros: int | None = None
    then_micros: int | None = None

    @property
    def has_risen(self) -> bool:
        return None not in (self.price_micros, self.then_micros) and self.price_micros > self.then_micros  # type: ignore[operator]

    @property
    def has_fallen(self) -> bool:
        return None not in (self.price_micros, self.then_micros) and self.price_micros < self.then_micros  # type: ignore[operator]


def restore(
    cart: OpenCart, source: OpenCart, offers: Mapping[str, Offer], at: datetime
) -> tuple[list[EventDraft], tuple[Item, ...]]:
    """Put what `source` holds into `cart`; `offers` are today's, by SKU, in the cart's currency. No event, no change.

    A gift is left out: it comes with its voucher or not at all.
    """
    report, has_changed = [], False
    for theirs in source.lines.values():
        if theirs.is_gift:
            continue
        offer, mine = offers.get(theirs.sku), cart.lines.get(theirs.sku)
        fate, quantity = _judge(theirs.quantity, mine.quantity if mine else 0, offer, len(cart.lines))
        if offer is not None and quantity > (mine.quantity if mine else 0):
            cart.put(offer, quantity, at)
            has_changed = True
        report.append(_told(theirs, fate, quantity, offer, cart, source))
    if not has_changed:
        return [], tuple(report)
    cart.restored_from_id = source.id
    return [EventDraft(EventKind.RESTORED, {"from": source.id})], tuple(report)


def _judge(wanted: int, held: int, offer: Offer | None, lines: int) -> tuple[Fate, int]:
    """What becomes of a product, and how many of it are in the cart then."""
    if held >= wanted:
        return Fate.KEPT, held
    if offer is None:
        return Fate.GONE, held
    if offer.stock <= 0:
        return Fate.SOLD_OUT, held
    if not held and lines >= MOST_LINES:
        return Fate.NO_ROOM, 0
    if offer.stock < wanted:
        return Fate.FEWER, max(held, offer.stock)
    return Fate.ADDED, wanted


def _told(theirs: Line, fate: Fate, quantity: int, offer: Offer | None, cart: OpenCart, source: OpenCart) -> Item:
    comes = quantity > 0 and offer is not None
    return Item(
        sku=theirs.sku,
        name=pick(offer.names, cart.language) if offer else theirs.name,
        option=pick(offer.options, cart.language) if offer else theirs.option,
        picture=offer.picture if offer else theirs.picture,
        fate=fate,
        wanted=theirs.quantity,
        quantity=quantity,
        price_micros=cart.lines[theirs.sku].unit_price_micros if comes else None,
        then_micros=theirs.unit_price_micros if comes and source.currency == cart.currency else None,
    )
