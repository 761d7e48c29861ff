"""What a shop tells Ghostcart: customers, products, carts and orders, each as a whole.

Money is a text ("24.90"), a Decimal, or whole minor units (2490); never a float. Times know their zone. `version`, else
`updated_at`, says which of two is newer; the newest wins.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from msgspec import Struct

Money = str | int | Decimal


class Consent(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a person answered when asked whether they may be reminded, with the sentence they saw and its version."""

    given: bool
    text: str
    version: str
    at: datetime
    source: str = "api"


class Customer(Struct, frozen=True, kw_only=True, omit_defaults=True):
    email: str
    version: int | None = None
    updated_at: datetime | None = None
    first_name: str = ""
    last_name: str = ""
    phone: str = ""
    language: str = ""
    is_guest: bool = False
    group: str = ""
    registered_at: datetime | None = None
    consent: Consent | None = None


class Variant(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is really sold. Texts in one language or several: {"en": "Sage"}. Prices by currency."""

    id: str
    sku: str = ""
    option: str | Mapping[str, str] = ""
    picture: str = ""
    stock: int | None = None
    is_active: bool = True
    prices: Mapping[str, Money] = {}
    regular_prices: Mapping[str, Money] = {}
    cost_prices: Mapping[str, Money] = {}


class Product(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A product with all its variants. `tax_rate` in percent: "22"."""

    name: str | Mapping[str, str]
    variants: Sequence[Variant]
    version: int | None = None
    updated_at: datetime | None = None
    description: str | Mapping[str, str] = ""
    reference: str = ""
    url: str = ""
    tax_rate: str = "0"
    is_active: bool = True


class Line(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A line of a cart or order: named by `id`, else by `variant`, else by `sku`. `price` for one piece."""

    name: str
    quantity: int
    price: Money
    id: str = ""
    variant: str = ""
    sku: str = ""
    option: str = ""
    picture: str = ""
    regular_price: Money | None = None
    tax_rate: str = "0"
    total: Money | None = None
    is_gift: bool = False


class Voucher(Struct, frozen=True, kw_only=True, omit_defaults=True):
    code: str
    name: str = ""
    amount: Money = 0


class Totals(Struct, frozen=True, kw_only=True, omit_defaults=True):
    total: Money
    products: Money | None = None
    discount: Money = 0
    shipping: Money = 0
    tax: Money = 0


class Cart(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A cart as it is now. `updated_at` is the shopper's last change. Without totals they are reckoned by Ghostcart.

    A deleted one needs nothing but `updated_at` and `is_deleted`.
    """

    updated_at: datetime
    version: int | None = None
    created_at: datetime | None = None
    seen_at: datetime | None = None
    checkout_started_at: datetime | None = None
    is_deleted: bool = False
    customer: str = ""
    currency: str | None = None
    language: str = ""
    prices_include_tax: bool | None = None
    lines: Sequence[Line] = ()
    vouchers: Sequence[Voucher] = ()
    totals: Totals | None = None
    shipping: str = ""
    user_agent: str | None = None


class Address(Struct, frozen=True, kw_only=True, omit_defaults=True):
    first_name: str = ""
    last_name: str = ""
    street: str = ""
    postcode: str = ""
    city: str = ""
    country: str = ""


class Order(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An order. `cart` is your id of its cart; or the tracker's, with `cart_source="tracker"`. `refunded`: what was
    given back so far for products of an order that stands."""

    number: str
    currency: str
    lines: Sequence[Line]
    totals: Totals
    placed_at: datetime
    version: int | None = None
    updated_at: datetime | None = None
    cart: str = ""
    cart_source: str = ""
    customer: str = ""
    email: str = ""
    phone: str = ""
    address: Address | None = None
    status: str = "pending"
    payment: str = ""
    shipping: str = ""
    language: str = ""
    prices_include_tax: bool | None = None
    vouchers: Sequence[Voucher] = ()
    refunded: Money = 0
    settled_at: datetime | None = None


class Trouble(Struct, frozen=True):
    """Why a fact was refused: `field` is the place of what is wrong in it."""

    code: str
    field: str
    detail: str


class Fate(Struct, frozen=True):
    """What became of a fact: created, changed, unchanged, stale, forgotten, or refused with the `problem`."""

    external_id: str
    status: str
    problem: Trouble | None = None
