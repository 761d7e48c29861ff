"""Every refusal of the wire as problem details (RFC 9457) with a stable code."""

import logging
from typing import Any

import msgspec
from django.db import InternalError, OperationalError
from django.utils import translation
from django.utils.translation import gettext_lazy as _
from litestar import Request, Response
from litestar.connection import ASGIConnection
from litestar.exceptions import HTTPException, NotFoundException, ValidationException
from litestar.exceptions.http_exceptions import RequestEntityTooLarge

from ghostcart.api.cart_json import CartOut, cart_out
from ghostcart.carts.errors import CartChanged
from ghostcart.lib.errors import GhostcartError
from ghostcart.lib.texts import LANGUAGES

_log = logging.getLogger("ghostcart.wire")
PROBLEM = "application/problem+json"

SENTENCES = {
    "bad_body": _("The request is not what this call takes."),
    "body_too_large": _("The request is larger than this call takes."),
    "busy": _("The database is busy; nothing was stored. Please try again."),
    "not_signed_in": _("Please sign in first."),
    "forbidden": _("You may not do this."),
    "not_found": _("There is nothing here."),
    "method_not_allowed": _("This address cannot be called in this way."),
    "error": _("This did not work."),
}
CODES = {400: "bad_body", 401: "not_signed_in", 403: "forbidden", 404: "not_found", 405: "method_not_allowed"}


class Problem(msgspec.Struct, omit_defaults=True):
    """Why a call was refused: `code` for programs, `detail` for people, in the caller's language."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    params: dict[str, str] | None = None
    """What the sentence names: `stock`, `most`, ..."""
    errors: list[Any] | None = None
    """What is wrong with the body, field by field."""
    cart: CartOut | None = None
    """With `cart_changed`: the cart as it is now."""


def language_of(request: ASGIConnection[Any, Any, Any, Any]) -> str:
    """The first of the caller's languages that we speak."""
    for part in request.headers.get("accept-language", "").split(","):
        wanted = part.split(";")[0].strip()[:2].lower()
        if wanted in LANGUAGES:
            return wanted
    return "en"


def problem(status: int, code: str, detail: str, **more: Any) -> Response[Problem]:
    body = Problem("about:blank", code.replace("_", " "), status, code, detail, **more)
    headers = {503: {"Retry-After": "1"}, 401: {"WWW-Authenticate": "Bearer"}}.get(status)
    return Response(body, status_code=status, media_type=PROBLEM, headers=headers)


def refused(request: Request[Any, Any, Any], error: GhostcartError) -> Response[Any]:
    language = language_of(request)
    with translation.override(language):
        more: dict[str, Any] = {}
        if error.params:
            more["params"] = {name: str(value) for name, value in error.params.items()}
        if isinstance(error, CartChanged):
            if error.cart is not None and error.cart.totals is None:
                error.cart.work_out()
            more["cart"] = cart_out(error.cart, language)
        return problem(error.status, error.code, str(error), **more)


def said(request: Request[Any, Any, Any], status: int, code: str, **more: Any) -> Response[Problem]:
    """A problem of the wire itself, in the caller's language."""
    with translation.override(language_of(request)):
        return problem(status, code, str(SENTENCES[code]), **more)


def bad_body(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    return said(request, 400, "bad_body")


def invalid(request: Request[Any, Any, Any], error: ValidationException) -> Response[Any]:
    return said(request, 400, "bad_body", errors=[error.detail, *(error.extra or [])])


def too_large(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    return said(request, 422, "body_too_large")


def busy(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    _log.error("database trouble at %s", request.url.path, exc_info=error)
    return said(request, 503, "busy")


def http(request: Request[Any, Any, Any], error: HTTPException) -> Response[Any]:
    code = CODES.get(error.status_code, "error")
    return said(request, error.status_code, code, errors=[error.detail] if code == "bad_body" else None)


HANDLERS: dict[Any, Any] = {
    GhostcartError: refused,
    UnicodeDecodeError: bad_body,
    RecursionError: bad_body,
    ValidationException: invalid,
    RequestEntityTooLarge: too_large,
    OperationalError: busy,
    InternalError: busy,  # such as a file of PostgreSQL's that may grow no more
    NotFoundException: http,
    HTTPException: http,
}


async def note(error: Exception, scope: Any) -> None:
    """Litestar logs no unhandled error by itself outside debug mode."""
    if isinstance(error, GhostcartError | UnicodeDecodeError | RecursionError | OperationalError | InternalError):
        return
    if not isinstance(error, HTTPException) or error.status_code >= 500:
        _log.error("unhandled at %s", scope["path"], exc_info=error)
