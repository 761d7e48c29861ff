"""What a shop may tell us in JSON: customers, products, carts and orders, each as a whole.

Here is what any reader can check, types and lengths; what needs thought (money, times, totals) is in `reading`.
"""

from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct

END = r"$(?!\n)"  # a bare $ lets a final line feed pass
PRINTABLE = rf"^[^\x00-\x1f\x7f]*{END}"
PARAGRAPHS = rf"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*{END}"
MOST_ITEMS = 100
LARGEST_VERSION = 2**62

Id = Annotated[str, Meta(min_length=1, max_length=64, pattern=PRINTABLE)]
OptionalId = Annotated[str, Meta(max_length=64, pattern=PRINTABLE)]
Key = Annotated[str, Meta(max_length=80, pattern=PRINTABLE)]
Name = Annotated[str, Meta(max_length=500, pattern=PARAGRAPHS)]
Short = Annotated[str, Meta(max_length=120, pattern=PRINTABLE)]
Code = Annotated[str, Meta(min_length=1, max_length=40, pattern=PRINTABLE)]
Phone = Annotated[str, Meta(max_length=40, pattern=PRINTABLE)]
Email = Annotated[str, Meta(max_length=254, pattern=PRINTABLE)]
Text = Annotated[str, Meta(min_length=1, max_length=2000, pattern=PARAGRAPHS)]
Url = Annotated[str, Meta(max_length=500, pattern=rf"^(https?://[^\x00-\x20\x7f\"<>\\]+)?{END}")]
Currency = Annotated[str, Meta(pattern=rf"^[A-Z]{{3}}{END}", examples=["EUR"])]
Language = Annotated[str, Meta(pattern=rf"^([a-z]{{2}}([-_][A-Za-z]{{2}})?)?{END}", examples=["it"])]
Slug = Annotated[str, Meta(pattern=rf"^[a-z][a-z0-9_-]{{0,19}}{END}", examples=["api"])]
Version = Annotated[int, Meta(ge=0, le=LARGEST_VERSION)]
Time = Annotated[datetime, Meta(tz=True)]
Money = str | int
"""A decimal text ("19.812") or minor units (1981). A JSON number with a point is refused: it is not exact."""
ByLanguage = Name | dict[Language, Name]
Prices = dict[Currency, Money]


class _Told(Struct, forbid_unknown_fields=True, kw_only=True):
    """A fact as a whole. `version` (a number) or else `updated_at` says which of two is newer."""

    version: Version | None = None
    updated_at: Time | None = None


class ConsentIn(Struct, forbid_unknown_fields=True, kw_only=True):
    """What a person answered when asked whether they may be reminded: with the sentence they saw, where and when."""

    given: bool
    text: Text
    version: Annotated[str, Meta(min_length=1, max_length=20, pattern=PRINTABLE)]
    source: Slug = "api"
    at: Time


class CustomerIn(_Told, kw_only=True):
    """Somebody the shop can name, with an account or without."""

    email: Email
    first_name: Short = ""
    last_name: Short = ""
    phone: Phone = ""
    language: Language = ""
    is_guest: bool = False
    group: Annotated[str, Meta(max_length=60, pattern=PRINTABLE)] = ""
    registered_at: Time | None = None
    consent: ConsentIn | None = None


class VariantIn(Struct, forbid_unknown_fields=True, kw_only=True):
    """What is really sold. `stock` null: it is not counted. Prices in the shop's tax mode, cost without tax."""

    id: Id
    sku: OptionalId = ""
    option: ByLanguage = ""
    picture: Url = ""
    stock: Annotated[int, Meta(ge=-(2**31), lt=2**31)] | None = None
    is_active: bool = True
    prices: Prices = {}
    regular_prices: Prices = {}
    cost_prices: Prices = {}


class ProductIn(_Told, kw_only=True):
    """A product with all its variants; one that is no longer told of is switched off."""

    name: ByLanguage
    description: (
        Annotated[str, Meta(max_length=5000, pattern=PARAGRAPHS)]
        | dict[Language, Annotated[str, Meta(max_length=5000, pattern=PARAGRAPHS)]]
    ) = ""
    reference: OptionalId = ""
    url: Url = ""
    tax_rate: Annotated[str, Meta(max_length=10)] = "0"
    is_active: bool = True
    variants: Annotated[list[VariantIn], Meta(min_length=1, max_length=100)]


class LineIn(Struct, forbid_unknown_fields=True, kw_only=True):
    """A line of a cart or an order. `id` names it there; without one the variant does, or else the SKU.

    Prices for one piece; `total` for all of them, price times quantity if not told. `tax_rate` in percent.
    """

    id: Key = ""
    variant: OptionalId = ""
    sku: OptionalId = ""
    name: Name
    option: Name = ""
    picture: Url = ""
    quantity: int
    price: Money
    regular_price: Money | None = None
    tax_rate: Annotated[str, Meta(max_length=10)] = "0"
    total: Money | None = None
    is_gift: bool = False


class VoucherIn(Struct, forbid_unknown_fields=True, kw_only=True):
    code: Code
    name: Short = ""
    amount: Money = 0


class TotalsIn(Struct, forbid_unknown_fields=True, kw_only=True):
    """What it comes to. `total` is what the shopper pays; `tax` is the part of it that is tax."""

    products: Money | None = None
    discount: Money = 0
    shipping: Money = 0
    tax: Money = 0
    total: Money


class CartIn(_Told, kw_only=True):
    """A cart as it is now. `customer` is the shop's id of a customer, told before or later; none: a visitor.

    Without `totals` they are reckoned from the lines, and shown as estimated. `is_deleted`: the shop deleted it; then
    nothing else needs to be told.
    """

    updated_at: Time
    created_at: Time | None = None
    seen_at: Time | None = None
    checkout_started_at: Time | None = None
    is_deleted: bool = False
    customer: OptionalId = ""
    currency: Currency | None = None
    language: Language = ""
    prices_include_tax: bool | None = None
    lines: list[LineIn] = []
    vouchers: Annotated[list[VoucherIn], Meta(max_length=50)] = []
    totals: TotalsIn | None = None
    shipping: Short = ""
    user_agent: Annotated[str, Meta(max_length=1000)] | None = None


class OrderAddressIn(Struct, forbid_unknown_fields=True, kw_only=True):
    first_name: Short = ""
    last_name: Short = ""
    street: Annotated[str, Meta(max_length=200, pattern=PRINTABLE)] = ""
    postcode: Annotated[str, Meta(max_length=20, pattern=PRINTABLE)] = ""
    city: Short = ""
    country: Annotated[str, Meta(pattern=rf"^([A-Z]{{2}})?{END}")] = ""


class OrderIn(_Told, kw_only=True):
    """An order. Its cart may be told before or later, or be the tracker's: then `cart_source` is `tracker`, and `cart`
    what `ghostcart.reference()` gave the page. An order whose number a tracker claimed takes that claim's place.
    `refunded`: what was given back so far for products of an order that stands, in its tax mode."""

    number: Annotated[str, Meta(min_length=1, max_length=32, pattern=PRINTABLE)]
    cart: OptionalId = ""
    cart_source: Literal["", "tracker"] = ""
    customer: OptionalId = ""
    email: Email = ""
    phone: Phone = ""
    address: OrderAddressIn | None = None
    status: Literal["pending", "paid", "cancelled", "refunded"] = "pending"
    payment: Short = ""
    shipping: Short = ""
    currency: Currency
    language: Language = ""
    prices_include_tax: bool | None = None
    lines: list[LineIn]
    vouchers: Annotated[list[VoucherIn], Meta(max_length=50)] = []
    totals: TotalsIn
    refunded: Money = 0
    placed_at: Time
    settled_at: Time | None = None


# -- one of them, and many ---------------------------------------------------------------------------


class CustomerItem(CustomerIn, kw_only=True):
    external_id: Id


class ProductItem(ProductIn, kw_only=True):
    external_id: Id


class CartItem(CartIn, kw_only=True):
    external_id: Id


class OrderItem(OrderIn, kw_only=True):
    external_id: Id


class Unreadable(Struct):
    """An item of a batch that is not of the described shape; the others are read."""

    external_id: str
    field: str
    told: str


class _Shell(Struct, forbid_unknown_fields=True):
    items: Annotated[list[Any], Meta(min_length=1, max_length=MOST_ITEMS)]
    source: Slug = "api"


B = TypeVar("B", bound="Batch")


class Batch(Struct, forbid_unknown_fields=True, kw_only=True):
    """Up to 100 facts of one kind. Each is taken or refused by itself."""

    source: Slug = "api"
    item: ClassVar[Any]

    @classmethod
    def read(cls: type[B], raw: Any) -> B:
        """A batch in which what cannot be read is `Unreadable`. Raises msgspec.ValidationError for its frame."""
        shell = msgspec.convert(raw, _Shell)
        return cls(source=shell.source, items=[read_item(one, cls.item) for one in shell.items])  # type: ignore[call-arg]


def read_item(raw: Any, kind: Any) -> Any:
    """An item, or why it cannot be read: `Unreadable`."""
    try:
        return msgspec.convert(raw, kind)
    except msgspec.ValidationError as error:
        told, _at, place = str(error).partition(" - at `$")
        name = raw.get("external_id") if isinstance(raw, dict) else None
        return Unreadable(name[:64] if isinstance(name, str) else "", place.strip(".`"), told)


class CustomerBatch(Batch, kw_only=True):
    item: ClassVar[Any] = CustomerItem
    items: Annotated[list[CustomerItem], Meta(min_length=1, max_length=MOST_ITEMS)]


class ProductBatch(Batch, kw_only=True):
    item: ClassVar[Any] = ProductItem
    items: Annotated[list[ProductItem], Meta(min_length=1, max_length=MOST_ITEMS)]


class CartBatch(Batch, kw_only=True):
    item: ClassVar[Any] = CartItem
    items: Annotated[list[CartItem], Meta(min_length=1, max_length=MOST_ITEMS)]


class OrderBatch(Batch, kw_only=True):
    item: ClassVar[Any] = OrderItem
    items: Annotated[list[OrderItem], Meta(min_length=1, max_length=MOST_ITEMS)]
