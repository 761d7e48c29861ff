"""What a list of vouchers is asked for, as a value, and the list that answers."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import F, Q, QuerySet

from ghostcart.customers import queries as customer_queries
from ghostcart.lib import paging
from ghostcart.lib.paging import Page
from ghostcart.vouchers.models import Status, Voucher
from ghostcart.vouchers.queries import normal_code

SORTS = {"id": "id", "code": "code", "used": "used"}
"""What the list can be sorted by, and the column behind it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VoucherFilter:
    """Conditions that all must hold; what is None or empty is not asked. `now` is when statuses are looked at."""

    shop_ids: tuple[int, ...]
    now: datetime
    text: str = ""
    """In the code, or in the name or address of the only one who may use it."""
    status: str = ""
    kind: str = ""
    is_recovery: bool | None = None


def matching(wanted: VoucherFilter) -> QuerySet[Voucher]:
    """The vouchers that a filter asks for, in no order."""
    found = Voucher.objects.filter(shop_id__in=wanted.shop_ids).order_by()
    for condition in _conditions(wanted):
        found = found.filter(condition)
    return found


def page(wanted: VoucherFilter, sort: str, size: int, after: str | None, before: str | None) -> Page[Voucher]:
    """One page of the list, sorted by a name of SORTS (with a minus: descending)."""
    column = SORTS.get(sort.removeprefix("-"), "id")
    return paging.page(
        matching(wanted).select_related("shop", "customer", "gift_variant"),
        f"-{column}" if sort.startswith("-") else column,
        size,
        after,
        before,
        shop_ids=wanted.shop_ids,
    )


def count(wanted: VoucherFilter) -> int:
    return paging.counted(matching(wanted))


def _conditions(wanted: VoucherFilter) -> Iterable[Q]:
    if wanted.text:
        yield _text(wanted)
    if wanted.status:
        yield of_status(wanted.status, wanted.now)
    if wanted.kind:
        yield Q(kind=wanted.kind)
    if wanted.is_recovery is not None:
        yield Q(is_recovery=wanted.is_recovery)


def of_status(status: str, now: datetime) -> Q:
    """The vouchers of which `Voucher.status` says so: each has exactly one."""
    off = Q(is_active=False)
    expired = Q(valid_until__isnull=False, valid_until__lte=now)
    used_up = Q(quantity__isnull=False, used__gte=F("quantity"))
    later = Q(valid_from__isnull=False, valid_from__gt=now)
    return {
        Status.OFF: off,
        Status.EXPIRED: ~off & expired,
        Status.USED_UP: ~off & ~expired & used_up,
        Status.LATER: ~off & ~expired & ~used_up & later,
        Status.GOOD: ~off & ~expired & ~used_up & ~later,
    }[Status(status)]


def _text(wanted: VoucherFilter) -> Q:
    known = customer_queries.search(wanted.shop_ids, wanted.text).order_by()
    theirs = Q(customer__in=known.values("pk")) | Q(person__in=known.exclude(person=None).values("person"))
    return Q(code__contains=normal_code(wanted.text)) | theirs
