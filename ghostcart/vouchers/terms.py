"""What a voucher gives and what it asks, as plain values: no database, no clock."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Kind(StrEnum):
    """What a voucher gives."""

    PERCENT = "percent"
    AMOUNT = "amount"
    FREE_SHIPPING = "free_shipping"
    GIFT = "gift"


class AppliesTo(StrEnum):
    """Which lines a voucher concerns: those it takes from, and those it needs to find in the cart."""

    ORDER = "order"  # every product
    PRODUCTS = "products"  # the products listed in `product_ids`; none listed means none, never all
    CHEAPEST = "cheapest"  # one unit of the product with the lowest unit price


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The terms of one voucher; what is None or empty is not asked."""

    id: int
    code: str
    kind: Kind
    name: str = ""
    percent_bp: int = 0
    """Hundredths of a percent: 1000 is 10 %."""
    amount_minor: int = 0
    """Minor units of `currency`, in the tax mode in which the shop shows its prices."""
    currency: str | None = None
    """The only currency it is good for; always set with an amount or a minimum."""
    gift_variant_id: int | None = None
    priority: int = 1
    """Smaller goes first."""
    minimum_minor: int = 0
    """What the products must come to, as the cart shows it, before any voucher and without shipping."""
    applies_to: AppliesTo = AppliesTo.ORDER
    product_ids: frozenset[int] = frozenset()
    exclude_discounted: bool = False
    """Leave products alone whose price is already reduced."""
    combinable: bool = True
    is_active: bool = True
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    """The first moment at which it no longer counts."""
    quantity: int | None = None
    """How often it can be redeemed in all."""
    used: int = 0
    per_customer: int | None = None
    customer_id: int | None = None
    """The only customer who may use it."""
    customer_ids: frozenset[int] | None = None
    """The only ones who may use it: all that one human is known as. It may wait on the cart of a visitor."""

    @property
    def is_personal(self) -> bool:
        """Whether it belongs to somebody, so that to everybody else it shall not even exist."""
        return self.customer_id is not None or self.customer_ids is not None

    def is_for(self, customer_id: int | None) -> bool:
        """Whether it belongs to this customer, or to nobody in particular."""
        if self.customer_id not in (None, customer_id):
            return False
        return self.customer_ids is None or customer_id in self.customer_ids

    @property
    def needs_currency(self) -> bool:
        """Whether it holds an amount of money, which means nothing without its currency."""
        return self.kind == Kind.AMOUNT or self.minimum_minor > 0


class Refusal(StrEnum):
    """Why a voucher cannot be used; the values are part of the API and never change."""

    INACTIVE = "voucher_inactive"
    NOT_YET_VALID = "voucher_not_yet_valid"
    EXPIRED = "voucher_expired"
    USED_UP = "voucher_used_up"
    USED_BY_CUSTOMER = "voucher_used_by_customer"
    OTHER_CUSTOMER = "voucher_other_customer"
    SIGN_IN_NEEDED = "voucher_sign_in_needed"
    OTHER_CURRENCY = "voucher_other_currency"
    BELOW_MINIMUM = "voucher_below_minimum"
    NO_MATCHING_PRODUCT = "voucher_no_matching_product"
    NOT_COMBINABLE = "voucher_not_combinable"
    ALREADY_APPLIED = "voucher_already_applied"
    GIFT_UNAVAILABLE = "voucher_gift_unavailable"


TOLD_TO_OWNERS = frozenset(
    {Refusal.INACTIVE, Refusal.NOT_YET_VALID, Refusal.EXPIRED, Refusal.USED_UP, Refusal.OTHER_CUSTOMER}
)
"""Of a personal voucher these are told to the one it belongs to; everybody else hears what an unknown code hears."""


def refusal(
    terms: Terms,
    *,
    now: datetime,
    currency: str,
    customer_id: int | None,
    used_by_customer: int,
    others: Sequence[Terms],
    is_final: bool = False,
) -> Refusal | None:
    """Why this voucher cannot be on this cart now, or None when it can.

    `others` are the other vouchers on the cart: to check one that is already on it, leave it out. `is_final` when it
    is about to be used: until then a voucher that belongs to a person may wait for a visitor to say who they are.
    The first reason counts, looked for from what cannot be helped to what the shopper can change:

    1. the voucher itself: inactive, not yet valid, expired, used up;
    2. who asks: bound to another customer, customer unknown where it matters, used up by this customer;
    3. the cart: other currency, already applied, not combinable, gift gone.

    What depends on the lines (minimum, matching product) is answered by `carts.pricing`, anew at each change.
    """
    return (
        _refused_by_itself(terms, now)
        or _refused_to_customer(terms, customer_id, used_by_customer, is_final)
        or _refused_by_cart(terms, currency, others)
    )


def is_other_currency(terms: Terms, currency: str) -> bool:
    """Whether its money is not this currency's; money without a currency fits none."""
    if terms.currency is None:
        return terms.needs_currency
    return terms.currency != currency


def _refused_by_itself(terms: Terms, now: datetime) -> Refusal | None:
    if not terms.is_active:
        return Refusal.INACTIVE
    if terms.valid_from is not None and now < terms.valid_from:
        return Refusal.NOT_YET_VALID
    if terms.valid_until is not None and now >= terms.valid_until:
        return Refusal.EXPIRED
    if terms.quantity is not None and terms.used >= terms.quantity:
        return Refusal.USED_UP
    return None


def _refused_to_customer(
    terms: Terms, customer_id: int | None, used_by_customer: int, is_final: bool
) -> Refusal | None:
    if customer_id is None:
        # Without a name a limit per customer cannot be kept: guests would escape it.
        needs_name = terms.customer_id is not None or terms.per_customer is not None
        if terms.customer_ids is not None:
            needs_name = needs_name or is_final
        return Refusal.SIGN_IN_NEEDED if needs_name else None
    if not terms.is_for(customer_id):
        return Refusal.OTHER_CUSTOMER
    if terms.per_customer is not None and used_by_customer >= terms.per_customer:
        return Refusal.USED_BY_CUSTOMER
    return None


def _refused_by_cart(terms: Terms, currency: str, others: Sequence[Terms]) -> Refusal | None:
    if is_other_currency(terms, currency):
        return Refusal.OTHER_CURRENCY
    if any(other.id == terms.id for other in others):
        return Refusal.ALREADY_APPLIED
    if others and not (terms.combinable and all(other.combinable for other in others)):
        return Refusal.NOT_COMBINABLE
    if terms.kind == Kind.GIFT and terms.gift_variant_id is None:
        return Refusal.GIFT_UNAVAILABLE
    return None
