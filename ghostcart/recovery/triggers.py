"""What takes a person into a campaign: a cart that rests, or what an order begins (see `kinds`). Pure.

Each has a name, and one name takes a person into a campaign once.
"""

from datetime import UTC, datetime, timedelta

from ghostcart.recovery.kinds import TRAITS
from ghostcart.recovery.subject import Basket, Human, Plan, Purchase, Trigger

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def of_cart(basket: Basket) -> Trigger:
    """Each activity is a trigger of its own, so a changed cart starts over."""
    microseconds = (basket.activity_at - EPOCH) // timedelta(microseconds=1)
    return Trigger(f"cart:{basket.id}@{microseconds}", basket.activity_at, basket=basket)


def of_order(plan: Plan, human: Human, order: Purchase) -> Trigger | None:
    """What an order (of some time ago, for lapsed customers) makes of its customer; None if nothing."""
    of_order = TRAITS[plan.kind].of_order
    return of_order(plan, human, order) if of_order and order.counts and not order.refunded_at else None
