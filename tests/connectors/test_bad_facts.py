"""One wrong row keeps neither the other rows of its shop away nor the other shops."""

from datetime import timedelta

import pytest
from django.db import OperationalError

from ghostcart.carts.models import Cart
from ghostcart.catalog.models import Product, Variant
from ghostcart.connectors import reading, services
from ghostcart.connectors.errors import explain
from ghostcart.connectors.ingest.errors import WrongFact
from ghostcart.connectors.models import Connection, State
from ghostcart.connectors.prestashop.basics import micros
from ghostcart.connectors.prestashop.ways import ByDatabase
from tests import factories
from tests.connectors.prestashop.attaching import NOW, attach, import_all, look
from tests.connectors.prestashop.shopmaker import Maker

pytestmark = pytest.mark.django_db
SECOND = timedelta(seconds=1)


@pytest.fixture
def maker(shops_server):
    return Maker(shops_server, "wrong", "8", seed=12).fill(25)


def theirs(maker: Maker) -> set[str]:
    return {str(row[0]) for row in maker.ask("SELECT id_cart FROM {p}cart WHERE id_shop = 1")}


def ours(connection: Connection) -> set[str | None]:
    return set(Cart.objects.filter(shop=connection.shop).values_list("external_id", flat=True))


def test_a_shop_that_tells_nonsense_rests_and_the_others_are_read(maker, monkeypatch):
    wrong, right = (import_all(attach(maker, number)) for number in (1, 2))
    really = ByDatabase.look

    def told(self, cursor, now):
        if self.shop_id == wrong.shop_id:
            raise WrongFact("missing_id", "lines[0]")
        return really(self, cursor, now)

    monkeypatch.setattr(ByDatabase, "look", told)
    Connection.objects.filter(pk=wrong.pk).update(due_at=NOW)
    Connection.objects.filter(pk=right.pk).update(due_at=NOW + SECOND)
    now = NOW + 2 * SECOND
    for _turn in range(2):
        reading.read_due(now)
    wrong.refresh_from_db()
    right.refresh_from_db()
    assert right.read_at == now
    assert (wrong.trouble, wrong.trouble_at, wrong.state) == ("shop_trouble", now, State.FOLLOWING)
    assert explain(wrong.trouble) == "The shop cannot be read."
    assert wrong.due_at > now
    monkeypatch.setattr(ByDatabase, "look", really)
    for _turn in range(2):
        reading.read_due(NOW + 60 * SECOND)
    wrong.refresh_from_db()
    assert (wrong.trouble, wrong.trouble_at) == ("", None)


def test_trouble_of_our_own_database_is_not_the_shops(maker, monkeypatch):
    connection = import_all(attach(maker, 1))

    def locked(*_):
        raise OperationalError("database is locked")

    monkeypatch.setattr(ByDatabase, "look", locked)
    with pytest.raises(OperationalError):
        look(connection, NOW + SECOND)
    connection.refresh_from_db()
    assert not connection.trouble


def test_what_is_beyond_all_numbers_is_left_out(maker):
    product, cart = 10, min(theirs(maker), key=int)
    maker.run("UPDATE {p}product_shop SET price = 99999999999999.999999 WHERE id_product = %s", product)
    maker.run("UPDATE {p}cart SET date_upd = '9999-12-31 23:59:59' WHERE id_cart = %s", cart)
    dear = {str(row[0]) for row in maker.ask("SELECT id_cart FROM {p}cart_product WHERE id_product = %s", product)}
    connection = import_all(attach(maker, 1))
    kept = ours(connection)
    assert theirs(maker) - dear - {cart} <= kept
    assert cart not in kept
    assert not Product.objects.filter(shop=connection.shop, external_id=str(product)).exists()
    assert Product.objects.filter(shop=connection.shop).count() > 5
    look(connection, NOW + SECOND)  # and it is followed as any other
    number = maker.cart(date_upd=maker.at())
    look(connection, NOW + 2 * SECOND)
    assert str(number) in ours(connection)


def test_a_product_whose_article_number_is_taken_is_left_out(maker):
    shop = factories.shop()
    mine = Product.objects.create(shop=shop, source="api", external_id="mine", slug="mine", names={"en": "Mine"})
    Variant.objects.create(shop=shop, product=mine, source="api", external_id="mine", sku="10-0")
    options = {"shop_id": 1}
    connection = import_all(services.attach(kind="prestashop", url=maker.url, options=options, now=NOW, shop=shop))
    told = Product.objects.filter(shop=shop, source=connection.source).values_list("external_id", flat=True)
    assert set(told) == {str(number) for number in range(1, 13)} - {"10"}
    assert theirs(maker) <= ours(connection)


@pytest.mark.parametrize(
    ("told", "number"),
    [("12.345678", 12_345_678), ("-0.50", -500_000), ("1.0E-5", 10), ("1e3", 10**9), ("abc", 0), ("NaN", 0),
     ("1E999999999", 0), ("1,5", 0)],
)  # fmt: skip
def test_what_is_no_number_costs_nothing(told, number):
    assert micros(told) == number
