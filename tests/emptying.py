"""Behind a test with transactions all tables are emptied: as clean as the flush of Django leaves them, but only those
that have rows are touched.

Content types and permissions, which migrating makes of the models, stay as they are. If a test has changed them, the
flush of Django makes them anew.
"""

from functools import cache
from itertools import count
from typing import Any

from django.core.management import call_command
from django.db import connections, transaction
from django.test import TransactionTestCase

MADE = ("django_content_type", "auth_permission")
TRUNCATED_EVERY = 50
"""Times. Rows that were deleted still have to be looked through on PostgreSQL, until their room is given back."""
_turns = count(1)
_made: dict[str, Any] = {}


def install() -> None:
    """From now on it is done behind each test with transactions. The database is as migrations leave it."""
    _made["default"] = _rows_made("default")
    TransactionTestCase._fixture_teardown = _behind  # type: ignore[method-assign]


def _behind(test: TransactionTestCase) -> None:
    for alias in test._databases_names(include_mirrors=False):  # type: ignore[attr-defined]
        empty(alias)


def empty(alias: str = "default") -> None:
    """Leave the tables of this database as they were made. Waits for whoever is still writing."""
    connection, names = connections[alias], _tables(alias)
    with connection.constraint_checks_disabled(), transaction.atomic(using=alias), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            if next(_turns) % TRUNCATED_EVERY == 0:
                cursor.execute(f"TRUNCATE {', '.join(names)}")
            cursor.execute(f"LOCK TABLE {', '.join(names)} IN SHARE ROW EXCLUSIVE MODE")
            cursor.execute(
                "SELECT set_config('session_replication_role', 'replica', true)"  # all go: no row need look for others
                " WHERE current_setting('is_superuser') = 'on'"
            )
        cursor.execute(" UNION ALL ".join(f"SELECT '{name}' WHERE EXISTS (SELECT 1 FROM {name})" for name in names))
        for (name,) in cursor.fetchall():
            cursor.execute(f"DELETE FROM {name}")
    if _rows_made(alias) != _made[alias]:
        call_command("flush", verbosity=0, interactive=False, database=alias, reset_sequences=False)
        _made[alias] = _rows_made(alias)


@cache
def _tables(alias: str) -> list[str]:
    connection = connections[alias]
    names = connection.introspection.django_table_names(only_existing=True, include_views=False)
    return [connection.ops.quote_name(name) for name in names if name not in MADE]


def _rows_made(alias: str) -> list[list[tuple[Any, ...]]]:
    found = []
    with connections[alias].cursor() as cursor:
        for name in MADE:
            cursor.execute(f"SELECT * FROM {name} ORDER BY id")
            found.append(cursor.fetchall())
    return found
