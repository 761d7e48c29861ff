"""Orders for programs: found as on the page, made from a cart as staff do it, moved on."""

import pytest

from ghostcart.carts import changes
from ghostcart.catalog.models import Variant
from ghostcart.lib import clock
from ghostcart.orders.models import Order
from tests import factories
from tests.factories import ADDRESS
from tests.wire import dump, refused

pytestmark = pytest.mark.django_db(transaction=True)
NEW = {"version": 1, "address": ADDRESS, "shipping_method": "standard", "email": "ada@example.com"}


def cart_of(shop, sku="MUG"):
    shopper = factories.Shopper(shop, at=clock.now())
    shopper.add(sku)
    return shopper.cart


def test_an_order_is_made_of_a_cart_and_read_again(program, shop):
    cart = cart_of(shop)
    made = program.call("POST", f"/carts/{cart.pk}/order", NEW | {"payment": "transfer"})
    assert made.status_code == 201, made.text
    order = made.json()
    assert (order["order"]["status"], order["order"]["placed_by"]) == ("pending", program.key.actor)
    assert order["totals"]["total"]["minor"] == 1740
    assert order["address"]["city"] == "Torino"
    assert program.get(f"/orders/{order['order']['id']}") == order
    assert program.get("/carts?status=ordered")["items"][0]["order_number"] == order["order"]["number"]
    assert program.get("/orders?q=byron&status=pending&payment=transfer")["items"] == [order["order"]]
    assert program.get("/orders?status=paid")["items"] == []


def test_the_same_request_makes_one_order(program, shop):
    cart = cart_of(shop)
    told = [program.call("POST", f"/carts/{cart.pk}/order", NEW, Idempotency_Key="a") for _ in range(3)]
    assert {one.text for one in told} == {told[0].text}
    assert told[0].status_code == told[2].status_code == 201
    assert Order.objects.count() == 1
    assert Variant.objects.get(shop=shop, sku="MUG").stock == 999


@pytest.mark.parametrize(
    ("more", "status", "code"),
    [({"version": 7}, 409, "cart_changed"), ({"email": None}, 422, "email_needed"),
     ({"shipping_method": "balloon"}, 422, "unknown_shipping_method"), ({"payment": "demo_card"}, 400, "bad_body"),
     ({"payment": "outside"}, 400, "bad_body"), ({"version": -1}, 400, "bad_body"),
     ({"email": "x"}, 400, "bad_body"), ({"address": {**ADDRESS, "street": " "}}, 422, "address_incomplete"),
     ({"address": {**ADDRESS, "country": "Italy"}}, 400, "bad_body"), ({"total": 1}, 400, "bad_body")],
)  # fmt: skip
def test_what_cannot_be_ordered_stores_nothing(program, shop, more, status, code):
    cart = cart_of(shop)
    program.get("/carts")
    before = dump()
    refused(program.call("POST", f"/carts/{cart.pk}/order", NEW | more, Idempotency_Key="a"), status, code)
    assert dump() == before


def test_a_cart_is_ordered_once(program, shop):
    cart = cart_of(shop)
    program.post(f"/carts/{cart.pk}/order", NEW)
    refused(program.call("POST", f"/carts/{cart.pk}/order", NEW), 409, "cart_closed")
    assert Order.objects.count() == 1


def test_a_known_customer_needs_no_address(program, shop):
    ada = factories.customer(shop)
    shopper = factories.Shopper(shop, at=clock.now())
    shopper.add("MUG")
    shopper.do(changes.Identify, customer_id=ada.pk, label=ada.label)
    body = {name: value for name, value in NEW.items() if name != "email"} | {"version": shopper.cart.version}
    assert program.post(f"/carts/{shopper.cart.pk}/order", body)["order"]["customer"]["id"] == ada.pk


def test_an_order_moves_on_as_it_may(program, shop):
    order_id = program.post(f"/carts/{cart_of(shop).pk}/order", NEW)["order"]["id"]
    path = f"/orders/{order_id}/status"
    assert program.post(path, {"status": "paid"})["order"]["status"] == "paid"
    refused(program.call("POST", path, {"status": "paid"}), 409, "wrong_status")
    refused(program.call("POST", path, {"status": "pending"}), 400, "bad_body")
    assert program.post(path, {"status": "cancelled"})["order"]["settled_at"]
    assert Variant.objects.get(shop=shop, sku="MUG").stock == 1000


def test_a_part_is_given_back_once(program, shop):
    order_id = program.post(f"/carts/{cart_of(shop).pk}/order", NEW)["order"]["id"]
    path, body = f"/orders/{order_id}/refunds", {"amount_minor": 250}
    refused(program.call("POST", path, body), 409, "refund_refused")
    program.post(f"/orders/{order_id}/status", {"status": "paid"})
    assert program.post(path, body)["refunded"]["minor"] == 250
    refused(program.call("POST", path, body), 409, "refunded_meanwhile")
    refused(program.call("POST", path, {"amount_minor": 1_001, "refunded_minor": 250}), 409, "refund_refused")
    refused(program.call("POST", path, {"amount_minor": 0, "refunded_minor": 250}), 400, "bad_body")
    whole = program.post(path, {"amount_minor": 1_000, "refunded_minor": 250})
    assert (whole["refunded"]["minor"], whole["order"]["status"]) == (1_250, "paid")
