"""The store API called in process, as a shop's page calls it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from django.apps import apps
from django.db import connection
from litestar.testing import TestClient

from ghostcart.api.app import wire
from ghostcart.carts import tokens
from ghostcart.shops.models import Shop
from tests.factories import ADDRESS

STORE = "/api/v1/store"
CONTACT = {"email": "ada@example.com", "first_name": "Ada", "last_name": "Byron"}
CHECKOUT = {"contact": CONTACT, "address": ADDRESS, "shipping_method": "standard", "payment": "on_delivery"}


@contextmanager
def calling() -> Iterator[TestClient[Any]]:
    """Errors that nobody expected come as 500, not as exceptions: that is what is tested."""
    with TestClient(wire, raise_server_exceptions=False) as client:
        yield client


class Page:
    """A shopper's page: its shop's key, its cart's token."""

    def __init__(self, client: TestClient[Any], shop: Shop, **headers: str) -> None:
        self.client = client
        self.shop = shop
        self.token = tokens.issue(shop.pk)
        self.headers = {
            "Ghostcart-Shop": shop.public_key,
            "Ghostcart-Cart": self.token,
            "Accept-Language": "en",
        } | headers

    def call(self, method: str, path: str, body: Any = None, content: Any = None, **headers: str) -> httpx.Response:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if body is not None:
            content, sent = json.dumps(body), {"Content-Type": "application/json"} | sent
        return self.client.request(method, STORE + path, content=content, headers={**self.headers, **sent})

    def add(self, sku: str = "MUG", quantity: int = 1, **headers: str) -> httpx.Response:
        return self.call("POST", "/cart/lines", {"sku": sku, "quantity": quantity}, **headers)

    def checkout(self, key: str = "", **more: Any) -> httpx.Response:
        headers = {"Idempotency_Key": key} if key else {}
        return self.call("POST", "/cart/checkout", {**CHECKOUT, **more}, **headers)

    def cart(self) -> Any:
        return self.call("GET", "/cart").json()


def refused(response: httpx.Response, status: int, code: str) -> Any:
    """The body of a refusal, after a look at what every refusal has."""
    assert response.headers["content-type"] == "application/problem+json", response.text
    body = response.json()
    assert (response.status_code, body["status"], body["code"]) == (status, status, code), body
    assert body["type"] == "about:blank"
    assert body["title"]
    assert body["detail"]
    return body


def dump() -> dict[str, list[Any]]:
    """Every row of every table of ours."""
    with connection.cursor() as cursor:
        found = {}
        for model in apps.get_models():
            cursor.execute(f'SELECT * FROM "{model._meta.db_table}"')
            found[model._meta.db_table] = sorted(map(str, cursor.fetchall()))
    return found
