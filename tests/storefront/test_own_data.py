"""A shopper's own data: downloaded, or erased with the password."""

from datetime import timedelta

import pytest
from django.test import Client

from ghostcart.carts import changes
from ghostcart.customers import services
from ghostcart.customers.models import Customer
from ghostcart.lib import clock
from tests import factories
from tests.factories import Shopper

PASSWORD = "correct horse battery"
FORM = {"email": "ada@example.com", "password": PASSWORD, "first_name": "Ada", "last_name": "Byron"}


@pytest.fixture
def account(shop, client):
    """The address of the account pages of somebody signed in."""
    address = f"/{shop.slug}/en/account/"
    client.post(f"{address}register/", FORM)
    client.post(f"{address}sign-in/", FORM)
    return address


def test_only_for_those_signed_in(shop):
    for page in ("data", "erase"):
        assert Client().get(f"/{shop.slug}/en/account/{page}/").url == f"/{shop.slug}/en/account/sign-in/"


def test_the_download_is_a_file_of_ones_own_data(client, account):
    response = client.get(f"{account}data/")
    assert response["Content-Type"] == "application/json"
    assert response["Content-Disposition"].startswith("attachment")
    assert "no-store" in response["Cache-Control"]
    assert response.json()["customer"]["email"] == "ada@example.com"


def test_it_holds_nothing_from_before_the_account_and_nothing_of_staff(shop, client):
    """Nobody proved that the guest who ordered under this address was the same person."""
    guest = factories.customer(shop, "ada@example.com")
    services.save_note(guest, "a private note")
    before = Shopper(shop, clock.now() - timedelta(days=1))
    before.add("LAMP")
    before.do(changes.Identify, customer_id=guest.pk, label=guest.label)
    address = f"/{shop.slug}/en/account/"
    client.post(f"{address}register/", FORM)
    client.post(f"{address}sign-in/", FORM)
    response = client.get(f"{address}data/")
    assert response.json()["carts"] == []
    assert "a private note" not in response.content.decode()


def test_erasing_needs_the_password(client, account):
    assert client.get(f"{account}erase/").status_code == 200
    for password in ("", "wrong"):
        assert client.post(f"{account}erase/", {"password": password}).status_code == 422
    assert Customer.objects.get().email == "ada@example.com"


def test_erasing_ends_the_account_and_the_sign_in(shop, client, account):
    held = client.cookies[f"cart_{shop.slug}"].value
    response = client.post(f"{account}erase/", {"password": PASSWORD})
    assert response.url.endswith("sign-in/?erased")
    assert client.get(response.url).status_code == 200
    assert Customer.objects.get().erased_at
    assert client.get(account).url == f"{account}sign-in/"
    assert client.cookies[f"cart_{shop.slug}"].value != held
    assert client.post(f"{account}sign-in/", FORM).status_code == 403


def test_both_forms_need_their_own_token(shop, account):
    strict = Client(enforce_csrf_checks=True)
    assert strict.post(f"{account}erase/", {"password": PASSWORD}).status_code == 403
