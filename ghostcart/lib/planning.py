"""Hints for planners: SQLite's knows nothing of how often a value occurs, PostgreSQL's not how rows lie in an order."""

import json
from collections.abc import Collection
from typing import Any

from django.db.models import BooleanField, CharField, F, Func


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


class Sorted(Func):
    """A column to sort by that no index is to be walked for: `order_by(Sorted("total_minor").desc())`."""

    arity = 1

    def __init__(self, column: str, **extra: Any) -> None:
        super().__init__(F(column) if isinstance(column, str) else column, **extra)

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return super().as_sql(compiler, connection, template="+%(expressions)s", **context)

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return super().as_sql(compiler, connection, template="GREATEST(%(expressions)s, %(expressions)s)", **context)


class Among(Func):
    """`filter(Among("pk", numbers))`: the same as `pk__in`, but thousands of numbers or texts go as one parameter."""

    output_field = BooleanField()
    conditional = True

    def __init__(self, column: str, values: Collection[int] | Collection[str], **extra: Any) -> None:
        super().__init__(F(column), **extra)
        self.values = list(values)

    def as_sqlite(self, compiler: Any, connection: Any, **_: Any) -> tuple[str, list[Any]]:
        sql, params = compiler.compile(self.source_expressions[0])
        return f"{sql} IN (SELECT value FROM json_each(%s))", [*params, json.dumps(self.values)]

    def as_postgresql(self, compiler: Any, connection: Any, **_: Any) -> tuple[str, list[Any]]:
        sql, params = compiler.compile(self.source_expressions[0])
        kind = "text" if isinstance(self.source_expressions[0].output_field, CharField) else "bigint"
        return f"{sql} = ANY(%s::{kind}[])", [*params, self.values]


class OneOf(Func):
    """`filter(OneOf("state", ("due", "failed_temp")))`: the same as `state__in`, the words in the statement.

    SQLite takes an index of some rows only where it reads the very condition of that index, not parameters.
    """

    output_field = BooleanField()
    conditional = True

    def __init__(self, column: str, words: Collection[str], **extra: Any) -> None:
        super().__init__(F(column), **extra)
        self.words = [str(word) for word in words]
        assert all(word.isidentifier() for word in self.words), "words of our own, never a caller's"

    def as_sql(self, compiler: Any, connection: Any, *_: Any, **__: Any) -> tuple[str, list[Any]]:
        sql, params = compiler.compile(self.source_expressions[0])
        words = ", ".join(f"'{word}'" for word in self.words)
        return f"{sql} IN ({words})", list(params)
