"""One thread that follows the cart log and hands what is new to a listener, at once and in order."""

import logging
from collections.abc import Callable
from contextlib import ExitStack
from threading import Event, Thread
from time import monotonic

import psycopg
from django.db import DatabaseError, connection

from ghostcart.carts import log
from ghostcart.lib import sql

LOOK_SECONDS = 0.01
"""How often SQLite is asked whether another connection committed (a microsecond each)."""
SURE_SECONDS = 1.0
"""A look without any wake-up: one may be missed, and the horizon may move without one."""
PACE_SECONDS = 0.04
"""After a batch it rests for as long as that took, and not much longer than this: drawing never takes a whole core."""

MOST = 2_000
"""Entries of a batch: what a busy shop writes while its listeners have to do with one."""

_log = logging.getLogger(__name__)


class Follower(Thread):
    """Calls `listener(entries)` with each batch of new entries, until stopped. Survives a lost database.

    `rest` says how many seconds the listeners have to do with one; the next comes no sooner, unless many wait.
    """

    def __init__(self, listener: Callable[[list[log.Entry]], None], rest: Callable[[], float] = float) -> None:
        super().__init__(name="cart-log-follower", daemon=True)
        self.listener, self.rest = listener, rest
        self.stopping = Event()
        self.place = log.Cursor(0, 0)
        """Behind what was handed over."""
        self.taken = self.place
        """Behind what is being handed over, to those who listen now: who comes later finds it in the log."""
        self.ready = Event()

    def run(self) -> None:
        while not self.stopping.is_set():
            try:
                if not self.ready.is_set():
                    self.place = self.taken = log.position()
                    self.ready.set()
                self._follow()
            except (DatabaseError, psycopg.Error):
                _log.warning("the cart log cannot be read; trying again", exc_info=True)
                connection.close()
                self.stopping.wait(1)
        connection.close()

    def stop(self) -> None:
        self.stopping.set()

    def _follow(self) -> None:
        with ExitStack() as stack:
            wait = self._listen(stack) if connection.vendor == "postgresql" else self._watch()
            while not self.stopping.is_set():
                entries = log.after(self.place, MOST)
                if entries:
                    began = monotonic()
                    self.taken = entries[-1].cursor
                    self.listener(entries)
                    self.place = self.taken
                    if len(entries) < MOST:
                        self.stopping.wait(max(self.rest(), min(PACE_SECONDS, monotonic() - began)))
                else:
                    wait()

    def _watch(self) -> Callable[[], None]:
        """SQLite: `data_version` changes when another connection has committed."""

        def version() -> int:
            with connection.cursor() as cursor:
                return int(cursor.execute("PRAGMA data_version").fetchone()[0])

        known = version()

        def wait() -> None:
            nonlocal known
            until = monotonic() + SURE_SECONDS
            while not self.stopping.is_set() and monotonic() < until:
                now = version()
                if now != known:
                    known = now
                    return
                self.stopping.wait(LOOK_SECONDS)

        return wait

    def _listen(self, stack: ExitStack) -> Callable[[], None]:
        """PostgreSQL: a notification wakes; while older transactions run, the horizon is looked at again soon."""
        listening = stack.enter_context(psycopg.connect(**sql.own_parameters(), autocommit=True))
        listening.execute(f"LISTEN {log.CHANNEL}")
        soon = 0

        def wait() -> None:
            nonlocal soon
            timeout = LOOK_SECONDS if soon else SURE_SECONDS
            heard = any(True for _ in listening.notifies(timeout=timeout, stop_after=1))
            soon = 25 if heard else max(0, soon - 1)

        return wait
