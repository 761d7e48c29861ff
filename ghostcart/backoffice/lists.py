"""What all lists do alike: sorting, page size and filters from the address, kept per person; saved views."""

from collections.abc import Collection
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect
from django.utils import timezone

from ghostcart.backoffice import services
from ghostcart.backoffice.access import StaffRequest
from ghostcart.backoffice.context import PAGE_SIZES
from ghostcart.backoffice.models import SavedView
from ghostcart.carts.filters import start_of_day
from ghostcart.lib import replica

LONGEST_QUERY = 2000
PLACE = ("after", "before")
"""Where in the list the reader is: never kept."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The part of a list's address that is no filter."""

    sort: str
    size: int
    after: str | None
    before: str | None


def recalled(request: StaffRequest, page: str) -> HttpResponse | None:
    """Opened plainly, a list goes where the person left it; `?reset` forgets that. None: show what is asked for."""
    if "reset" in request.GET:
        services.forget_view(request.user, page)
        return redirect(request.path)
    kept = services.last_view(request.user, page)
    if not request.GET:
        return redirect(f"{request.path}?{kept}") if kept else None
    query = lasting(request.GET)
    if query != kept and len(query) <= LONGEST_QUERY:
        services.remember_view(request.user, page, query)
    return None


def from_copy(request: StaffRequest) -> AbstractContextManager[None]:
    """What is asked within may come from a copy of the database that has all that this person wrote."""
    return replica.reading(request.session.get(replica.WROTE))


def lasting(query: QueryDict) -> str:
    """A query string without the place in the list."""
    kept = query.copy()
    for name in PLACE:
        kept.pop(name, None)
    return kept.urlencode()


def asked(request: StaffRequest, sorts: Collection[str], default: str = "-id") -> Asked:
    sort = request.GET.get("sort", default)
    size = request.GET.get("size", "")
    return Asked(
        sort=sort if sort.removeprefix("-") in sorts else default,
        size=int(size) if size in map(str, PAGE_SIZES) else 50,
        after=request.GET.get("after"),
        before=request.GET.get("before"),
    )


def saved_views(request: StaffRequest, page: str) -> dict[str, object]:
    """For `_views.html`: the named views of a list, and the filters that could become one."""
    here = lasting(request.GET)
    views = SavedView.objects.filter(user=request.user, page=page).exclude(name="")
    return {"views": views, "view_page": page, "view_query": here if len(here) <= LONGEST_QUERY else ""}


def whole(text: str | None) -> int | None:
    """A whole number of an address; None for what is none, or larger than any column."""
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) < 19 else None


def first_moment(day: date | None) -> datetime | None:
    """The start of a day in the active time zone."""
    zone = timezone.get_current_timezone()
    return start_of_day(day, ZoneInfo(str(zone))) if day else None


def moment_after(day: date | None) -> datetime | None:
    """The end of a day in the active time zone: the start of the next."""
    return first_moment(day + timedelta(days=1)) if day else None
