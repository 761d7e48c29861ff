"""Pages of a list by keyset: where a page begins is said by the row before it, so page 2,000 costs what page 1 does.

Rows are ordered by (column, id), both ways. A cursor is opaque to callers (base64 of JSON) and bound to its sorting;
one that cannot be read starts at the first page. Indexes are led by the shop: for several shops each is asked on its
own and the answers are merged.
"""

import base64
import binascii
import heapq
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, Generic, Protocol, TypeVar

from django.core.exceptions import ValidationError
from django.db import connection, models
from django.db.models import F, Func, Q, QuerySet, Value
from django.db.models.sql.where import WhereNode

Row = TypeVar("Row", bound=models.Model)
Key = tuple[Any, int]

_LARGEST_ID = 2**63 - 1
MOST_COUNTED = 10_000
"""More rows are not counted: what a page costs shall not grow with the table."""


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """Some rows of a list, and the cursors of the pages beside it (None: there is none)."""

    rows: list[Row]
    next: str | None
    previous: str | None


def page(
    queryset: QuerySet[Row],
    sort: str,
    size: int,
    after: str | None = None,
    before: str | None = None,
    *,
    shop_ids: Sequence[int] = (),
    parts: Sequence[QuerySet[Row]] | None = None,
    sections: Mapping[str, Sequence[Sequence[Q]]] | None = None,
) -> Page[Row]:
    """The `size` rows that follow the cursor `after`, or that come just before the cursor `before`.

    `sort` names a column without NULLs, with a minus for descending. With more than one of `shop_ids` the shops are
    asked one by one; `parts` says otherwise what to ask, each row in one of them, for rows that are then read from
    `queryset`. `sections` names sortings that have no column: groups of conditions of which each row meets exactly one,
    in their order, rows within a group by id.
    """
    name, is_descending = sort.removeprefix("-"), sort.startswith("-")
    order = (
        _Sections(queryset.model, sections[name]) if sections and name in sections else _Column(queryset.model, name)
    )
    start = order.key_of(_read(before or after, name))
    is_backwards = bool(before) and start is not None
    asked = _by_shop(queryset, shop_ids) if parts is None else parts
    keys = order.keys(asked, start, is_descending != is_backwards, size + 1)
    shown, has_more = keys[:size], len(keys) > size
    if is_backwards:
        shown.reverse()
    has_next, has_previous = (True, has_more) if is_backwards else (has_more, start is not None)
    return Page(
        _rows(queryset, shown),
        _write(name, shown[-1]) if shown and has_next else None,
        _write(name, shown[0]) if shown and has_previous else None,
    )


def counted(queryset: QuerySet[Any]) -> int:
    """How many rows there are; MOST_COUNTED means that many or more."""
    return queryset.order_by()[:MOST_COUNTED].count()


def cursor(row: models.Model, sort: str) -> str:
    """The cursor that stands at a row: the page after it begins with the next one."""
    column = _Column(type(row), sort.removeprefix("-"))
    return _write(sort.removeprefix("-"), (getattr(row, column.name), row.pk))


def place(number: int) -> str:
    """The cursor of a list by id that stands at a number, whether there is such a row or not."""
    return _write("id", (number, number))


def number_of(cursor: str | None) -> int | None:
    """The number that a cursor of a list by id stands at."""
    kept = _read(cursor, "id")
    return None if kept is None else int(kept[1])


def is_cursor(text: str, sort: str) -> bool:
    """Whether a text can be a cursor of a list sorted like this."""
    return _read(text, sort.removeprefix("-")) is not None


def batches(queryset: QuerySet[Row], size: int) -> Iterator[list[Row]]:
    """All rows, newest (highest id) first, a batch at a time; each batch is a query of its own."""
    last = None
    while True:
        rows = list((queryset if last is None else queryset.filter(pk__lt=last)).order_by("-pk")[:size])
        if rows:
            yield rows
        if len(rows) < size:
            return
        last = rows[-1].pk


def _by_shop(queryset: QuerySet[Row], shop_ids: Sequence[int]) -> list[QuerySet[Row]]:
    if len(shop_ids) < 2:
        return [queryset]
    return [queryset.filter(shop_id=shop_id) for shop_id in shop_ids]


def _rows(queryset: QuerySet[Row], keys: Sequence[Key]) -> list[Row]:
    """The rows of these keys, in their order. Read apart: sorting keys is cheap, sorting whole joined rows is not."""
    if not keys:
        return []
    bare = queryset.order_by()
    bare.query.where = WhereNode()  # the keys have met the conditions: no planner shall start from one of them
    rows = {row.pk: row for row in bare.filter(pk__in=[number for _, number in keys])}
    return [rows[number] for _, number in keys if number in rows]


# -- orders ------------------------------------------------------------------------------------------


class _Order(Protocol):
    """A way to sort: reads the keys of cursors, and finds the keys beyond one."""

    def key_of(self, kept: list[Any] | None) -> Key | None:
        """A cursor's content as a key; None if it is none of this order."""

    def keys(self, parts: Sequence[QuerySet[Any]], start: Key | None, goes_down: bool, limit: int) -> list[Key]:
        """The first keys beyond `start`, of all parts together."""


class _Column:
    """By (column, id); by id alone the key holds it twice."""

    def __init__(self, model: type[models.Model], name: str) -> None:
        self.model = model
        self.is_id = name == "id"
        self.name = "pk" if self.is_id else name
        self.field: Any = model._meta.pk if self.is_id else model._meta.get_field(name)

    def key_of(self, kept: list[Any] | None) -> Key | None:
        if kept is None:
            return None
        value, number = kept
        try:
            value = self.field.to_python(value)
        except (ValidationError, TypeError, ValueError, OverflowError):
            return None
        return (value, number) if _is_storable(value) else None

    def keys(self, parts: Sequence[QuerySet[Any]], start: Key | None, goes_down: bool, limit: int) -> list[Key]:
        sign = "-" if goes_down else ""
        columns = [f"{sign}pk"] if self.is_id else [f"{sign}{self.name}", f"{sign}pk"]
        found: list[list[Key]] = [
            list(self._beyond(part, start, goes_down).order_by(*columns).values_list(self.name, "pk")[:limit])
            for part in parts
        ]
        if len(found) == 1:
            return found[0]
        if self._is_collated():
            numbers = [number for keys in found for _, number in keys]
            return list(self.model._default_manager.filter(pk__in=numbers).order_by(*columns)
                        .values_list(self.name, "pk")[:limit])  # fmt: skip
        return list(islice(heapq.merge(*found, reverse=goes_down), limit))

    def _beyond(self, part: QuerySet[Any], start: Key | None, goes_down: bool) -> QuerySet[Any]:
        if start is None:
            return part
        if self.is_id:
            return part.filter(**{"pk__lt" if goes_down else "pk__gt": start[1]})
        return part.filter(_Beyond(self.name, Value(start[0], output_field=self.field), start[1], goes_down))

    def _is_collated(self) -> bool:
        """Whether only the database knows the order: SQLite compares texts as Python does, PostgreSQL by language."""
        return isinstance(self.field, models.CharField | models.TextField) and connection.vendor != "sqlite"


class _Sections:
    """By (number of the section, id)."""

    def __init__(self, model: type[models.Model], groups: Sequence[Sequence[Q]]) -> None:
        self.by_id = _Column(model, "id")
        self.groups = groups

    def key_of(self, kept: list[Any] | None) -> Key | None:
        if kept is None or type(kept[0]) is not int or not 0 <= kept[0] < len(self.groups):
            return None
        return kept[0], kept[1]

    def keys(self, parts: Sequence[QuerySet[Any]], start: Key | None, goes_down: bool, limit: int) -> list[Key]:
        found: list[Key] = []
        numbers = list(range(len(self.groups)))
        for number in reversed(numbers) if goes_down else numbers:
            if start is not None and (number > start[0] if goes_down else number < start[0]):
                continue
            within = [part.filter(condition) for part in parts for condition in self.groups[number]]
            begin = start if start is not None and number == start[0] else None
            keys = self.by_id.keys(within, begin, goes_down, limit - len(found))
            found.extend((number, row) for _, row in keys)
            if len(found) == limit:
                break
        return found


class _Beyond(Func):
    """(column, id) > (value, id): one range of the index, on both databases (Django's own lookup is two on SQLite)."""

    output_field = models.BooleanField()
    conditional = True

    def __init__(self, column: str, value: Value, number: int, goes_down: bool) -> None:
        super().__init__(F(column), F("pk"), value, Value(number, output_field=models.BigIntegerField()))
        self.sign = "<" if goes_down else ">"

    def as_sql(self, compiler: Any, connection: Any, **_: Any) -> tuple[str, list[Any]]:  # type: ignore[override]
        texts, params = [], []
        for expression in self.get_source_expressions():
            sql, values = compiler.compile(expression)
            texts.append(sql)
            params.extend(values)
        column, number, value, other = texts
        return f"({column}, {number}) {self.sign} ({value}, {other})", params


# -- cursors -----------------------------------------------------------------------------------------


def _write(name: str, key: Key) -> str:
    value = key[0].isoformat() if isinstance(key[0], datetime) else key[0]
    text = json.dumps([name, value, key[1]], separators=(",", ":"), ensure_ascii=False)
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _read(cursor: str | None, name: str) -> list[Any] | None:
    """The [value, id] of a cursor made for this sorting; None for none, and for whatever else somebody sent."""
    if not cursor:
        return None
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        kept = json.loads(text)
    except (binascii.Error, ValueError, RecursionError):
        return None
    if not (isinstance(kept, list) and len(kept) == 3 and kept[0] == name and type(kept[2]) is int):
        return None
    return kept[1:] if 0 <= kept[2] <= _LARGEST_ID else None


def _is_storable(value: Any) -> bool:
    """Whether the database takes the value as a parameter."""
    if isinstance(value, str):
        return "\x00" not in value and _is_unicode(value)
    if isinstance(value, bool | float):
        return False
    if isinstance(value, int):
        return abs(value) <= _LARGEST_ID
    return isinstance(value, datetime) and value.tzinfo is not None


def _is_unicode(text: str) -> bool:
    """Whether it holds no half of a surrogate pair, which JSON can name and no database stores."""
    return not any("\ud800" <= letter <= "\udfff" for letter in text)
