"""What Ghostcart answers: records as its API gives them. Fields that a later version adds are passed over."""

from datetime import datetime
from typing import Any

from msgspec import Struct


class Money(Struct, frozen=True):
    """An amount in minor units of its currency, and written for the reader."""

    minor: int
    currency: str
    text: str


class Price(Struct, frozen=True):
    """A price in millionths of the currency's unit, and written for the reader."""

    micros: int
    currency: str
    text: str


class Who(Struct, frozen=True):
    """A customer, named as staff see them."""

    id: int
    label: str
    email: str
    is_guest: bool


class PostalAddress(Struct, frozen=True):
    """A postal address."""

    first_name: str
    last_name: str
    street: str
    postcode: str
    city: str
    country: str


class Line(Struct, frozen=True):
    """A product of a cart or order, as it was when it was put in."""

    sku: str
    name: str
    option: str
    quantity: int
    unit_price: Price
    total: Money
    is_gift: bool


class Given(Struct, frozen=True):
    """A voucher on a cart or order, and what it takes off. `refusal` says why it takes nothing at the moment."""

    code: str
    name: str
    amount: Money
    refusal: str | None


class Totals(Struct, frozen=True):
    """What a cart or order comes to. `discount` is what the vouchers take off."""

    products: Money
    discount: Money
    shipping: Money
    tax: Money
    total: Money
    prices_include_tax: bool


class Why(Struct, frozen=True):
    """One decision of the follow-ups: what was decided, why, and both as a sentence."""

    verdict: str
    reason: str
    text: str
    campaign_id: int | None
    cart_id: int | None
    actor: str
    at: datetime


class CartRow(Struct, frozen=True):
    """A cart as lists show it. `is_estimated`: its shop tells no prices, they were reckoned."""

    id: int
    status: str
    version: int
    language: str
    items: int
    total: Money
    customer: Who | None
    order_id: int | None
    order_number: str | None
    shipping: str | None
    created_at: datetime
    last_activity_at: datetime
    abandoned_at: datetime | None
    ordered_at: datetime | None
    merged_into: int | None
    is_online: bool
    is_suspected_bot: bool
    is_estimated: bool
    source: str
    external_id: str | None


class CartWhole(Struct, frozen=True):
    """All of one cart: its head as in the list, what is in it, where it went."""

    cart: CartRow
    lines: list[Line]
    vouchers: list[Given]
    totals: Totals
    address: PostalAddress | None
    merged: list[int]


class CartEntry(Struct, frozen=True):
    """An entry of a cart's history; `data` holds what changed, `text` says it in a sentence."""

    id: int
    kind: str
    version: int
    actor: str
    at: datetime
    text: str
    data: dict[str, Any]


class CartOutcome(Struct, frozen=True):
    """What became of one cart: an `ordered` one stays, a `missing` one was not there to begin with."""

    id: int
    outcome: str


class CustomerRow(Struct, frozen=True):
    """A customer as lists show them. `spent` is of valid orders, by currency."""

    id: int
    person_id: int | None
    label: str
    first_name: str
    last_name: str
    email: str
    phone: str
    language: str
    group: str
    is_guest: bool
    is_erased: bool
    registered_at: datetime
    last_seen_at: datetime | None
    carts: int
    orders: int
    spent: list[Money]


class ConsentGiven(Struct, frozen=True):
    """One answer to being asked for consent; the newest of a purpose counts."""

    purpose: str
    is_given: bool
    text: str
    text_version: str
    source: str
    at: datetime


class CustomerWhole(Struct, frozen=True):
    """All of one customer. `note` is what staff wrote."""

    customer: CustomerRow
    note: str
    has_consented: bool
    consents: list[ConsentGiven]
    addresses: list[PostalAddress]


class Erased(Struct, frozen=True):
    """What an erasure reached. `orders_kept` still hold name and address, as the law may want it."""

    carts: int
    orders_kept: int


class Person(Struct, frozen=True):
    """A human as far as we can prove: the customers that they are."""

    id: int
    is_trusted: bool
    customers: list[Who]


class OrderRow(Struct, frozen=True):
    """An order as lists show it."""

    id: int
    number: str
    status: str
    cart_id: int
    customer: Who | None
    customer_label: str
    total: Money
    payment: str
    payment_text: str
    shipping: str
    placed_at: datetime
    settled_at: datetime | None
    placed_by: str
    source: str
    external_id: str | None


class OrderWhole(Struct, frozen=True):
    """All of one order, as it was when it was placed. `refunded`: what was given back of the products since."""

    order: OrderRow
    email: str
    phone: str
    language: str
    address: PostalAddress | None
    lines: list[Line]
    vouchers: list[Given]
    totals: Totals
    refunded: Money


class VoucherRow(Struct, frozen=True):
    """A voucher. `percent_bp`: 1000 is 10 %. `valid_until` is the first moment it no longer counts."""

    id: int
    code: str
    status: str
    kind: str
    names: dict[str, str]
    percent_bp: int
    amount: Money | None
    minimum: Money | None
    gift_sku: str | None
    applies_to: str
    product_ids: list[int]
    exclude_discounted: bool
    combinable: bool
    priority: int
    valid_from: datetime | None
    valid_until: datetime | None
    quantity: int | None
    used: int
    per_customer: int | None
    customer: Who | None
    person_id: int | None
    is_recovery: bool
    created_at: datetime


class Use(Struct, frozen=True):
    """One use by an order; `reversed_at` when the order gave it back."""

    order_id: int
    customer_id: int | None
    amount: Money
    at: datetime
    reversed_at: datetime | None


class VoucherWhole(Struct, frozen=True):
    """A voucher and its uses, newest first."""

    voucher: VoucherRow
    uses: list[Use]


class Counts(Struct, frozen=True):
    """`inside` is of now; the others are of the last 30 days."""

    inside: int
    contacted: int
    held_out: int
    sent: int
    restored: int
    ordered: int


class CampaignRow(Struct, frozen=True):
    """A follow-up. `holdout_bp`: 1000 is 10 % of the people, who get nothing. Budgets are of vouchers' worth."""

    id: int
    kind: str
    name: str
    state: str
    paused_for: str | None
    priority: int
    holdout_bp: int
    day_budget: Money | None
    budget: Money | None
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    counts: Counts


class Step(Struct, frozen=True):
    """One mail of a follow-up. `since` says what its delay counts from; `languages` those it has a text in."""

    id: int
    position: int
    delay_minutes: int
    since: str
    voucher: str
    percent_bp: int
    amounts: list[Money]
    valid_days: int
    languages: list[str]


class CampaignWhole(Struct, frozen=True):
    """A follow-up with its steps; `problems` say why a draft cannot be started yet; `stopped_at_size` how many a run
    would have taken in that was so large that the follow-up stopped and asks."""

    campaign: CampaignRow
    audience: dict[str, Any]
    steps: list[Step]
    problems: list[str]
    stopped_at_size: int | None


class MessageRow(Struct, frozen=True):
    """A mail as lists show it. `reason` says why it was put off, refused or not sent."""

    id: int
    kind: str
    state: str
    address: str
    customer: Who | None
    language: str
    subject: str
    reason: str
    due_at: datetime
    sent_at: datetime | None
    created_at: datetime


class MessageEvent(Struct, frozen=True):
    """What came back of a mail, and whether a person or a machine caused it."""

    kind: str
    by: str
    at: datetime


class MessageWhole(Struct, frozen=True):
    """A mail, what came back of it, which follow-up it is of, and what was decided about it."""

    message: MessageRow
    attempts: int
    answer: str
    events: list[MessageEvent]
    campaign_id: int | None
    cart_id: int | None
    why: list[Why]


class Event(Struct, frozen=True):
    """What happened to a cart. `id` is its place in the log; `data` holds what changed and what the cart comes to."""

    id: str
    kind: str
    cart_id: int
    cart_version: int
    actor: str
    at: datetime
    data: dict[str, Any]
