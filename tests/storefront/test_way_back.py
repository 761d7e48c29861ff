"""Where a mailed link leads for a cart that another shop holds: a page of ours, and from it into that shop."""

import re
from hashlib import md5

import pytest
from django.test import Client

from ghostcart.carts import intake as carts
from ghostcart.carts.models import Cart
from ghostcart.catalog import intake as catalog
from ghostcart.catalog.models import Product
from ghostcart.connectors import way_back
from ghostcart.connectors.models import Connection, Kind
from ghostcart.connectors.options import change_options
from ghostcart.customers import intake as customers
from ghostcart.customers.models import Customer
from ghostcart.lib import clock
from ghostcart.mail.models import EventKind, MessageEvent, Purpose
from ghostcart.recovery import letters
from ghostcart.vouchers import services as vouchers
from ghostcart.vouchers.models import Voucher
from ghostcart.vouchers.terms import Kind as Gives
from tests import factories, outside
from tests.mail.letters import A_PERSON, dump, letter

pytestmark = pytest.mark.django_db
SOURCE = Kind.PRESTASHOP.value
HOME = "https://shop.example/it-shop/"


@pytest.fixture
def now():
    return clock.now()


@pytest.fixture
def shop():
    return factories.shop(address=HOME)


@pytest.fixture
def connection(shop):
    found = {"version": "8.1.7"}
    return Connection.objects.create(
        shop=shop, kind=Kind.PRESTASHOP, address="mysql://u@db/x", found=found, created_at=factories.NOON
    )


@pytest.fixture
def cart(shop, connection, now):
    page = f"{HOME}index.php?controller=product&id_product=1"
    told = [
        outside.product("1", 30, names={"en": "Mug", "it": "Tazza"}, url=page),
        outside.product("2", 5, names={"en": "<b>Plain</b>"}),
    ]
    catalog.take(shop.pk, SOURCE, told)
    customers.take(shop.pk, SOURCE, [outside.customer("7")], now)
    lines = [outside.line("1", 2, 30, option="Blu"), outside.line("2", 1, 5, name="<b>Plain</b>")]
    carts.take(shop.pk, SOURCE, [outside.cart("41", *lines, customer="7", at=now, created_at=now)], now)
    return Cart.objects.get()


@pytest.fixture
def voucher(shop, now):
    return vouchers.create(
        shop_id=shop.pk, kind=Gives.PERCENT, percent_bp=1000, code="COMEBACK", is_recovery=True, minimum_minor=2000,
        currency="EUR", now=now,
    )  # fmt: skip


@pytest.fixture
def mail(shop, cart, voucher, now):
    return letter(shop, Customer.objects.get(), cart=cart, voucher=voucher, at=now - factories.timedelta(hours=1))


@pytest.fixture
def client():
    return Client(headers={"User-Agent": A_PERSON}, enforce_csrf_checks=True)


@pytest.fixture
def path(mail):
    return mail.path(Purpose.RESTORE)


def text_of(response):
    return re.sub(r"\s+", " ", response.content.decode())


def test_it_shows_the_cart_in_the_language_of_the_mail_with_links_into_the_shop(client, path):
    response = client.get(path)
    text = text_of(response)
    assert (response.status_code, response["Content-Language"]) == (200, "it")
    assert f'href="{HOME}index.php?controller=product&amp;id_product=1"' in text
    for shown in ("Tazza", "Blu", "€", "30,00", "&lt;b&gt;Plain&lt;/b&gt;", 'value="COMEBACK"', "20,00"):
        assert shown in text, shown
    assert "<script" not in text


def test_it_names_nobody_and_signs_nobody_in(client, path, mail):
    response = client.get(path)
    for mark in ("Ada", "Byron", "ada@example.com", mail.tokens[Purpose.RESTORE], "token_cart", "recover_cart"):
        assert mark not in text_of(response)
    assert not response.cookies


def test_opening_it_changes_nothing(client, path):
    before = dump(leave=["mail_messageevent"])
    for _time in range(3):
        client.get(path)
        client.head(path)
    assert dump(leave=["mail_messageevent"]) == before
    assert not MessageEvent.objects.filter(kind=EventKind.RESTORED).exists()


def test_the_button_leads_to_the_shops_cart_and_tells_that_a_person_came(client, path, cart):
    page = client.get(path)
    assert "form-action 'self' https://shop.example" in page["Content-Security-Policy"]
    response = client.post(path)
    assert (response.status_code, response.url) == (303, f"{HOME}index.php?controller=cart&action=show")
    assert MessageEvent.objects.get(kind=EventKind.RESTORED).by == "person"
    cart.refresh_from_db()
    assert (cart.line_count, cart.restored_from) == (2, None)


def test_a_button_of_another_site_leads_nowhere(client, path):
    response = client.post(path, headers={"Sec-Fetch-Site": "cross-site"})
    assert response.status_code == 200
    assert not MessageEvent.objects.filter(kind=EventKind.RESTORED).exists()


def test_the_shops_own_link_only_where_it_was_switched_on_and_never_in_the_page(client, path, cart, connection):
    way_back.use_recovery_link(connection, "K" * 32)
    assert "K" * 32 not in str(Connection.objects.get().options)
    page = text_of(client.get(path))
    token = md5(f"{'K' * 32}recover_cart_41".encode()).hexdigest()
    assert token not in page
    assert "recover_cart" not in page
    wanted = f"{HOME}index.php?controller=cart&recover_cart=41&token_cart={token}"
    assert client.post(path).url == wanted
    way_back.use_recovery_link(connection, "")
    assert "recover_cart" not in client.post(path).url


def test_what_two_of_the_staff_decide_at_once_both_stands(connection):
    stale = Connection.objects.get()
    change_options(connection, is_spared=True)
    way_back.use_recovery_link(stale, "K" * 32)
    kept = Connection.objects.get().options
    assert (kept["is_spared"], kept["recovery_link"]) == (True, True)


def test_version_1_6_has_its_cart_elsewhere(client, path, connection):
    Connection.objects.update(found={"version": "1.6.1.24"})
    assert client.post(path).url == f"{HOME}index.php?controller=order"


def test_an_ordered_cart_is_said_to_be_and_not_recovered_again(client, path, cart, connection, now):
    way_back.use_recovery_link(connection, "K" * 32)
    Cart.objects.update(ordered_at=now)
    assert "Questi prodotti sono già stati ordinati." in text_of(client.get(path))
    assert "recover_cart" not in client.post(path).url


def test_a_voucher_that_ended_is_said_to_have(client, path):
    Voucher.objects.update(is_active=False)
    text = text_of(client.get(path))
    assert 'value="COMEBACK"' not in text
    assert "notice--bad" in text


def test_a_deleted_cart_is_gone(client, path, now):
    Cart.objects.update(deleted_at=now)
    assert client.get(path).status_code == 404


@pytest.mark.parametrize(
    "address", ["javascript:alert(1)", "data:text/html,x", "//evil.example/", "https://", "ftp:/x"]
)
def test_an_address_that_is_none_of_the_web_is_no_link(client, path, address):
    Product.objects.update(url=address)
    text = text_of(client.get(path))
    assert f'href="{address}"' not in text
    assert "Tazza" in text


def test_a_voucher_without_a_cart_leads_to_the_shop(client, shop, connection, voucher, now):
    alone = letter(shop, factories.customer(shop), voucher=voucher, at=now - factories.timedelta(hours=1))
    path = alone.path(Purpose.RESTORE)
    assert 'value="COMEBACK"' in text_of(client.get(path))
    assert client.post(path).url == HOME


def test_mails_link_to_the_shop_and_its_products(shop, cart):
    facts = letters.facts_of(shop, language="it", cart=cart)
    assert facts["shop"]["url"] == HOME
    assert [line["url"] for line in facts["cart"]["lines"]] == [
        f"{HOME}index.php?controller=product&id_product=1", ""
    ]  # fmt: skip


def test_our_own_pages_of_an_attached_shop_lead_to_it(client, shop):
    for page in ("", "cart/", "search/"):
        response = client.get(f"/{shop.slug}/it/{page}")
        assert (response.status_code, response["Location"]) == (302, HOME)
