"""Everything that others read about orders: the filtered list, and what customers ordered and spent."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import Count, Q, QuerySet, Sum

from ghostcart.carts.pricing import WHOLE_PPM
from ghostcart.customers import queries as customer_queries
from ghostcart.lib import money, paging
from ghostcart.lib.money import Rounding
from ghostcart.lib.paging import Page
from ghostcart.orders.models import Order, OrderStatus

VALID = (OrderStatus.PENDING, OrderStatus.PAID)
"""Orders that count as placed."""
VOID = (OrderStatus.CANCELLED, OrderStatus.REFUNDED)
"""The others: called off, or paid back whole. Their vouchers can be used again."""

MOST_OF_A_CART = 20
SORTS = {
    "id": "id",
    "number": "number",
    "status": "status",
    "customer": "customer_label",
    "total": "total_minor",
    "payment": "payment",
    "shipping": "shipping_name",
    "date": "placed_at",
}
"""What the list can be sorted by, and the column behind it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderFilter:
    """Conditions that all must hold; what is None or empty is not asked. `placed_to` is the first moment too late."""

    shop_ids: tuple[int, ...]
    text: str = ""
    """In the number, or in the customer's name or address; or just what another shop calls the order."""
    status: str = ""
    payment: str = ""
    shipping: str = ""
    currency: str = ""
    placed_from: datetime | None = None
    placed_to: datetime | None = None


@dataclass(frozen=True, slots=True)
class Placed:
    """What a customer ordered: how many valid orders, and what they came to per currency in minor units."""

    count: int = 0
    spent: dict[str, int] = field(default_factory=dict)


# -- the list ----------------------------------------------------------------------------------------


def matching(wanted: OrderFilter) -> QuerySet[Order]:
    """The orders that a filter asks for, in no order."""
    found = Order.objects.filter(shop_id__in=wanted.shop_ids)
    for condition in _conditions(wanted):
        found = found.filter(condition)
    return found


def page(wanted: OrderFilter, sort: str, size: int, after: str | None, before: str | None) -> Page[Order]:
    """One page of the list, sorted by a name of SORTS (with a minus: descending), each order with shop and customer."""
    column = SORTS.get(sort.removeprefix("-"), "id")
    return paging.page(
        matching(wanted).select_related("shop", "customer"),
        f"-{column}" if sort.startswith("-") else column,
        size,
        after,
        before,
        shop_ids=wanted.shop_ids,
    )


def count(wanted: OrderFilter) -> int:
    return paging.counted(matching(wanted))


def _conditions(wanted: OrderFilter) -> Iterable[Q]:
    if wanted.text:
        yield _text(wanted)
    for name in ("status", "payment", "currency"):
        if value := getattr(wanted, name):
            yield Q(**{name: value})
    if wanted.shipping:
        yield Q(shipping_name__icontains=wanted.shipping)
    if wanted.placed_from:
        yield Q(placed_at__gte=wanted.placed_from)
    if wanted.placed_to:
        yield Q(placed_at__lt=wanted.placed_to)


def _text(wanted: OrderFilter) -> Q:
    """In the number, or every word in the customer's name or address; of one who is gone only the label is left."""
    known = customer_queries.search(wanted.shop_ids, wanted.text).order_by().values("pk")
    gone = Q(customer=None)
    for word in wanted.text.split():
        gone &= Q(customer_label__icontains=word) | Q(email__icontains=word)
    theirs = Q(external_id=wanted.text.strip())
    return Q(number__icontains=wanted.text) | theirs | Q(customer__in=known) | gone


# -- one order, one customer -------------------------------------------------------------------------


def find(order_id: int) -> Order | None:
    return Order.objects.select_related("shop", "customer", "cart").filter(pk=order_id).first()


def of_cart(cart_id: int) -> list[Order]:
    """What came of a cart, oldest first: in another shop that may be several orders."""
    return list(Order.objects.filter(cart_id=cart_id).order_by("placed_at", "pk")[:MOST_OF_A_CART])


def of_customer(customer_id: int) -> QuerySet[Order]:
    """All orders of a customer, newest first."""
    return Order.objects.filter(customer_id=customer_id).order_by("-pk")


def last_address(customer_id: int) -> dict[str, str] | None:
    """Where the newest order of a customer went; of one who was erased only countries are left, which is none."""
    known = of_customer(customer_id).filter(address__has_key="street")
    found: dict[str, str] | None = known.values_list("address", flat=True).first()
    return found


def placed_by(customer_ids: Collection[int]) -> dict[int, Placed]:
    """What these customers ordered and spent, by customer; who ordered nothing valid is not in it."""
    rows = (
        Order.objects.filter(customer_id__in=customer_ids, status__in=VALID)
        .values_list("customer_id", "currency")
        .annotate(orders=Count("pk"), total=Sum("total_minor"))
        .order_by("customer_id", "currency")
    )
    placed: dict[int, Placed] = {}
    for customer_id, currency, orders, total in rows:
        before = placed.get(customer_id, Placed())
        placed[customer_id] = Placed(before.count + orders, before.spent | {currency: total})
    return placed


# -- what it earned --------------------------------------------------------------------------------


def margin(order: Order) -> int | None:
    """What the shop earned on the products after vouchers, without tax, in minor units; None if a cost is unknown.

    Of an order that was refunded in part, the share of what was kept: nobody tells what came back into the shelves.
    """
    lines = list(order.lines.all())
    costs = [line.cost_micros * line.quantity for line in lines if line.cost_micros is not None]
    if not lines or len(costs) < len(lines):
        return None
    sold = sum(_without_tax(line.total_minor, line.tax_rate_ppm, order) for line in lines)
    given = _without_tax(order.discount_minor, max(line.tax_rate_ppm for line in lines), order)
    earned = sold - given - money.to_minor(sum(costs), order.currency, Rounding.HALF_UP)
    paid = order.products_minor - order.discount_minor
    return money.divide(earned * order.kept_minor, paid, Rounding.HALF_UP) if order.refunded_minor and paid else earned


def _without_tax(amount_minor: int, rate_ppm: int, order: Order) -> int:
    if not order.prices_include_tax:
        return amount_minor
    return money.divide(amount_minor * WHOLE_PPM, WHOLE_PPM + rate_ppm, Rounding.HALF_UP)
