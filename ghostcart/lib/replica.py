"""Reading from a copy of the database (DATABASE_REPLICA_URL, PostgreSQL): lists and reports, never what a change
depends on.

    with replica.reading(request.session.get(replica.WROTE)):
        ... queries of this thread go to the copy

A copy lags. Whoever has written is shown no copy that has not caught up with that: `place()` after the write is a place
in the primary's write-ahead log, and `reading(place)` uses the copy only if it has replayed it. A copy that is away or
far behind is left alone for a while, and the primary answers.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import local
from time import monotonic
from typing import Any

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connection, connections

ALIAS = "replica"
WROTE = "wrote_at"
"""In a person's session: the place of their last write."""
MOST_BEHIND = 30
"""Seconds; further behind, a copy shows nobody anything."""
REST = 10
"""Seconds in which a copy that did not answer is not asked again."""
CAUGHT_UP = f"""
    SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn
       AND (pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn()
            OR clock_timestamp() - pg_last_xact_replay_timestamp() < interval '{MOST_BEHIND} seconds')"""

_thread = local()
_rests_until = 0.0


def is_set_up() -> bool:
    return ALIAS in settings.DATABASES


def place() -> str:
    """Where the primary's log ends now: whatever has committed lies before it. Empty without a copy."""
    if not is_set_up():
        return ""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_current_wal_insert_lsn()")  # what was written out may end before our commit
        return str(cursor.fetchone()[0])


@contextmanager
def reading(since: str | None) -> Iterator[None]:
    """Queries within go to the copy, if there is one and it has what was written up to `since`. Writes never do."""
    _thread.is_reading = is_set_up() and not connection.in_atomic_block and _has(since or "0/0")
    try:
        yield
    finally:
        _thread.is_reading = False


def is_reading() -> bool:
    """Whether queries of this thread go to the copy now."""
    return bool(getattr(_thread, "is_reading", False))


def _has(since: str) -> bool:
    global _rests_until
    if monotonic() < _rests_until:
        return False
    try:
        with connections[ALIAS].cursor() as cursor:
            cursor.execute(CAUGHT_UP, [since])
            return bool(cursor.fetchone()[0])
    except DatabaseError:
        connections[ALIAS].close()
        _rests_until = monotonic() + REST
        return False


class Router:
    """For Django: where queries go (DATABASE_ROUTERS)."""

    def db_for_read(self, model: Any, **hints: Any) -> str:
        return ALIAS if is_reading() else DEFAULT_DB_ALIAS

    def db_for_write(self, model: Any, **hints: Any) -> str:
        return DEFAULT_DB_ALIAS

    def allow_relation(self, one: Any, other: Any, **hints: Any) -> bool:
        return True  # both are the same rows

    def allow_migrate(self, db: str, *args: Any, **hints: Any) -> bool:
        return db == DEFAULT_DB_ALIAS
