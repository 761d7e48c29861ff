"""From SQLite to PostgreSQL: all that the file of a shop holds goes into an empty database with the same tables.

Nobody else has the file open meanwhile, and all of it is one transaction of PostgreSQL: it arrives as a whole or not at
all, and who was interrupted begins again. At the end the file is locked (`lib.database_file`), first of all: there is
no moment in which both databases take changes.

SQLite keeps times, truth and JSON as texts and numbers that PostgreSQL reads as they are.
"""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import partial
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any
from urllib.parse import quote

from django.db import DEFAULT_DB_ALIAS, DatabaseError, DataError, IntegrityError, connection, connections, transaction
from django.db.migrations.loader import MigrationLoader

from ghostcart.carts import log
from ghostcart.config.settings import database
from ghostcart.lib import clock, database_file
from ghostcart.mail import home

BATCH = 1000
"""Rows between two reports."""
STATE = "django_migrations"
"""The table that says of which state the others are."""
MADE = ("django_content_type", "auth_permission")
"""Tables that migrating fills: what the file holds takes the place of that."""
MORE = {log.TABLE: {"xid": 0}}
"""Columns that only PostgreSQL has. A place in the log is (0, id) on SQLite: who stands at one goes on from there."""
POINTS_AT = "SELECT conrelid::regclass::text, confrelid::regclass::text FROM pg_constraint WHERE contype = 'f'"

Report = Callable[[str, int, int], None]
"""Told a table, how many rows there are in all, and how many more of them are copied."""


class CannotMove(Exception):
    """Why, as a sentence."""


def turn_to(url: str) -> None:
    """From now on the database of this process is that one. Raises CannotMove where it does not answer."""
    connection.close()
    there = database(url)
    del there["OPTIONS"]["pool"]  # a single connection says at once why there is none
    connections.settings.update(connections.configure_settings({DEFAULT_DB_ALIAS: there}))
    del connections[DEFAULT_DB_ALIAS]
    try:
        connection.ensure_connection()
    except DatabaseError as error:
        raise CannotMove(f"PostgreSQL cannot be reached there: {_told(error)}") from error


def move(file: Path, report: Report) -> dict[str, int]:
    """Copy the file into the database of this process, which is the shop's home from then on; the file is locked.

    Gives the number of rows of each table. Raises CannotMove.
    """
    with closing(_take(file)) as old:
        try:
            with transaction.atomic(durable=True):
                counts = _copy_all(old, report)
                database_file.lock(old.execute)
                old.execute("COMMIT")
        except sqlite3.Error as error:
            raise CannotMove(f"{file} cannot be read ({error}). Run: ghostcart doctor") from error
        except DatabaseError as error:
            raise CannotMove(_broken_off(error, is_locked=not old.in_transaction)) from error
    home.move_in(clock.now())
    with connection.cursor() as new:
        new.execute("ANALYZE")  # or the first plans would be those of empty tables
    return counts


def _take(file: Path) -> sqlite3.Connection:
    """The file, in a transaction. Nobody else may have it open: what they write later would be lost."""
    old = sqlite3.connect(f"file:{quote(str(file))}?mode=rw", uri=True, isolation_level=None, timeout=2)
    old.execute("PRAGMA locking_mode = EXCLUSIVE")
    try:
        old.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError:
        old.close()
        raise CannotMove(f"Somebody works with {file}. Stop Ghostcart first, its workers too.") from None
    return old


def _broken_off(error: DatabaseError, *, is_locked: bool) -> str:
    if not is_locked:
        return f"PostgreSQL broke off ({_told(error)}). Nothing was moved."
    return (
        f"PostgreSQL broke off in the last step ({_told(error)}). Set DATABASE_URL to the new database and look whether"
        " it has the shop. If so, run there: ghostcart restored --nothing-lost. If not, run that with the old one, and"
        " move again."
    )


def _told(error: DatabaseError) -> str:
    return " ".join(str(error).split())


# -- copying -----------------------------------------------------------------------------------------


def _copy_all(old: sqlite3.Connection, report: Report) -> dict[str, int]:
    _assert_same_state(old)
    tables = _in_order([name for (name,) in old.execute(database_file.TABLES) if name != STATE])
    counts = {table: _count(old.cursor(), table) for table in tables}
    with connection.cursor() as new:
        _assert_empty(new, tables)
        new.execute("SET CONSTRAINTS ALL IMMEDIATE")  # each table is looked at once it is there, not all at the end
        for table in tables:
            _copy(old, new, table, partial(report, table, sum(counts.values())))
        _go_on_counting(old, new, tables)
        differing = [table for table, count in counts.items() if _count(new, table) != count]
    if differing:
        raise CannotMove(f"Not all rows arrived in {', '.join(differing)}. Nothing was moved.")
    return counts


def _assert_same_state(old: sqlite3.Connection) -> None:
    loader = MigrationLoader(connection)
    known, there = set(loader.disk_migrations or ()), set(loader.applied_migrations or ())
    here = set(old.execute(f"SELECT app, name FROM {STATE}"))
    for applied, where in ((here, "this"), (there, "the new")):
        if known - applied:
            raise CannotMove(f"The tables of {where} database are older than the program. Run there: ghostcart migrate")
    if here != there:
        raise CannotMove("The tables of the two databases are of different versions. Take the newer program for both.")


def _in_order(tables: list[str]) -> list[str]:
    """What others point at comes before them."""
    with connection.cursor() as new:
        new.execute(POINTS_AT)
        pairs = [(table, pointed) for table, pointed in new.fetchall() if table != pointed]
    before = {table: [pointed for one, pointed in pairs if one == table] for table in tables}
    return [table for table in TopologicalSorter(before).static_order() if table in before]


def _assert_empty(new: Any, tables: list[str]) -> None:
    for table in reversed(tables):
        if table in MADE:
            new.execute(f"DELETE FROM {table}")
        elif _count(new, table):
            raise CannotMove(f"The new database is not empty: there are rows in {table}. Take a fresh one.")


def _copy(old: sqlite3.Connection, new: Any, table: str, report: Callable[[int], None]) -> None:
    more = MORE.get(table, {})
    rows = old.execute(f'SELECT {", ".join(["*", *map(str, more.values())])} FROM "{table}"')
    columns = [name for (name, *_nothing) in rows.description]
    columns[len(columns) - len(more) :] = more
    names = ", ".join(f'"{column}"' for column in columns)
    try:
        with connection.wrap_database_errors, new.copy(f'COPY "{table}" ({names}) FROM STDIN') as copy:
            while batch := rows.fetchmany(BATCH):
                for row in batch:
                    copy.write_row(row)
                report(len(batch))
    except (DataError, IntegrityError) as error:
        raise CannotMove(f"PostgreSQL refuses a row of {table}: {_told(error)}. Nothing was moved.") from error


def _go_on_counting(old: sqlite3.Connection, new: Any, tables: list[str]) -> None:
    """The next row gets the number that it would have got: none is given a second time."""
    for table, last in old.execute("SELECT name, seq FROM sqlite_sequence"):
        if table in tables and last:
            new.execute("SELECT setval(pg_get_serial_sequence(%s, 'id'), %s)", [table, last])


def _count(cursor: Any, table: str) -> int:
    cursor.execute(f'SELECT count(*) FROM "{table}"')
    return int(cursor.fetchone()[0])
