"""The filtered list of carts: how each page finds its carts, and how many there are on all pages.

A page costs by its own length, not by the table. Where an index leads to few carts, those are named; where the order of
the list has an index, it is walked (`paging.Walk`); where neither leads to what is asked for, a bounded part of the
table is looked through, and the page leads on (docs/decisions/0008).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import reduce
from operator import and_

from django.db.models import F, Q, QuerySet, prefetch_related_objects

from ghostcart.carts import conditions
from ghostcart.carts.filters import CartFilter
from ghostcart.carts.models import Cart, Status
from ghostcart.lib import paging
from ghostcart.lib.paging import Page, Walk
from ghostcart.lib.planning import Among, Unindexed
from ghostcart.shops.models import Shop

COUNT_CEILING = paging.MOST_COUNTED
SCANNED = 20_000
"""So many carts are looked through for one page, and to count, where no index leads to what is asked for."""
STEPS = 40_000
"""So many are passed by for one page where an index leads to what is wanted, before that is sorted: a day's carts."""
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
    "products_minor", "discount_minor",
    "shipping_minor", "tax_minor", "prices_include_tax", "language", "shipping_method", "checkout_started_at",
    "merged_into", "deleted_at", "deleted_by", "is_demo", "external_version",
)  # fmt: skip
"""Columns that no page's list shows."""
_PRIVATE = ("customer__password", "customer__search_text", "customer__note")


def matching(wanted: CartFilter, now: datetime) -> QuerySet[Cart]:
    """The carts that a filter asks for, in no order. Deleted ones are never among them."""
    shops = Q(shop_id=wanted.shop_ids[0]) if len(wanted.shop_ids) == 1 else Q(shop_id__in=wanted.shop_ids)
    found = Cart.objects.filter(shops, conditions.listed(wanted, now), deleted_at=None)
    return _meeting(found, [*conditions.named(wanted).asked, *conditions.facts(wanted, now)])


def _meeting(found: QuerySet[Cart], asked: Sequence[Q]) -> QuerySet[Cart]:
    for condition in asked:
        found = found.filter(condition)
    return found


@dataclass(frozen=True, slots=True)
class Listing:
    """One page of the list, and how many carts there are on all pages; `is_more`: that many or more.

    A page may hold less than it could, or nothing, and still lead on: then SCANNED carts were looked through for it.
    """

    page: Page[Cart]
    count: int
    is_more: bool


def page(
    wanted: CartFilter,
    sort: str,
    size: int,
    after: str | None,
    before: str | None,
    now: datetime,
    *,
    shops: Iterable[Shop] = (),
    is_whole: bool = False,
) -> Listing:
    """A page of the carts that a filter asks for, each with its shop, sorted by a name of SORTS (with a minus:
    descending). A customer is with it where the cart has no label of them. `shops` are those that were read already.
    `is_whole` reads all columns of the heads and all customers, for who shows more than a page does."""
    column = SORTS.get(sort.removeprefix("-"), "id")
    name = f"-{column}" if sort.startswith("-") else column
    parts, chosen = _parts(wanted, now, column), conditions.STATUSES[wanted.status]
    newest = _newest() if any(part.is_scan for part in parts) else 0
    if newest > SCANNED:
        way = _through_the_table(parts[0], newest, name, size, after, before)
    else:
        way = _by_index(parts, is_all=wanted == CartFilter(shop_ids=wanted.shop_ids))
    heads = Cart.objects.select_related("customer").defer(*_PRIVATE) if is_whole else Cart.objects.defer(*_UNSEEN)
    kinds = [conditions.kinds(status, now) if status in chosen else [] for status in Status]
    rows = paging.page(heads, name, size, after, before, parts=way.parts, sections={"status": kinds})
    if way.stretch:
        rows = way.stretch.led_on(rows)
    known = {shop.pk: shop for shop in shops}
    for cart in rows.rows:
        if cart.shop_id in known:
            cart.shop = known[cart.shop_id]
    prefetch_related_objects(rows.rows, "shop")
    prefetch_related_objects([one for one in rows.rows if one.customer_id and not one.customer_label], "customer")
    return Listing(rows, way.counted, way.is_more)


@dataclass(frozen=True, slots=True)
class _Way:
    """What a page is drawn from, and how many carts were counted."""

    parts: list[QuerySet[Cart] | Walk[Cart]]
    counted: int
    is_more: bool
    stretch: "_Stretch | None" = None


def _by_index(parts: Sequence["_Part"], *, is_all: bool) -> _Way:
    """Few carts by their numbers, the others on walks through the order; of all carts the first ones are the page."""
    few, many = ([], parts) if is_all else _found(parts)
    walks = [walk for part in many for walk in part.walks]
    counted = _count(few, many, COUNT_CEILING)
    named = [Cart.objects.filter(Among("pk", few))] if few else []
    return _Way([*named, *(walk.rows if is_all else walk for walk in walks)], counted, counted >= COUNT_CEILING)


def _through_the_table(part: "_Part", newest: int, name: str, size: int, after: str | None, before: str | None) -> _Way:
    """No index leads there: SCANNED carts are looked through, and the newest of them counted."""
    recent = part.look.filter(pk__gt=newest - SCANNED)
    stretch = _stretch(name, after, before, newest) if name.removeprefix("-") == "id" else None
    if stretch and stretch.is_newest:  # the very carts that are counted
        numbers = list(recent.order_by("-pk").values_list("pk", flat=True)[:COUNT_CEILING])
        return _Way([Cart.objects.filter(Among("pk", numbers[: size + 1]))], len(numbers), True, stretch)
    counted = recent.order_by()[:COUNT_CEILING].count()
    return _Way([stretch.of(walk) if stretch else walk for walk in part.walks], counted, True, stretch)


def _newest() -> int:
    return Cart.objects.order_by("-pk").values_list("pk", flat=True).first() or 0


@dataclass(frozen=True, slots=True)
class _Stretch:
    """The numbers from which one page of a list by number is drawn: those above `low`, up to `high`."""

    low: int
    high: int
    is_backwards: bool
    is_newest: bool
    edge: int | None
    """Where a page that is not full leads on to; None at the end of the table."""

    def of(self, walk: Walk[Cart]) -> QuerySet[Cart]:
        return walk.rows.filter(pk__gt=self.low, pk__lte=self.high)

    def led_on(self, page: Page[Cart]) -> Page[Cart]:
        if self.edge is None:
            return page
        edge = paging.place(self.edge)
        if self.is_backwards:
            return replace(page, previous=page.previous or edge)
        return replace(page, next=page.next or edge)


def _stretch(sort: str, after: str | None, before: str | None, newest: int) -> _Stretch:
    """SCANNED numbers beyond the cursor: what is looked through, where no index leads to what a filter asks for."""
    goes_down = sort.startswith("-") != bool(before)
    start = paging.number_of(before or after) or (newest + 1 if goes_down else 0)
    if goes_down:
        low = max(0, start - 1 - SCANNED)
        is_newest = start > newest and not before
        return _Stretch(low, start - 1, bool(before), is_newest, low + 1 if low else None)
    high = start + SCANNED
    return _Stretch(start, high, bool(before), False, high if high < newest else None)


def count(wanted: CartFilter, now: datetime, ceiling: int = COUNT_CEILING) -> int:
    """How many carts a filter asks for; `ceiling` means that many or more."""
    return _count([], _parts(wanted, now, "id"), ceiling)


@dataclass(frozen=True, slots=True)
class _Part:
    """Some of the carts that a filter asks for, twice: `look` finds and counts them by whatever leads to them fast,
    `walks` go through the index of an order and leave out the others."""

    look: QuerySet[Cart]
    walks: list[Walk[Cart]]
    is_scan: bool = False
    """`look` goes through the table by id."""
    passed: int = 0
    """How many of the part lie before those that `look` finds."""

    def beyond(self, numbers: Sequence[int]) -> "_Part":
        """The same after these were met, so that a scan goes on from there."""
        return replace(self, look=self.look.filter(pk__gt=numbers[-1]), passed=len(numbers)) if self.is_scan else self


def _parts(wanted: CartFilter, now: datetime, column: str) -> list[_Part]:
    """Each shop and, within it, each kind of cart apart, if an index leads to them; else one for all."""
    named, facts = conditions.named(wanted), conditions.facts(wanted, now)
    is_single = len(facts) + bool(wanted.status) <= 1
    shops = [Cart.objects.filter(deleted_at=None, shop_id=shop_id) for shop_id in wanted.shop_ids]
    orders = [_meeting(shop, _together(wanted, now, column)) for shop in shops]
    if named.asked or not (wanted.is_recent or (is_single and conditions.is_indexed(wanted))):
        asked = [*named.asked, conditions.listed(wanted, now), *facts]
        if named.are_few:
            looks = [_meeting(conditions.scattered([shop_id]), asked) for shop_id in wanted.shop_ids]
            return [_Part(look, [_walk(order, asked, look)]) for order, look in zip(orders, looks, strict=True)]
        look = _meeting(conditions.scattered(wanted.shop_ids), asked).order_by("pk")
        return [_Part(look, [_walk(order, asked, among=len(orders)) for order in orders], is_scan=True)]
    common = F if is_single else Unindexed
    easy = conditions.facts(wanted, now, common)
    kinds = zip(
        conditions.listed_kinds(wanted, now, common), conditions.listed_kinds(wanted, now, Unindexed), strict=True
    )
    return [
        _Part(found := _meeting(shop, [look, *easy]), [_walk(order, [walk, *facts], found)])
        for look, walk in kinds
        for shop, order in zip(shops, orders, strict=True)
    ]


def _walk(
    order: QuerySet[Cart], asked: Sequence[Q], found: QuerySet[Cart] | None = None, *, among: int = 1
) -> Walk[Cart]:
    return Walk(order, reduce(and_, asked, Q()), SCANNED // among if found is None else STEPS, found)


def _together(wanted: CartFilter, now: datetime, column: str) -> list[Q]:
    """What holds of all that is asked for, and what therefore bounds a walk in the order of a column."""
    if column != "order_number":
        return conditions.of_column(wanted, now, column)
    chosen = conditions.STATUSES[wanted.status]
    if Status.ORDERED not in chosen:
        return [Q(order_number="")]
    return [Q(order_number__gt="")] if len(chosen) == 1 else []  # each has one


def _found(parts: Sequence[_Part]) -> tuple[list[int], list[_Part]]:
    """The carts of the parts that hold few, and the parts that hold more: walking until a few are met takes long."""
    few: list[int] = []
    many = []
    for part in parts:
        most = conditions.FEW - len(few)
        numbers = list(part.look.values_list("pk", flat=True)[: most + 1])
        if len(numbers) > most:
            many.append(part.beyond(numbers))
        else:
            few += numbers
    return few, many


def _count(few: Sequence[int], many: Sequence[_Part], ceiling: int) -> int:
    counted = len(few)
    for part in many:
        if counted < ceiling:
            counted += part.passed
            counted += part.look.order_by()[: max(0, ceiling - counted)].count()
    return min(counted, ceiling)
