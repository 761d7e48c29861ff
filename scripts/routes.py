"""Every address there is, in one table: docs/reference/routes.md. `.venv/bin/python -m scripts.routes` writes it anew.

Methods are what a view itself allows; roles are what it declares; scopes are those of the tests' register, which walk
all of them as everybody (tests/api/test_routes.py, tests/backoffice/test_access.py).
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

PAGE = Path(__file__).parent.parent / "docs/reference/routes.md"
HEAD = """# Addresses

Each address that the program answers, who may ask, what a change needs, and what caches may keep. This page is written
by `python -m scripts.routes`; a test fails when an address is missing or changed. Who reaches what is tried out by
walking all of them as everybody: pages in `tests/backoffice/test_access.py`, the API in `tests/api/test_routes.py`.

| address | methods | for whom | a change needs | caches | personal data |
|---|---|---|---|---|---|
"""
OPEN_METHODS = "GET, HEAD, POST"
"""Of views that are classes, or ask who comes before they look at the method."""
PRIVATE_SHOP_PAGES = {
    "checkout", "thanks", "account", "sign-in", "register", "details", "password", "forgotten", "data", "erase",
    "sign-out",
}  # fmt: skip


class Row(NamedTuple):
    address: str
    methods: str
    audience: str
    needs: str
    caches: str
    personal: str


def pages() -> Iterator[Row]:
    """The addresses of Django."""
    from django.urls import get_resolver

    for address, name, pattern in _below(get_resolver(), ""):
        view = pattern.callback
        methods = _methods(view, pattern.converters if hasattr(pattern, "converters") else {})
        changes = "POST" in methods
        if address.startswith("/backoffice/"):
            role = str(getattr(view, "least_role", "anyone"))
            needs = "CSRF token" if changes else ""
            personal = "no" if role == "anyone" else "yes"
            yield Row(address, methods, f"staff: {role}" if role != "anyone" else "everybody", needs, "none", personal)
        elif address.startswith("/m/"):
            yield Row(address, methods, "who has the link", "a press on its button" if changes else "", "none", "no")
        elif address.startswith("/api/"):
            yield Row(address, methods, "a mail provider", "its signature", "none", "yes")
        elif name in PRIVATE_SHOP_PAGES:
            yield Row(address, methods, "the shopper", "CSRF token" if changes else "", "none", "yes")
        else:
            yield Row(address, methods, "everybody", "CSRF token" if changes else "", "may", "no")


def _below(node: Any, prefix: str) -> Iterator[tuple[str, str, Any]]:
    from django.urls import URLPattern

    for one in node.url_patterns:
        address = prefix + str(one.pattern)
        if isinstance(one, URLPattern):
            yield f"/{address.replace('^', '').replace('/?$', '/').replace('$', '')}", one.name or "", one
        else:
            yield from _below(one, address)


def _methods(view: Any, parameters: Any) -> str:
    """What the view says when it is asked for something that nobody allows."""
    from django.contrib.auth.models import AnonymousUser
    from django.test import RequestFactory

    request: Any = RequestFactory().generic("TRACE", "/")
    request.user, request.session = AnonymousUser(), {}
    try:
        answer = view(request, **dict.fromkeys(parameters, 1))
    except Exception:
        return OPEN_METHODS
    allowed = answer.headers.get("Allow", OPEN_METHODS) if answer.status_code == 405 else OPEN_METHODS
    return ", ".join(method for method in allowed.split(", ") if method not in ("OPTIONS", "PUT"))


def calls() -> Iterator[Row]:
    """The addresses of the wire."""
    from tests.api.test_routes import PAGE as SITE
    from tests.api.test_routes import REGISTER, STAFF, STORE

    for name, row in REGISTER.items():
        method, path = name.split(" ")
        is_change = method != "GET"
        if row == STORE:
            who, needs, personal = "a shop's pages", "the cart's token", "of the cart's owner"
        elif row == STAFF:
            who, needs, personal = "staff: signed in", "", "yes"
        elif row == SITE:
            who, needs, personal = "sites that the shop lists", "the shop's key", "of the visitor"
        else:
            who, needs, personal = f"programs: `{row.scope}`", "the key; Idempotency-Key on POST", "yes"
        yield Row(f"/api/v1{path}", method, who, needs if is_change else "", "none", personal)


def text() -> str:
    rows = [*pages(), *calls()]
    return HEAD + "".join(f"| {' | '.join([f'`{row.address}`', *row[1:]])} |\n" for row in rows)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ghostcart.config.settings")
    import django

    django.setup()
    PAGE.write_text(text())
    print(f"{PAGE}: {text().count(chr(10)) - HEAD.count(chr(10))} addresses")
