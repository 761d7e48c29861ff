"""Hints for SQLite's planner, which knows nothing of how often a value occurs. PostgreSQL counts, and gets none."""

import json
from collections.abc import Sequence
from typing import Any

from django.db.models import BooleanField, F, Func


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


class Among(Func):
    """`filter(Among("pk", numbers))`: the same as `pk__in`, but thousands of numbers go as one parameter."""

    output_field = BooleanField()
    conditional = True

    def __init__(self, column: str, numbers: Sequence[int], **extra: Any) -> None:
        super().__init__(F(column), **extra)
        self.numbers = numbers

    def as_sqlite(self, compiler: Any, connection: Any, **_: Any) -> tuple[str, list[Any]]:
        sql, params = compiler.compile(self.source_expressions[0])
        return f"{sql} IN (SELECT value FROM json_each(%s))", [*params, json.dumps(list(self.numbers))]

    def as_postgresql(self, compiler: Any, connection: Any, **_: Any) -> tuple[str, list[Any]]:
        sql, params = compiler.compile(self.source_expressions[0])
        return f"{sql} = ANY(%s::bigint[])", [*params, list(self.numbers)]
