"""Waiting for a database that stands still: its processes are frozen, or its disk hangs. It closes nothing and answers
nobody, so that whoever waits for it would wait for ever.

A long silence may also be a long statement. So whoever has waited for a while asks whether the server still lets
anybody in: if it does they wait on, and if it does not they give up.
"""

from collections.abc import Generator
from time import monotonic
from typing import Any

import psycopg

SILENCE_SECONDS = 5.0
ANSWER_SECONDS = 5


class Connection(psycopg.Connection[Any]):
    """Waits for an answer for as long as its server lets others in."""

    def wait(self, gen: Any, *words: Any, **named: Any) -> Any:
        return super().wait(_patiently(gen, self), *words, **named)


def _patiently(work: Any, connection: Connection) -> Generator[Any, Any, Any]:
    """The same exchange with the server; psycopg comes by ten times a second while nothing is heard."""
    heard, until = None, monotonic() + SILENCE_SECONDS
    while True:
        try:
            wanted = work.send(heard)
        except StopIteration as done:
            return done.value
        heard = yield wanted
        if heard:
            until = monotonic() + SILENCE_SECONDS
        elif monotonic() > until:
            if stands_still(connection.info.dsn, password=connection.info.password or None):
                connection.pgconn.finish()
                raise psycopg.OperationalError("the database stands still: it answers nobody")
            until = monotonic() + SILENCE_SECONDS


def stands_still(conninfo: str = "", *, seconds: int = ANSWER_SECONDS, **parameters: Any) -> bool:
    """Whether a server lets nobody in. One that refuses speaks."""
    try:
        psycopg.connect(conninfo, **{**parameters, "connect_timeout": seconds}).close()
    except psycopg.errors.ConnectionTimeout:
        return True
    except psycopg.Error:
        return False
    return False
