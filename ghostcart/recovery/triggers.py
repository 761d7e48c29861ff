"""What takes a person into a campaign: a cart that rests, an order, a sum, a silence. Pure.

Each has a name, and one name takes a person into a campaign once.
"""

from datetime import UTC, datetime, timedelta

from ghostcart.recovery import rules
from ghostcart.recovery.models import Kind
from ghostcart.recovery.subject import Basket, Human, Plan, Purchase, Trigger

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def of_cart(basket: Basket) -> Trigger:
    """Each activity is a trigger of its own, so a changed cart starts over."""
    microseconds = (basket.activity_at - EPOCH) // timedelta(microseconds=1)
    return Trigger(f"cart:{basket.id}@{microseconds}", basket.activity_at, basket=basket)


def of_order(plan: Plan, human: Human, order: Purchase) -> Trigger | None:
    """What an order (of some time ago, for lapsed customers) makes of its customer; None if nothing."""
    if not order.counts or order.refunded_at:
        return None
    match plan.kind:
        case Kind.THANKS:
            return Trigger(f"order:{order.id}", order.placed_at, purchase=order)
        case Kind.BEST:
            return of_sum(plan, human, order)
        case Kind.LAPSED:
            return of_silence(plan, human, order)
    return None


def of_sum(plan: Plan, human: Human, order: Purchase) -> Trigger | None:
    """With this order the person has spent enough within the period. Once in a month of the shop's calendar."""
    since = order.placed_at - timedelta(days=plan.days)
    if rules.spent(human, plan.currency, since, order.placed_at) < plan.threshold_minor:
        return None
    month = order.placed_at.astimezone(plan.shop.zone).strftime("%Y-%m")
    return Trigger(f"best:{month}", order.placed_at, purchase=order)


def of_silence(plan: Plan, human: Human, order: Purchase) -> Trigger | None:
    """Nothing was ordered for so many days after this order."""
    if any(one.is_own and one.counts and one.placed_at > order.placed_at for one in human.purchases):
        return None
    return Trigger(f"lapsed:{order.id}", order.placed_at + timedelta(days=plan.days), purchase=order)
