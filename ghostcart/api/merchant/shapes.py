"""What several nouns of the merchant API are made of."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from django.utils.translation import gettext_lazy as _

from ghostcart.carts.models import Cart, CartLine
from ghostcart.customers.models import Address, Customer
from ghostcart.lib import money
from ghostcart.lib.errors import GhostcartError
from ghostcart.orders.models import Order, OrderLine
from ghostcart.recovery import queries as recovery_queries
from ghostcart.recovery.models import Decision

Instant = Annotated[datetime, msgspec.Meta(tz=True)]
"""A moment in a body: it says its offset from UTC."""
YEARS = range(1970, 3000)


class BadMoment(GhostcartError):
    code = "bad_moment"
    sentence = _("A moment must lie between the years %(first)s and %(last)s.")


class Money(msgspec.Struct):
    """An amount in minor units of its currency, and written for the reader."""

    minor: int
    currency: str
    text: str


class Price(msgspec.Struct):
    """A price in millionths of the currency's unit, and written for the reader."""

    micros: int
    currency: str
    text: str


class Line(msgspec.Struct):
    """A product of a cart or order, as it was when it was put in."""

    sku: str
    name: str
    option: str
    quantity: int
    unit_price: Price
    total: Money
    is_gift: bool


class Who(msgspec.Struct):
    """A customer, named as staff see them."""

    id: int
    label: str
    email: str
    is_guest: bool


class Place(msgspec.Struct):
    """A postal address."""

    first_name: str
    last_name: str
    street: str
    postcode: str
    city: str
    country: str


class Totals(msgspec.Struct):
    """What a cart or order comes to. `discount` is what the vouchers take off."""

    products: Money
    discount: Money
    shipping: Money
    tax: Money
    total: Money
    prices_include_tax: bool


class Given(msgspec.Struct):
    """A voucher on a cart or order, and what it takes off. `refusal` says why it takes nothing at the moment."""

    code: str
    name: str
    amount: Money
    refusal: str | None


class Why(msgspec.Struct):
    """One decision of the follow-ups: what was decided, why, and both as a sentence."""

    verdict: str
    reason: str
    text: str
    campaign_id: int | None
    cart_id: int | None
    actor: str
    at: datetime


class Reasons(msgspec.Struct):
    """Decisions, newest first."""

    items: list[Why]


def utc(instant: datetime | None) -> datetime | None:
    """A moment of a body. Raises BadMoment for one that no calendar of ours holds."""
    if instant is None:
        return None
    if not YEARS.start < instant.year < YEARS.stop - 1:
        raise BadMoment(first=YEARS.start + 1, last=YEARS.stop - 2)
    return instant.astimezone(UTC)


def money_of(minor: int, currency: str, language: str) -> Money:
    return Money(minor, currency, money.format_minor(minor, currency, language))


def moneys(sums: Mapping[str, int], language: str) -> list[Money]:
    """Amounts of several currencies, by currency."""
    return [money_of(minor, currency, language) for currency, minor in sorted(sums.items())]


def totals_of(head: Cart | Order, language: str) -> Totals:
    def amount(minor: int) -> Money:
        return money_of(minor, head.currency, language)

    return Totals(
        products=amount(head.products_minor),
        discount=amount(head.discount_minor),
        shipping=amount(head.shipping_minor),
        tax=amount(head.tax_minor),
        total=amount(head.total_minor),
        prices_include_tax=head.prices_include_tax,
    )


def line_of(line: CartLine | OrderLine, currency: str, language: str) -> Line:
    micros = line.unit_price_micros
    return Line(
        sku=line.sku,
        name=line.name,
        option=line.option,
        quantity=line.quantity,
        unit_price=Price(micros, currency, money.format_micros(micros, currency, language)),
        total=money_of(line.total_minor, currency, language),
        is_gift=line.is_gift,
    )


def who(customer: Customer | None) -> Who | None:
    return Who(customer.pk, customer.label, customer.email, customer.is_guest) if customer else None


PLACE = ("first_name", "last_name", "street", "postcode", "city", "country")


def place_of(address: Address | None) -> Place | None:
    return Place(*(getattr(address, name) for name in PLACE)) if address else None


def place_in(address: Any) -> Place | None:
    """An address kept as a mapping; None for an empty one."""
    if not isinstance(address, dict) or not address:
        return None
    return Place(*(str(address.get(name) or "") for name in PLACE))


def reasons(decisions: Iterable[Decision]) -> Reasons:
    return Reasons(
        [
            Why(
                verdict=one.verdict,
                reason=one.reason,
                text=recovery_queries.sentence(one),
                campaign_id=one.campaign_id,
                cart_id=one.cart_id,
                actor=one.actor,
                at=one.at,
            )
            for one in decisions
        ]
    )
