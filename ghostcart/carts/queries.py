"""Everything that others read about carts: the filtered list, its count, and the page of one cart.

One definition of each status and figure lives here, so that a number and the list it links to cannot disagree.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Q, QuerySet, Sum
from django.db.models.lookups import GreaterThanOrEqual, In, IsNull, LessThan, LessThanOrEqual

from ghostcart.carts.filters import Bots, CartFilter, Listed, start_of_day, to_query
from ghostcart.carts.models import BOT_SCORE, Cart, CartEvent, CartLine, CartVoucher, Status
from ghostcart.customers import queries as customer_queries
from ghostcart.customers.models import Address, Customer
from ghostcart.customers.services import fold
from ghostcart.lib import paging
from ghostcart.lib.money import Rounding, divide
from ghostcart.lib.paging import Page
from ghostcart.lib.planning import Unindexed
from ghostcart.shops.models import Shop

COUNT_CEILING = 100_000
KEPT_DELETED = timedelta(days=30)
"""How long a deleted cart can be brought back."""
SORTS = {
    "id": "id",
    "order": "order_number",
    "status": "status",
    "customer": "customer_label",
    "items": "item_count",
    "total": "total_minor",
    "shipping": "shipping_name",
    "created": "created_at",
    "activity": "last_activity_at",
    "online": "seen_at",
}
"""What the list can be sorted by, and the column behind it."""
_UNSEEN = (
    "customer__password", "customer__search_text", "customer__note", "products_minor", "discount_minor", "shipping_minor",
    "tax_minor", "prices_include_tax", "language", "shipping_method", "checkout_started_at", "merged_into", "deleted_at",
    "deleted_by", "source", "external_id", "is_demo",
)  # fmt: skip
"""Columns that no list shows."""
FEW = 5_000
EVENTS_SHOWN = 1_000
OTHERS_SHOWN = 10


# -- the list ----------------------------------------------------------------------------------------


def matching(wanted: CartFilter, now: datetime) -> QuerySet[Cart]:
    """The carts that a filter asks for, in no order. Deleted ones are never among them."""
    return _found(wanted, _conditions(wanted, now))


@dataclass(frozen=True, slots=True)
class Listing:
    """One page of the list, and how many carts there are on all pages (COUNT_CEILING: that many or more)."""

    page: Page[Cart]
    count: int


def listing(wanted: CartFilter, sort: str, size: int, after: str | None, before: str | None, now: datetime) -> Listing:
    """A page of the carts that a filter asks for, each with shop and customer, sorted by a name of SORTS (with a
    minus: descending)."""
    conditions = _conditions(wanted, now)
    column = SORTS.get(sort.removeprefix("-"), "id")
    rows = paging.page(
        _found(wanted, conditions).select_related("customer").prefetch_related("shop").defer(*_UNSEEN),
        f"-{column}" if sort.startswith("-") else column,
        size,
        after,
        before,
        shop_ids=wanted.shop_ids,
        sections={"status": [status_is(status, now) for status in Status]},
    )
    return Listing(rows, _count(wanted, conditions, COUNT_CEILING))


def count(wanted: CartFilter, now: datetime, ceiling: int = COUNT_CEILING) -> int:
    """How many carts a filter asks for; `ceiling` means that many or more."""
    return _count(wanted, _conditions(wanted, now), ceiling)


def _count(wanted: CartFilter, conditions: Sequence[Q], ceiling: int) -> int:
    is_scan = bool(conditions) and not wanted.is_recent
    return _found(wanted, conditions, is_scan=is_scan).order_by()[:ceiling].count()


def _found(wanted: CartFilter, conditions: Sequence[Q], *, is_scan: bool = False) -> QuerySet[Cart]:
    """`is_scan`: go through the rows as they lie rather than through the index of some list."""
    found = Cart.objects.filter(IsNull(Unindexed("deleted_at"), True) if is_scan else Q(deleted_at=None))
    if is_scan:
        found = found.filter(In(Unindexed("shop_id"), wanted.shop_ids or (0,)))
    elif len(wanted.shop_ids) == 1:
        found = found.filter(shop_id=wanted.shop_ids[0])
    else:
        found = found.filter(shop_id__in=wanted.shop_ids)
    for condition in conditions:
        found = found.filter(condition)
    return found


def status_is(status: Status, now: datetime) -> Q:
    """`Cart.status(now) == status`, as a condition."""
    undecided = Q(ordered_at=None, merged_at=None)
    match status:
        case Status.ORDERED:
            return Q(ordered_at__isnull=False)
        case Status.MERGED:
            return Q(ordered_at=None, merged_at__isnull=False)
        case Status.ABANDONED:
            return undecided & Q(line_count__gt=0) & Q(LessThanOrEqual(Unindexed("abandon_after"), now))
        case Status.OPEN:
            return undecided & (Q(line_count=0) | Q(abandon_after__gt=now))


def _conditions(wanted: CartFilter, now: datetime) -> list[Q]:
    return [
        *_facts(wanted, now),
        *_between("item_count", wanted.items_from, None if wanted.items_to is None else wanted.items_to + 1),
        *_between("total_minor", wanted.total_from, None if wanted.total_to is None else wanted.total_to + 1),
        *_between("created_at", wanted.created_from, wanted.created_to),
        *_between("last_activity_at", wanted.activity_from, wanted.activity_to),
        *_between("ordered_at", wanted.ordered_from, wanted.ordered_to),
        *_between("abandon_after", wanted.abandoned_from, wanted.abandoned_to),
    ]


def _facts(wanted: CartFilter, now: datetime) -> Iterator[Q]:
    if wanted.ids:
        yield Q(pk__in=wanted.ids)
    if wanted.order:
        yield _order_number(wanted)
    if wanted.status:
        yield _listed(wanted, now)
    if wanted.abandoned_from or wanted.abandoned_to:
        yield status_is(Status.ABANDONED, now)
    if wanted.customer:
        yield _customer(wanted)
    if wanted.currency:
        yield Q(currency=wanted.currency)
    if wanted.shipping:
        yield Q(shipping_name__icontains=wanted.shipping)
    if wanted.bots != Bots.WITH:
        yield Q(bot_score__lt=BOT_SCORE) if wanted.bots == Bots.WITHOUT else Q(bot_score__gte=BOT_SCORE)
    if wanted.online is not None:
        yield online(wanted.shop_ids, now) if wanted.online else ~online(wanted.shop_ids, now)


def _between(column: str, least: Any, beyond: Any) -> Iterator[Q]:
    """A half-open range. Of times, the newest are few; of anything else most rows may be within it."""
    if least is not None:
        is_few = isinstance(least, datetime)
        yield Q(**{f"{column}__gte": least}) if is_few else Q(GreaterThanOrEqual(Unindexed(column), least))
    if beyond is not None:
        yield Q(LessThan(Unindexed(column), beyond))


def _listed(wanted: CartFilter, now: datetime) -> Q:
    match wanted.status:
        case Listed.WITHOUT_ORDER:
            return Q(ordered_at=None)
        case Listed.NOT_MERGED:
            return Q(ordered_at__isnull=False) | Q(merged_at=None)
        case Listed.OPEN if wanted.items_from:  # none of them is empty: the index of ghosts knows them
            return Q(ordered_at=None, merged_at=None, line_count__gt=0, abandon_after__gt=now)
    return status_is(Status(wanted.status), now)


def _order_number(wanted: CartFilter) -> Q:
    found = Cart.objects.filter(shop_id__in=wanted.shop_ids, deleted_at=None, order_number__gt="")
    return _one_of("pk", found.filter(order_number__icontains=wanted.order))


def _customer(wanted: CartFilter) -> Q:
    """Every word in the name or address; of a customer who is gone only the cart's label is left."""
    words = fold(wanted.customer).split()[: customer_queries.MOST_WORDS]
    known = Customer.objects.filter(In(Unindexed("shop_id"), wanted.shop_ids or (0,)))
    gone = Cart.objects.filter(shop_id__in=wanted.shop_ids, customer=None, customer_label__gt="")
    for word in words:
        known = known.filter(search_text__contains=word)
    for word in wanted.customer.split()[: customer_queries.MOST_WORDS]:
        gone = gone.filter(customer_label__icontains=word)
    return _one_of("customer", known) | _one_of("pk", gone)


def _one_of(column: str, found: QuerySet[Any]) -> Q:
    """The column names one of these rows; few of them are looked up once, for the rows and for their count."""
    numbers = list(found.values_list("pk", flat=True)[: FEW + 1])
    return Q(**{f"{column}__in": numbers if len(numbers) <= FEW else found.values("pk")})


def online(shop_ids: Collection[int], now: datetime) -> Q:
    """The shopper was heard of within the shop's online window."""
    condition = Q(pk__in=[])
    by_minutes: dict[int, list[int]] = {}
    for shop_id, minutes in Shop.objects.filter(pk__in=shop_ids).values_list("pk", "online_minutes"):
        by_minutes.setdefault(minutes, []).append(shop_id)
    if len(by_minutes) == 1:
        return Q(seen_at__gt=now - timedelta(minutes=next(iter(by_minutes))))
    for minutes, ids in by_minutes.items():
        condition |= Q(shop_id__in=ids, seen_at__gt=now - timedelta(minutes=minutes))
    return condition


def is_online(cart: Cart, now: datetime) -> bool:
    return cart.seen_at > now - timedelta(minutes=cart.shop.online_minutes)


def deleted(shop_ids: Collection[int], now: datetime) -> QuerySet[Cart]:
    """The deleted carts that can still be brought back."""
    return Cart.objects.filter(shop_id__in=shop_ids, deleted_at__gt=now - KEPT_DELETED).select_related(
        "shop", "customer"
    )


# -- one cart ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CartView:
    """All that the page of a cart shows of the carts' own facts; read in a fixed number of queries."""

    cart: Cart
    lines: list[CartLine]
    gifts: list[CartLine]
    vouchers: list[CartVoucher]
    events: list[CartEvent]
    """Oldest first; of a very long history the newest EVENTS_SHOWN."""
    is_cut: bool
    address: Address | None
    merged: list[Cart]
    others: Page[Cart]


def find(cart_id: int) -> Cart | None:
    """A cart that is not deleted."""
    return _heads().filter(pk=cart_id, deleted_at=None).first()


def cart_view(cart_id: int, now: datetime) -> CartView | None:
    """Everything about one cart; None if there is none or it was deleted. Reads only."""
    cart = find(cart_id)
    if cart is None:
        return None
    lines = list(cart.lines.select_related("product", "variant"))
    events = list(cart.events.order_by("-id")[: EVENTS_SHOWN + 1])
    return CartView(
        cart=cart,
        lines=[line for line in lines if not line.is_gift],
        gifts=[line for line in lines if line.is_gift],
        vouchers=list(cart.vouchers.select_related("voucher")),
        events=events[:EVENTS_SHOWN][::-1],
        is_cut=len(events) > EVENTS_SHOWN,
        address=Address.objects.filter(customer=cart.customer_id).first() if cart.customer_id else None,
        merged=list(_heads().filter(merged_into=cart, deleted_at=None).order_by("-id")[:OTHERS_SHOWN]),
        others=others(cart, None, None),
    )


def others(cart: Cart, after: str | None, before: str | None) -> Page[Cart]:
    """The other carts of the same customer, newest first."""
    if cart.customer_id is None:
        return Page([], None, None)
    found = _heads().filter(customer=cart.customer_id, deleted_at=None).exclude(pk=cart.pk)
    return paging.page(found, "-id", OTHERS_SHOWN, after, before)


def events_until(cart_id: int, event_id: int) -> list[CartEvent]:
    """The history of a cart up to one entry, oldest first; empty if the entry is not this cart's."""
    events = list(CartEvent.objects.filter(cart=cart_id, pk__lte=event_id).order_by("id"))
    return events if events and events[-1].pk == event_id else []


def _heads() -> QuerySet[Cart]:
    return Cart.objects.select_related("shop", "customer", "merged_into")


# -- figures -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Figure:
    """A number above a list, and the query strings of the lists that show exactly its rows.

    `sums` holds, per currency, how many carts the figure counts and what they come to in minor units.
    A share is `part` of `rows`.
    """

    key: str
    rows: int
    query: str
    sums: dict[str, tuple[int, int]]
    part: int = 0
    part_query: str = ""

    @property
    def share(self) -> float | None:
        return self.part / self.rows if self.rows else None

    @property
    def totals(self) -> list[tuple[str, int]]:
        """What the carts come to: (currency, minor units), by currency."""
        return [(currency, total) for currency, (carts, total) in sorted(self.sums.items())]

    @property
    def averages(self) -> list[tuple[str, int]]:
        """What a cart comes to on average: (currency, minor units, half up), by currency."""
        return [
            (currency, divide(total, carts, Rounding.HALF_UP)) for currency, (carts, total) in sorted(self.sums.items())
        ]


def figures(shops: Sequence[Shop], now: datetime) -> dict[str, Figure]:
    """The four figures of these shops, none of which counts suspected bots. Days are the first shop's.

    abandoned: carts that became abandoned within the last 24 hours, and what is in them.
    conversion: of the carts created today and in the 29 days before, with a line and not merged, those ordered.
    average_order: what the carts ordered today and in the 29 days before come to on average.
    open_value: what is in the open carts.
    """
    if not shops:
        return {}
    zone = shops[0].zone
    month = start_of_day(now.astimezone(zone).date() - timedelta(days=29), zone)
    everyone = CartFilter(shop_ids=tuple(shop.pk for shop in shops), bots=Bots.WITHOUT)
    began = replace(everyone, status=Listed.NOT_MERGED, items_from=1, created_from=month)
    wanted = {
        "abandoned": replace(everyone, abandoned_from=now - timedelta(hours=24), abandoned_to=now),
        "conversion": began,
        "average_order": replace(everyone, status=Listed.ORDERED, ordered_from=month),
        "open_value": replace(everyone, status=Listed.OPEN, items_from=1),
    }
    found = {
        key: Figure(key, sum(carts for carts, _ in amounts.values()), to_query(asked, shops, zone), amounts)
        for key, asked in wanted.items()
        for amounts in [sums(asked, now)]
    }
    ordered = replace(began, status=Listed.ORDERED)
    conversion = replace(found["conversion"], part=count(ordered, now), part_query=to_query(ordered, shops, zone))
    return {**found, "conversion": conversion}


def sums(wanted: CartFilter, now: datetime) -> dict[str, tuple[int, int]]:
    """How many carts a filter asks for and what they come to, per currency: {"EUR": (12, 34_500)}."""
    rows = matching(wanted, now).order_by().values("currency").annotate(carts=Count("pk"), total=Sum("total_minor"))
    return {row["currency"]: (row["carts"], row["total"]) for row in rows}
