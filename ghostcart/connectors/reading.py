"""Reading attached shops: the worker's task. Several workers may run, and any may be killed.

A connection is leased to one worker. What is read is written in one transaction with the place it reached and under
the lease, so a worker that lost its lease writes nothing, and nothing is left half done.
"""

import logging
import os
import secrets
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import perf_counter
from typing import Any, Self

from django.db import OperationalError, transaction
from django.db import connection as db
from django.db.models import Q

from ghostcart.connectors import errors
from ghostcart.connectors.models import READ_HERE, Connection, Kind, State
from ghostcart.connectors.prestashop import access, following, importing, webservice_following
from ghostcart.connectors.prestashop.beside import Beside
from ghostcart.connectors.prestashop.importing import Slice
from ghostcart.connectors.prestashop.reader import Reader
from ghostcart.connectors.prestashop.webservice_reader import WebserviceReader
from ghostcart.lib import sealing, sql

EVERY = timedelta(seconds=0.7)
"""Between two looks at a shop that is followed."""
EVERY_SPARED = timedelta(seconds=5)
"""The same, where staff asked to spare the shop (option `is_spared`)."""
LEASE, WEBSERVICE_LEASE = timedelta(seconds=30), timedelta(minutes=5)
WORKS_SECONDS = 1.0
"""How long one task of an import works before others have their turn."""
LONG = 2000
"""A slice of an import that is at least so long is not the last one: reading beside is worth a process."""
LONGEST_REST = timedelta(minutes=2)
LOCK_SECONDS = 2
"""Two slices that are written at once wait no longer for each other's rows."""
_PROCESS = secrets.token_hex(4)

_log = logging.getLogger(__name__)


class LeaseLost(Exception):
    """Another worker reads this shop now: what was read is thrown away."""


def read_due(now: datetime, clock: Callable[[], datetime] | None = None) -> bool:
    """Read one shop that is due: some slices of its import, or one look at what changed. Says whether there is more.

    `clock` tells the time of each slice; without it all of them happen at `now`.
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
    return False


def me() -> str:
    return f"{socket.gethostname()[:50]}:{os.getpid()}:{_PROCESS}"


def _claim(now: datetime) -> Connection | None:
    """A connection that is due, leased to this process. The one who holds the lease keeps it as long as they look."""
    free = Q(claimed_until=None) | Q(claimed_until__lt=now) | Q(claimed_by=me())
    due = Q(due_at=None) | Q(due_at__lte=now)
    waiting = Connection.objects.filter(free, due, state__in=[State.IMPORTING, State.FOLLOWING], kind__in=READ_HERE)
    for connection in waiting.order_by("due_at", "pk")[:5]:
        claimed = Connection.objects.filter(free, pk=connection.pk, state=connection.state)
        if claimed.update(claimed_by=me(), claimed_until=now + _lease(connection)):
            return Connection.objects.get(pk=connection.pk)
    return None


AnyReader = Reader | WebserviceReader


def _lease(connection: Connection) -> timedelta:
    """A web service is asked a dozen times for one slice, and may be slow each time."""
    return WEBSERVICE_LEASE if connection.kind == Kind.PRESTASHOP_API else LEASE


@dataclass(slots=True)
class _Open:
    reader: AnyReader
    mark: tuple[object, ...]


_open: dict[int, _Open] = {}
"""The databases that this process has open, by connection."""


@contextmanager
def _reading(connection: Connection) -> Iterator[AnyReader]:
    """The reader of a connection, kept open from look to look; dropped with any error."""
    mark = (connection.address, connection.secret, str(connection.options), connection.created_at, os.getpid())
    kept = _open.pop(connection.pk, None)
    if kept is not None and kept.mark != mark:
        kept.reader.close()
        kept = None
    reader = kept.reader if kept else _reader(connection)
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
    """Let go of all shops' databases (at the end of a process or a test)."""
    while _open:
        _open.popitem()[1].reader.close()


def _reader(connection: Connection) -> AnyReader:
    if connection.kind == Kind.PRESTASHOP:
        return Reader.at(access.place_of(connection))
    options = connection.options
    return WebserviceReader(
        access.open_webservice(connection), connection.shop_id, connection.source, access.shop_number(connection),
        str(options.get("time_zone") or ""), bool(options.get("newsletter_is_consent")),
    )  # fmt: skip


def _import(connection: Connection, reader: AnyReader, now: datetime) -> bool:
    if not connection.is_importing:
        cursor, total = _begin(reader, now)
        connection.cursor, connection.total, connection.done = cursor, total, 0
        _save(connection, now, cursor=cursor, total=total, done=0)
    end = perf_counter() + WORKS_SECONDS
    try:
        with Writing(connection, reader, now) as writing:
            while True:
                part = _next_slice(connection, reader, writing.cursor, now)
                writing.write(part)
                if part.is_last or perf_counter() > end:
                    break
    except OperationalError as error:
        if not (reader.writes_two and sql.is_about_locks(error)):
            raise
        reader.writes_two = False
    return True


def _next_slice(connection: Connection, reader: AnyReader, cursor: dict[str, Any], now: datetime) -> Slice:
    """The slice at a cursor. Of a large database those after it are read beside, while it is written."""
    if isinstance(reader, WebserviceReader):
        return webservice_following.next_slice(reader, cursor, now)
    part = reader.beside.next_slice(cursor) if reader.beside else None
    if part is None or part.is_last:
        reader.end_beside()
    part = part or importing.next_slice(reader, cursor, now)
    if part.size >= LONG and reader.beside is None:
        reader.beside = Beside(access.place_of(connection), part.cursor)
    reader.read_strangers(part.portion)
    return part


class Writing:
    """Writes the slices of an import in their order.

    Two long ones of carts are written at once where the database has several writers, each by a connection of its own;
    the later one commits after the earlier, or not at all. Should they want the same row, both are taken back, and
    from then on (`Reader.writes_two`) they come one after the other.
    """

    def __init__(self, connection: Connection, reader: AnyReader, now: datetime) -> None:
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
        is_plain = part.size >= LONG and stages == {"carts"} and not part.portion.customers
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


def _follow(connection: Connection, reader: AnyReader, now: datetime) -> bool:
    found = _look(reader, connection.cursor, now)
    rest = webservice_following.EVERY if connection.kind == Kind.PRESTASHOP_API else EVERY
    if connection.options.get("is_spared"):
        rest = max(rest, EVERY_SPARED)
    with transaction.atomic():
        _hold(connection)
        for take in found.takes:
            take()
        _save(connection, now, cursor=found.cursor, due_at=now if found.behind else now + rest)
    connection.cursor = found.cursor
    for remember in found.afterwards:
        remember()
    return found.behind


def _begin(reader: AnyReader, now: datetime) -> tuple[dict[str, Any], int]:
    if isinstance(reader, WebserviceReader):
        return webservice_following.begin(reader, now)
    return importing.begin(reader, now)


def _look(reader: AnyReader, cursor: dict[str, Any], now: datetime) -> following.Look:
    if isinstance(reader, WebserviceReader):
        return webservice_following.look(reader, cursor, now)
    return following.look(reader, cursor, now)


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
        "claimed_until": now + _lease(connection),
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
