"""A cart as another shop has it: what it tells us, whole, each time."""

from collections.abc import Sequence
from datetime import datetime

import msgspec


class LineSnapshot(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A line as the shop has it. `key` names it within its cart; `variant` is the shop's external id of what it is.

    Prices in micros of the cart's currency, in its tax mode.
    """

    key: str
    variant: str = ""
    sku: str = ""
    name: str
    option: str = ""
    picture: str = ""
    quantity: int
    unit_price_micros: int = 0
    regular_micros: int | None = None
    tax_rate_ppm: int = 0
    total_minor: int
    is_gift: bool = False


class VoucherSnapshot(msgspec.Struct, frozen=True, gc=False):
    code: str
    name: str = ""
    amount_minor: int = 0


class Sums(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Minor units, as in the head of a cart."""

    products_minor: int = 0
    discount_minor: int = 0
    shipping_minor: int = 0
    tax_minor: int = 0
    total_minor: int = 0


class Closing(msgspec.Struct, frozen=True, gc=False):
    """The first order of a cart: when it was placed, our number of it, and its own."""

    at: datetime
    order_id: int
    number: str


class CartSnapshot(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A cart as the shop has it. `customer` is the shop's external id; "" is a visitor.

    `updated_at` is the shopper's last change, `seen_at` when they were there last, if that is known. `closing` is for
    `orders.intake`: the order of a cart that is new here, told with it.
    """

    external_id: str
    version: int = 0
    currency: str
    language: str = ""
    prices_include_tax: bool = True
    customer: str = ""
    lines: Sequence[LineSnapshot] = ()
    vouchers: Sequence[VoucherSnapshot] = ()
    sums: Sums = msgspec.field(default_factory=Sums)
    is_estimated: bool = False
    shipping_name: str = ""
    created_at: datetime
    updated_at: datetime
    seen_at: datetime | None = None
    checkout_started_at: datetime | None = None
    is_deleted: bool = False
    bot_reasons: Sequence[str] = ()
    closing: Closing | None = None
