"""A shop read by its web service comes out as the same shop read by its database."""

import ipaddress
from datetime import timedelta

import pytest

from ghostcart.carts.models import Cart, CartEvent
from ghostcart.connectors import reading, services
from ghostcart.connectors.models import Connection, Kind, State
from ghostcart.customers.models import Customer, ExternalCustomer
from ghostcart.orders.models import Order
from tests.connectors.prestashop.attaching import NOW, attach, everything, import_all, look
from tests.connectors.prestashop.shopmaker import Maker
from tests.connectors.prestashop.webservice_server import KEY, Server, Shop

pytestmark = pytest.mark.django_db
VERSIONS = ["1.6", "1.7", "8", "9"]
HEAD = (
    "currency", "language", "prices_include_tax", "customer_label", "line_count", "item_count", "products_minor",
    "discount_minor", "shipping_minor", "tax_minor", "total_minor", "shipping_name", "is_estimated", "created_at",
    "last_activity_at", "ordered_at", "order_number",
)  # fmt: skip
LINE = ("key", "sku", "name", "option", "picture", "unit_price_micros", "regular_micros", "tax_rate_ppm", "quantity",
        "total_minor", "is_gift")  # fmt: skip
ORDER = (
    "number", "email", "phone", "address", "customer_label", "status", "payment_name", "shipping_name", "currency",
    "language", "prices_include_tax", "products_minor", "discount_minor", "shipping_minor", "tax_minor", "total_minor",
    "refunded_minor", "vouchers", "placed_at", "settled_at",
)  # fmt: skip
SOLD = ("sku", "name", "picture", "unit_price_micros", "tax_rate_ppm", "quantity", "total_minor")


@pytest.fixture(autouse=True)
def on_loopback(settings, monkeypatch):
    settings.PRIVATE_TARGETS = [ipaddress.ip_network("127.0.0.1/32")]
    for name in ("REST_SECONDS", "AGAIN_SECONDS"):
        monkeypatch.setattr(f"ghostcart.connectors.prestashop.webservice.{name}", 0)


@pytest.fixture(scope="module", params=VERSIONS)
def maker(request, shops_server):
    """A shop without what the web service does not tell: vouchers on carts, reductions by category, prices of
    customizations (of 1.6 customizations at all)."""
    made = Maker(shops_server, f"w{request.param.replace('.', '')}", request.param, seed=11).fill(60)
    for number, _shop in made.ask("SELECT id_order, id_shop FROM {p}orders ORDER BY id_order LIMIT 3"):
        made.refund(number, "1.220000", "1.000000")
    made.run("DELETE FROM {p}cart_cart_rule")
    made.run("DELETE FROM {p}product_group_reduction_cache")
    if request.param == "1.6":
        made.run("DELETE FROM {p}customization")
    else:
        made.run("UPDATE {p}customized_data SET price = 0")
    return made


@pytest.fixture(params=["json", "xml"])
def shop(request, maker):
    return Shop(maker, speaks=request.param)


@pytest.fixture
def server(shop):
    with Server(shop) as server:
        yield server
    assert not shop.mistakes, shop.mistakes[0]


def by_webservice(server, **options):
    values = {"key": KEY, "shop_id": 1, **options}
    return services.attach(kind=Kind.PRESTASHOP_API, url=server.url, options=values, now=NOW)


def carts(connection):
    found = {}
    for cart in Cart.objects.filter(shop=connection.shop).prefetch_related("lines"):
        lines = sorted([getattr(line, name) for name in LINE] for line in cart.lines.all())
        found[cart.external_id] = [getattr(cart, name) for name in HEAD], lines
    return found


def customers(connection):
    names = dict(
        ExternalCustomer.objects.filter(shop=connection.shop).values_list("external_id", "customer__email_key")
    )
    facts = ("email", "first_name", "last_name", "language", "is_guest", "group", "registered_at")
    people = {
        one.email_key: [getattr(one, name) for name in facts] for one in Customer.objects.filter(shop=connection.shop)
    }
    return {name: key.partition(":")[2] if key and ":" in key else key for name, key in names.items()}, {
        key.partition(":")[2] if ":" in key else key: facts for key, facts in people.items()
    }


def orders(connection):
    found = {}
    for order in Order.objects.filter(shop=connection.shop).prefetch_related("lines"):
        lines = sorted([getattr(line, name) for name in SOLD] for line in order.lines.all())
        found[order.external_id] = [getattr(order, name) for name in ORDER], lines
    return found


def test_it_comes_out_as_by_the_database(maker, server):
    one = import_all(attach(maker, 1))
    other = import_all(by_webservice(server))
    assert carts(one)
    assert set(carts(other)) == set(carts(one))
    theirs = carts(other)
    assert [name for name, cart in carts(one).items() if theirs[name] != cart] == []
    assert orders(other) == orders(one)
    ours, others = customers(one), customers(other)
    assert others[0].items() >= ours[0].items()
    assert {key: others[1][key] for key in ours[1]} == ours[1]
    assert (other.shop.address, other.shop.takes_vouchers) == (one.shop.address, False)
    names = ("languages", "currencies", "currency", "language", "time_zone", "country", "prices_include_tax")
    assert [getattr(other.shop, name) for name in names] == [getattr(one.shop, name) for name in names]


def test_a_second_import_changes_nothing(server):
    connection = import_all(by_webservice(server))
    before = everything(connection.shop_id)
    services.import_again(connection, NOW)
    import_all(connection)
    assert everything(connection.shop_id) == before


def test_what_changes_there_is_followed_and_what_is_gone_is_noticed(maker, server, shop):
    connection = import_all(by_webservice(server))
    at = NOW + timedelta(minutes=5)
    here = "2026-11-22 13:05:10"
    cart = maker.cart(id_customer=1, id_guest=1, date_add=here, date_upd=here)
    maker.line(cart, 2, 3)
    gone = maker.cart(date_add=here, date_upd=here)
    maker.line(gone, 2)
    look(connection, at)
    ours = Cart.objects.get(shop=connection.shop, external_id=str(cart))
    assert (ours.line_count, ours.item_count, ours.is_estimated) == (1, 3, True)
    assert CartEvent.objects.filter(cart=ours, kind="line_added").exists()
    asked = len(shop.asked)
    look(connection, at + timedelta(seconds=30))
    assert len(shop.asked) - asked <= 6  # nothing new: a page of each kind, and the carts that may be gone

    order = maker.order(cart, date_add="2026-11-22 13:06:00", date_upd="2026-11-22 13:06:00")
    maker.run("DELETE FROM {p}cart WHERE id_cart = %s", gone)
    look(connection, at + timedelta(minutes=1))
    assert Order.objects.filter(shop=connection.shop, external_id=str(order)).exists()
    ours.refresh_from_db()
    assert ours.ordered_at is not None
    assert Cart.objects.get(shop=connection.shop, external_id=str(gone)).deleted_at is not None
    for table in ("cart", "cart_product", "orders", "order_detail", "order_history"):
        key = "id_cart" if table.startswith("cart") else "id_order"
        maker.run(
            f"DELETE FROM {{p}}{table} WHERE {key} IN (%s, %s)", *((cart, gone) if key == "id_cart" else (order, order))
        )


def test_a_shop_that_fails_in_the_middle_is_gone_on_with(server, shop):
    connection = by_webservice(server)
    seen = []

    def now_and_then(path):
        seen.append(path)
        is_down = 40 <= len(seen) < 60 or len(seen) % 7 == 0
        return (500, b"<html><body>Oops") if is_down else None

    shop.fault = now_and_then
    now = NOW
    for _turn in range(300):
        reading.read_due(now)
        connection.refresh_from_db()
        if connection.state == State.FOLLOWING:
            break
        now += timedelta(minutes=3)
    assert connection.state == State.FOLLOWING
    assert len(seen) > 60
    shop.fault = None
    told = carts(connection)
    Connection.objects.filter(pk=connection.pk).delete()
    again = import_all(by_webservice(server))
    assert carts(again) == told
