"""Grouped commits: changes that arrive together share one transaction, and so one wait for the disk.

While a commit is under way the next changes gather; they become the next group. A change is answered only when its
group is on disk. One writer is enough: SQLite has no more, and on PostgreSQL two made smaller groups and fewer changes
a second.
"""

import logging
from collections.abc import Sequence
from concurrent.futures import Future
from queue import Empty, Queue
from threading import Lock, Thread
from time import monotonic

from django.db import DatabaseError, InternalError, OperationalError, close_old_connections, connection

from ghostcart.carts.changes import Change
from ghostcart.carts.ingest import Encoder, Outcome, record_all
from ghostcart.lib import sql
from ghostcart.lib.errors import GhostcartError

LOOK_SECONDS = 1.0
MOST = 64
"""Changes in one group: enough to share the disk's wait, few enough to keep locks short."""

_log = logging.getLogger(__name__)
_refusal = ""


def refusal() -> str:
    """The kind of error with which the database refused the last changes of this process; empty if it took them."""
    return _refusal


class GroupWriter:
    """A thread that writes the changes handed to it, in groups."""

    def __init__(self, encode: Encoder | None = None, most: int = MOST) -> None:
        self._encode = encode
        self._most = most
        self._waiting: Queue[tuple[Change, Future[Outcome]]] = Queue()
        self._starting = Lock()
        self._thread: Thread | None = None
        self._looked_at = 0.0

    def submit(self, change: Change) -> Future[Outcome]:
        """Hand in a change; the future holds its outcome after the commit, or the error that refused it."""
        future: Future[Outcome] = Future()
        self._waiting.put((change, future))
        if self._thread is None:
            self._start()
        return future

    def drain(self, seconds: float) -> bool:
        """Wait until all that was handed in is done, also what nobody waits for any more; False if it takes longer."""
        with self._waiting.all_tasks_done:
            return self._waiting.all_tasks_done.wait_for(lambda: not self._waiting.unfinished_tasks, seconds)

    def _start(self) -> None:
        with self._starting:
            if self._thread is None:
                self._thread = Thread(target=self._run, name="cart-writer", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while True:
            group = [self._waiting.get()]
            while len(group) < self._most:
                try:
                    group.append(self._waiting.get_nowait())
                except Empty:
                    break
            self._write(group)
            for _ in group:
                self._waiting.task_done()

    def _write(self, group: Sequence[tuple[Change, Future[Outcome]]]) -> None:
        group = [one for one in group if _is_wanted(one[1])]
        if not group:
            return
        try:
            self._look_at_connection()
            results = record_all([change for change, _ in group], self._encode)
        except Exception as error:
            self._write_failed(group, error)
            return
        _note("")
        for (_, future), result in zip(group, results, strict=True):
            if isinstance(result, GhostcartError):
                future.set_exception(result)
            else:
                future.set_result(result)

    def _look_at_connection(self) -> None:
        """One that broke, or rested, is given back: the pool asks the database before it lends it again. In between
        that would cost a trip for each group."""
        now = monotonic()
        if connection.errors_occurred or now > self._looked_at + LOOK_SECONDS:
            close_old_connections()
            self._looked_at = now

    def _write_failed(self, group: Sequence[tuple[Change, Future[Outcome]]], error: Exception) -> None:
        """Nothing of the group was stored. One change must not fail for another: each is tried alone."""
        if not isinstance(error, DatabaseError):
            _log.error("a change broke the write path", exc_info=error)
        if len(group) == 1 or _is_out_of_reach(error):
            if isinstance(error, OperationalError | InternalError) and not sql.is_about_locks(error):
                _note(type(error.__cause__ or error).__name__)
            for _, future in group:
                future.set_exception(error)
            if _is_out_of_reach(error):
                self._refuse_who_waits(error)
            return
        for one in group:
            self._write([one])

    def _refuse_who_waits(self, error: Exception) -> None:
        """Whoever came meanwhile: they have waited as long, and would only wait as long once more."""
        for _ in range(self._waiting.qsize()):
            _, future = self._waiting.get_nowait()
            if _is_wanted(future):
                future.set_exception(error)
            self._waiting.task_done()


def _note(refusal: str) -> None:
    global _refusal
    _refusal = refusal


def _is_wanted(future: "Future[Outcome]") -> bool:
    """Whether somebody still waits for it; from here on they cannot walk away any more, and break the writer."""
    return future.running() or future.set_running_or_notify_cancel()


def _is_out_of_reach(error: Exception) -> bool:
    """The database itself is away, full or locked: each change alone would only wait as long once more. Not so where
    the database broke a circle of locks (40P01) and a second try succeeds, or where somebody holds a row of one of
    them (55P03): the others need not wait for it."""
    state = getattr(error.__cause__, "sqlstate", None) or ""
    return isinstance(error, OperationalError) and not (state.startswith("40") or state == "55P03")
