"""What others read about carts: the page of one cart, and the figures above their list (`listing`).

Each figure is a filter of the list, so that a number and the list it links to cannot disagree.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.db.models import Count, QuerySet, Sum

from ghostcart.carts import conditions, listing
from ghostcart.carts.filters import Bots, CartFilter, Listed, start_of_day, to_query
from ghostcart.carts.kinds import OURS
from ghostcart.carts.models import Cart, CartEvent, CartLine, CartVoucher
from ghostcart.customers import queries as customer_queries
from ghostcart.customers.models import Address
from ghostcart.lib import paging
from ghostcart.lib.money import Rounding, divide
from ghostcart.lib.paging import Page
from ghostcart.lib.planning import Unindexed
from ghostcart.shops.models import Shop

KEPT_DELETED = timedelta(days=30)
"""How long a deleted cart can be brought back."""
EVENTS_SHOWN = 1_000
OTHERS_SHOWN = 10


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
    found = {
        key: _figure(key, listing.matching(asked, now), to_query(asked, shops, zone)) for key, asked in wanted.items()
    }
    ordered = to_query(replace(began, status=Listed.ORDERED), shops, zone)
    return {**found, "conversion": replace(found["conversion"], part_query=ordered)}


def _figure(key: str, carts: QuerySet[Cart], query: str) -> Figure:
    """What carts come to, and how many of them were ordered."""
    rows = list(carts.order_by().values_list("currency").annotate(Count("pk"), Sum("total_minor"), Count("ordered_at")))
    sums = {currency: (count, total) for currency, count, total, _ in rows}
    return Figure(key, sum(row[1] for row in rows), query, sums, part=sum(row[3] for row in rows))
