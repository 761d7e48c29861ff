"""What a filter of carts asks for, as conditions of the database.

Conditions come in two forms, by how they name a column that most rows meet a condition on: as `F`, an index may find
and count the rows; as `Unindexed`, the index of an order is gone through, and rows that don't belong are left out.
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import reduce
from operator import or_
from pathlib import Path
from typing import Any

from django.db import connections, router
from django.db.models import F, Q, QuerySet
from django.db.models.lookups import Exact, GreaterThan, GreaterThanOrEqual, In, IsNull, LessThan, LessThanOrEqual

from ghostcart.carts.filters import Bots, CartFilter, Listed
from ghostcart.carts.models import BOT_SCORE, Cart, Status
from ghostcart.customers import queries as customer_queries
from ghostcart.customers.keys import words
from ghostcart.customers.models import Customer
from ghostcart.lib import sql
from ghostcart.lib.planning import Among, Unindexed
from ghostcart.shops.models import Shop

FOLDER = Path(__file__).parent / "sql"
FEW = 5_000
"""So many rows are better named than described again and again."""
MANY = 50_000
"""More customers are not gone through one by one for two letters: the carts of a page are asked whose they are."""

MOST_NAMES = 50
"""Of ways of shipping: with more of them, the carts are looked through instead."""

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


def of_column(wanted: CartFilter, now: datetime, column: str) -> list[Q]:
    """What is asked of one column: in its order, those carts lie together."""
    if column == "shipping_name" and wanted.shipping:
        return [_shipping(wanted, F)]
    if column == "seen_at" and wanted.online is not None:
        return [_online(wanted, now, F)]
    only = CartFilter(shop_ids=wanted.shop_ids, **{name: getattr(wanted, name) for name in _RANGES.get(column, ())})
    return facts(only, now, F)


_RANGES = {
    "item_count": ("items_from", "items_to"),
    "total_minor": ("total_from", "total_to"),
    "created_at": ("created_from", "created_to"),
    "last_activity_at": ("activity_from", "activity_to"),
}


def is_indexed(wanted: CartFilter) -> bool:
    """Whether each single fact is one that an index of the list knows."""
    return not wanted.currency and not wanted.source and wanted.bots != Bots.WITHOUT


def _facts(wanted: CartFilter, now: datetime, common: Column) -> Iterator[Q]:
    if wanted.abandoned_from or wanted.abandoned_to:
        yield status_is(Status.ABANDONED, now)
    if wanted.currency:
        yield Q(currency=wanted.currency)
    if wanted.source:
        yield Q(Exact(Unindexed("source"), wanted.source))
    if wanted.shipping:
        yield _shipping(wanted, common)
    if wanted.bots != Bots.WITH:
        yield Q(bot_score__lt=BOT_SCORE) if wanted.bots == Bots.WITHOUT else Q(bot_score__gte=BOT_SCORE)
    if wanted.online is not None:
        yield _online(wanted, now, common)


def _shipping(wanted: CartFilter, common: Column) -> Q:
    """Shops have few ways of shipping: which ones are meant is found first."""
    names = shipping_names(wanted.shop_ids)
    if len(names) > MOST_NAMES:
        return Q(GreaterThan(common("shipping_name"), ""), shipping_name__icontains=wanted.shipping)
    meant = [name for name in names if wanted.shipping.casefold() in name.casefold()]
    return Q(In(common("shipping_name"), meant)) if meant else Q(pk__in=[])


def shipping_names(shop_ids: Collection[int]) -> list[str]:
    """How carts of some shops are shipped, sorted: from one to the next by the index. Beyond MOST_NAMES it stops."""
    found: set[str] = set()
    for shop_id in shop_ids:
        theirs, last = Cart.objects.filter(shop_id=shop_id, deleted_at=None).order_by("shipping_name"), ""
        while len(found) <= MOST_NAMES and (last := _first(theirs.filter(shipping_name__gt=last), "shipping_name")):
            found.add(last)
    return sorted(found)


def _first(rows: QuerySet[Cart], column: str) -> str:
    return next(iter(rows.values_list(column, flat=True)[:1]), "")


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


@dataclass(frozen=True, slots=True)
class Named:
    """The carts, orders and people that a filter names: as a rule few carts, from all over the table."""

    asked: list[Q]
    are_few: bool
    """At least one of them names few rows."""


def named(wanted: CartFilter) -> Named:
    found = [(_numbers(wanted), True)] if wanted.ids or wanted.external_ids else []
    if wanted.order:
        found.append(_order_number(wanted))
    if wanted.customer:
        found.append(_customer(wanted))
    return Named([condition for condition, _ in found], any(is_few for _, is_few in found))


def _numbers(wanted: CartFilter) -> Q:
    """Our number, or that of the shop which keeps the cart."""
    if not wanted.external_ids:
        return Q(pk__in=wanted.ids)
    theirs = Cart.objects.filter(
        shop_id__in=wanted.shop_ids, source__in=sources(wanted.shop_ids), external_id__in=wanted.external_ids
    )
    return Q(pk__in=[*wanted.ids, *theirs.values_list("pk", flat=True)[:FEW]])


def sources(shop_ids: Collection[int]) -> list[str]:
    """Where the carts of some shops come from, sorted."""
    if not shop_ids:
        return []
    place = connections[router.db_for_read(Cart)]
    text = sql.statement(FOLDER, "list_sources", place.vendor).replace("{ids}", ", ".join(["%s"] * len(shop_ids)))
    with place.cursor() as cursor:
        cursor.execute(text, list(shop_ids))
        return sorted(source for (source,) in cursor.fetchall())


def _order_number(wanted: CartFilter) -> tuple[Q, bool]:
    is_it = Q(order_number__gt="", order_number__icontains=wanted.order)
    numbers = _few(Cart.objects.filter(is_it, shop_id__in=wanted.shop_ids, deleted_at=None))
    return (is_it, False) if numbers is None else (Q(Among("pk", numbers)), True)


def _customer(wanted: CartFilter) -> tuple[Q, bool]:
    """Every word in the name or address, or the telephone number; of who is gone only the cart's label is left."""
    known, its_known, gone = Q(), Q(), Q(customer=None, customer_label__gt="")
    for word in words(wanted.customer)[: customer_queries.MOST_WORDS]:
        known &= Q(search_text__contains=word)
        its_known &= Q(customer__search_text__contains=word)
    for word in wanted.customer.split()[: customer_queries.MOST_WORDS]:
        gone &= Q(customer_label__icontains=word)
    named = Customer.objects.filter(known, In(Unindexed("shop_id"), wanted.shop_ids or (0,)))
    people = None if _finds_no_index(wanted.customer) else _few(named)
    carts = _few(Cart.objects.filter(gone, shop_id__in=wanted.shop_ids))
    theirs = gone if carts is None else Q(Among("pk", carts))
    if people is None:  # then each cart is asked whose it is
        return its_known | theirs, False
    return Q(Among("customer", people)) | theirs, carts is not None


def _finds_no_index(text: str) -> bool:
    """Whether an index of three letters would be no help with any of the words, among many customers."""
    if any(len(word) >= 3 for word in words(text)):
        return False
    return (Customer.objects.order_by("-pk").values_list("pk", flat=True).first() or 0) > MANY


def _few(found: QuerySet[Any]) -> list[int] | None:
    """The numbers of these rows, which are looked up once, for a page and for its count; None if they are many."""
    numbers = list(found.values_list("pk", flat=True)[: FEW + 1])
    return numbers if len(numbers) <= FEW else None


def scattered(shop_ids: Collection[int]) -> QuerySet[Cart]:
    """The carts of some shops as they lie in the table, where no index of a list leads to those that are wanted."""
    return Cart.objects.filter(Q(In(Unindexed("shop_id"), shop_ids or (0,))), Q(IsNull(Unindexed("deleted_at"), True)))
