"""Who reaches what: every address of the API x every kind of caller x own and foreign things, generated.

A new address fails until it has a row in the register below. What nobody may see is looked for in every answer.
"""

import itertools
from dataclasses import dataclass, field
from typing import Any

import pytest

from ghostcart.api import live
from ghostcart.api.merchant import events as event_stream
from ghostcart.carts import changes
from ghostcart.connectors import keys
from ghostcart.connectors.ingest import examples
from ghostcart.connectors.models import Scope
from ghostcart.lib import clock
from ghostcart.mail import suppression
from ghostcart.orders.services import Payment, place
from ghostcart.recovery import campaigns
from ghostcart.vouchers import services as vouchers
from ghostcart.vouchers.terms import Kind
from tests import factories
from tests.factories import ADDRESS
from tests.mail.letters import letter
from tests.wire import API, Program, refused

pytestmark = pytest.mark.django_db(transaction=True)

LETTER = {"subject": "Your cart", "body": "It is still here."}
ORDER = {"version": 1, "address": ADDRESS, "shipping_method": "standard", "payment": "transfer"}


@dataclass(frozen=True)
class Row:
    """What an address needs: a scope, or "store" (a shop's public key), "staff" (a session), or "page" (a site that the
    shop lists). `body` is one that it takes; `{name}` in it stands for a thing of the cast."""

    scope: str
    body: Any = None
    names: dict[str, str] = field(default_factory=dict)


STORE, STAFF, PAGE = Row("store"), Row("staff"), Row("page")
REGISTER: dict[str, Row] = {
    "POST /store/carts": STORE,
    "GET /store/cart": STORE,
    "POST /store/cart/lines": STORE,
    "PUT /store/cart/lines/{key}": STORE,
    "DELETE /store/cart/lines/{key}": STORE,
    "POST /store/cart/vouchers": STORE,
    "DELETE /store/cart/vouchers/{code}": STORE,
    "PUT /store/cart/shipping": STORE,
    "PUT /store/cart/identity": STORE,
    "POST /store/cart/heartbeat": STORE,
    "POST /store/cart/checkout/start": STORE,
    "POST /store/cart/checkout": STORE,
    "GET /live": STAFF,
    "GET /exports/{token}": STAFF,
    "GET /carts": Row("carts:read"),
    "GET /carts/deleted": Row("carts:read"),
    "GET /carts/{cart_id}": Row("carts:read"),
    "GET /carts/{cart_id}/events": Row("carts:read"),
    "GET /carts/{cart_id}/why": Row("carts:read"),
    "POST /carts/delete": Row("carts:write", {"ids": ["{cart_id}"]}),
    "POST /carts/restore": Row("carts:write", {"ids": ["{cart_id}"]}),
    "POST /carts/clean-up": Row("carts:write", {"which": "age", "days": 1, "delete": True}),
    "GET /customers": Row("customers:read"),
    "GET /customers/{customer_id}": Row("customers:read"),
    "PUT /customers/{customer_id}/note": Row("customers:write", {"note": "Calls in the morning"}),
    "GET /customers/{customer_id}/data": Row("customers:write"),
    "POST /customers/{customer_id}/erase": Row("customers:write"),
    "GET /persons/{person_id}": Row("customers:read"),
    "GET /persons/{person_id}/why": Row("customers:read"),
    "POST /persons/{person_id}/trust": Row("customers:write", {"is_trusted": True}),
    "GET /orders": Row("orders:read"),
    "GET /orders/{order_id}": Row("orders:read"),
    "POST /carts/{cart_id}/order": Row("orders:write", ORDER),
    "POST /orders/{order_id}/status": Row("orders:write", {"status": "paid"}),
    "POST /orders/{order_id}/refunds": Row("orders:write", {"amount_minor": 1}),
    "GET /vouchers": Row("vouchers:read"),
    "GET /vouchers/{voucher_id}": Row("vouchers:read"),
    "POST /vouchers": Row("vouchers:write", {"kind": "percent", "percent_bp": 1000}),
    "POST /vouchers/{voucher_id}/off": Row("vouchers:write"),
    "GET /campaigns": Row("campaigns:read"),
    "GET /campaigns/{campaign_id}": Row("campaigns:read"),
    "GET /campaigns/{campaign_id}/reach": Row("campaigns:read"),
    "GET /campaigns/{campaign_id}/why": Row("campaigns:read"),
    "POST /campaigns/{campaign_id}/start": Row("campaigns:write", {}),
    "POST /campaigns/{campaign_id}/pause": Row("campaigns:write"),
    "POST /campaigns/{campaign_id}/resume": Row("campaigns:write"),
    "POST /campaigns/{campaign_id}/let-through": Row("campaigns:write", {"size": 1}),
    "POST /campaigns/{campaign_id}/end": Row("campaigns:write"),
    "GET /messages": Row("messages:read"),
    "GET /messages/{message_id}": Row("messages:read"),
    "POST /carts/{cart_id}/messages": Row("messages:write", LETTER),
    "POST /customers/{customer_id}/messages": Row("messages:write", LETTER),
    "POST /messages/{message_id}/cancel": Row("messages:write"),
    "POST /messages/{message_id}/settle": Row("messages:write", {"was_sent": True}),
    "GET /suppressions": Row("messages:read"),
    "POST /suppressions": Row("messages:write", {"address": "no@example.com"}),
    "DELETE /suppressions/{suppression_id}": Row("messages:write"),
    "GET /reports/campaigns": Row("reports:read"),
    "GET /reports/ledger": Row("reports:read"),
    "GET /reports/carts": Row("reports:read"),
    "GET /events": Row("events:read"),
    "GET /events/list": Row("events:read"),
    "PUT /ingest/customers/{external_id}": Row("ingest", examples.CUSTOMER),
    "POST /ingest/customers": Row("ingest", {"items": [{"external_id": "1", **examples.CUSTOMER}]}),
    "PUT /ingest/products/{external_id}": Row("ingest", examples.PRODUCT),
    "POST /ingest/products": Row("ingest", {"items": [{"external_id": "1", **examples.PRODUCT}]}),
    "PUT /ingest/carts/{external_id}": Row("ingest", examples.CART),
    "POST /ingest/carts": Row("ingest", {"items": [{"external_id": "1", **examples.CART}]}),
    "PUT /ingest/orders/{external_id}": Row("ingest", examples.ORDER),
    "POST /ingest/orders": Row("ingest", {"items": [{"external_id": "1", **examples.ORDER}]}),
    "POST /track": PAGE,
}
OF_PROGRAMS = {name: row for name, row in REGISTER.items() if row not in (STORE, STAFF, PAGE)}
CALLERS = ("right", "wrong scope", "no key", "revoked", "ended", "other shop")
LEAST_LEFT = 409
"""What the right key may be told in the worst case: that it does not fit what is."""


@pytest.fixture(autouse=True)
def short_streams(monkeypatch):
    monkeypatch.setattr(live, "AGE_SECONDS", 0)
    monkeypatch.setattr(event_stream, "AGE_SECONDS", 0)


@pytest.fixture
def described(client):
    return client.get("/api/openapi.json").json()["paths"]


SECRET = "zanzibar"
"""In every name and address of the shop: none of it may come to another's key."""


_count = itertools.count(1)


def furnish(shop) -> dict[str, int]:
    """A thing of each kind, by the name of the parameter that names it."""
    number = next(_count)
    address, phone = f"ada{number}@{SECRET}.example", f"+39 011 555 {number:04}"
    ada = factories.customer(shop, address, first_name=SECRET, phone=phone)
    shopper, ordered = factories.Shopper(shop, at=clock.now()), factories.Shopper(shop, at=clock.now())
    shopper.add("MUG")
    shopper.do(changes.Identify, customer_id=ada.pk, label=ada.label)
    ordered.add("LAMP")
    order = place(
        ordered.change(changes.Touch), customer=ada, address=ADDRESS | {"city": SECRET}, payment=Payment("transfer"),
        shipping_method="standard",
    )  # fmt: skip
    suppression.suppress(shop.pk, f"eve@{SECRET}.example", reason="staff", source="test", now=clock.now())
    return {
        "cart_id": shopper.cart.pk,
        "customer_id": ada.pk,
        "person_id": ada.person_id,
        "order_id": order.pk,
        "voucher_id": vouchers.create(
            shop_id=shop.pk, kind=Kind.FREE_SHIPPING, code=f"{SECRET}{number}", now=clock.now()
        ).pk,
        "campaign_id": campaigns.create(shop, "abandoned", SECRET, clock.now()).pk,
        "message_id": letter(shop, ada, cart=shopper.cart).message.pk,
        "suppression_id": shop.suppressions.get().pk,
        "external_id": 1,  # what another shop's key calls it is a thing of its own
    }


def filled(what: Any, things: dict[str, int]) -> Any:
    if isinstance(what, dict):
        return {name: filled(value, things) for name, value in what.items()}
    if isinstance(what, list):
        return [filled(value, things) for value in what]
    return things[what[1:-1]] if isinstance(what, str) and what[:1] == "{" and what[-1:] == "}" else what


def ask(program, name: str, things: dict[str, int]):
    method, path = name.split(" ")
    return program.call(method, path.format(**things), filled(OF_PROGRAMS[name].body, things))


def caller(who: str, client, shop, scope: str) -> Program:
    others = [one for one in Scope.values if one != scope]
    match who:
        case "right":
            return Program(client, shop, scope)
        case "wrong scope":
            return Program(client, shop, *others)
        case "other shop":
            return Program(client, factories.shop())
    program = Program(client, shop)
    if who == "no key":
        program.token = ""
    elif who == "revoked":
        keys.revoke(program.key, clock.now())
    else:
        type(program.key).objects.filter(pk=program.key.pk).update(expires_at=clock.now())
    return program


def judge(who: str, name: str, response) -> str:
    """What is wrong with an answer; empty if it is right."""
    status, code = response.status_code, ""
    if status >= 400:
        code = response.json()["code"]
    if status >= 500:
        return "broke"
    expected = {
        "wrong scope": (403, "wrong_scope"),
        "no key": (401, "missing_key"),
        "revoked": (401, "wrong_key"),
        "ended": (401, "wrong_key"),
    }.get(who)
    if expected:
        return "" if (status, code) == expected else "let somebody in"
    if who == "right":
        return "" if status < 300 or status == LEAST_LEFT else "refused the right key"
    if SECRET in response.text.lower():
        return "told another shop's key"
    if "{" in name and "{external_id}" not in name:
        return "" if (status, code) == (404, "not_found") else "knew another shop's thing"
    return "" if status < 300 else "refused a key its own shop"


# -- the register ------------------------------------------------------------------------------------


def test_every_address_has_a_row_and_every_row_an_address(described):
    known = {f"{method.upper()} {path.removeprefix(API)}" for path, methods in described.items() for method in methods}
    assert known == set(REGISTER)


def test_every_address_names_the_scope_of_its_row(described):
    wrong = {}
    for name, row in REGISTER.items():
        method, path = name.split(" ")
        named = described[API + path][method.lower()].get("security", [])
        expected = [] if row in (STORE, STAFF, PAGE) else [{"key": [row.scope]}]
        if named != expected:
            wrong[name] = named
    assert wrong == {}
    assert {row.scope for row in OF_PROGRAMS.values()} == set(Scope.values)


def test_nothing_is_served_that_is_not_described(client, described):
    """Guard of the register: an address hidden from the description would have no row."""
    served = {
        f"{method} {route.path_format.removeprefix(API)}"
        for route in client.app.routes
        if getattr(route, "path_format", "").startswith(API)
        for method in route.methods
        if method not in ("OPTIONS", "HEAD")
    }
    assert served == set(REGISTER)


# -- the walk ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", CALLERS)
def test_everyone_reaches_what_their_key_allows_and_nothing_else(client, who):
    shop = factories.shop(name=f"{SECRET} shop")
    wrong, things = [], furnish(shop)
    for name in OF_PROGRAMS:
        if who == "right":  # each with things of its own: what one call ends, the next could not
            things = furnish(shop) if "{" in name or "delete" in name else things
        program = caller(who, client, shop, OF_PROGRAMS[name].scope)
        response = ask(program, name, things)
        if problem := judge(who, name, response):
            wrong.append(f"{name}: {problem}: {response.status_code} {response.text[:200]}")
        if who == "right":
            shop.suppressions.all().delete()
    print(f"\n{who}: {len(OF_PROGRAMS)} addresses")
    assert wrong == []


def test_a_key_of_another_shop_changes_nothing(client):
    shop = factories.shop(name=f"{SECRET} shop")
    things = furnish(shop)
    before = rows_of(shop)
    stranger = Program(client, factories.shop())
    for name in OF_PROGRAMS:
        ask(stranger, name, things)
    assert rows_of(shop) == before


def rows_of(shop) -> dict[str, list[str]]:
    """Every row that belongs to a shop."""
    from django.apps import apps

    found = {}
    for model in apps.get_models():
        names = {one.name for one in model._meta.get_fields()}
        if "shop" in names:
            found[model.__name__] = sorted(map(str, model.objects.filter(shop=shop).values_list()))
    return found


def test_things_named_in_bodies_and_filters_are_looked_for_in_ones_own_shop_alone(client):
    shop = factories.shop(name=f"{SECRET} shop")
    things = furnish(shop)
    stranger = Program(client, factories.shop())
    for query in (f"/carts?id={things['cart_id']}", f"/carts?customer={SECRET}", f"/customers?q={SECRET}",
                  f"/orders?q={SECRET}", f"/vouchers?q={SECRET}", f"/messages?q={SECRET}",
                  f"/messages?campaign={things['campaign_id']}", f"/suppressions?q=eve@{SECRET}.example",
                  f"/reports/ledger?campaign={things['campaign_id']}", "/events/list"):  # fmt: skip
        assert stranger.get(query)["items"] == [], query
    told = stranger.post("/carts/delete", {"ids": [things["cart_id"]]})
    assert told["results"] == [{"id": things["cart_id"], "outcome": "missing"}]
    voucher = {"kind": "free_shipping", "email": shop.customers.get().email}
    refused(stranger.call("POST", "/vouchers", voucher), 422, "voucher_invalid")


def test_a_key_opens_neither_the_store_nor_what_is_for_staff(client):
    program = Program(client, factories.shop())
    for name, row in REGISTER.items():
        method, path = name.split(" ")
        if row == STAFF:
            refused(program.call(method, path.format(token="x")), 401, "not_signed_in")
        elif row == PAGE:
            body = {
                "key": program.shop.public_key,
                "token": "x" * 24,
                "sent": 1,
                "events": [{"type": "heartbeat", "at": 1}],
            }
            refused(program.call(method, path, body), 403, "foreign_origin")
        elif row == STORE:
            response = program.call(method, path.format(key="x", code="x"), {})
            assert response.status_code in (400, 401), (name, response.text)


def test_the_walk_notices_a_thing_shown_across_shops(client, monkeypatch):
    """Guard: with the check of the shop off, the walk above must find something."""
    from ghostcart.api.merchant import orders
    from ghostcart.orders import queries

    things = furnish(factories.shop())
    monkeypatch.setattr(orders, "the_order", lambda program, order_id: queries.find(order_id))
    name = "GET /orders/{order_id}"
    assert judge("other shop", name, ask(Program(client, factories.shop()), name, things)) == "told another shop's key"


def test_the_walk_notices_a_scope_that_is_not_asked(client, monkeypatch):
    """Guard: with the check of the scope off, the walk above must find something."""
    shop = factories.shop()
    program = caller("wrong scope", client, shop, "carts:read")
    type(program.key).objects.filter(pk=program.key.pk).update(scopes=Scope.values)
    assert judge("wrong scope", "GET /carts", ask(program, "GET /carts", {})) == "let somebody in"
