"""Where the tracker of a shop's pages calls, and the tracker itself.

A call is a plain POST without headers of our own, so a browser needs no preflight and can still send it while the page
goes away. It names the shop by its public key; only pages of the sites that the shop lists are heard.
"""

from pathlib import Path
from typing import Annotated, Any

from django.contrib.staticfiles import finders
from litestar import Request, Response, get, post
from litestar.openapi.spec import Example
from litestar.params import Body

from ghostcart.api import origins
from ghostcart.api.limits import Buckets
from ghostcart.api.problems import language_of
from ghostcart.api.programs import STAND, TooManyRequests
from ghostcart.api.store import PROBLEMS
from ghostcart.api.threads import in_django
from ghostcart.connectors import tracker
from ghostcart.connectors.tracker import Heard, Told
from ghostcart.lib import clock
from ghostcart.lib.networks import network
from ghostcart.lib.template_tags import manifest
from ghostcart.shops import rules as shop_rules
from ghostcart.shops.origins import ForeignOrigin

BODY_BYTES = 64 * 1024
"""As much as a browser sends while its page goes away."""
SCRIPT_SECONDS = 3600
PER_TOKEN, PER_ADDRESS, NEW_PER_ADDRESS = 60, 600, 60
"""Calls a minute of a browser, of a network address, and of browsers of an address that were not heard of lately."""

buckets = Buckets()
EXAMPLE = {
    "key": "pk_0123456789abcdefghijklmn",
    "token": "Zk3v0xQy7cW1mT8uJr5sAa",
    "sent": 1769847610000,
    "page": "/mugs",
    "events": [
        {
            "type": "cart",
            "at": 1769847600000,
            "currency": "EUR",
            "lines": [{"sku": "MUG-SAGE", "name": "Mug, hand-thrown", "quantity": 2, "price": "24.90"}],
        }
    ],
}


def pace(request: Request[Any, Any, Any], token_hash: str) -> None:
    """Count a call. Raises TooManyRequests: of a flood no more gets through than the address may."""
    address = network(request.client.host if request.client else "")
    asked: list[tuple[Any, int]] = [(token_hash, PER_TOKEN)]
    if address:
        if not buckets.knows(token_hash):
            asked.insert(0, (("new", address), NEW_PER_ADDRESS))
        asked.insert(0, (("all", address), PER_ADDRESS))
    for key, quota in asked:
        stand = buckets.take(key, quota)
        if stand.wait:
            request.scope[STAND] = stand  # type: ignore[literal-required]
            raise TooManyRequests(seconds=stand.wait)


@post(
    "/track",
    summary="Tell what a visitor does (the tracker)",
    status_code=200,
    request_max_body_size=BODY_BYTES,
    responses={status: told for status, told in PROBLEMS.items() if status in (400, 401, 403, 422, 429, 503)},
    tags=["tracker"],
)
async def track(
    request: Request[Any, Any, Any],
    data: Annotated[
        Told,
        Body(schema_extra={"additionalProperties": False}, examples=[Example(summary="as sent", value=EXAMPLE)]),
    ],
) -> Heard:
    """From pages of the shop's own sites alone (`foreign_origin`). Events that cannot be kept are named in the answer,
    and need not be sent again."""
    shop = await in_django(shop_rules.of, data.key)
    if request.headers.get("origin") is None:
        raise ForeignOrigin
    origins.check(request, shop)
    token_hash = tracker.digest(shop.id, data.token)
    pace(request, token_hash)
    agent = request.headers.get("user-agent", "")[:300].replace("\x00", "")
    visitor = tracker.Visitor(shop, token_hash, language_of(request), agent)
    return await in_django(tracker.hear, visitor, data, clock.now())


@get("/tracker.js", include_in_schema=False)
async def tracker_script(request: Request[Any, Any, Any]) -> Response[bytes]:
    """The script under an address that stays: any site may load it, browsers keep it for an hour."""
    name = manifest("connectors")["tracker.js"]
    etag = f'"{name}"'
    headers = {
        "Cache-Control": f"public, max-age={SCRIPT_SECONDS}",
        "ETag": etag,
        "Vary": "Accept-Encoding",
        "Access-Control-Allow-Origin": "*",
        "Cross-Origin-Resource-Policy": "cross-origin",
    }
    if etag in request.headers.get("if-none-match", ""):
        return Response(b"", status_code=304, headers=headers)
    wanted = request.headers.get("accept-encoding", "")
    coding, ending = ("br", ".br") if "br" in wanted else ("gzip", ".gz") if "gzip" in wanted else ("", "")
    if coding:
        headers["Content-Encoding"] = coding
    found = finders.find(f"connectors/dist/{name}{ending}")
    return Response(Path(str(found)).read_bytes(), headers=headers, media_type="text/javascript; charset=utf-8")
