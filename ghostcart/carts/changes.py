"""What a door, an engine or a connector says happened to a cart. Everything that changes a cart is one of these."""

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Seen:
    """The device that a request came from, as far as the request tells."""

    token_hash: str
    language: str = "en"
    page: str = ""
    user_agent: str = ""
    bot_reasons: tuple[str, ...] = ()
    source: str = ""
    """The network address: wrong codes are counted for it (hashed), nothing else is kept of it."""


@dataclass(frozen=True, slots=True)
class Idempotency:
    key: str
    request_hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change, addressed to the cart of a device (made when need be) or to a cart by its number.

    `expected_version` is the version the change was made against; None accepts any.
    """

    shop_id: int
    at: datetime
    seen: Seen | None = None
    cart_id: int | None = None
    actor: str = "shopper"
    currency: str | None = None
    expected_version: int | None = None
    idempotency: Idempotency | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AddLine(Change):
    sku: str
    quantity: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class SetQuantity(Change):
    """Zero removes the line."""

    key: str
    quantity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveLine(Change):
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyVoucher(Change):
    """`is_mailed` when a link that we mailed brings the code: no guess, so a refusal may tell its reason."""

    code: str
    is_mailed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveVoucher(Change):
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChooseShipping(Change):
    method: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Identify(Change):
    """Who the shopper says they are. `customer_id` is a row that the customers room made or found."""

    customer_id: int
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn(Change):
    """The device's shopper proved to be this customer: their saved cart and the one in hand become one."""

    customer_id: int
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Restore(Change):
    """A mailed link brings what the cart `source_id` holds into the device's own cart, which is made when need be."""

    source_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StartCheckout(Change):
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class BeginOrder(Change):
    """An order is about to be made: locks the cart together with those it was restored from, and changes nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order(Change):
    """An order was made of the cart, in the same transaction."""

    order_id: int
    number: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Touch(Change):
    """A heartbeat: somebody is there. Changes no cart and makes none."""


@dataclass(frozen=True, slots=True)
class EventDraft:
    """An entry for the cart log, before it has a cart id and a place."""

    kind: str
    data: dict[str, object] = field(default_factory=dict)
