"""What all lists of the merchant API do alike: a place to go on from, days and moments, and where the next page is."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, TypeVar
from urllib.parse import urlencode

from django.utils.translation import gettext_lazy as _
from litestar import Request, Response
from litestar.params import PathParameter, QueryParameter

from ghostcart.api.store import NO_CONTROL
from ghostcart.carts import filters
from ghostcart.lib import paging
from ghostcart.lib.errors import GhostcartError
from ghostcart.shops.models import Shop

T = TypeVar("T")
LARGEST_ID = 2**63 - 1

Id = Annotated[int, PathParameter(ge=1, le=LARGEST_ID)]
Size = Annotated[int, QueryParameter(ge=1, le=200, description="rows in a page")]
CursorText = Annotated[
    str | None,
    QueryParameter(name="cursor", max_length=1000, description="the `next` of the page before; none: the first page"),
]
Words = Annotated[str, QueryParameter(max_length=100, pattern=NO_CONTROL)]
Moment = Annotated[
    str,
    QueryParameter(
        max_length=40,
        pattern=NO_CONTROL,
        description="a day of the shop (2026-11-22; as an end, all of it counts) or a moment (2026-11-22T03:00:00Z)",
    ),
]


class BadCursor(GhostcartError):
    code, status = "bad_cursor", 400
    sentence = _("This cursor is none of this list, or of another sorting.")


class BadFilter(GhostcartError):
    """`problems` are whole sentences."""

    code, status = "bad_filter", 400
    sentence = _("A filter cannot be read: %(problems)s")

    def __init__(self, problems: Iterable[str]) -> None:
        super().__init__(problems=" ".join(problems))


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a list to begin, in which order, and how many rows to give."""

    sort: str
    size: int
    after: str | None


async def provide_place(size: Size = 50, cursor: CursorText = None) -> Place:
    return place_of("-id", size, cursor)


def place_of(sort: str, size: int, cursor: str | None, column: str | None = None) -> Place:
    """`column` is what the list is sorted by in the database, if it has another name. Raises BadCursor."""
    if cursor and not paging.is_cursor(cursor, column or sort):
        raise BadCursor
    return Place(sort, size, cursor or None)


def moment(text: str, shop: Shop, *, is_end: bool = False) -> datetime | None:
    """A boundary of a range as filters take it. Raises BadFilter."""
    if not text:
        return None
    try:
        return filters.read_moment(text, shop.zone, is_end)
    except (ValueError, OverflowError):
        raise BadFilter([str(_("“%(value)s” is not a date.")) % {"value": text}]) from None


def with_next(request: Request[Any, Any, Any], page: T) -> Response[T]:
    """A page, and in a Link header the address of the one after it."""
    cursor = getattr(page, "next", None)
    if not cursor:
        return Response(page)
    asked = [(name, value) for name, value in request.query_params.multi_items() if name != "cursor"]
    address = f"{request.url.path}?{urlencode([*asked, ('cursor', cursor)])}"
    return Response(page, headers={"Link": f'<{address}>; rel="next"'})
