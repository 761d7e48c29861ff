"""An entry of the cart log as programs that follow it are told: by the event stream and by its pages."""

from datetime import datetime
from typing import Any

import msgspec

from ghostcart.carts.log import Entry


class Event(msgspec.Struct):
    """What happened to a cart. `id` is its place in the log; `data` holds what changed and what the cart comes to."""

    id: str
    kind: str
    cart_id: int
    cart_version: int
    actor: str
    at: datetime
    data: dict[str, Any]


def event_of(entry: Entry) -> Event:
    return Event(
        id=str(entry.cursor),
        kind=entry.kind,
        cart_id=entry.cart_id,
        cart_version=entry.cart_version,
        actor=entry.actor,
        at=entry.at,
        data=entry.data,
    )
