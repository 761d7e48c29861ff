"""What staff do to carts: delete, bring back, clean up. What shoppers do goes through `ingest`.

An ordered cart is never deleted: the condition stands in the statement that deletes, under the lock, and once more as a
constraint of the table.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import perf_counter, sleep
from typing import Any, NamedTuple

from django.db import models, transaction
from django.db.models import F, Q, QuerySet
from django.utils.translation import gettext_lazy as _

from ghostcart.carts import storage
from ghostcart.carts.kinds import EventKind
from ghostcart.carts.models import BOT_SCORE, Cart, CartLine
from ghostcart.carts.queries import KEPT_DELETED
from ghostcart.shops import rules
from ghostcart.shops.models import Shop

BATCH = 500
AT_ONCE = 20
PURGED_AT_ONCE = 10 * BATCH
RETIME_BATCH = 5_000

DELETED, ORDERED, MISSING, RESTORED = "deleted", "ordered", "missing", "restored"
"""What became of a cart that was to be deleted or restored."""

_GHOST = Q(ordered_at=None, deleted_at=None)


# -- delete and bring back ---------------------------------------------------------------------------


@transaction.atomic
def delete(
    cart_ids: Iterable[int], actor: str, now: datetime, shop_ids: Collection[int] | None = None
) -> dict[int, str]:
    """Delete carts for 30 days, then for good (`purge`); says of each whether it is "deleted", was "ordered" and
    stays, or is "missing": already gone, or not in `shop_ids`."""
    asked = list(dict.fromkeys(cart_ids))
    theirs = Cart.objects.filter(pk__in=asked)
    if shop_ids is not None:
        theirs = theirs.filter(shop_id__in=list(shop_ids))
    gone = set(_delete_ghosts(theirs, actor, now))
    ordered = set(theirs.filter(ordered_at__isnull=False).values_list("pk", flat=True))
    return {number: DELETED if number in gone else ORDERED if number in ordered else MISSING for number in asked}


def _delete_ghosts(carts: QuerySet[Cart], actor: str, now: datetime) -> list[int]:
    """Delete those of these carts that have no order, in the caller's transaction; returns their numbers.

    Locked in the order in which `ingest` locks. The statement that deletes asks everything again.
    """
    carts = carts.filter(_GHOST)
    heads = list(carts.order_by("pk").select_for_update())
    numbers = [head.pk for head in heads]
    changed = carts.filter(pk__in=numbers).update(deleted_at=now, deleted_by=actor, version=F("version") + 1)
    if changed != len(numbers):
        raise RuntimeError("carts changed under their lock")
    storage.insert_events(_entry(head, EventKind.DELETED, actor, now, {}) for head in heads)
    return numbers


@transaction.atomic
def undelete(
    cart_ids: Iterable[int], actor: str, now: datetime, shop_ids: Collection[int] | None = None
) -> dict[int, str]:
    """Bring deleted carts back; says of each whether it is "restored" or "missing" (not deleted, or gone for good)."""
    asked = list(dict.fromkeys(cart_ids))
    deleted = Cart.objects.filter(pk__in=asked, deleted_at__gt=now - KEPT_DELETED)
    if shop_ids is not None:
        deleted = deleted.filter(shop_id__in=list(shop_ids))
    heads = list(deleted.order_by("pk").select_for_update())
    back = {head.pk for head in heads}
    deleted.filter(pk__in=back).update(deleted_at=None, deleted_by="", version=F("version") + 1)
    lines: dict[int, list[dict[str, Any]]] = {number: [] for number in back}
    for line in CartLine.objects.filter(cart__in=back).order_by("position"):
        lines[line.cart_id].append(_told(line))
    storage.insert_events(_entry(one, EventKind.RESTORED, actor, now, {"lines": lines[one.pk]}) for one in heads)
    return {number: RESTORED if number in back else MISSING for number in asked}


def _entry(head: Cart, kind: str, actor: str, now: datetime, data: dict[str, Any]) -> storage.Event:
    """`head` as it was before the change that raised its version by one."""
    return head.shop_id, head.pk, head.version + 1, kind, actor, now, {**data, **head.told()}


def _told(line: CartLine) -> dict[str, Any]:
    names = ("key", "sku", "name", "option", "picture", "unit_price_micros", "quantity", "is_gift")
    return {**{name: getattr(line, name) for name in names}, "was": line.quantity}


def purge(now: datetime) -> int:
    """Remove for good what was deleted more than 30 days ago; returns how many carts went. After some batches others
    have their turn: call it again until it returns 0."""
    due, removed = Cart.objects.filter(deleted_at__lte=now - KEPT_DELETED), 0
    for shop_id in Shop.objects.order_by("pk").values_list("pk", flat=True):
        theirs = due.filter(shop_id=shop_id).order_by("deleted_at", "pk").values_list("pk", flat=True)
        while removed < PURGED_AT_ONCE and (numbers := list(theirs[:BATCH])):
            with transaction.atomic():
                held = due.filter(pk__in=numbers).order_by("pk").select_for_update().values_list("pk", flat=True)
                Cart.objects.filter(pk__in=list(held)).delete()
            removed += len(numbers)
    return removed


# -- clean-up ----------------------------------------------------------------------------------------


class Which(models.TextChoices):
    """What a clean-up is about; in each case only carts without an order."""

    AGE = "age", _("All carts without an order")
    EMPTY = "empty", _("Empty carts")
    BOTS = "bots", _("Suspected bots")


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanUp:
    """Which carts of which shops a clean-up takes: those neither changed nor visited in the `days` before `since`.

    `since` is the moment of the dry run: what shoppers do after it can only take carts out.
    """

    shop_ids: tuple[int, ...]
    which: Which
    days: int
    since: datetime

    def carts(self) -> QuerySet[Cart]:
        """The carts that would go, in no order."""
        rested = self.since - timedelta(days=self.days)
        found = Cart.objects.filter(_GHOST, shop_id__in=self.shop_ids, last_activity_at__lt=rested, seen_at__lt=rested)
        if self.which == Which.EMPTY:
            return found.filter(line_count=0)
        return found.filter(bot_score__gte=BOT_SCORE) if self.which == Which.BOTS else found

    def parts(self) -> Iterator[QuerySet[Cart]]:
        """The same, oldest first, each part by an index that those which went have left: what the next batch costs
        does not grow with those before."""
        for shop_id in self.shop_ids:
            found = self.carts().filter(shop_id=shop_id)
            if self.which == Which.BOTS:
                yield found.order_by("pk")
                continue
            if self.which == Which.AGE:
                yield found.filter(merged_at=None, line_count__gt=0).order_by("abandon_after", "pk")
            yield found.filter(merged_at=None, line_count=0).order_by("pk")
            yield found.filter(merged_at__isnull=False).order_by("pk")


class CleanedUp(NamedTuple):
    """What a batch of a clean-up came to."""

    gone: int
    is_finished: bool


def clean_up_batch(rule: CleanUp, actor: str, now: datetime, size: int | None = None) -> CleanedUp:
    """Delete the next carts of a clean-up, at most `size` (else BATCH).

    Each cart is held against the whole rule again in the statement that deletes it. Every few are a transaction of
    their own, and then shoppers have their turn for as long as it took: old carts lie far apart, and what is written of
    one batch is more than the disk takes while somebody waits for their cart.
    """
    size, numbers, gone = size or BATCH, list[int](), 0
    for part in rule.parts():
        numbers += part.values_list("pk", flat=True)[: size - len(numbers)]
    for first in range(0, len(numbers), AT_ONCE):
        began = perf_counter()
        some = rule.carts().filter(pk__in=numbers[first : first + AT_ONCE])
        with transaction.atomic():
            gone += len(_delete_ghosts(some, actor, now))
        if not transaction.get_connection().in_atomic_block:
            sleep(perf_counter() - began)
    return CleanedUp(gone, len(numbers) < size)


# -- the threshold -----------------------------------------------------------------------------------


def retime(shop: Shop) -> None:
    """Set anew from when the shop's undecided carts count as abandoned, after its threshold or basis was changed.

    In batches, each its own transaction: a change of settings must not hold up shoppers. Safe to repeat.
    """
    rule = rules.from_row(shop).abandon_after
    undecided = Cart.objects.filter(shop=shop, ordered_at=None, merged_at=None).order_by("pk")
    facts = undecided.values_list("pk", "created_at", "last_activity_at", "line_count")
    last = 0
    while rows := list(facts.filter(pk__gt=last)[:RETIME_BATCH]):
        last = rows[-1][0]
        storage.set_abandon_after(
            [(number, rule(created, active, not lines), active) for number, created, active, lines in rows]
        )
