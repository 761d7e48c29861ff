"""The back office downloads a customer's data, and erases them after saying what goes."""

import pytest
from django.urls import reverse

from ghostcart.backoffice.models import Role
from ghostcart.customers.models import Customer
from ghostcart.recovery import privacy
from tests import factories
from tests.backoffice.cast import manager, signed_in
from tests.factories import NOON, Shopper
from tests.races import order

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada(shop):
    found = factories.customer(shop)
    shopper = Shopper(shop)
    shopper.add("MUG")
    order(shopper, found)
    return found


def url(name, customer):
    return reverse(f"backoffice:{name}", args=[customer.pk])


def test_the_data_come_as_a_file(shop, ada):
    response = manager(shop).get(url("customer-data", ada))
    assert response["Content-Disposition"] == f'attachment; filename="customer-{ada.pk}.json"'
    assert "no-store" in response["Cache-Control"]
    assert response.json()["orders"][0]["address"]["city"] == "Torino"


def test_the_page_before_says_what_goes_and_changes_nothing(shop, ada):
    response = manager(shop).get(url("customer-erase", ada))
    assert response.context["reach"].carts == 1
    assert response.context["reach"].orders_kept == 1
    assert not Customer.objects.exclude(erased_at=None).exists()


def test_what_it_says_is_what_happens(shop, ada):
    said = privacy.reach(ada, NOON)
    done = privacy.erase(ada, "staff:1", NOON)
    assert (said.carts, said.orders_kept) == (done.carts, done.orders_kept)


def test_the_button_erases(shop, ada):
    client = manager(shop)
    response = client.post(url("customer-erase", ada), follow=True)
    assert "ada@example.com" not in response.content.decode()
    assert Customer.objects.get(pk=ada.pk).erased_at
    assert client.get(url("customer-erase", ada)).status_code == 200
    assert client.get(reverse("backoffice:customer-list")).status_code == 200


@pytest.mark.parametrize("role", [Role.VIEWER, Role.AGENT])
def test_lesser_roles_neither_see_nor_reach_it(shop, ada, role):
    client = signed_in(role, shop)
    assert 'id="privacy"' not in client.get(url("customer", ada)).content.decode()
    assert client.post(url("customer-erase", ada)).status_code == 403
    assert client.get(url("customer-data", ada)).status_code == 403
    assert 'id="privacy"' in manager(shop).get(url("customer", ada)).content.decode()
