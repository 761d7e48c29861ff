"""Calls from pages of other sites: answered for the sites that a shop lists, with their exact name, and no others.

No wildcard and no credentials, ever: what a page may do, it may do by the shop's public key and a token of its own.
"""

from typing import Any

from litestar import Request
from litestar.datastructures import MutableScopeHeaders

from ghostcart.api.threads import in_django
from ghostcart.shops import origins
from ghostcart.shops import rules as shop_rules
from ghostcart.shops.rules import ShopRules

OPEN_TO_PAGES = ("/api/v1/store/", "/api/v1/track")
METHODS = "GET, POST, PUT, DELETE"
HEADERS = "Content-Type, Ghostcart-Shop, Ghostcart-Cart, Ghostcart-Currency, If-Match, Idempotency-Key"
KEPT_SECONDS = 600
"""How long a browser may keep the answer to its preflight."""


def check(request: Request[Any, Any, Any], shop: ShopRules) -> None:
    """Raises ForeignOrigin for a page of a site that the shop does not list. Who is no page sends no origin."""
    origin = request.headers.get("origin")
    if origin is not None and not origins.may_call(origin, request.headers.get("host", ""), shop.origins):
        raise origins.ForeignOrigin


async def allow(scope: Any, message: Any) -> None:
    """Let a page of a listed site read this answer, and send what it asks for in a preflight."""
    if not scope["path"].startswith(OPEN_TO_PAGES):
        return
    message["headers"] = [*message["headers"], (b"vary", b"Origin")]
    origin = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"origin"), "")
    if not origin or origin not in await in_django(shop_rules.all_origins):
        return
    headers = MutableScopeHeaders.from_message(message)
    headers["access-control-allow-origin"] = origin
    headers["access-control-expose-headers"] = "Retry-After"
    if scope["method"] == "OPTIONS" and any(name == b"access-control-request-method" for name, _v in scope["headers"]):
        headers["access-control-allow-methods"] = METHODS
        headers["access-control-allow-headers"] = HEADERS
        headers["access-control-max-age"] = str(KEPT_SECONDS)
