"""Which member of staff holds a session cookie. The wire accepts the cookie for reading only."""

from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user
from django.http import HttpRequest
from litestar import Request
from litestar.exceptions import NotAuthorizedException
from litestar.openapi import ResponseSpec

from ghostcart.api.problems import PROBLEM, Problem
from ghostcart.api.threads import in_django

REFUSED = {
    status: ResponseSpec(Problem, generate_examples=False, description=told, media_type=PROBLEM)
    for status, told in {400: "`bad_body`", 401: "`not_signed_in`", 503: "`busy`: try again"}.items()
}
SessionStore = import_module(settings.SESSION_ENGINE).SessionStore


def staff_of(session_key: str | None) -> Any:
    """Blocking. The signed-in member of staff, or None; asks the database each time, so that a lock-out counts."""
    request = HttpRequest()
    request.session = SessionStore(session_key)
    user = get_user(request)
    return user if user.is_authenticated and user.is_active else None


def shop_chosen(session_key: str | None) -> int | None:
    """Blocking. The shop that they chose in the header of the back office; None for all of theirs."""
    chosen: int | None = SessionStore(session_key).get("shop")
    return chosen


def session_key_of(request: Request[Any, Any, Any]) -> str | None:
    return request.cookies.get(settings.SESSION_COOKIE_NAME)


async def provide_staff(request: Request[Any, Any, Any]) -> Any:
    user = await in_django(staff_of, session_key_of(request))
    if user is None:
        raise NotAuthorizedException("Sign in first.")
    return user
