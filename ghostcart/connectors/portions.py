"""What was read of another shop, before it is written here: plain values, fit to be sent on."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from django.db import DataError, transaction

from ghostcart.carts.snapshots import CartSnapshot
from ghostcart.catalog import intake as catalog_intake
from ghostcart.catalog.intake import ProductSnapshot
from ghostcart.customers import intake as customer_intake
from ghostcart.customers.intake import CustomerSnapshot
from ghostcart.lib.errors import GhostcartError
from ghostcart.orders import intake as order_intake
from ghostcart.orders.snapshots import OrderSnapshot

LONG = 2000

Cursor = dict[str, Any]
"""How far a shop was read, as plain JSON that only its connector understands; with a `stage` while it is imported."""

_CANNOT_BE_KEPT = (GhostcartError, DataError, OverflowError, ValueError)
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Portion:
    """Facts of one moment of the shop.

    For the connector itself, `people`: the shop's numbers of all whom its carts and orders name, told of here or
    before; `changed`: when each cart changed last, by number, as the shop's clock shows it.
    """

    products: Sequence[ProductSnapshot] = ()
    customers: list[CustomerSnapshot] = field(default_factory=list)
    carts: Sequence[CartSnapshot] = ()
    orders: Sequence[OrderSnapshot] = ()
    people: frozenset[int] = frozenset()
    changed: Mapping[int, str] = field(default_factory=dict)
    known: Mapping[str, tuple[int, str]] | None = None
    """Everybody who is named, where somebody found out."""

    def take(self, shop_id: int, source: str, now: datetime, *, is_history: bool = False) -> None:
        """Write it, in a transaction of the caller: what is named before what names it.

        A fact that cannot be kept (a price beyond all numbers, the article number of another product) is left out and
        told in the log: it must not keep the others away.
        """
        try:
            with transaction.atomic():
                self._take(shop_id, source, now, is_history)
        except _CANNOT_BE_KEPT:
            for name, alone in self._one_by_one():
                try:
                    with transaction.atomic():
                        alone._take(shop_id, source, now, is_history)
                except _CANNOT_BE_KEPT as error:
                    _log.warning("left out of shop %s: %s of %s cannot be kept: %r", shop_id, name, source, error)

    def _take(self, shop_id: int, source: str, now: datetime, is_history: bool) -> None:
        if self.products:
            catalog_intake.take(shop_id, source, self.products)
        if self.customers:
            customer_intake.take(shop_id, source, self.customers, now)
        if self.carts or self.orders:
            order_intake.take_all(
                shop_id, source, self.carts, self.orders, now, is_history=is_history, customers=self.known
            )

    def _one_by_one(self) -> Iterator[tuple[str, "Portion"]]:
        """Each fact alone, with its name; a cart with its orders."""
        rest = Portion(known=self.known)
        for product in self.products:
            yield f"product {product.external_id}", replace(rest, products=[product])
        for customer in self.customers:
            yield f"customer {customer.external_id}", replace(rest, customers=[customer])
        told = {cart.external_id for cart in self.carts}
        for cart in self.carts:
            theirs = [order for order in self.orders if order.cart == cart.external_id]
            yield f"cart {cart.external_id}", replace(rest, carts=[cart], orders=theirs)
        for order in self.orders:
            if order.cart not in told:
                yield f"order {order.external_id}", replace(rest, orders=[order])


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A shop that was looked at before it is attached."""

    address: str
    """Where it is read, as staff may see it; the `secret`, which is kept sealed, is not in it."""
    secret: str
    place: Mapping[str, Any]
    """The options that name, with the address, one shop: the same twice is the same shop."""
    options: dict[str, Any]
    """All that is kept of what staff chose."""
    found: dict[str, Any]
    """What was seen, as JSON, to be shown to staff."""
    website: str
    """Where its shoppers go; "" if nobody knows."""
    shop: dict[str, Any]
    """How one of ours is set up that is made for it: fields of `Shop`."""


@dataclass(frozen=True, slots=True)
class Slice:
    """One slice of an import that was read. `cursor` is where the next begins; `size` counts what was read.

    The last one has the cursor `{"follow": ...}`, from which the shop is followed.
    """

    portion: Portion
    cursor: Cursor
    size: int
    is_last: bool = False

    @property
    def is_long(self) -> bool:
        """So long that it is not the last one: doing two things at once is worth it."""
        return self.size >= LONG


@dataclass
class Look:
    """What one look at a shop found. `takes` write it; `afterwards` is for when they were committed.

    `behind`: there is more to look at now.
    """

    cursor: Cursor
    size: int = 0
    behind: bool = False
    takes: list[Callable[[], None]] = field(default_factory=list)
    afterwards: list[Callable[[], None]] = field(default_factory=list)
