"""The time, asked for by doors and engines and handed to rules as `now`.

`GHOSTCART_CLOCK` may name a file that holds a number of seconds to add: the demo and the tests move time
for all processes at once by writing it. Without the variable the clock is the system's.
"""

import os
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path


def now() -> datetime:
    """The current time, aware, in UTC."""
    return datetime.now(UTC) + offset()


def offset() -> timedelta:
    """How far the clock was moved; zero in production."""
    path = os.environ.get("GHOSTCART_CLOCK")
    if not path:
        return timedelta()
    try:
        found = os.stat(path)
        return _read(path, found.st_ino, found.st_mtime_ns)
    except (FileNotFoundError, ValueError):
        return timedelta()


@lru_cache(maxsize=4)
def _read(path: str, _number: int, _changed_at: int) -> timedelta:
    """Every change of a cart asks for the time: the file is read once for each time that it was written."""
    return timedelta(seconds=float(Path(path).read_text()))


def move(by: timedelta) -> timedelta:
    """Move the clock of every process that shares `GHOSTCART_CLOCK`; returns the new offset.

    Raises RuntimeError where the variable is not set: a production clock cannot be moved.
    """
    path = os.environ.get("GHOSTCART_CLOCK")
    if not path:
        raise RuntimeError("the clock can only be moved where GHOSTCART_CLOCK names a file")
    moved = offset() + by
    scratch = Path(path).with_suffix(".new")
    scratch.write_text(str(moved.total_seconds()))
    scratch.replace(path)
    return moved
