"""Hand-written SQL kept in files beside the code that runs it.

One file per statement. `name.postgresql.sql` or `name.sqlite.sql` is taken before `name.sql` where a statement
must differ. Parameters are written `%(name)s`, a list of numbers or texts `IN ({name})`. Times go in through `to_db`
and come out through `from_db`, because SQLite has no time type and compares texts.

On PostgreSQL these statements are prepared on the server, which Django's own are not: parsing and planning would cost
more than running them. Rows that are written together go as one JSON parameter, `%(rows)s`.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, overload

import msgspec
import psycopg
from django.db import connection

_TIME_AS_TEXT = "%Y-%m-%d %H:%M:%S.%f"
LOCK_SECONDS = 2
"""How long a group of changes waits for a row that somebody else holds: many more wait behind it."""


@cache
def statement(folder: Path, name: str, vendor: str) -> str:
    """The text of one statement for a database vendor ("sqlite" or "postgresql")."""
    special = folder / f"{name}.{vendor}.sql"
    return (special if special.exists() else folder / f"{name}.sql").read_text().strip()


@cache
def _is_sqlite() -> bool:
    return bool(connection.vendor == "sqlite")


def to_db(moment: datetime | None) -> datetime | str | None:
    """A time as a statement's parameter, equal to what the ORM stores."""
    if moment is None or not _is_sqlite():
        return moment
    moment = moment.astimezone(UTC)
    return moment.strftime(_TIME_AS_TEXT) if moment.microsecond else moment.strftime("%Y-%m-%d %H:%M:%S")


# -- running -----------------------------------------------------------------------------------------


@contextmanager
def together(*, commits: bool = False) -> Iterator[None]:
    """What is run within travels together: on PostgreSQL a cursor of `run` waits for its answer only when its rows are
    fetched. Call it inside a transaction; what went wrong is raised at the end at the latest.

    `commits`: nothing more comes in this transaction, so that its end may travel along. Django then finds it done. It
    waits no longer than LOCK_SECONDS for a lock (`is_about_locks`).
    """
    if connection.vendor != "postgresql":
        yield
        return
    connection.ensure_connection()
    is_whole = commits and connection.in_atomic_block and not connection.savepoint_ids  # not within another's
    with connection.wrap_database_errors, connection.connection.pipeline():
        if is_whole:
            psycopg.Cursor(connection.connection).execute(f"SET LOCAL lock_timeout = '{LOCK_SECONDS:d}s'")
        yield
        if is_whole:
            psycopg.Cursor(connection.connection).execute("COMMIT")


def own_parameters() -> dict[str, Any]:
    """What psycopg needs for a connection of one's own, beside Django's and its pool."""
    known = connection.get_connection_params()
    return {name: value for name, value in known.items() if name not in ("pool", "cursor_factory", "context")}


def run(
    folder: Path, name: str, parameters: Mapping[str, Any] | None = None, **lists: Collection[int] | Collection[str]
) -> Any:
    """Execute a statement; a cursor on its rows."""
    text, values = statement(folder, name, connection.vendor), dict(parameters or {})
    if connection.vendor == "postgresql":
        for place, numbers in lists.items():
            text = text.replace(f"IN ({{{place}}})", f"= ANY(%({place})s)")
            values[place] = list(numbers)
        return _prepared(text, values)
    for place, numbers in lists.items():
        marks = [f"%({place}{count})s" for count in range(len(numbers))]
        values |= {f"{place}{count}": number for count, number in enumerate(numbers)}
        text = text.replace("{" + place + "}", ", ".join(marks))
    cursor = connection.cursor()
    cursor.execute(text, values)
    return cursor


def _prepared(text: str, values: Mapping[str, Any]) -> Any:
    connection.ensure_connection()
    cursor = psycopg.Cursor(connection.connection)
    with connection.wrap_database_errors:
        cursor.execute(text, values, prepare=True)
    return cursor


def write(folder: Path, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Execute a statement for many rows, in their order."""
    if not rows:
        return
    if connection.vendor == "postgresql":
        run(folder, name, {"rows": json_to_db(rows)})
        return
    with connection.cursor() as cursor:
        cursor.executemany(statement(folder, name, "sqlite"), [flat(row) for row in rows])


def flat(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of plain values as SQLite keeps them."""
    return {name: _flat(value) for name, value in row.items()}


def _flat(value: Any) -> Any:
    if isinstance(value, datetime):
        return to_db(value)
    return json_to_db(value) if isinstance(value, list | dict) else value


# -- values ------------------------------------------------------------------------------------------


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


def commit_may_be_late() -> None:
    """Within a transaction: its commit need not be on disk before it is acknowledged. All or nothing it is anyway; for
    what would be done again after a crash."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL synchronous_commit TO off")


def wait_for_locks(seconds: int) -> None:
    """Within a transaction on PostgreSQL: wait no longer for a lock that somebody else holds (`is_about_locks`)."""
    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL lock_timeout = '{seconds:d}s'")


def is_about_locks(error: Exception) -> bool:
    """Whether a statement failed because others held a lock for too long, or in a circle."""
    return getattr(error.__cause__, "sqlstate", None) in ("55P03", "40P01")


def rows_as_dicts(cursor: object) -> list[dict[str, object]]:
    """What a cursor still holds, a dict a row."""
    rows = cursor.fetchall()  # type: ignore[attr-defined]
    names = [column[0] for column in cursor.description]  # type: ignore[attr-defined]
    return [dict(zip(names, row, strict=True)) for row in rows]


def next_ids(table: str, count: int) -> list[int]:
    """Numbers for so many new rows, taken in the current transaction (on SQLite under its write lock)."""
    if count <= 0:
        return []
    if connection.vendor == "postgresql":
        return ask_ids(table, count)()
    with connection.cursor() as cursor:
        cursor.execute("SELECT seq FROM sqlite_sequence WHERE name = %s", [table])
        row = cursor.fetchone()
        cursor.execute(f"SELECT max(id) FROM {table}")  # explicit numbers may have gone beyond
        first = max(row[0] if row else 0, cursor.fetchone()[0] or 0) + 1
        return list(range(first, first + count))


def ask_ids(table: str, count: int) -> Callable[[], list[int]]:
    """On PostgreSQL the same, asked now and read when it is called (`together`). Those that are not used are gaps."""
    text = f"SELECT nextval(pg_get_serial_sequence('{table}', 'id')) FROM generate_series(1, %(count)s)"
    found = _prepared(text, {"count": count})
    return lambda: [row[0] for row in found.fetchall()]


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
