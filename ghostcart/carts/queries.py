"""Everything that others read about carts: the filtered list, its count, and the page of one cart.

One definition of each status and figure lives here, so that a number and the list it links to cannot disagree.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import reduce
from itertools import chain
from operator import and_

from django.db.models import Count, F, Q, QuerySet, Sum, prefetch_related_objects

from ghostcart.carts import conditions
from ghostcart.carts.filters import Bots, CartFilter, Listed, start_of_day, to_query
from ghostcart.carts.kinds import OURS
from ghostcart.carts.models import Cart, CartEvent, CartLine, CartVoucher, Status
from ghostcart.customers import queries as customer_queries
from ghostcart.customers.models import Address
from ghostcart.lib import paging
from ghostcart.lib.money import Rounding, divide
from ghostcart.lib.paging import Page, Walk
from ghostcart.lib.planning import Among, Unindexed
from ghostcart.shops.models import Shop

COUNT_CEILING = paging.MOST_COUNTED
SCANNED = 20_000
"""So many carts are looked through for one page, and to count, where no index leads to what is asked for."""
STEPS = 40_000
"""So many are passed by for one page where an index leads to what is wanted, before that is sorted: a day's carts."""
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
    "products_minor", "discount_minor",
    "shipping_minor", "tax_minor", "prices_include_tax", "language", "shipping_method", "checkout_started_at",
    "merged_into", "deleted_at", "deleted_by", "is_demo", "external_version",
)  # fmt: skip
"""Columns that no page's list shows."""
_PRIVATE = ("customer__password", "customer__search_text", "customer__note")
EVENTS_SHOWN = 1_000
OTHERS_SHOWN = 10


# -- the list ----------------------------------------------------------------------------------------


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


def listing(
    wanted: CartFilter,
    sort: str,
    size: int,
    after: str | None,
    before: str | None,
    now: datetime,
    *,
    is_whole: bool = False,
) -> Listing:
    """A page of the carts that a filter asks for, each with its shop, sorted by a name of SORTS (with a minus:
    descending). A customer is with it where the cart has no label of them. `is_whole` reads all columns of the heads
    and all customers, for who shows more than a page does."""
    parts = _parts(wanted, now)
    newest = _newest() if any(part.is_scan for part in parts) else 0
    is_long = newest > SCANNED
    is_all = wanted == CartFilter(shop_ids=wanted.shop_ids)
    few, many = ([], parts) if is_all or is_long else _found(parts)
    column = SORTS.get(sort.removeprefix("-"), "id")
    chosen = conditions.STATUSES[wanted.status]
    heads = Cart.objects.select_related("customer").defer(*_PRIVATE) if is_whole else Cart.objects.defer(*_UNSEEN)
    name = f"-{column}" if sort.startswith("-") else column
    stretch = _stretch(name, after, before, newest) if is_long and column == "id" else None
    recent = [replace(part, look=part.look.filter(pk__gt=newest - SCANNED)) for part in many] if is_long else many
    if stretch and stretch.is_newest:  # the carts that are counted anyway
        found = list(chain.from_iterable(_numbers(part.look) for part in recent))
        few, many, recent = sorted(found, reverse=True)[: size + 1], [], []
    else:
        found = few
    walks = [walk for part in many for walk in part.walks]
    together = reduce(
        and_, [_numbered(chosen)] if column == "order_number" else conditions.of_column(wanted, now, column), Q()
    )
    walks = [replace(walk, through=walk.through.filter(together)) for walk in walks]
    rows = paging.page(
        heads.prefetch_related("shop"),
        name,
        size,
        after,
        before,
        parts=[
            *([Cart.objects.filter(Among("pk", few))] if few else []),
            *(stretch.of(walk) if stretch else walk.rows if is_all else walk for walk in walks),
        ],
        sections={"status": [conditions.kinds(status, now) if status in chosen else [] for status in Status]},
    )
    if stretch:
        rows = stretch.led_on(rows)
    prefetch_related_objects([one for one in rows.rows if one.customer_id and not one.customer_label], "customer")
    counted = _count(found, recent, COUNT_CEILING)
    return Listing(rows, counted, is_long or counted >= COUNT_CEILING)


def _numbered(chosen: set[Status]) -> Q:
    """By order number: those without an order lie together, and all the others have one."""
    if Status.ORDERED not in chosen:
        return Q(order_number="")
    return Q(order_number__gt="") if len(chosen) == 1 else Q()


def _numbers(look: QuerySet[Cart]) -> QuerySet[Cart, int]:
    return look.order_by("-pk").values_list("pk", flat=True)[:COUNT_CEILING]


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
    return _count([], _parts(wanted, now), ceiling)


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


def _parts(wanted: CartFilter, now: datetime) -> list[_Part]:
    """Each shop and, within it, each kind of cart apart, if an index leads to them; else one for all."""
    named, facts = conditions.named(wanted), conditions.facts(wanted, now)
    names = named.asked
    is_single = len(facts) + bool(wanted.status) <= 1
    shops = [Cart.objects.filter(deleted_at=None, shop_id=shop_id) for shop_id in wanted.shop_ids]
    if names or not (wanted.is_recent or (is_single and conditions.is_indexed(wanted))):
        asked = [*names, conditions.listed(wanted, now), *facts]
        if named.are_few:
            looks = [_meeting(conditions.scattered([shop_id]), asked) for shop_id in wanted.shop_ids]
            return [_Part(look, [_walk(shop, asked, STEPS, look)]) for shop, look in zip(shops, looks, strict=True)]
        look = _meeting(conditions.scattered(wanted.shop_ids), asked).order_by("pk")
        return [_Part(look, [_walk(shop, asked, SCANNED // len(shops)) for shop in shops], is_scan=True)]
    common = F if is_single else Unindexed
    easy = conditions.facts(wanted, now, common)
    kinds = zip(
        conditions.listed_kinds(wanted, now, common), conditions.listed_kinds(wanted, now, Unindexed), strict=True
    )
    looks_and_walks = [(shop, _meeting(shop, [look, *easy]), [walk, *facts]) for look, walk in kinds for shop in shops]
    return [_Part(look, [_walk(shop, asked, STEPS, look)]) for shop, look, asked in looks_and_walks]


def _walk(shop: QuerySet[Cart], asked: Sequence[Q], steps: int, found: QuerySet[Cart] | None = None) -> Walk[Cart]:
    return Walk(shop, reduce(and_, asked, Q()), steps, found)


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


def sources(shop_ids: Collection[int]) -> list[str]:
    """Where the carts of some shops come from, sorted."""
    return conditions.sources(shop_ids)


def any_outside(cart_ids: Collection[int]) -> bool:
    """Whether another shop keeps one of these carts, deleted here or not."""
    return Cart.objects.filter(pk__in=cart_ids).exclude(source__in=OURS).exists()


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
        merged=list(_heads().filter(merged_into=cart, deleted_at=None).order_by(Unindexed("id").desc())[:OTHERS_SHOWN]),
        others=others(cart, None, None),
    )


def others(cart: Cart, after: str | None, before: str | None) -> Page[Cart]:
    """The other carts of the same person, under whichever of their addresses, newest first."""
    if cart.customer is None:
        return Page([], None, None)
    person = cart.customer.person_id
    customers = list(customer_queries.of_person(person).values_list("pk", flat=True)) if person else [cart.customer.pk]
    found = _heads().filter(customer_id__in=customers, deleted_at=None).exclude(pk=cart.pk)
    return paging.page(found, "-id", OTHERS_SHOWN, after, before)


def counts_of(customer_ids: Collection[int]) -> dict[int, int]:
    """How many carts these customers have, by customer; who has none is not in it."""
    carts = Cart.objects.filter(customer_id__in=customer_ids, deleted_at=None).order_by()
    return dict(carts.values_list("customer_id").annotate(Count("pk")))


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
    A share is `part` of `rows`: those that were ordered.
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
    found = {key: _figure(key, matching(asked, now), to_query(asked, shops, zone)) for key, asked in wanted.items()}
    ordered = to_query(replace(began, status=Listed.ORDERED), shops, zone)
    return {**found, "conversion": replace(found["conversion"], part_query=ordered)}


def _figure(key: str, carts: QuerySet[Cart], query: str) -> Figure:
    """What carts come to, and how many of them were ordered."""
    rows = list(carts.order_by().values_list("currency").annotate(Count("pk"), Sum("total_minor"), Count("ordered_at")))
    sums = {currency: (count, total) for currency, count, total, _ in rows}
    return Figure(key, sum(row[1] for row in rows), query, sums, part=sum(row[3] for row in rows))
