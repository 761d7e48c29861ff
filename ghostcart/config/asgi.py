"""Wire first, everything else to Django: one process for the demo and a small shop.

The traps that each piece closes were found by trying: see docs/decisions/0002-pages-and-wire-in-one-process.md.
"""

import asyncio
import os
from typing import Any, cast

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ghostcart.config.settings")

from django.core.wsgi import get_wsgi_application

django_pages = get_wsgi_application()  # runs django.setup(): before anything imports models

from a2wsgi import WSGIMiddleware
from django.conf import settings
from django.contrib.staticfiles.finders import AppDirectoriesFinder
from django.http.request import split_domain_port, validate_host
from django.utils import translation
from django.utils.translation import gettext_lazy as _
from granian.utils.proxies import wrap_asgi_with_proxy_headers
from litestar import Request
from servestatic import ServeStaticASGI

from ghostcart.api.app import wire
from ghostcart.api.problems import language_of
from ghostcart.mail import webhooks

PAGE_THREADS = 8
BODY_LIMIT, BODY_SECONDS = 2_500_000, 30

pages: Any = WSGIMiddleware(cast(Any, django_pages), workers=PAGE_THREADS)
CHECKS = ("/healthz", "/readyz", "/metrics")
checks: Any = WSGIMiddleware(cast(Any, django_pages), workers=4)
"""Threads of their own: a database that lets all pages wait keeps nobody from saying so."""


async def refuse(scope: Any, send: Any, status: int, sentence: Any) -> None:
    """Before any page is asked: a plain sentence in the caller's language."""
    with translation.override(language_of(Request(scope))):
        body = str(sentence).encode()
    kind = (b"content-type", b"text/plain; charset=utf-8")
    await send({"type": "http.response.start", "status": status, "headers": [kind]})
    await send({"type": "http.response.body", "body": body})


def one_cookie_header(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """HTTP/2 browsers send one header per cookie; RFC 9113, 8.2.3 wants them joined."""
    crumbs = [value for name, value in headers if name == b"cookie"]
    if len(crumbs) < 2:
        return headers
    return [header for header in headers if header[0] != b"cookie"] + [(b"cookie", b"; ".join(crumbs))]


async def to_pages(scope: Any, receive: Any, send: Any) -> None:
    """Read the whole body first: no thread waits for a slow sender, and chunked bodies get a length."""
    body, more = bytearray(), True
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    return
                body += message.get("body", b"")
                more = message.get("more_body", False)
                if len(body) > BODY_LIMIT:
                    return await refuse(scope, send, 413, _("The request is too large."))
    except TimeoutError:
        return await refuse(scope, send, 408, _("The request came in too slowly."))
    # WSGI names cannot tell "-" from "_": a stranger's X_Forwarded_Proto would pass for the proxy's
    kept = [
        header
        for header in scope["headers"]
        if b"_" not in header[0] and header[0] not in (b"content-length", b"transfer-encoding")
    ]

    async def whole() -> dict[str, Any]:  # a2wsgi needs a real coroutine; Granian's receive() is none
        return {"type": "http.request", "body": bytes(body), "more_body": False}

    answering = checks if scope["path"] in CHECKS else pages
    await answering({**scope, "headers": [*kept, (b"content-length", b"%d" % len(body))]}, whole, send)


async def joined(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "http":
        scope = {**scope, "headers": one_cookie_header(scope["headers"])}
        hosts = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
        if len(hosts) != 1 or not validate_host(split_domain_port(hosts[0])[0], settings.ALLOWED_HOSTS):
            return await refuse(scope, send, 400, _("Nothing is served under this name. Please check the address."))
        if not scope["path"].startswith(("/api/", "/tracker.js")) or scope["path"].startswith(webhooks.PATH):
            return await to_pages(scope, receive, send)
    await wire(scope, receive, send)  # and the lifespan events


settings.MEDIA_ROOT.mkdir(parents=True, exist_ok=True)
static = ServeStaticASGI(
    joined,
    allow_all_origins=False,
    immutable_file_test=r"-[A-Z0-9]{8}\.\w+$",  # esbuild's hashed names
)
# straight from the packages: pages and the files that they name are always of one version
for app in reversed(AppDirectoriesFinder().storages.values()):  # the first app wins, as in Django
    static.add_files(app.location, prefix="static/")
static.add_files(settings.MEDIA_ROOT, prefix="media/")
application = (
    wrap_asgi_with_proxy_headers(static, trusted_hosts=settings.TRUSTED_PROXIES) if settings.TRUSTED_PROXIES else static
)
