"""The kinds of campaigns: what each is like, told once. Whatever differs from kind to kind is asked of its `Traits`.

What their mails speak of is in `mail.kinds`, their texts in `texts/`, the words for staff in `backoffice`. Pure.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from ghostcart.recovery.models import Kind
from ghostcart.recovery.subject import Human, Plan, Purchase, Trigger

DAY, WEEK = 24 * 60, 7 * 24 * 60


class Begins(StrEnum):
    """What takes somebody in, and so what is looked through for them: carts, orders, or nothing."""

    CART = "cart"
    """A cart that rests."""
    ORDER = "order"
    """An order. It is over when the order is cancelled or refunded."""
    SILENCE = "silence"
    """An order that no other followed for so many days. It is over when one does."""
    STAFF = "staff"
    """Nobody is looked for: it is sent by hand, one mail at a time, and waits for no other campaign."""


@dataclass(frozen=True, slots=True)
class FirstStep:
    """A step to begin with, counted from the last activity. `percent_bp` is its voucher's; 0: it brings none."""

    delay_minutes: int
    percent_bp: int = 0


OfOrder = Callable[[Plan, Human, Purchase], Trigger | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """A kind of campaign. Priority, steps, days, threshold and share held out are what a new campaign begins with."""

    begins: Begins
    of_order: OfOrder | None = None
    """What an order that was kept makes of its customer; None where no order begins it."""
    goes_on_after_orders: bool = False
    """Whether somebody's next order leaves them in it; else it gives way to what that order begins."""
    priority: int
    """Smaller wins where two campaigns meet a person."""
    steps: tuple[FirstStep, ...]
    days: int = 0
    """0: it does not go by days, and has no such setting."""
    threshold_minor: int = 0
    """In the campaign's currency. 0: it does not go by an amount, and has no such setting."""
    holdout_bp: int = 1000

    @property
    def is_by_hand(self) -> bool:
        return self.begins == Begins.STAFF

    @property
    def has_cart(self) -> bool:
        """Whether it may be about a cart."""
        return self.begins in (Begins.CART, Begins.STAFF)


# -- what an order begins ----------------------------------------------------------------------------


def of_each(plan: Plan, human: Human, order: Purchase) -> Trigger | None:
    return Trigger(f"order:{order.id}", order.placed_at, purchase=order)


def of_sum(plan: Plan, human: Human, order: Purchase) -> Trigger | None:
    """With this order the person has spent enough within the period. Once in a month of the shop's calendar."""
    since = order.placed_at - timedelta(days=plan.days)
    if human.spent(plan.currency, since, order.placed_at) < plan.threshold_minor:
        return None
    month = order.placed_at.astimezone(plan.shop.zone).strftime("%Y-%m")
    return Trigger(f"best:{month}", order.placed_at, purchase=order)


def of_silence(plan: Plan, human: Human, order: Purchase) -> Trigger | None:
    """Nothing was ordered for so many days after this order."""
    if any(one.is_own and one.counts and one.placed_at > order.placed_at for one in human.purchases):
        return None
    return Trigger(f"lapsed:{order.id}", order.placed_at + timedelta(days=plan.days), purchase=order)


# -- the kinds ---------------------------------------------------------------------------------------

TRAITS: Mapping[str, Traits] = {
    # money comes last, and never with the first reminder of a cart
    Kind.ABANDONED: Traits(
        begins=Begins.CART, priority=10, steps=(FirstStep(DAY), FirstStep(3 * DAY, percent_bp=1000), FirstStep(WEEK))
    ),
    Kind.THANKS: Traits(
        begins=Begins.ORDER, of_order=of_each, goes_on_after_orders=True, priority=20, steps=(FirstStep(WEEK),)
    ),
    Kind.BEST: Traits(
        begins=Begins.ORDER,
        of_order=of_sum,
        days=365,
        threshold_minor=50_000,
        priority=30,
        steps=(FirstStep(DAY, percent_bp=1000),),
    ),
    Kind.LAPSED: Traits(
        begins=Begins.SILENCE, of_order=of_silence, days=180, priority=40, steps=(FirstStep(0, percent_bp=1000),)
    ),
    Kind.MANUAL: Traits(begins=Begins.STAFF, priority=1, steps=(FirstStep(0),), holdout_bp=0),
}


def begun_by(what: Begins) -> list[str]:
    """The kinds that this begins."""
    return [kind for kind, traits in TRAITS.items() if traits.begins == what]
