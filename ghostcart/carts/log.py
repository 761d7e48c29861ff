"""Following the cart log by a cursor that loses nothing and repeats nothing.

On PostgreSQL ids are given out before commits, so a later id can appear first; the cursor is therefore (transaction,
id), read only below the horizon of running transactions (docs/explanation/live-feed.md). SQLite has one writer: there
the transaction part is 0 and the id alone is in the order of commits.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile
from pathlib import Path
from typing import Any, NamedTuple

from django.db import connection, transaction

from ghostcart.carts.models import CartEvent, LogStart
from ghostcart.lib import partitions, sql

FOLDER = Path(__file__).parent / "sql"
TABLE = "carts_cartevent"
AT_ONCE = 500
"""Entries that are read together."""
FORGOTTEN_AT_ONCE = 1000
CHANNEL = "ghostcart_carts"
"""Where PostgreSQL tells that the log has grown. A wake-up only: who misses it finds the rows at the next look."""


class Cursor(NamedTuple):
    """A place in the log. Written as `12-345` in event ids and addresses."""

    transaction: int
    id: int

    def __str__(self) -> str:
        return f"{self.transaction}-{self.id}"

    @classmethod
    def parse(cls, text: str) -> "Cursor | None":
        """The place that a text names, or None for anything else."""
        first, dash, second = text.partition("-")
        if not (dash and first.isascii() and first.isdecimal() and second.isascii() and second.isdecimal()):
            return None
        if len(first) > 18 or len(second) > 18:
            return None
        return cls(int(first), int(second))


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the log, with its place."""

    cursor: Cursor
    shop_id: int
    cart_id: int
    cart_version: int
    kind: str
    actor: str
    at: datetime
    data: dict[str, Any]

    @property
    def pk(self) -> int:
        return self.cursor.id


def position() -> Cursor:
    """The place behind everything that can be read now: what commits from now on comes after it."""
    with connection.cursor() as cursor:
        cursor.execute(sql.statement(FOLDER, "log_position", connection.vendor))
        return Cursor(*(int(value) for value in cursor.fetchone()))


def start() -> Cursor:
    """The place before everything that is kept."""
    row = LogStart.objects.order_by("-transaction", "-number").first()
    return Cursor(row.transaction, row.number) if row else Cursor(0, 0)


def after(place: Cursor, limit: int = AT_ONCE) -> list[Entry]:
    """The next entries behind a place, in order."""
    with connection.cursor() as cursor:
        parameters = {"transaction": place.transaction, "id": place.id, "limit": limit}
        cursor.execute(sql.statement(FOLDER, "log_after", connection.vendor), parameters)
        rows = cursor.fetchall()
    return [
        Entry(
            Cursor(int(row[0]), row[1]), row[2], row[3], row[4], row[5], row[6],
            sql.from_db(row[7]), sql.json_from_db(row[8]),
        )
        for row in rows
    ]  # fmt: skip


def can_follow(place: Cursor, most: int) -> bool:
    """Whether a reader may go on from a place: nothing behind it was forgotten, and at most `most` entries are."""
    if place > position() or place < start():
        return False
    with connection.cursor() as cursor:
        parameters = {"transaction": place.transaction, "id": place.id, "limit": most + 1}
        cursor.execute(sql.statement(FOLDER, "log_count_after", connection.vendor), parameters)
        return bool(cursor.fetchone()[0] <= most)


# -- old entries ---------------------------------------------------------------------------------


def forget(now: datetime, kept: timedelta) -> bool:
    """Let go of old entries: on PostgreSQL whole months, made ahead and dropped here; else some at a time.

    Whether there may be more to do.
    """
    partitions.prepare(TABLE, "at", now)
    old = now - kept
    months = partitions.parts(TABLE)
    for part in months:
        if part.until and part.until <= old:
            with transaction.atomic():
                _begin_behind(part.name)
                partitions.drop(part.name)
    if months:
        _forget_late(old)
    return False if months else _forget_some(old, now)


def _begin_behind(part: str) -> None:
    """The log begins behind the last entry of a part."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT xid::text::bigint, id FROM {part} ORDER BY xid DESC, id DESC LIMIT 1")
        row = cursor.fetchone()
    if row and Cursor(*row) > start():
        LogStart.objects.update_or_create(pk=1, defaults={"transaction": row[0], "number": row[1]})


def _forget_late(old: datetime) -> None:
    """What was told when its month was gone already is in the spare part. It goes once the log begins behind it: until
    then there may be readers who have not come to it."""
    place = start()
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM carts_cartevent_spare WHERE at < %s AND (xid, id) <= (%s::text::xid8, %s)",
            [old, place.transaction, place.id],
        )


def _forget_some(old: datetime, now: datetime) -> bool:
    """The first ones up to one that is not old: what comes after that was told later, however long ago it happened."""
    first = CartEvent.objects.order_by("pk").values_list("pk", "at")[:FORGOTTEN_AT_ONCE]
    told = takewhile(lambda row: row[1] < old or row[1] > now, first)  # what is dated ahead says nothing
    numbers = [number for number, at in told if at < old]
    if numbers:
        with transaction.atomic():
            LogStart.objects.update_or_create(pk=1, defaults={"transaction": 0, "number": numbers[-1]})
            CartEvent.objects.filter(pk__in=numbers)._raw_delete(CartEvent.objects.db)  # nothing else goes with them
    return len(numbers) == FORGOTTEN_AT_ONCE
