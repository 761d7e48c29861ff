"""What a filter of carts asks for, as conditions of the database.

Conditions come in two forms, by how they name a column that most rows meet a condition on: as `F`, an index may find
and count the rows; as `Unindexed`, the index of an order is gone through, and rows that don't belong are left out.
"""

from collections.abc import Callable, Collection, Iterator
from datetime import datetime, timedelta
from functools import reduce
from operator import or_
from typing import Any

from django.db.models import F, Q, QuerySet
from django.db.models.lookups import Exact, GreaterThan, GreaterThanOrEqual, In, IsNull, LessThan, LessThanOrEqual

from ghostcart.carts.filters import Bots, CartFilter, Listed
from ghostcart.carts.models import BOT_SCORE, Cart, Status
from ghostcart.customers import queries as customer_queries
from ghostcart.customers.models import Customer
from ghostcart.customers.services import fold
from ghostcart.lib.planning import Among, Unindexed
from ghostcart.shops.models import Shop

FEW = 5_000
"""So many rows are better named than described again and again."""

Column = Callable[[str], Any]
"""`F` or `Unindexed`."""

STATUSES: dict[str, set[Status]] = {
    "": set(Status),
    Listed.WITHOUT_ORDER: {Status.OPEN, Status.ABANDONED, Status.MERGED},
    Listed.NOT_MERGED: {Status.OPEN, Status.ABANDONED, Status.ORDERED},
    **{Listed(status.value): {status} for status in Status},
}
"""What each choice of the list is made of."""


# -- status ------------------------------------------------------------------------------------------


def status_is(status: Status, now: datetime) -> Q:
    """`Cart.status(now) == status`, as a condition."""
    return reduce(or_, kinds(status, now))


def kinds(status: Status, now: datetime, common: Column = Unindexed) -> list[Q]:
    """The conditions that make a status: a cart of it meets exactly one, and each has an index of its own."""
    undecided = Q(ordered_at=None, merged_at=None)
    match status:
        case Status.ORDERED:
            return [Q(ordered_at__isnull=False)]
        case Status.MERGED:
            return [Q(ordered_at=None, merged_at__isnull=False)]
        case Status.ABANDONED:
            return [undecided & Q(LessThanOrEqual(common("abandon_after"), now))]
        case Status.OPEN:
            return [undecided & Q(abandon_after__gt=now)]


def listed_kinds(wanted: CartFilter, now: datetime, common: Column = Unindexed) -> list[Q]:
    """The kinds that a filter's choice of status is made of; without a choice one that all carts are of."""
    if not wanted.status:
        return [Q()]
    chosen = STATUSES[wanted.status]
    return [kind for status in Status if status in chosen for kind in kinds(status, now, common)]


def listed(wanted: CartFilter, now: datetime) -> Q:
    """A filter's choice of status."""
    match wanted.status:
        case "":
            return Q()
        case Listed.WITHOUT_ORDER:
            return Q(ordered_at=None)
        case Listed.NOT_MERGED:
            return Q(ordered_at__isnull=False) | Q(merged_at=None)
    return status_is(Status(wanted.status), now)


# -- everything else ---------------------------------------------------------------------------------


def facts(wanted: CartFilter, now: datetime, common: Column = Unindexed) -> list[Q]:
    """All that a filter asks for but the status and what `named` finds."""
    return [
        *_facts(wanted, now, common),
        *_between("item_count", wanted.items_from, None if wanted.items_to is None else wanted.items_to + 1, common),
        *_between("total_minor", wanted.total_from, None if wanted.total_to is None else wanted.total_to + 1, common),
        *_between("created_at", wanted.created_from, wanted.created_to, common),
        *_between("last_activity_at", wanted.activity_from, wanted.activity_to, common),
        *_between("ordered_at", wanted.ordered_from, wanted.ordered_to, common),
        *_between("abandon_after", wanted.abandoned_from, wanted.abandoned_to, common),
    ]


def is_indexed(wanted: CartFilter) -> bool:
    """Whether each single fact is one that an index of the list knows."""
    return not wanted.currency and not wanted.source and wanted.bots == Bots.WITH


def _facts(wanted: CartFilter, now: datetime, common: Column) -> Iterator[Q]:
    if wanted.abandoned_from or wanted.abandoned_to:
        yield status_is(Status.ABANDONED, now)
    if wanted.currency:
        yield Q(currency=wanted.currency)
    if wanted.source:
        yield Q(Exact(Unindexed("source"), wanted.source))
    if wanted.shipping:
        yield Q(GreaterThan(common("shipping_name"), ""), shipping_name__icontains=wanted.shipping)
    if wanted.bots != Bots.WITH:
        yield Q(bot_score__lt=BOT_SCORE) if wanted.bots == Bots.WITHOUT else Q(bot_score__gte=BOT_SCORE)
    if wanted.online is not None:
        yield _online(wanted, now, common)


def _between(column: str, least: Any, beyond: Any, common: Column) -> Iterator[Q]:
    """A half-open range. Of times, the newest are few; of anything else most rows may be within it."""
    is_recent = isinstance(least, datetime)
    if least is not None:
        yield Q(GreaterThanOrEqual(F(column) if is_recent else common(column), least))
    if beyond is not None:
        yield Q(LessThan(F(column) if is_recent else common(column), beyond))


def _online(wanted: CartFilter, now: datetime, common: Column) -> Q:
    """The shopper was heard of within the shop's online window, or was not."""
    condition = Q(pk__in=[])
    by_minutes: dict[int, list[int]] = {}
    for shop_id, minutes in Shop.objects.filter(pk__in=wanted.shop_ids).values_list("pk", "online_minutes"):
        by_minutes.setdefault(minutes, []).append(shop_id)
    for minutes, ids in by_minutes.items():
        since = now - timedelta(minutes=minutes)
        heard = Q(seen_at__gt=since) if wanted.online else Q(LessThanOrEqual(common("seen_at"), since))
        condition |= heard if len(by_minutes) == 1 else Q(shop_id__in=ids) & heard
    return condition


# -- what a filter names -----------------------------------------------------------------------------


def named(wanted: CartFilter) -> list[Q]:
    """The carts, orders and people that a filter names: as a rule few carts, from all over the table."""
    found = [_numbers(wanted)] if wanted.ids or wanted.external_ids else []
    if wanted.order:
        found.append(_order_number(wanted))
    if wanted.customer:
        found.append(_customer(wanted))
    return found


def _numbers(wanted: CartFilter) -> Q:
    """Our number, or that of the shop which keeps the cart."""
    if not wanted.external_ids:
        return Q(pk__in=wanted.ids)
    theirs = Cart.objects.filter(
        shop_id__in=wanted.shop_ids, source__in=sources(wanted.shop_ids), external_id__in=wanted.external_ids
    )
    return Q(pk__in=[*wanted.ids, *theirs.values_list("pk", flat=True)[:FEW]])


def sources(shop_ids: Collection[int]) -> list[str]:
    """Where the carts of some shops come from, sorted: from one to the next by the index, however many carts."""
    found: set[str] = set()
    for shop_id in shop_ids:
        theirs, last = Cart.objects.filter(shop_id=shop_id), ""
        while last := theirs.filter(source__gt=last).order_by("source").values_list("source", flat=True).first() or "":
            found.add(last)
    return sorted(found)


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
    return Q(Among(column, numbers)) if len(numbers) <= FEW else Q(**{f"{column}__in": found.values("pk")})


def scattered(shop_ids: Collection[int]) -> QuerySet[Cart]:
    """The carts of some shops as they lie in the table, where no index of a list leads to those that are wanted."""
    return Cart.objects.filter(Q(In(Unindexed("shop_id"), shop_ids or (0,))), Q(IsNull(Unindexed("deleted_at"), True)))
