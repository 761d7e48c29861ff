"""Signing in and out, registering without telling who shops here, and what an account shows."""

import re
from datetime import timedelta

import pytest
from django.test import Client

from ghostcart.backoffice.models import Role
from ghostcart.carts import changes, ingest, tokens
from ghostcart.carts.models import Cart
from ghostcart.customers.models import Consent, Customer
from ghostcart.customers.services import MOST_FAILURES_OF_ADDRESS
from ghostcart.lib import clock
from ghostcart.orders.models import Order
from tests import factories

PASSWORD = "correct horse battery"
FORM = {"email": "ada@example.com", "password": PASSWORD, "first_name": "Ada", "last_name": "Byron"}


@pytest.fixture
def account(shop):
    """The address of the account pages."""
    return f"/{shop.slug}/en/account/"


def sign_in(client, account, password=PASSWORD, **more):
    return client.post(f"{account}sign-in/", {"email": "ada@example.com", "password": password, **more})


def test_the_account_is_only_for_those_signed_in(client, account):
    assert client.get(account).url == f"{account}sign-in/"
    for page in ("details/", "password/"):
        assert client.post(f"{account}{page}").url == f"{account}sign-in/"


def test_register_sign_in_and_out(client, shop, account):
    assert client.post(f"{account}register/", FORM).url == f"{account}sign-in/?registered"
    assert sign_in(client, account).url == account
    page = client.get(account)
    assert "Ada Byron" in page.content.decode()
    assert "no-store" in page["Cache-Control"]
    held = client.cookies[f"cart_{shop.slug}"].value
    response = client.post(f"{account}sign-out/")
    assert response.cookies[f"cart_{shop.slug}"].value != held
    assert client.get(account).url == f"{account}sign-in/"


def test_a_known_address_gets_the_same_answer_as_a_new_one(client, account):
    client.post(f"{account}register/", FORM)
    answers = []
    for email in ("ada@example.com", "new@example.com"):
        response = client.post(f"{account}register/", {**FORM, "email": email, "password": "another long one"})
        answers.append((response.status_code, response.url, response.cookies.output()))
    assert answers[0] == answers[1]
    refused = [client.post(f"{account}sign-in/", {"email": email, "password": "wrong"}).content.decode()
               for email in ("ada@example.com", "nobody@example.com")]  # fmt: skip
    assert without_tokens(refused[0], "ada@example.com") == without_tokens(refused[1], "nobody@example.com")


def without_tokens(text, email):
    return re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", text.replace(email, "*"))


def test_mistakes_are_said_beside_the_field(client, account):
    response = client.post(f"{account}register/", {**FORM, "password": "short"})
    assert response.status_code == 422
    assert "too short" in response.content.decode()
    response = client.post(f"{account}register/", {})
    assert response.content.decode().count("field__error") == 4
    assert not Customer.objects.exists()


def test_too_many_attempts_are_refused(client, account):
    for _turn in range(MOST_FAILURES_OF_ADDRESS):
        assert sign_in(client, account, "wrong").status_code == 403
    assert sign_in(client, account, "wrong").status_code == 429


def test_changes_need_the_forms_own_token(shop, account):
    client = Client(enforce_csrf_checks=True)
    for page in ("sign-in/", "register/", "sign-out/", "details/", "password/"):
        assert client.post(f"{account}{page}", FORM).status_code == 403


@pytest.mark.parametrize("method", ["sign-out/", "details/", "password/"])
def test_nothing_changes_by_get(client, account, method):
    assert client.get(f"{account}{method}").status_code == 405


@pytest.mark.parametrize(
    "wanted",
    ["https://evil.example/", "//evil.example", "/backoffice/", "javascript:alert(1)", "/other/en/", "/\\evil.example",
     "https:evil.example", "///evil.example", "data:text/html,x", "http://testserver@evil.example/",
     "\t//evil.example"],
)  # fmt: skip
def test_after_signing_in_nobody_is_sent_elsewhere(client, account, wanted):
    client.post(f"{account}register/", FORM)
    assert sign_in(client, account, next=wanted).url == account


def test_after_signing_in_one_comes_back_to_the_checkout(client, shop, account):
    client.post(f"{account}register/", FORM)
    assert sign_in(client, account, next=f"/{shop.slug}/en/checkout/").url == f"/{shop.slug}/en/checkout/"
    page = client.get(f"/{shop.slug}/en/checkout/").content.decode()
    assert 'value="ada@example.com"' in page


def test_a_sign_in_is_good_for_one_shop_and_no_back_office(client, shop, account):
    client.post(f"{account}register/", FORM)
    sign_in(client, account)
    assert client.get(f"/{factories.shop().slug}/en/account/").status_code == 302
    assert client.get("/backoffice/").status_code in (302, 403)


def test_staff_who_shop_stay_signed_in_as_staff(client, shop, account):
    client.force_login(factories.staff(Role.OWNER, shop))
    client.post(f"{account}register/", FORM)
    sign_in(client, account)
    client.post(f"{account}sign-out/")
    assert "_auth_user_id" in client.session


def test_the_session_gets_a_new_name(client, account):
    client.post(f"{account}register/", FORM)
    sign_in(client, account)
    before = client.session.session_key
    sign_in(client, account)
    assert client.session.session_key != before


def test_the_cart_in_hand_goes_with_the_shopper(client, shop, account):
    client.post(f"{account}register/", FORM)
    first = tokens.issue(shop.pk)
    client.cookies[f"cart_{shop.slug}"] = first
    seen = changes.Seen(tokens.digest(shop.pk, first))
    ingest.record(changes.AddLine(shop_id=shop.pk, at=clock.now(), seen=seen, sku="MUG"))
    sign_in(client, account)
    cart = Cart.objects.get()
    assert cart.customer == Customer.objects.get()


# -- one's own details -------------------------------------------------------------------------------


def test_details_and_consent_can_be_changed(client, account):
    client.post(f"{account}register/", FORM)
    sign_in(client, account)
    changed = {"first_name": "Augusta", "last_name": "King", "phone": "12", "consent": "on"}
    assert client.post(f"{account}details/", changed).status_code == 302
    customer = Customer.objects.get()
    assert (customer.name, customer.phone) == ("Augusta King", "12")
    assert Consent.objects.get().source == "account"
    assert client.post(f"{account}details/", {"first_name": ""}).status_code == 422


def test_the_password_is_changed_by_who_knows_it_and_ends_other_sign_ins(client, account):
    client.post(f"{account}register/", FORM)
    other = Client()
    sign_in(other, account)
    sign_in(client, account)
    assert client.post(f"{account}password/", {"old": "wrong", "new": "quite another one"}).status_code == 422
    assert client.post(f"{account}password/", {"old": PASSWORD, "new": "short"}).status_code == 422
    assert client.post(f"{account}password/", {"old": PASSWORD, "new": "quite another one"}).status_code == 302
    assert client.get(account).status_code == 200
    assert other.get(account).status_code == 302


# -- orders ------------------------------------------------------------------------------------------


@pytest.fixture
def order_for(shop):
    def make(customer, placed_at, number):
        cart = Cart.objects.create(
            shop=shop, customer=customer, currency="EUR", created_at=placed_at, last_activity_at=placed_at,
            abandon_after=placed_at, seen_at=placed_at, ordered_at=placed_at,
        )  # fmt: skip
        return Order.objects.create(
            shop=shop, number=number, cart=cart, customer=customer, email=customer.email, payment="transfer",
            currency="EUR", products_minor=1000, total_minor=1490, placed_at=placed_at, address=factories.ADDRESS,
        )  # fmt: skip

    return make


def test_an_account_shows_its_orders_but_not_those_of_the_guest_before(client, shop, account, order_for):
    now = clock.now()
    guest = factories.customer(shop)
    order_for(guest, now - timedelta(days=3), "T-OLD")
    client.post(f"{account}register/", FORM)
    sign_in(client, account)
    order_for(guest, now + timedelta(minutes=1), "T-NEW")
    page = client.get(account).content.decode()
    assert "T-NEW" in page
    assert "T-OLD" not in page
    checkout = client.get(f"/{shop.slug}/en/checkout/").content.decode()
    assert "Via Roma 1" in checkout


def test_a_guests_past_address_is_not_filled_in(client, shop, account, order_for):
    order_for(factories.customer(shop), clock.now() - timedelta(days=3), "T-OLD")
    client.post(f"{account}register/", FORM)
    sign_in(client, account)
    assert "Via Roma 1" not in client.get(f"/{shop.slug}/en/checkout/").content.decode()


@pytest.mark.parametrize("status", ["pending", "paid", "cancelled", "refunded"])
def test_the_confirmation_opens_for_who_has_the_link(client, shop, order_for, status):
    order = order_for(factories.customer(shop), clock.now(), "T-1")
    Order.objects.filter(pk=order.pk).update(status=status)
    for language in ("en", "it", "es", "de", "fr", "nl"):
        response = client.get(f"/{shop.slug}/{language}/thanks/{order.token}/")
        assert response.status_code == 200
        assert "T-1" in response.content.decode()
        assert "no-store" in response["Cache-Control"]
    assert client.get(f"/{factories.shop().slug}/en/thanks/{order.token}/").status_code == 404


def test_a_broken_order_is_still_shown(client, shop, order_for):
    order = order_for(factories.customer(shop), clock.now(), "T-1")
    Order.objects.filter(pk=order.pk).update(customer=None, address={}, currency="XXQ", payment="gone")
    assert client.get(f"/{shop.slug}/en/thanks/{order.token}/").status_code == 200
