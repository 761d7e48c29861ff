"""Reading attached shops: the worker's task. Several workers may run, and any may be killed.

A connection is leased to one worker. What is read is written in one transaction with the place it reached and under
the lease, so a worker that lost its lease writes nothing, and nothing is left half done.
"""

import logging
import os
import secrets
import socket
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import perf_counter
from typing import Any, Self

from django.db import IntegrityError, InterfaceError, OperationalError, transaction
from django.db import connection as db
from django.db.models import Q

from ghostcart.connectors import errors
from ghostcart.connectors.models import Connection, State
from ghostcart.connectors.portions import Slice
from ghostcart.connectors.readers import READERS, ShopReader
from ghostcart.lib import sealing, sql

EVERY_SPARED = timedelta(seconds=5)
"""Between two looks, where staff asked to spare the shop (option `is_spared`)."""
WORKS_SECONDS = 1.0
"""How long one task of an import works before others have their turn."""
LONGEST_REST = timedelta(minutes=2)
LOCK_SECONDS = 2
"""Two slices that are written at once wait no longer for each other's rows."""
_PROCESS = secrets.token_hex(4)

_log = logging.getLogger(__name__)


class LeaseLost(Exception):
    """Another worker reads this shop now: what was read is thrown away."""


def read_due(now: datetime) -> bool:
    """Read one shop that is due: some slices of its import, or one look at what changed. Says whether there is more.

    Whatever a shop, or the code that reads it, does wrong is noted with this connection, which then rests: the others
    have their turn. Only trouble of our own database is raised; the shop that met it comes last at the next turn.
    """
    connection = _claim(now)
    if connection is None:
        return False
    try:
        with _reading(connection) as reader:
            reader.refresh(now)
            if connection.state == State.IMPORTING:
                return _import(connection, reader, now)
            return _follow(connection, reader, now)
    except errors.ShopTrouble as trouble:
        _note(connection, trouble, now)
    except sealing.Unreadable:
        _note(connection, errors.SecretLost(), now)
    except LeaseLost:
        _log.warning("another worker reads %s now", connection.address)
    except (OperationalError, InterfaceError, IntegrityError):  # the last: two of ours met at one row
        raise
    except Exception:
        _log.exception("what %s tells cannot be taken", connection.address)
        _note(connection, errors.ShopTrouble(), now)
    return False


def me() -> str:
    return f"{socket.gethostname()[:50]}:{os.getpid()}:{_PROCESS}"


def _claim(now: datetime) -> Connection | None:
    """A connection that is due, leased to this process. The one who holds the lease keeps it as long as they look.

    Who was claimed last comes last: a long import, or a shop that fails, leaves the others their turn.
    """
    free = Q(claimed_until=None) | Q(claimed_until__lt=now) | Q(claimed_by=me())
    due = Q(due_at=None) | Q(due_at__lte=now)
    waiting = Connection.objects.filter(free, due, state__in=[State.IMPORTING, State.FOLLOWING], kind__in=list(READERS))
    for connection in waiting.order_by("due_at", "pk")[:5]:
        claimed = Connection.objects.filter(free, pk=connection.pk, state=connection.state)
        if claimed.update(claimed_by=me(), claimed_until=now + READERS[connection.kind].lease, due_at=now):
            return Connection.objects.get(pk=connection.pk)
    return None


@dataclass(slots=True)
class _Open:
    reader: ShopReader
    mark: tuple[object, ...]


_open: dict[int, _Open] = {}
"""The shops that this process has open, by connection."""


@contextmanager
def _reading(connection: Connection) -> Iterator[ShopReader]:
    """The reader of a connection, kept open from look to look; dropped with any error."""
    mark = (connection.address, connection.secret, str(connection.options), connection.created_at, os.getpid())
    kept = _open.pop(connection.pk, None)
    if kept is not None and kept.mark != mark:
        kept.reader.close()
        kept = None
    reader = kept.reader if kept else READERS[connection.kind].of(connection)
    try:
        yield reader
    except BaseException:
        reader.close()
        raise
    _open[connection.pk] = _Open(reader, mark)


def release() -> None:
    """At the end of a process: another may read its shops at once, not only when the lease has ended."""
    close_all()
    Connection.objects.filter(claimed_by=me()).update(claimed_by="", claimed_until=None)


def close_all() -> None:
    """Let go of all shops (at the end of a process or a test)."""
    while _open:
        _open.popitem()[1].reader.close()


def _import(connection: Connection, reader: ShopReader, now: datetime) -> bool:
    if not connection.is_importing:
        cursor, total = reader.begin(now)
        connection.cursor, connection.total, connection.done = cursor, total, 0
        _save(connection, now, cursor=cursor, total=total, done=0)
    end = perf_counter() + WORKS_SECONDS
    try:
        with Writing(connection, reader, now) as writing:
            while True:
                part = reader.next_slice(writing.cursor, now)
                writing.write(part)
                if part.is_last or perf_counter() > end:
                    break
    except OperationalError as error:
        if not (reader.writes_two and sql.is_about_locks(error)):
            raise
        reader.writes_two = False
    return True


class Writing:
    """Writes the slices of an import in their order.

    Two long ones of carts are written at once where the database has several writers, each by a connection of its own;
    the later one commits after the earlier, or not at all. Should they want the same row, both are taken back, and
    from then on (`ShopReader.writes_two`) they come one after the other.
    """

    def __init__(self, connection: Connection, reader: ShopReader, now: datetime) -> None:
        self.connection, self.reader, self.now = connection, reader, now
        self.cursor, self.done = connection.cursor, connection.done
        self._threads = ThreadPoolExecutor(2)
        self._before: Future[None] | None = None

    def write(self, part: Slice) -> None:
        """Write a slice, or begin to: an earlier one may fail here."""
        self.done += part.size
        if self._is_apart(part):
            before, self._before = self._before, None
            self._before = self._threads.submit(self._write_apart, part, self.done, before)
            if before:
                before.result()
        else:
            self._finish()
            self._write(part, self.done)
        self.cursor = part.cursor

    def _is_apart(self, part: Slice) -> bool:
        """Whether it names nothing that the slice before it might make."""
        stages = {self.cursor.get("stage"), part.cursor.get("stage")}
        is_plain = part.is_long and stages == {"carts"} and not part.portion.customers
        return is_plain and self.reader.writes_two and db.vendor == "postgresql"

    def _write(self, part: Slice, done: int, before: "Future[None] | None" = None, *, is_apart: bool = False) -> None:
        """In one transaction with the place it reached: what a crash takes back is read once more."""
        changed: dict[str, Any] = {"cursor": part.cursor, "done": done}
        if part.is_last:
            changed |= {"state": State.FOLLOWING, "cursor": part.cursor["follow"], "total": done}
        with transaction.atomic():
            sql.commit_may_be_late()
            if is_apart:
                sql.wait_for_locks(LOCK_SECONDS)
            self.reader.take(part.portion, self.now, is_history=True)
            if before:
                before.result()
            _hold(self.connection)
            _save(self.connection, self.now, **changed)

    def _write_apart(self, part: Slice, done: int, before: "Future[None] | None") -> None:
        try:
            self._write(part, done, before, is_apart=True)
        finally:
            db.close()

    def _finish(self) -> None:
        before, self._before = self._before, None
        if before:
            before.result()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        self._threads.shutdown()
        if error is None:
            self._finish()


def _follow(connection: Connection, reader: ShopReader, now: datetime) -> bool:
    found = reader.look(connection.cursor, now)
    rest = max(reader.every, EVERY_SPARED) if connection.options.get("is_spared") else reader.every
    with transaction.atomic():
        _hold(connection)
        for take in found.takes:
            take()
        _save(connection, now, cursor=found.cursor, due_at=now if found.behind else now + rest)
    connection.cursor = found.cursor
    for remember in found.afterwards:
        remember()
    return found.behind


def _hold(connection: Connection) -> None:
    """Within a transaction: nobody else reads this shop until it ends. Raises LeaseLost."""
    mine = Connection.objects.filter(pk=connection.pk, claimed_by=me(), state=connection.state)
    if not mine.update(claimed_by=me()):
        raise LeaseLost


def _save(connection: Connection, now: datetime, **changed: Any) -> None:
    healthy = {
        "read_at": now,
        "trouble": "",
        "trouble_at": None,
        "failures": 0,
        "claimed_until": now + READERS[connection.kind].lease,
    }
    Connection.objects.filter(pk=connection.pk, claimed_by=me()).update(**healthy, **changed)


def _note(connection: Connection, trouble: errors.ShopTrouble, now: datetime) -> None:
    """Why it could not be read, and when to try again: after a second, then ever later."""
    _log.warning("%s cannot be read: %s", connection.address, trouble.note)
    failures = connection.failures + 1
    rest = min(timedelta(seconds=2 ** min(failures - 1, 10)), LONGEST_REST)
    Connection.objects.filter(pk=connection.pk, claimed_by=me()).update(
        trouble=trouble.note, trouble_at=connection.trouble_at or now, failures=failures, due_at=now + rest,
        claimed_by="", claimed_until=None,
    )  # fmt: skip
