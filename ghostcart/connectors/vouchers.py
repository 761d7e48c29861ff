"""Vouchers of campaigns in other shops: made before the mail that speaks of them goes out, taken away when unused.

A shop's connection says by which way (`options["vouchers"]`: see Way); a way gives a Desk. What is promised:
1. Nobody gets a mail with a code that the shop does not know: `make` says which vouchers are not there, and why.
2. A code is made once. One worker at a time speaks about a voucher (a lease in its row), and asks for the code before
   making it: whoever died between the shop's commit and our note has made it already.
3. What ended, was switched off or never went out is taken away again, unless somebody used it (`take_away`).
No transaction of ours is open while the shop is spoken to, and each look at a shop is bounded in time.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from time import monotonic
from typing import Protocol
from zoneinfo import ZoneInfo

import structlog
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils.translation import gettext_lazy as _

from ghostcart.catalog.models import Product
from ghostcart.connectors.errors import NoWay, ShopTrouble, VoucherBusy, VoucherTrouble
from ghostcart.connectors.models import Connection, Made, PushedVoucher
from ghostcart.connectors.options import change_options
from ghostcart.customers.models import Customer, ExternalCustomer
from ghostcart.shops.models import Shop
from ghostcart.vouchers.models import Voucher
from ghostcart.vouchers.terms import AppliesTo, Kind

LEASE = timedelta(minutes=2)
"""Longer than one call to a shop can take."""
SECONDS = 60.0
"""How long `make` may take in all: a fraction of the lease that the messages are held by."""
ENDLESS = timedelta(days=366)
GRACE = timedelta(hours=1)
"""How long an ended voucher stays in the shop: for clocks that differ, and for whoever is just paying."""
AGAIN = (timedelta(minutes=10), timedelta(hours=1), timedelta(hours=6), timedelta(days=1))
"""When taking a voucher away is tried again; from the fourth time on once a day."""
MOST_TRIES = 20
BATCH = 50

log = structlog.get_logger()


class Way(StrEnum):
    """How vouchers get into a shop."""

    NONE = "none"
    DATABASE = "database"
    WEBSERVICE = "webservice"


WAYS = {
    Way.NONE: _("Not at all: campaigns for this shop carry no voucher"),
    Way.DATABASE: _("By its database: the user needs the right to insert there"),
    Way.WEBSERVICE: _("By its web service: the key needs the right to add cart rules"),
}


class Fate(StrEnum):
    """What became of a voucher that was to be taken away."""

    REMOVED = "removed"
    SWITCHED_OFF = "switched_off"
    USED = "used"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A voucher as another shop must make it. Ids are the shop's own; `customer` "": for whoever has the code.

    `begins` and `ends` are the first moment at which it counts and the first at which it no longer does.
    """

    code: str
    names: Mapping[str, str]
    kind: Kind
    percent_bp: int = 0
    amount_minor: int = 0
    currency: str = ""
    minimum_minor: int = 0
    with_tax: bool = True
    applies_to: AppliesTo = AppliesTo.ORDER
    products: tuple[str, ...] = ()
    exclude_discounted: bool = False
    combinable: bool = False
    priority: int = 1
    customer: str = ""
    begins: datetime
    ends: datetime
    zone: ZoneInfo


class Desk(Protocol):
    """Where vouchers of one shop are made. Each call raises ShopTrouble, or VoucherTrouble about this one alone."""

    def find(self, wish: Wish) -> str:
        """The shop's id of this voucher, if it was made before; else ""."""
        ...

    def make(self, wish: Wish) -> str:
        """Make it; its id there."""
        ...

    def take_away(self, outside_id: str, code: str) -> Fate:
        """Delete it, or switch it off, unless it was used. What is gone counts as removed."""
        ...

    def check(self) -> None:
        """Raises ShopTrouble if vouchers could not be made here."""
        ...


Open = Callable[[Connection], AbstractContextManager[Desk]]
"""The desk of a connection, by its way. Raises ShopTrouble."""


def way_of(connection: Connection) -> Way:
    told = connection.options.get("vouchers", Way.NONE)
    return Way(told) if told in list(Way) else Way.NONE


@transaction.atomic
def choose(connection: Connection, way: Way) -> None:
    """Staff decide how vouchers get into this shop. Without a way no campaign with a voucher can be started for it."""
    change_options(connection, vouchers=way.value)
    ways = {way_of(one) for one in Connection.objects.filter(shop=connection.shop_id)}
    Shop.objects.filter(pk=connection.shop_id).update(takes_vouchers=ways != {Way.NONE})


# -- making ------------------------------------------------------------------------------------------


def make(wanted: Mapping[int, Customer | None], now: datetime, open_desk: Open) -> dict[int, str]:
    """Put these vouchers (by id, each with whom it is mailed to) into their shops, if those are other shops.

    Returns those that are not there, with the trouble as `errors.explain` reads it.
    """
    deadline = monotonic() + SECONDS
    troubles: dict[int, str] = {}
    by_shop: dict[int, list[Voucher]] = defaultdict(list)
    for voucher in Voucher.objects.select_related("shop").filter(pk__in=list(wanted)).order_by("pk"):
        by_shop[voucher.shop_id].append(voucher)
    for shop_id, some in by_shop.items():
        connections = list(Connection.objects.filter(shop=shop_id).order_by("pk"))
        connection = next((one for one in connections if way_of(one) != Way.NONE), None)
        if connection is not None:
            troubles |= _make(connection, some, wanted, now, open_desk, deadline)
        elif connections:
            troubles |= {voucher.pk: NoWay().note for voucher in some}
    return troubles


def _make(
    connection: Connection, vouchers: list[Voucher], wanted: Mapping[int, Customer | None], now: datetime,
    open_desk: Open, deadline: float,
) -> dict[int, str]:  # fmt: skip
    rows = {voucher.pk: _row(connection, voucher) for voucher in vouchers}
    missing = [voucher for voucher in vouchers if rows[voucher.pk].state != Made.MADE]
    ours = [voucher for voucher in missing if rows[voucher.pk].state == Made.WANTED and _lease(rows[voucher.pk], now)]
    troubles = {voucher.pk: VoucherBusy().note for voucher in missing if voucher not in ours}
    if not ours:
        return troubles
    left = list(ours)
    try:
        with open_desk(connection) as desk:
            while left and monotonic() < deadline:
                if trouble := _make_one(desk, rows[left[0].pk], wish_for(left[0], wanted[left[0].pk], connection), now):
                    troubles[left[0].pk] = trouble
                left.pop(0)
        why = VoucherBusy().note
    except ShopTrouble as trouble:  # of the shop, not of one voucher: nobody is asked for the others
        log.warning("vouchers cannot be made in a shop", connection=connection.pk, trouble=trouble.note)
        why = trouble.note
    for voucher in left:
        _note(rows[voucher.pk], why, now)
        troubles[voucher.pk] = why
    return troubles


def _make_one(desk: Desk, row: PushedVoucher, wish: Wish, now: datetime) -> str:
    """Raises ShopTrouble that is not this voucher's own."""
    try:
        outside_id = desk.find(wish) or desk.make(wish)
    except VoucherTrouble as trouble:
        _note(row, trouble.note, now)
        return trouble.note
    changes = {"state": Made.MADE, "outside_id": outside_id, "pushed_at": now, "trouble": "", "trouble_at": None}
    PushedVoucher.objects.filter(pk=row.pk).update(**changes, busy_until=None)
    return ""


def _row(connection: Connection, voucher: Voucher) -> PushedVoucher:
    ends = voucher.valid_until + GRACE if voucher.valid_until else None
    row, _is_new = PushedVoucher.objects.get_or_create(
        connection=connection, code=voucher.code, defaults={"voucher": voucher, "due_at": ends}
    )
    return row


def _free(now: datetime) -> Q:
    """Nobody speaks about it now. A lease too long to be true was given by a clock that was set back since."""
    return Q(busy_until=None) | Q(busy_until__lte=now) | Q(busy_until__gt=now + 2 * LEASE)


def _lease(row: PushedVoucher, now: datetime) -> bool:
    """Whether it is ours to speak about."""
    return bool(PushedVoucher.objects.filter(_free(now), pk=row.pk).update(busy_until=now + LEASE))


def _note(row: PushedVoucher, trouble: str, now: datetime, **more: object) -> None:
    changes = {"trouble": trouble, "trouble_at": now, "busy_until": None, **more}
    PushedVoucher.objects.filter(pk=row.pk).update(**changes)


def wish_for(voucher: Voucher, customer: Customer | None, connection: Connection) -> Wish:
    """The voucher in the shop's own words."""
    return Wish(
        code=voucher.code,
        names={language: voucher.name(language) for language in voucher.shop.languages},
        kind=Kind(voucher.kind),
        percent_bp=voucher.percent_bp,
        amount_minor=voucher.amount_minor,
        currency=voucher.currency,
        minimum_minor=voucher.minimum_minor,
        with_tax=voucher.shop.prices_include_tax,
        applies_to=AppliesTo(voucher.applies_to),
        products=_products(voucher, connection.source),
        exclude_discounted=voucher.exclude_discounted,
        combinable=voucher.combinable,
        priority=voucher.priority,
        customer=_customer(customer, connection.source) if customer else "",
        begins=voucher.valid_from or voucher.created_at,
        ends=voucher.valid_until or voucher.created_at + ENDLESS,
        zone=voucher.shop.zone,
    )


def _customer(customer: Customer, source: str) -> str:
    """Whom it is bound to there. Nobody, for a guest: a shop makes a new customer of a guest with each order, and what
    is bound to the last one could not be used by the same person again."""
    if customer.is_guest:
        return ""
    theirs = ExternalCustomer.objects.filter(customer=customer, source=source).order_by("-external_version", "-pk")
    return theirs.values_list("external_id", flat=True).first() or ""


def _products(voucher: Voucher, source: str) -> tuple[str, ...]:
    theirs = Product.objects.filter(pk__in=voucher.product_ids, source=source, external_id__isnull=False)
    return tuple(str(name) for name in theirs.order_by("pk").values_list("external_id", flat=True))


# -- taking away -------------------------------------------------------------------------------------


def take_away(now: datetime, open_desk: Open) -> bool:
    """Take some vouchers away that nobody can use any more; says whether there were any. Safe to repeat."""
    by_connection: dict[int, list[PushedVoucher]] = defaultdict(list)
    for row in _over(now)[:BATCH]:
        if row.voucher is not None and row.voucher.used:
            PushedVoucher.objects.filter(pk=row.pk).update(state=Made.USED, trouble="", trouble_at=None)
        elif _lease(row, now):
            by_connection[row.connection_id].append(row)
    for some in by_connection.values():
        _take_away(some, now, open_desk)
    return bool(by_connection)


def _over(now: datetime) -> QuerySet[PushedVoucher]:
    """Those that ended or were switched off. Of the latter one that failed once waits for its time like the others."""
    there = PushedVoucher.objects.filter(state__in=[Made.WANTED, Made.MADE], tries__lt=MOST_TRIES)
    is_off = Q(voucher__is_active=False) | Q(voucher=None)
    over = there.filter(_free(now)).filter(Q(due_at__lte=now) | (is_off & Q(tries=0)))
    return over.select_related("voucher__shop", "connection__shop").order_by("pk")


def _take_away(rows: list[PushedVoucher], now: datetime, open_desk: Open) -> None:
    deadline, left = monotonic() + SECONDS, list(rows)
    try:
        with open_desk(rows[0].connection) as desk:
            while left and monotonic() < deadline:
                _take_one_away(desk, left[0], now)
                left.pop(0)
    except ShopTrouble as trouble:
        for row in left:
            _try_again(row, trouble.note, now)
        return
    PushedVoucher.objects.filter(pk__in=[row.pk for row in left]).update(busy_until=None)


def _take_one_away(desk: Desk, row: PushedVoucher, now: datetime) -> None:
    """Raises ShopTrouble that is not this voucher's own."""
    try:
        fate = desk.take_away(row.outside_id, row.code)
    except VoucherTrouble as trouble:
        _try_again(row, trouble.note, now)
        return
    PushedVoucher.objects.filter(pk=row.pk).update(
        state=Made(fate.value), removed_at=now, trouble="", trouble_at=None, busy_until=None
    )


def _try_again(row: PushedVoucher, trouble: str, now: datetime) -> None:
    wait = AGAIN[min(row.tries, len(AGAIN) - 1)]
    _note(row, trouble, now, tries=F("tries") + 1, due_at=now + wait)
