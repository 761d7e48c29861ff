"""A whole shop is imported: everything is accounted for, and coming again changes nothing."""

from collections import Counter
from contextlib import suppress
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from ghostcart.carts import services as cart_services
from ghostcart.carts.models import Cart, CartEvent
from ghostcart.connectors import reading, services
from ghostcart.connectors.models import Connection, State
from ghostcart.connectors.prestashop import access, importing
from ghostcart.customers.models import Consent, Customer, ExternalCustomer
from ghostcart.orders.models import Order
from ghostcart.shops import rules
from tests.connectors.prestashop import shopmaker
from tests.connectors.prestashop.attaching import NOW, attach, everything, import_all
from tests.connectors.prestashop.shopmaker import Maker

pytestmark = pytest.mark.django_db
VERSIONS = ["1.6", "1.7", "8", "9"]
WORDS = {"ordered": "ordered", "abandoned": "abandoned_cart", "open": "not_ordered"}


@pytest.fixture(scope="module", params=VERSIONS)
def maker(request, shops_server):
    prefix = "shop2_" if request.param == "1.7" else "ps_"
    return Maker(shops_server, f"p{request.param.replace('.', '')}", request.param, prefix, seed=7).fill()


@pytest.fixture(scope="module")
def number_imported(maker, made_once):
    with made_once(lambda: import_all(attach(maker, 1)).pk) as number:
        yield number


@pytest.fixture
def imported(number_imported):
    """The first shop, imported whole."""
    return Connection.objects.get(pk=number_imported)


def carts(connection: Connection) -> dict[int, Cart]:
    theirs = Cart.objects.filter(shop=connection.shop, source="prestashop").exclude(external_id__startswith="order:")
    return {int(cart.external_id): cart for cart in theirs.prefetch_related("lines", "orders")}


@pytest.mark.parametrize("number", [1, 3])
def test_every_cart_line_customer_and_order_is_accounted_for(maker, imported, number):
    connection = imported if number == 1 else import_all(attach(maker, number))
    ours = carts(connection)
    told = {row[0] for row in maker.ask("SELECT id_cart FROM {p}cart WHERE id_shop = %s", number)}
    assert told
    assert told <= set(ours)
    assert set(ours) - told == ({999_999} if number == 1 else set())  # made of an order whose cart is gone
    quantities: dict[int, Counter[tuple[int, int]]] = {cart: Counter() for cart in told}
    for cart, product, variant, quantity in maker.ask(
        "SELECT id_cart, id_product, id_product_attribute, SUM(quantity) FROM {p}cart_product GROUP BY 1, 2, 3"
    ):
        if cart in told and quantity:
            quantities[cart][product, variant] = int(quantity)
    for cart in told:
        found: Counter[tuple[int, int]] = Counter()
        for line in ours[cart].lines.all():
            key = line.key.rsplit(":", 1)[-1]
            product, variant, *_custom = map(int, key.split("-"))
            found[product, variant] += line.quantity
        most = {key: min(n, 9999) if n > 9999 else n for key, n in quantities[cart].items()}
        assert {k: min(v, 9999) for k, v in found.items()} == {k: min(v, 9999) for k, v in most.items()}, cart
    orders = {row[0] for row in maker.ask("SELECT id_order FROM {p}orders WHERE id_shop = %s", number)}
    assert {int(one.external_id) for one in Order.objects.filter(shop=connection.shop)} == orders
    group = 2 if number == 3 else 1
    people = {row[0] for row in maker.ask("SELECT id_customer FROM {p}customer WHERE id_shop_group = %s", group)}
    known = ExternalCustomer.objects.filter(shop=connection.shop, customer__isnull=False)
    assert people <= {int(one.external_id) for one in known}


def test_an_ordered_cart_comes_to_what_its_orders_come_to(maker, imported):
    several = 0
    for number, cart in carts(imported).items():
        rows = maker.ask(
            "SELECT total_paid_tax_incl, id_currency FROM {p}orders WHERE id_cart = %s AND id_shop = 1", number
        )
        assert (cart.ordered_at is not None) == bool(rows)
        if rows:
            scale = 1 if cart.currency == "JPY" else 100
            expected = sum(int((Decimal(total) * scale).to_integral_value("ROUND_HALF_UP")) for total, _c in rows)
            assert cart.total_minor == expected
            assert not cart.is_estimated
            several += len(rows) > 1
        else:
            assert cart.is_estimated
    assert several


def test_a_second_import_changes_nothing(maker, imported):
    services.detach(imported)
    connection = import_all(attach(maker, 1, newsletter_is_consent=True))
    before = everything(connection.shop_id)
    services.import_again(connection, NOW)
    import_all(connection)
    after = everything(connection.shop_id)
    assert all(before[name] for name in before if name != "CartEvent")
    for name in before:
        assert after[name] == before[name], name


def test_an_import_that_is_killed_at_any_slice_goes_on_there(maker, imported, monkeypatch):
    expected = [(cart.external_id, cart.total_minor) for cart in Cart.objects.filter(shop=imported.shop).order_by("pk")]
    services.detach(imported)
    monkeypatch.setattr(access, "SLICE", 7)
    monkeypatch.setattr(importing, "PRODUCTS", 5)
    monkeypatch.setattr(reading, "WORKS_SECONDS", 0)
    connection = attach(maker, 1)
    turns, told = 0, reading._save
    while connection.state == State.IMPORTING:
        turns += 1

        def fail(*args, **kwargs):
            raise KeyboardInterrupt

        monkeypatch.setattr(reading, "_save", fail if turns % 2 else told)  # killed just before the commit
        with suppress(KeyboardInterrupt):
            reading.read_due(NOW)
        connection.refresh_from_db()
    assert turns > 20
    ours = [(cart.external_id, cart.total_minor) for cart in Cart.objects.filter(shop=connection.shop).order_by("pk")]
    assert ours == expected


def test_the_golden_mode_classifies_as_the_shops_own_page_does(maker, imported):
    compare(maker.ask, imported, 1)
    compare(maker.ask, import_all(attach(maker, 2)), 2)


def compare(ask, connection: Connection, number: int) -> None:
    """Row by row with the reference statement, at several moments around the edges."""
    shop = connection.shop
    shop.abandoned_basis = "created"
    shop.save()
    rules.forget()
    cart_services.retime(shop)
    ours = carts(connection)
    seen = Counter()
    edges = [cart.created_at.astimezone(shop.zone).replace(tzinfo=None) for cart in list(ours.values())[:15]
             if cart.created_at.year > 2000]  # fmt: skip
    here = NOW.astimezone(shop.zone).replace(tzinfo=None)
    moments = [here] + [at + timedelta(days=1, seconds=s) for at in edges for s in (-60, -1, 0, 1, 59, 60, 61)]
    for moment in moments:
        for cart, status in shopmaker.classified(ask, number, moment):
            aware = moment.replace(tzinfo=shop.zone)
            assert WORDS[ours[cart].status(aware).value] == status, (cart, moment, ours[cart].created_at)
            seen[status] += 1
    assert seen["ordered"]


def test_who_is_deleted_there_gets_no_mail_and_guests_with_one_address_are_one(maker, imported):
    gone = [row[0] for row in maker.ask("SELECT id_customer FROM {p}customer WHERE deleted = 1 AND id_shop_group = 1")]
    for one in ExternalCustomer.objects.filter(shop=imported.shop, external_id__in=[*gone, 41, 42]):
        assert one.customer.email == ""
    guests = maker.ask(
        "SELECT COUNT(*), COUNT(DISTINCT email) FROM {p}customer WHERE is_guest AND NOT deleted AND id_shop_group = 1"
    )
    (told, addresses) = guests[0]
    assert told > addresses
    ours = Customer.objects.filter(shop=imported.shop, email__startswith="guest")
    assert ours.count() == addresses


def test_the_newsletter_counts_as_consent_only_where_staff_say_so(maker, imported):
    assert not Consent.objects.exists()
    services.detach(imported)
    import_all(attach(maker, 1, newsletter_is_consent=True))
    assert Consent.objects.filter(is_given=True).exists()


def test_history_writes_no_log(imported):
    assert not CartEvent.objects.exists()


def test_the_shop_is_made_as_it_is_set_up_there(maker, imported):
    shop = imported.shop
    assert (shop.language, shop.languages, shop.currency) == ("it", ["it", "en"], "EUR")
    assert shop.currencies == ["EUR", "USD", "JPY"]
    assert (shop.time_zone, shop.country, shop.rounding_type, shop.prices_include_tax) == (
        "Europe/Paris",
        "IT",
        "line",
        True,
    )
    assert attach(maker, 3).shop.time_zone == "America/New_York"


def test_times_are_the_shops_own(maker, imported):
    for number, cart in carts(imported).items():
        rows = maker.ask("SELECT date_add FROM {p}cart WHERE id_cart = %s", number)
        if rows and isinstance(rows[0][0], datetime):
            assert cart.created_at.astimezone(imported.shop.zone).replace(tzinfo=None) == rows[0][0]
