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
from ghostcart.connectors import keys
from ghostcart.connectors.models import Scope
from ghostcart.lib import clock
from ghostcart.shops.models import Shop
from tests.factories import ADDRESS

API, STORE = "/api/v1", "/api/v1/store"
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


class Program:
    """A program with a key of a shop; without scopes named, one that may do everything."""

    def __init__(self, client: TestClient[Any], shop: Shop, *scopes: str, per_minute: int = 100_000) -> None:
        self.client = client
        self.shop = shop
        self.key, self.token = keys.create(
            shop, name="ERP", scopes=scopes or Scope.values, actor="staff:1", now=clock.now(), per_minute=per_minute
        )

    def call(self, method: str, path: str, body: Any = None, content: Any = None, **headers: str) -> httpx.Response:
        sent = {"Authorization": f"Bearer {self.token}", "Accept-Language": "en"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        if body is not None:
            content, sent = json.dumps(body), {"Content-Type": "application/json"} | sent
        return self.client.request(method, API + path, content=content, headers=sent)

    def get(self, path: str, **headers: str) -> Any:
        """The body of a good answer."""
        response = self.call("GET", path, **headers)
        assert response.status_code == 200, response.text
        return response.json()

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        response = self.call("POST", path, body, **headers)
        assert response.status_code in (200, 201), response.text
        return response.json()


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
