"""A table of PostgreSQL in parts, one for each month (UTC): what is old goes by dropping a part, not row by row.

The parts of the coming months are made ahead. A spare part takes rows that no other one takes, so that nothing is ever
refused; its rows move out when their month is made. Everywhere else a table is one piece, and nothing happens here.
"""

import re
from datetime import UTC, datetime
from typing import Any, NamedTuple

from django.db import connection, transaction

from ghostcart.lib import sql

MONTHS_AHEAD = 3
LOCK_SECONDS = 2
"""Making and dropping parts waits no longer for those who write, who would queue behind it: it is tried again later."""
_UNTIL = re.compile(r"TO \('([^']+)'\)")


class Part(NamedTuple):
    """`until`: its rows are from before; None for the spare part, which is the last."""

    name: str
    until: datetime | None


def parts(table: str) -> list[Part]:
    """In the order of time; none where a table is one piece."""
    if connection.vendor != "postgresql":
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname, pg_get_expr(c.relpartbound, c.oid) FROM pg_inherits i JOIN pg_class c"
            " ON c.oid = i.inhrelid WHERE i.inhparent = to_regclass(%s)", [table],
        )  # fmt: skip
        found = [Part(name, _until(bounds)) for name, bounds in cursor.fetchall()]
    return sorted(found, key=lambda part: part.until or datetime.max.replace(tzinfo=UTC))


def _until(bounds: str) -> datetime | None:
    found = _UNTIL.search(bounds)
    return datetime.fromisoformat(found[1]).astimezone(UTC) if found else None


def prepare(table: str, column: str, now: datetime) -> list[str]:
    """Make the parts for the time until some months ahead, one transaction each. Says which were made."""
    made = []
    there = parts(table)
    ends = [part.until for part in there if part.until]
    goal = _later(_month(now), MONTHS_AHEAD)
    while ends and ends[-1] <= goal:
        start, end = ends[-1], _later(ends[-1], 1)
        made.append(_make(table, column, start, end))
        ends.append(end)
    return made


def _make(table: str, column: str, start: datetime, end: datetime) -> str:
    name, spare = f"{table}_{start:%Y_%m}", spare_name(table)
    with transaction.atomic(), connection.cursor() as cursor:
        sql.wait_for_locks(LOCK_SECONDS)
        cursor.execute(f"LOCK TABLE {spare} IN ACCESS EXCLUSIVE MODE")
        cursor.execute(f"CREATE TABLE {name} (LIKE {table} INCLUDING DEFAULTS, PRIMARY KEY (id))")
        cursor.execute(
            f"WITH moved AS (DELETE FROM {spare} WHERE {column} >= %s AND {column} < %s RETURNING *)"
            f" INSERT INTO {name} SELECT * FROM moved",
            [start, end],
        )
        cursor.execute(f"ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES FROM ('{start}') TO ('{end}')")
    return name


def drop(name: str) -> None:
    """Drop a part with all its rows."""
    with transaction.atomic(), connection.cursor() as cursor:
        sql.wait_for_locks(LOCK_SECONDS)
        cursor.execute(f"DROP TABLE {name}")


def split(editor: Any, table: str, column: str, now: datetime, indexes: dict[str, str], more: list[str]) -> None:
    """In a migration that is not atomic: turn a table into one in parts. What it holds becomes the first part.

    Nothing may point at it any more. Writers wait for moments only: that all rows are from before the next month is
    looked at while they go on.
    `indexes`: columns by name. `more`: statements for the new table, such as its other constraints.
    """
    if editor.connection.vendor != "postgresql" or parts(table):  # it was stopped before it could be noted as done
        return
    with editor.connection.cursor() as cursor:
        cursor.execute(f"SELECT max({column}) FROM {table}")
        latest = cursor.fetchone()[0] or now
    first, end = f"{table}_first", _later(_month(max(now, latest)), 1)
    check = f"{table}_until"
    editor.execute(f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {check}")
    editor.execute(f"ALTER TABLE {table} ADD CONSTRAINT {check} CHECK ({column} < '{end}') NOT VALID")
    editor.execute(f"ALTER TABLE {table} VALIDATE CONSTRAINT {check}")
    with transaction.atomic(using=editor.connection.alias):
        editor.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
        with editor.connection.cursor() as cursor:
            cursor.execute("SELECT pg_get_serial_sequence(%s, 'id')", [table])
            cursor.execute(f"SELECT last_value FROM {cursor.fetchone()[0]}")
            last = cursor.fetchone()[0]
        editor.execute(f"ALTER TABLE {table} ALTER COLUMN id DROP IDENTITY")
        editor.execute(f"ALTER TABLE {table} RENAME TO {first}")
        for name in indexes:
            editor.execute(f"ALTER INDEX {name} RENAME TO {name}_first")
        editor.execute(f"CREATE TABLE {table} (LIKE {first} INCLUDING DEFAULTS) PARTITION BY RANGE ({column})")
        editor.execute(f"CREATE SEQUENCE {table}_id_seq AS bigint START {last + 1} OWNED BY {table}.id")
        editor.execute(f"ALTER TABLE {table} ALTER COLUMN id SET DEFAULT nextval('{table}_id_seq')")
        for name, columns in indexes.items():
            editor.execute(f"CREATE INDEX {name} ON {table} ({columns})")
        for statement in more:
            editor.execute(statement)
        editor.execute(f"ALTER TABLE {table} ATTACH PARTITION {first} FOR VALUES FROM (MINVALUE) TO ('{end}')")
        editor.execute(f"ALTER TABLE {first} DROP CONSTRAINT {check}")
        spare = spare_name(table)
        editor.execute(f"CREATE TABLE {spare} (LIKE {table} INCLUDING DEFAULTS, PRIMARY KEY (id))")
        editor.execute(f"ALTER TABLE {table} ATTACH PARTITION {spare} DEFAULT")


def spare_name(table: str) -> str:
    return f"{table}_spare"


def _month(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def _later(month: datetime, months: int) -> datetime:
    number = month.year * 12 + month.month - 1 + months
    return month.replace(year=number // 12, month=number % 12 + 1)
