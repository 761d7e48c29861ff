"""An order as another shop has it: what it tells us, whole, each time."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from ghostcart.carts.snapshots import LineSnapshot, Sums, VoucherSnapshot
from ghostcart.orders.models import OrderStatus

CLAIMED = "tracker"
"""The source of orders that nobody but a browser told of."""


class OrderSnapshot(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An order as the shop has it. `cart` and `customer` are the shop's external ids; "" if it tells none.

    `cart_source`: where the cart was told from, if not from where the order is. `status` is one of OrderStatus,
    `settled_at` when it was paid, cancelled or refunded last. `refunded_minor`: given back of the products so far, of
    an order that stands.
    """

    external_id: str
    version: int = 0
    number: str
    cart: str = ""
    cart_source: str = ""
    customer: str = ""
    email: str = ""
    phone: str = ""
    address: Mapping[str, str] = msgspec.field(default_factory=dict)
    status: str = OrderStatus.PENDING.value
    payment_name: str = ""
    shipping_name: str = ""
    currency: str
    language: str = ""
    prices_include_tax: bool = True
    lines: Sequence[LineSnapshot] = ()
    vouchers: Sequence[VoucherSnapshot] = ()
    sums: Sums = msgspec.field(default_factory=Sums)
    refunded_minor: int = 0
    placed_at: datetime
    settled_at: datetime | None = None
