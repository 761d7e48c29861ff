"""The file that SQLite keeps a shop in: whether it is whole, and whether the shop still lives in it.

A copy that was taken while the file was written to, or that was cut off, may open and answer for days before somebody
meets the torn place. And a file whose shop has moved to PostgreSQL takes no changes any more: whatever came in by
mistake would be lost. Of PostgreSQL nothing is asked here.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.db import DatabaseError, connection

QUICK = 100 * 2**20
"""Bytes, in less than a second; a larger file is looked through by `ghostcart doctor` alone."""
MOVED = (
    "This database has moved to PostgreSQL and takes no changes. Set DATABASE_URL to where it is now."
    " If it is to be the shop's again, run: ghostcart restored --nothing-lost"
)
TORN = (
    "The file of the database is torn ({told}): it was cut off, or copied while it was written to. Stop Ghostcart, put"
    " a copy in its place that was made with .backup of sqlite3, remove the files beside it that end in -wal and -shm,"
    " and run: ghostcart restored"
)

TABLES = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT GLOB 'sqlite_*' ORDER BY name"
"""Asks for all that is ours in a file."""

Execute = Callable[[str], Any]


def trouble_at_start() -> str:
    """Why nobody should work on with this database, as a sentence; empty if nothing is known against it. The process
    has no connection to it afterwards, so that it may fork."""
    try:
        is_small = connection.vendor == "sqlite" and _size() < QUICK
        return (torn() if is_small else "") or moved()
    except DatabaseError as error:
        return about(error)
    finally:
        connection.close()


# -- whether it is whole -----------------------------------------------------------------------------


def torn(*, is_thorough: bool = False) -> str:
    """A sentence if the file is damaged, else empty. Thoroughly, each index is held against its table too: that takes
    about a second for 50 MB."""
    if connection.vendor != "sqlite":
        return ""
    try:
        with connection.cursor() as cursor:
            cursor.execute(f"PRAGMA {'integrity' if is_thorough else 'quick'}_check(1)")
            told = str(cursor.fetchone()[0])
    except DatabaseError as error:
        if sentence := about(error):
            return sentence
        raise
    return "" if told == "ok" else TORN.format(told=" ".join(told.split()))


def about(error: DatabaseError) -> str:
    """The same sentence if that is what an error says, else empty."""
    told = str(error)
    return TORN.format(told=told) if "malformed" in told or "not a database" in told else ""


def _size() -> int:
    file = Path(connection.settings_dict["NAME"])
    return file.stat().st_size if file.exists() else 0


# -- whether the shop still lives in it --------------------------------------------------------------


def moved() -> str:
    """A sentence if the shop has moved out of this file, else empty."""
    return MOVED if _locks() else ""


def lock(execute: Execute) -> None:
    """Every change of every table is refused from the end of this transaction on, whoever tries."""
    for (table,) in execute(TABLES).fetchall():
        for change in ("INSERT", "UPDATE", "DELETE"):
            execute(
                f'CREATE TRIGGER "moved_{table}_{change}" BEFORE {change} ON "{table}"'
                " BEGIN SELECT RAISE(ABORT, 'This database has moved to PostgreSQL'); END"
            )


def unlock() -> None:
    """It is the shop's again."""
    with connection.cursor() as cursor:
        for name in _locks():
            cursor.execute(f'DROP TRIGGER "{name}"')


def _locks() -> list[str]:
    if connection.vendor != "sqlite":
        return []
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM sqlite_master WHERE type = 'trigger' AND name GLOB 'moved_*'")
        return [name for (name,) in cursor.fetchall()]
