"""Hints for SQLite's planner, which knows nothing of how often a value occurs. PostgreSQL counts, and gets none."""

from typing import Any

from django.db.models import F, Func


class Unindexed(Func):
    """A column that no index is to be looked up by: `filter(GreaterThan(Unindexed("total_minor"), 5))`.

    For conditions that most rows meet: walking the index of the order, or the table, is faster than collecting the
    rows from all over the table and sorting them.
    """

    arity = 1
    function = ""
    template = "%(expressions)s"

    def __init__(self, column: str, **extra: Any) -> None:
        super().__init__(F(column) if isinstance(column, str) else column, **extra)

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return super().as_sql(compiler, connection, template="+%(expressions)s", **context)
