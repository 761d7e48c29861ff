"""Hand-written SQL kept in files beside the code that runs it.

One file per statement. `name.postgresql.sql` or `name.sqlite.sql` is taken before `name.sql` where a statement
must differ. Parameters are written `%(name)s`. Times go in through `to_db` and come out through `from_db`,
because SQLite has no time type and compares texts.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, overload

import msgspec
from django.db import connection

_TIME_AS_TEXT = "%Y-%m-%d %H:%M:%S.%f"


@cache
def statement(folder: Path, name: str, vendor: str) -> str:
    """The text of one statement for a database vendor ("sqlite" or "postgresql")."""
    special = folder / f"{name}.{vendor}.sql"
    return (special if special.exists() else folder / f"{name}.sql").read_text().strip()


def to_db(moment: datetime | None) -> datetime | str | None:
    """A time as a statement's parameter, equal to what the ORM stores."""
    if moment is None or connection.vendor != "sqlite":
        return moment
    moment = moment.astimezone(UTC)
    return moment.strftime(_TIME_AS_TEXT) if moment.microsecond else moment.strftime("%Y-%m-%d %H:%M:%S")


@overload
def from_db(value: datetime | str) -> datetime: ...
@overload
def from_db(value: None) -> None: ...
def from_db(value: datetime | str | None) -> datetime | None:
    """A time as read by a raw statement, aware, in UTC."""
    if value is None:
        return None
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    return value if value.tzinfo else value.replace(tzinfo=UTC)


def json_from_db(value: Any) -> Any:
    """A JSON column as read by a raw statement: text on SQLite, text or already parsed on PostgreSQL."""
    return msgspec.json.decode(value) if isinstance(value, str | bytes) else value


def json_to_db(value: Any) -> str:
    """JSON as a statement's parameter."""
    return msgspec.json.encode(value).decode()


def rows_as_dicts(cursor: object) -> list[dict[str, object]]:
    """What a cursor still holds, a dict a row."""
    names = [column[0] for column in cursor.description]  # type: ignore[attr-defined]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]  # type: ignore[attr-defined]


def next_ids(table: str, count: int) -> list[int]:
    """Numbers for so many new rows, taken in the current transaction (on SQLite under its write lock)."""
    if not count:
        return []
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                f"SELECT nextval(pg_get_serial_sequence('{table}', 'id')) FROM generate_series(1, {count:d})"
            )
            return [row[0] for row in cursor.fetchall()]
        cursor.execute("SELECT seq FROM sqlite_sequence WHERE name = %s", [table])
        row = cursor.fetchone()
        cursor.execute(f"SELECT max(id) FROM {table}")  # explicit numbers may have gone beyond
        first = max(row[0] if row else 0, cursor.fetchone()[0] or 0) + 1
        return list(range(first, first + count))


def insert_rows(table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Many new rows at once: COPY on PostgreSQL. Times and JSON must have gone through `to_db` and `json_to_db`."""
    if not rows:
        return
    names = ", ".join(f'"{column}"' for column in columns)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            statement = f"COPY {table} ({names}) FROM STDIN"
            with connection.wrap_database_errors, cursor.copy(statement) as copy:
                for row in rows:
                    copy.write_row(row)
        else:
            marks = ", ".join(["%s"] * len(columns))
            cursor.executemany(f"INSERT INTO {table} ({names}) VALUES ({marks})", rows)
