"""Hostile and broken requests with a good key: always a 4xx with a code, never a 5xx, and nothing is stored."""

import pytest

from tests import factories
from tests.api.test_problems import BODIES
from tests.wire import Program, dump, refused

pytestmark = pytest.mark.django_db(transaction=True)

TWICE = {
    "at the top": b'{"ids": [1], "ids": [2]}',
    "the same": b'{"ids": [1], "ids": [1]}',
    "written otherwise": b'{"ids": [1], "\\u0069ds": [1]}',
}


@pytest.fixture
def things(client):
    """A program, and addresses that take a body."""
    shop = factories.shop()
    shopper = factories.Shopper(shop)
    shopper.add("MUG")
    ada = factories.customer(shop)
    program = Program(client, shop)
    program.get("/carts")  # its last use is noted
    cart, customer = shopper.cart.pk, ada.pk
    return program, [
        ("POST", "/carts/delete"), ("POST", "/carts/clean-up"), ("POST", f"/carts/{cart}/order"), ("POST", "/vouchers"),
        ("PUT", f"/customers/{customer}/note"), ("POST", f"/customers/{customer}/messages"), ("POST", "/suppressions"),
        ("POST", f"/persons/{ada.person_id}/trust"),
    ]  # fmt: skip


def test_bodies_that_kill_parsers_are_refused_and_store_nothing(things):
    program, addresses = things
    before = dump()
    for name, body in BODIES.items():
        for method, path in addresses:
            response = program.call(
                method, path, content=body, Content_Type="application/json", Idempotency_Key=f"{name}"
            )
            assert response.status_code == 400, (name, path, response.text)
            refused(response, 400, "bad_body")
    assert dump() == before
    print(f"\n{len(BODIES) * len(addresses)} broken bodies: all refused, nothing stored")


@pytest.mark.parametrize("name", TWICE)
def test_a_key_twice_is_refused(things, name):
    program, _addresses = things
    before = dump()
    response = program.call("POST", "/carts/delete", content=TWICE[name], Content_Type="application/json")
    told = refused(response, 400, "bad_body")
    assert told["errors"][1]["message"] == "A key comes twice"
    assert dump() == before


def test_a_body_too_large_is_refused(things):
    program, addresses = things
    before = dump()
    for method, path in addresses:
        for size in (16 * 1024 + 1, 2**20):
            response = program.call(method, path, content=b" " * size, Content_Type="application/json")
            refused(response, 422, "body_too_large")
    assert dump() == before


@pytest.mark.parametrize(
    "number", ["0", "-1", "9223372036854775808", "1e3", "1.0", "x", "%00", "１", "9" * 5000, "..%2f1"]
)
def test_numbers_in_addresses_that_are_none_are_not_found(things, number):
    program, _addresses = things
    for path in ("/carts/", "/customers/", "/persons/", "/orders/", "/vouchers/", "/campaigns/", "/messages/"):
        response = program.call("GET", path + number)
        assert response.status_code in (400, 404), (path, response.status_code)
        assert response.json()["code"] in ("bad_body", "not_found")


@pytest.mark.parametrize("query", ["q=%00", "q=%ff%fe", "q=%ED%A0%80", "q=" + "a" * 5000, "size=9999999999999999999",
                                   "cursor=%00", "cursor=" + "W" * 2000, "registered_from=%00",
                                   "registered_from=2026-11-22T00:00:00%2B99:00", "q=a&q=b", "=x", "&&&",
                                   "q"])  # fmt: skip
def test_odd_queries_do_no_harm(things, query):
    program, _addresses = things
    before = dump()
    response = program.call("GET", f"/customers?{query}")
    assert response.status_code in (200, 400), response.text
    assert dump() == before


def test_a_cursor_made_up_by_somebody_else_shows_nothing_strange(things):
    import base64
    import json

    program, _addresses = things
    for told in (["id", 1, 2**63 - 1], ["id", "x", 1], ["id", None, 1], ["id", [1], 1], ["id", 1e300, 1],
                 ["id", "\ud800", 1],
                 ["registered_at", "9999-99-99", 1], ["total_minor", 10**30, 1]):  # fmt: skip
        cursor = base64.urlsafe_b64encode(json.dumps(told).encode()).decode().rstrip("=")
        for path in ("/carts", "/customers", "/orders?sort=total", "/carts?sort=status"):
            sign = "&" if "?" in path else "?"
            response = program.call("GET", f"{path}{sign}cursor={cursor}")
            assert response.status_code in (200, 400), (told, path, response.text)


@pytest.mark.parametrize(
    "name", ["_connector", "_negated", "shop_id", "shop__name", "pk__gt", "customer__password__startswith", "__class__",
             "version__gte", "or", "where", "order_by", "deleted_at__isnull"],
)  # fmt: skip
def test_no_parameter_reaches_into_the_database(things, name):
    program, _addresses = things
    for path in ("/carts", "/customers", "/orders", "/vouchers", "/messages", "/campaigns"):
        refused(program.call("GET", f"{path}?{name}=OR"), 400, "unknown_parameter")


def test_fields_that_are_not_offered_are_refused(things):
    """Every column of a voucher, a customer, a cart, beside what may be said: none is taken over."""
    program, addresses = things
    from ghostcart.carts.models import Cart
    from ghostcart.customers.models import Customer
    from ghostcart.vouchers.models import Voucher

    bodies = {"/vouchers": {"kind": "percent", "percent_bp": 1000}, "/carts/delete": {"ids": []},
              "/suppressions": {"address": "no@example.com"}}  # fmt: skip
    bodies |= {path: {"note": "x"} for _method, path in addresses if path.endswith("/note")}
    before = dump()
    offered = {"kind", "code", "names", "percent_bp", "amount_minor", "currency", "minimum_minor", "applies_to",
               "exclude_discounted", "combinable", "priority", "valid_from", "valid_until", "quantity", "per_customer",
               "note", "address", "email", "scope"}  # fmt: skip
    columns = {one.attname for model in (Cart, Customer, Voucher) for one in model._meta.concrete_fields} - offered
    assert len(columns) > 40
    for path, body in bodies.items():
        method = "PUT" if path.endswith("/note") else "POST"
        for column in columns:
            refused(program.call(method, path, {**body, column: 1}), 400, "bad_body")
    assert dump() == before
