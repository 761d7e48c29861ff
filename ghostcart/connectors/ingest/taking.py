"""Facts that a shop tells in JSON are taken, one or many; each has a fate of its own."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypeVar

from django.db import IntegrityError
from msgspec import Struct

from ghostcart.carts import intake as cart_intake
from ghostcart.connectors.ingest import shapes
from ghostcart.connectors.ingest.errors import Conflict, WrongFact
from ghostcart.connectors.ingest.reading import Reader
from ghostcart.connectors.models import Kind
from ghostcart.lib.errors import GhostcartError
from ghostcart.lib.snapshots import Taken
from ghostcart.orders import intake as order_intake
from ghostcart.orders import joining
from ghostcart.orders.snapshots import CLAIMED
from ghostcart.shops import rules as shop_rules

RESERVED = {"store", "staff", CLAIMED, *Kind.values}
T = TypeVar("T")


class Trouble(Struct):
    """Why an item was refused: `field` is the place of what is wrong in it."""

    code: str
    field: str
    detail: str


class Fate(Struct, omit_defaults=True):
    """What became of an item: `created`, `changed`, `unchanged`, `stale` (a newer one was told before), `forgotten` (of
    a person who was erased), or `refused`, with the problem."""

    external_id: str
    status: str
    problem: Trouble | None = None


class Report(Struct):
    """The fates of a batch, in its order, and how many of each there are."""

    items: list[Fate]
    counts: dict[str, int]


_READ: dict[type, str] = {
    shapes.CustomerIn: "customer",
    shapes.ProductIn: "product",
    shapes.CartIn: "cart",
    shapes.OrderIn: "order",
}


def take_one(shop_id: int, source: str, external_id: str, told: Any, now: datetime) -> Fate:
    """Take a customer, product, cart or order. Raises WrongFact, Conflict, and SkuTaken for a product."""
    _check_source(source)
    kind = next(kind for kind in _READ if isinstance(told, kind))
    read = getattr(Reader(shop_rules.of(shop_id), now), _READ[kind])
    return _alone(kind, shop_id, source, read(external_id, told), now)


def take_many(shop_id: int, batch: shapes.Batch, now: datetime) -> Report:
    """Take what of a batch can be taken; the fate of each says what could not, and why. Raises WrongFact for its
    source."""
    _check_source(batch.source)
    kind = next(kind for kind in _READ if issubclass(batch.item, kind))
    read = getattr(Reader(shop_rules.of(shop_id), now), _READ[kind])
    items: Sequence[Any] = batch.items  # type: ignore[attr-defined]
    fates: list[Fate | None] = [None] * len(items)
    snapshots: dict[int, Any] = {}
    for place, item in enumerate(items):
        try:
            if isinstance(item, shapes.Unreadable):
                raise WrongFact("bad_fact", item.field, told=item.told)
            snapshots[place] = read(item.external_id, item)
        except GhostcartError as error:
            fates[place] = _refused(item.external_id, error)
    known = _take_each(kind, shop_id, batch.source, snapshots, now)
    report = [fate or known[place] for place, fate in enumerate(fates)]
    return Report(report, dict(Counter(fate.status for fate in report)))


def _check_source(source: str) -> None:
    if source in RESERVED:
        raise WrongFact("source_reserved", "source", told=source)


def _take(kind: type, shop_id: int, source: str, told: list[Any], now: datetime) -> dict[str, Taken]:
    if kind is shapes.CustomerIn:
        return joining.take_customers(shop_id, source, told, now)
    if kind is shapes.ProductIn:
        return joining.take_products(shop_id, source, told)
    if kind is shapes.CartIn:
        return cart_intake.take(shop_id, source, told, now)
    return order_intake.take(shop_id, source, told, now)


def _take_each(kind: type, shop_id: int, source: str, told: dict[int, Any], now: datetime) -> dict[int, Fate]:
    """All in one transaction, the common case; if one is refused only there, one by one."""
    last = {one.external_id: place for place, one in told.items()}
    for place, one in told.items():  # of one told twice the newest counts, of equals the last
        if one.version > told[last[one.external_id]].version:
            last[one.external_id] = place
    winners = {place: told[place] for place in last.values()}
    fates = {
        place: Fate(one.external_id, Taken.STALE.value if one.version < told[last[one.external_id]].version
                    else Taken.UNCHANGED.value)
        for place, one in told.items() if place not in winners
    }  # fmt: skip
    try:
        taken = _take(kind, shop_id, source, list(winners.values()), now) if winners else {}
        return fates | {place: Fate(one.external_id, taken[one.external_id].value) for place, one in winners.items()}
    except (GhostcartError, IntegrityError):
        return fates | {place: _alone_or_refused(kind, shop_id, source, one, now) for place, one in winners.items()}


def _alone(kind: type, shop_id: int, source: str, one: Any, now: datetime) -> Fate:
    for is_last in (False, True):
        try:
            return Fate(one.external_id, _take(kind, shop_id, source, [one], now)[one.external_id].value)
        except IntegrityError as error:  # somebody else tells of it at this moment: now it is known
            if is_last:
                raise Conflict from error
    raise AssertionError


def _alone_or_refused(kind: type, shop_id: int, source: str, one: Any, now: datetime) -> Fate:
    try:
        return _alone(kind, shop_id, source, one, now)
    except GhostcartError as error:
        return _refused(one.external_id, error)


def _refused(external_id: str, error: GhostcartError) -> Fate:
    field = error.field if isinstance(error, WrongFact) else ""
    return Fate(external_id, "refused", Trouble(error.code, field, str(error)))
