"""What the live page shows: who is in the shop now, their carts, and what happened last. Reading only."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db.models import Count, QuerySet, Sum
from django.db.models.functions import TruncMinute
from django.db.models.lookups import In

from ghostcart.carts.kinds import OURS, EventKind
from ghostcart.carts.models import BOT_SCORE, Cart, CartEvent, Device
from ghostcart.lib.planning import Unindexed

PRESENT = timedelta(minutes=5)
"""Who was heard of within this time is in the shop now (DESIGN section 2)."""
ACTIVE = timedelta(minutes=30)
"""Carts that the live page keeps on the screen."""
CHART_MINUTES = 60
UNSETTLED_MINUTES = 3
"""What other shops tell of may have happened so long ago."""
MOST_CARTS, MOST_ENTRIES = 60, 60
SHOWN = (
    "shop", "shop__name", "source", "external_id", "customer", "customer_label", "currency", "item_count",
    "total_minor", "is_estimated", "last_activity_at", "abandon_after", "ordered_at", "merged_at", "deleted_at",
    "bot_score",
)  # fmt: skip
"""What a row of the live page shows of a cart: with all columns, asking took three quarters of drawing."""


def by_number(numbers: Collection[int]) -> dict[int, Cart]:
    """Carts with what a row needs, in one query; deleted ones included (their row says so)."""
    return {cart.pk: cart for cart in _shown(Cart.objects.filter(pk__in=list(numbers)))}


def _shown(carts: QuerySet[Cart]) -> QuerySet[Cart]:
    return carts.select_related("shop").only(*SHOWN)


def active_carts(shop_ids: Collection[int], now: datetime) -> QuerySet[Cart]:
    """The carts in use, newest activity first."""
    found = Cart.objects.filter(shop_id__in=shop_ids, last_activity_at__gt=now - ACTIVE, deleted_at=None)
    return _shown(found).order_by("-last_activity_at", "-pk")[:MOST_CARTS]


def last_entries(shop_ids: Collection[int]) -> list[CartEvent]:
    """What happened last, newest first."""
    # The log is gone through from its end: by an index of the shop all of it would be sorted.
    found = CartEvent.objects.filter(In(Unindexed("shop_id"), shop_ids or (0,)))
    return list(found.select_related("cart").order_by("-pk")[:MOST_ENTRIES])


Additions = Sequence[tuple[int, int]]
"""(minute as Unix seconds, products put in carts in it), oldest first, the current minute last."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What is going on in some shops at a moment, without suspected machines."""

    visitors: int
    carts: int
    open_values: dict[str, int]
    """Value of the open carts per currency, in minor units."""
    additions: Additions


def figures(shop_ids: Collection[int], now: datetime, known: Additions = ()) -> Figures:
    """`known` are additions that were counted before: of those, only the last minutes are counted again."""
    people = Device.objects.filter(shop_id__in=shop_ids, bot_score__lt=BOT_SCORE)
    open_carts = Cart.objects.filter(
        shop_id__in=shop_ids, abandon_after__gt=now, ordered_at=None, merged_at=None, deleted_at=None,
        line_count__gt=0, bot_score__lt=BOT_SCORE,
    )  # fmt: skip
    values = open_carts.order_by().values_list("currency").annotate(Sum("total_minor"), Count("pk"))
    return Figures(
        visitors=people.filter(seen_at__gt=now - PRESENT).count() + _visitors_outside(shop_ids, now),
        carts=sum(row[2] for row in values),
        open_values={row[0]: row[1] for row in values},
        additions=_additions(shop_ids, now, known),
    )


def _visitors_outside(shop_ids: Collection[int], now: datetime) -> int:
    """Other shops tell of no devices: there, who fills a cart is a visitor."""
    carts = Cart.objects.filter(shop_id__in=shop_ids, seen_at__gt=now - PRESENT, bot_score__lt=BOT_SCORE)
    return carts.filter(deleted_at=None).exclude(source__in=OURS).count()


def _additions(shop_ids: Collection[int], now: datetime, known: Additions) -> list[tuple[int, int]]:
    last = int(now.timestamp()) // 60 * 60
    minutes = dict.fromkeys(range(last - (CHART_MINUTES - 1) * 60, last + 60, 60), 0)
    settled = {minute: count for minute, count in known if minute in minutes and minute < last - UNSETTLED_MINUTES * 60}
    since = max(settled) + 60 if settled else min(minutes)
    added = CartEvent.objects.filter(
        shop_id__in=shop_ids, at__gte=datetime.fromtimestamp(since, UTC), kind=EventKind.LINE_ADDED
    )
    counted = added.order_by().values_list(TruncMinute("at", tzinfo=UTC)).annotate(Count("pk"))
    found = {int(minute.timestamp()): count for minute, count in counted}
    return list((minutes | settled | {minute: count for minute, count in found.items() if minute in minutes}).items())
