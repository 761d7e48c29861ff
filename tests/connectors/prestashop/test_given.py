"""The two real databases of 1.7.7 and 8.1.7, where they are at hand: imported whole and classified as there."""

import gzip
from decimal import Decimal

import pytest

from ghostcart.carts.models import CartLine
from ghostcart.catalog.models import Product, Variant
from ghostcart.connectors import services
from ghostcart.customers.models import Customer
from ghostcart.orders.models import Order, OrderLine
from tests.connectors.prestashop.attaching import NOW, everything, import_all
from tests.connectors.prestashop.given import DUMPS
from tests.connectors.prestashop.test_importing import carts, compare

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("dump", DUMPS, ids=[path.name.removesuffix(".sql.gz") for path in DUMPS])
def test_a_real_database_is_imported_whole(dump, shops_server):
    name = f"given{dump.name[0]}"
    shops_server.make(name)
    with shops_server.connect(name, client_flag=65536) as shop, shop.cursor() as cursor:  # several statements at once
        cursor.execute(gzip.decompress(dump.read_bytes()).decode())
        while cursor.nextset():
            pass

    def ask(sql, *parameters):
        with shops_server.connect(name) as shop, shop.cursor() as cursor:
            cursor.execute(sql.replace("{p}", "ps_"), parameters or None)
            return cursor.fetchall()

    found = services.check(shops_server.url(name))
    assert "no_configuration" in found.notes
    assert found.is_fit
    connection = import_all(
        services.attach(kind="prestashop", url=shops_server.url(name), options={"time_zone": "Europe/Paris"}, now=NOW)
    )
    shop = connection.shop
    counts = {
        "cart": len(carts(connection)), "cart_product": CartLine.objects.filter(shop=shop).count(),
        "orders": Order.objects.filter(shop=shop).count(), "product": Product.objects.filter(shop=shop).count(),
        "order_detail": OrderLine.objects.filter(order__shop=shop).count(),
        "customer": Customer.objects.filter(shop=shop).count(),
    }  # fmt: skip
    assert counts == {table: ask(f"SELECT COUNT(*) FROM {{p}}{table}")[0][0] for table in counts}
    assert Variant.objects.filter(shop=shop, options={"en": "Size: S, Color: White"}).exists()
    for number, total in ask("SELECT id_cart, total_paid_tax_incl FROM {p}orders"):
        assert carts(connection)[number].total_minor == int(Decimal(total) * 100)
    compare(ask, connection, 1)
    before = everything(shop.pk)
    services.import_again(connection, NOW)
    import_all(connection)
    assert everything(shop.pk) == before
