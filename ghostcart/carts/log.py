"""Following the cart log by a cursor that loses nothing and repeats nothing.

On PostgreSQL ids are given out before commits, so a later id can appear first; the cursor is therefore (transaction,
id), read only below the horizon of running transactions (docs/explanation/live-feed.md). SQLite has one writer: there
the transaction part is 0 and the id alone is in the order of commits.
"""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from django.db import connection

from ghostcart.lib import sql

FOLDER = Path(__file__).parent / "sql"
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


def after(place: Cursor, limit: int = 500) -> list[Entry]:
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
    """Whether a reader may go on from a place: it lies in this log, and at most `most` entries lie behind it."""
    if place > position():
        return False
    with connection.cursor() as cursor:
        parameters = {"transaction": place.transaction, "id": place.id, "limit": most + 1}
        cursor.execute(sql.statement(FOLDER, "log_count_after", connection.vendor), parameters)
        return bool(cursor.fetchone()[0] <= most)
