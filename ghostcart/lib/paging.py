"""Pages of a list by keyset: where a page begins is said by the row before it, so page 2,000 costs what page 1 does.

Rows are ordered by (column, id), both ways. A cursor is opaque to callers (base64 of JSON) and bound to its sorting;
one that cannot be read starts at the first page. Indexes are led by the shop: for several shops each is asked on its
own and the answers are merged.
"""

import base64
import binascii
import heapq
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Generic, Protocol, TypeVar

from django.core.exceptions import ValidationError
from django.db import connection, connections, models, router
from django.db.models import ExpressionWrapper, F, Func, Q, QuerySet, Value
from django.db.models.sql.where import WhereNode

from ghostcart.lib.planning import Sorted

Row = TypeVar("Row", bound=models.Model)
Key = tuple[Any, int]

_LARGEST_ID = 2**63 - 1
MOST_COUNTED = 10_000
"""More rows are not counted: what a page costs shall not grow with the table."""
MOST_SORTED = 1_500_000
"""So many rows are rather sorted than met one by one on the way through many others."""


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """Some rows of a list, and the cursors of the pages beside it (None: there is none)."""

    rows: list[Row]
    next: str | None
    previous: str | None


@dataclass(frozen=True, slots=True)
class Walk(Generic[Row]):
    """Rows that may be met soon or late on the way through the index of an order: nobody can tell beforehand.

    `asked` leaves out, on the way through `through`, what is not wanted. After `steps` rows of it in vain, all that is
    wanted is sorted, if an index leads to it (`found`); if none does, the page shows what was met and leads on.
    """

    through: QuerySet[Row]
    asked: Q
    steps: int
    found: QuerySet[Row] | None = None

    @property
    def rows(self) -> QuerySet[Row]:
        return self.through.filter(self.asked)

    def filter(self, condition: Q) -> "Walk[Row]":
        found = None if self.found is None else self.found.filter(condition)
        return replace(self, asked=self.asked & condition, found=found)


def page(
    queryset: QuerySet[Row],
    sort: str,
    size: int,
    after: str | None = None,
    before: str | None = None,
    *,
    shop_ids: Sequence[int] = (),
    parts: Sequence[QuerySet[Row] | Walk[Row]] | None = None,
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
    keys, edge = order.keys(asked, start, is_descending != is_backwards, size + 1)
    shown, has_more = keys[:size], len(keys) > size
    if is_backwards:
        shown.reverse()
    has_next, has_previous = (True, has_more) if is_backwards else (has_more, start is not None)
    following = _write(name, shown[-1]) if shown and has_next else None
    preceding = _write(name, shown[0]) if shown and has_previous else None
    if edge and is_backwards:
        preceding = _write(name, edge)
    elif edge:
        following = _write(name, edge)
    return Page(_rows(queryset, shown), following, preceding)


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


_Asked = QuerySet[Any] | Walk[Any]
_Keys = tuple[list[Key], Key | None]


class _Order(Protocol):
    """A way to sort: reads the keys of cursors, and finds the keys beyond one."""

    def key_of(self, kept: list[Any] | None) -> Key | None:
        """A cursor's content as a key; None if it is none of this order."""

    def keys(self, parts: Sequence[_Asked], start: Key | None, goes_down: bool, limit: int) -> _Keys:
        """The first keys beyond `start`, of all parts together, and where to look on if not all was looked at."""


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
            if isinstance(value, datetime) and value.tzinfo is not None:
                value = value.astimezone(UTC)  # as it is stored; at an end of the calendar there is no such moment
        except (ValidationError, TypeError, ValueError, OverflowError):
            return None
        return (value, number) if _is_storable(value) else None

    def keys(self, parts: Sequence[_Asked], start: Key | None, goes_down: bool, limit: int) -> _Keys:
        found, edges = [], []
        for part in parts:
            keys, edge = self._of(part, start, goes_down, limit)
            found.append(keys)
            edges += [edge] if edge else []
        if len(found) == 1 and not edges:
            return found[0], None
        kept: list[Key] = []
        unseen = {number for _, number in edges}
        for value, number in self._merged([*found, *([edge] for edge in edges)], goes_down):
            if number in unseen:
                return kept, (value, number + (1 if goes_down else -1))  # a place just before it
            kept.append((value, number))
            if len(kept) == limit:
                break
        return kept, None

    def _of(self, part: _Asked, start: Key | None, goes_down: bool, limit: int) -> _Keys:
        """The first keys of one part, and the first row that was not looked at."""
        if not isinstance(part, Walk):
            return self._first(self._beyond(part, start, goes_down), goes_down, limit), None
        way = self._ordered(self._beyond(part.through, start, goes_down), goes_down)
        met = self._met(way, part, limit)
        if len(met) >= limit:
            return self._keys_of(met, goes_down), None
        edge: Key | None = next(iter(way.values_list(self.name, "pk")[part.steps : part.steps + 1]), None)
        if edge is None or part.found is None:
            return self._keys_of(met, goes_down), edge
        numbers = part.found.order_by().values_list("pk", flat=True)
        if numbers[:MOST_SORTED].count() < MOST_SORTED:
            return self._first(self._beyond(part.found, start, goes_down), goes_down, limit, Sorted), None
        return self._first(self._beyond(part.rows, start, goes_down), goes_down, limit), None

    def _met(self, way: QuerySet[Any], part: Walk[Any], limit: int) -> list[int]:
        """Of the next `steps` rows, those that are wanted. The inner limit is what bounds it: given an end instead, an
        index goes on through all that are equal in the column."""
        is_wanted = ExpressionWrapper(part.asked, output_field=models.BooleanField())
        looked_at = way.annotate(number=F("pk"), is_wanted=is_wanted).values("number", "is_wanted")[: part.steps]
        using = router.db_for_read(self.model)
        text, params = looked_at.query.get_compiler(using).as_sql()
        with connections[using].cursor() as cursor:
            cursor.execute(f"SELECT number FROM ({text}) looked_at WHERE is_wanted LIMIT %s", [*params, limit])
            return [number for (number,) in cursor.fetchall()]

    def _keys_of(self, numbers: list[int], goes_down: bool) -> list[Key]:
        if not numbers:
            return []
        return self._first(self.model._default_manager.filter(pk__in=numbers), goes_down, len(numbers))

    def _first(self, rows: QuerySet[Any], goes_down: bool, limit: int, by: Any = F) -> list[Key]:
        return list(self._ordered(rows, goes_down, by).values_list(self.name, "pk")[:limit])

    def _ordered(self, rows: QuerySet[Any], goes_down: bool, by: Any = F) -> QuerySet[Any]:
        columns = [by("pk")] if self.is_id else [by(self.name), by("pk")]
        return rows.order_by(*(column.desc() if goes_down else column.asc() for column in columns))

    def _merged(self, found: list[list[Key]], goes_down: bool) -> Iterable[Key]:
        if not self._is_collated():
            return heapq.merge(*found, reverse=goes_down)
        return self._keys_of([number for keys in found for _, number in keys], goes_down)

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

    def keys(self, parts: Sequence[_Asked], start: Key | None, goes_down: bool, limit: int) -> _Keys:
        found: list[Key] = []
        numbers = list(range(len(self.groups)))
        for number in reversed(numbers) if goes_down else numbers:
            if start is not None and (number > start[0] if goes_down else number < start[0]):
                continue
            within = [part.filter(condition) for part in parts for condition in self.groups[number]]
            begin = start if start is not None and number == start[0] else None
            keys, edge = self.by_id.keys(within, begin, goes_down, limit - len(found))
            found.extend((number, row) for _, row in keys)
            if edge or len(found) == limit:
                return found, (number, edge[1]) if edge else None
        return found, None


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
