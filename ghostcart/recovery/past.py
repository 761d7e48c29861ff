"""Carts as they were, read from their log: when each rested, and what lay in it then."""

from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from ghostcart.carts import timeline
from ghostcart.carts.kinds import EventKind
from ghostcart.carts.models import Cart, CartEvent
from ghostcart.catalog.models import Variant
from ghostcart.lib.money import Rounding, to_minor
from ghostcart.recovery import facts
from ghostcart.recovery.subject import Basket

NO_ACTIVITY = (EventKind.DELETED,)
"""What staff do does not wind the cart's clock up again."""


@dataclass(frozen=True, slots=True)
class PastCart:
    """A cart with all its states, oldest first: each `Basket` as it was from its `activity_at` on."""

    states: tuple[Basket, ...]
    ordered_at: datetime | None
    merged_at: datetime | None
    deleted_at: datetime | None

    def at(self, moment: datetime) -> Basket | None:
        """The cart as it stood at a moment; None before it was there, or before anybody knew whose it is."""
        known = [state for state in self.states if state.activity_at <= moment]
        if not known or known[-1].customer_id is None:
            return None
        return replace(
            known[-1],
            ordered_at=facts.by_then(self.ordered_at, moment),
            merged_at=facts.by_then(self.merged_at, moment),
            deleted_at=facts.by_then(self.deleted_at, moment),
        )


def carts(found: Collection[Cart]) -> Iterator[PastCart]:
    """The pasts of carts that have a customer now."""
    ids = [cart.pk for cart in found]
    lines = facts.cart_lines(ids)
    events: dict[int, list[CartEvent]] = defaultdict(list)
    for event in CartEvent.objects.filter(cart__in=ids).order_by("cart_id", "id"):
        events[event.cart_id].append(event)
    products = _products(found)
    for cart in found:
        now = facts.basket(cart, lines[cart.pk])
        yield PastCart(
            states=tuple(_states(cart, now, events[cart.pk], products)),
            ordered_at=cart.ordered_at,
            merged_at=cart.merged_at,
            deleted_at=cart.deleted_at,
        )


def _products(found: Collection[Cart]) -> dict[tuple[int, str], tuple[int, int | None]]:
    """Product and category of each SKU, by shop."""
    shops = {cart.shop_id for cart in found}
    rows = Variant.objects.filter(shop__in=shops).values_list("shop_id", "sku", "product_id", "product__category_id")
    return {(shop_id, sku): (product, category) for shop_id, sku, product, category in rows}


def _states(
    cart: Cart, now: Basket, events: list[CartEvent], products: dict[tuple[int, str], tuple[int, int | None]]
) -> Iterator[Basket]:
    """One state for each moment of activity: from the log, the last one from the rows."""
    is_said = any(event.kind == EventKind.CUSTOMER_IDENTIFIED for event in events)
    customer_id = None if is_said else cart.customer_id  # not said: signed in from the start
    moments: dict[datetime, Basket] = {}
    for count, event in enumerate(events, start=1):
        if event.kind in NO_ACTIVITY:
            continue
        if event.kind == EventKind.CUSTOMER_IDENTIFIED:
            customer_id = cart.customer_id
        told = timeline.fold(events[:count])
        moments[event.at] = _state(cart, now, customer_id, told, event.at, products)
    if cart.customer_id is not None and cart.ordered_at is None:
        moments[cart.last_activity_at] = replace(now, ordered_at=None, merged_at=None, deleted_at=None)
    for moment in sorted(moments):
        yield moments[moment]


def _state(
    cart: Cart,
    now: Basket,
    customer_id: int | None,
    told: timeline.Past,
    at: datetime,
    products: dict[tuple[int, str], tuple[int, int | None]],
) -> Basket:
    lines = [line for line in told.lines if not line.is_gift]
    known = [products[cart.shop_id, line.sku] for line in lines if (cart.shop_id, line.sku) in products]
    currency = told.currency or now.goods.currency
    prices = [to_minor(line.unit_price_micros * line.quantity, currency, Rounding.HALF_UP) for line in lines]
    goods = replace(
        now.goods,
        currency=currency,
        total_minor=told.total_minor,
        item_count=told.item_count,
        product_ids=frozenset(product for product, _category in known),
        category_ids=frozenset(category for _product, category in known if category is not None),
        products_minor=sum(prices),
    )
    return replace(
        now, customer_id=customer_id, goods=goods, activity_at=at, line_count=len(lines), is_sold_out=False,
        ordered_at=None, merged_at=None, deleted_at=None,
    )  # fmt: skip
