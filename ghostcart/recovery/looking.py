"""Where a campaign looks for people: what became due in a span of time, page by page, by index.

Each finder costs by what is new in the span, never by what there is. Used by the live scan, the count of a back-fill,
the preview of who would be met, and replay.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet

from ghostcart.carts.models import Cart
from ghostcart.orders.models import Order
from ghostcart.recovery import facts, triggers
from ghostcart.recovery.kinds import TRAITS, Begins
from ghostcart.recovery.subject import Human, Plan, Trigger

PAGE = 100


@dataclass(frozen=True, slots=True)
class Found:
    """Somebody who may be taken in: the moment and row that the page is sorted by, the person and what happened."""

    moment: datetime
    id: int
    human: Human
    trigger: Trigger


@dataclass(frozen=True, slots=True)
class Page:
    """`last` is where the next page begins (None: this was the end)."""

    found: tuple[Found, ...]
    last: tuple[datetime, int] | None


def rows(plan: Plan, start: datetime, end: datetime) -> QuerySet[Any]:
    """What happened in (start, end] and has somebody's name on it: carts, or orders; in order of time."""
    if _is_of_carts(plan):
        ghosts = Cart.objects.filter(
            shop=plan.shop.id, deleted_at=None, ordered_at=None, merged_at=None, line_count__gt=0,
            customer__isnull=False,
        )  # fmt: skip
        return ghosts.filter(last_activity_at__gt=start, last_activity_at__lte=end).order_by("last_activity_at", "id")
    orders = Order.objects.filter(shop=plan.shop.id, customer__isnull=False)
    return orders.filter(placed_at__gt=start, placed_at__lte=end).order_by("placed_at", "id")


def page(plan: Plan, start: datetime, end: datetime, after: tuple[datetime, int] | None = None) -> Page:
    """The next people in (start, end], in order of time; those behind `after`."""
    column = "last_activity_at" if _is_of_carts(plan) else "placed_at"
    wanted = rows(plan, start, end)
    if after is not None:
        behind = Q(**{f"{column}__gt": after[0]}) | Q(**{column: after[0], "pk__gt": after[1]})
        wanted = wanted.filter(behind, **{f"{column}__gte": after[0]})
    some = list(wanted[:PAGE])
    last = (getattr(some[-1], column), some[-1].pk) if len(some) == PAGE else None
    return Page(tuple(_people(plan, some, column)), last)


def pages(plan: Plan, start: datetime, end: datetime) -> Iterator[Page]:
    after = None
    while True:
        found = page(plan, start, end, after)
        yield found
        if found.last is None:
            return
        after = found.last


def _is_of_carts(plan: Plan) -> bool:
    return TRAITS[plan.kind].begins == Begins.CART


def _people(plan: Plan, some: Sequence[Any], column: str) -> Iterator[Found]:
    people = facts.humans({row.customer_id for row in some})
    triggers = _of_carts(some) if _is_of_carts(plan) else _of_orders(plan, some, people)
    for row in some:
        if row.customer_id in people and row.pk in triggers:
            yield Found(getattr(row, column), row.pk, people[row.customer_id], triggers[row.pk])


def _of_carts(carts: Sequence[Cart]) -> dict[int, Trigger]:
    lines = facts.cart_lines([cart.pk for cart in carts])
    return {cart.pk: triggers.of_cart(facts.basket(cart, lines[cart.pk])) for cart in carts}


def _of_orders(plan: Plan, orders: Sequence[Order], people: dict[int, Human]) -> dict[int, Trigger]:
    goods = facts.order_goods(orders)
    found = {}
    for order in orders:
        human = people.get(order.customer_id or 0)
        trigger = triggers.of_order(plan, human, facts.purchase(order, goods[order.pk])) if human else None
        if trigger:
            found[order.pk] = trigger
    return found
