"""The wire: one asynchronous application for the store API, live streams and the pages that describe them."""

from typing import Any

from litestar import Litestar, Request, Router
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin, OpenAPIRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme

from ghostcart import __version__
from ghostcart.api import origins
from ghostcart.api.bodies import StrictRequest
from ghostcart.api.examples import illustrated
from ghostcart.api.exports import export_file
from ghostcart.api.ingest import ingest
from ghostcart.api.live import live
from ghostcart.api.merchant.router import merchant
from ghostcart.api.problems import HANDLERS, note
from ghostcart.api.programs import tell_stand
from ghostcart.api.store import store
from ghostcart.api.track import track, tracker_script
from ghostcart.lib.template_tags import asset

API_CSP = "default-src 'none'; frame-ancestors 'none'"
DOCS_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)

KEY = SecurityScheme(
    type="http",
    scheme="bearer",
    bearer_format="gck_...",
    description="An API key of the shop (back office, Settings, API keys) with the scope that the call names.",
)

PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>{title}</title>
<link rel="stylesheet" href="{css}"></head>
<body><main id="docs" data-spec="{spec}"></main><script type="module" src="{js}"></script></body></html>"""


class DocsPage(OpenAPIRenderPlugin):
    """Swagger UI from our own files: the only one of five that runs under a strict policy."""

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        return PAGE.format(
            title=openapi_schema["info"]["title"],
            spec=self.get_openapi_json_route(request),
            css=asset("backoffice", "docs.css"),
            js=asset("backoffice", "docs.js"),
        ).encode()


class Description(JsonRenderPlugin):
    """The document, with examples."""

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        return super().render(request, illustrated(openapi_schema))


SECURE = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
)


async def secure(message: Any, scope: Any) -> None:
    """Django's middleware never sees these answers, errors included."""
    if message["type"] == "http.response.start":
        policy = DOCS_CSP if scope["path"] in ("/api/", "/api/docs") else API_CSP
        headers = list(message["headers"])  # as Litestar's own class for them takes a tenth of the whole answer's time
        given = {name.lower() for name, _value in headers}
        wanted = ((b"content-security-policy", policy.encode()), *SECURE)
        message["headers"] = headers + [header for header in wanted if header[0] not in given]
        await origins.allow(scope, message)


wire = Litestar(
    [Router("/api/v1", route_handlers=[store, live, export_file, merchant, ingest, track]), tracker_script],
    openapi_config=OpenAPIConfig(
        title="Ghostcart",
        version=__version__,
        path="/api",
        components=Components(security_schemes={"key": KEY}),
        # the page first: the first plugin is also served at /api/
        render_plugins=[DocsPage(path="/docs"), Description(path="/openapi.json")],
    ),
    request_class=StrictRequest,
    exception_handlers=HANDLERS,
    request_max_body_size=16 * 1024,
    before_send=[secure, tell_stand],
    after_exception=[note],
    logging_config=None,
)
