"""A forgotten password: the same answer for every address, a link that works once, and nobody signed in by it."""

from datetime import timedelta

import pytest
from django.test import Client

from ghostcart.customers.models import Customer
from ghostcart.lib import clock
from ghostcart.mail.claiming import claim
from ghostcart.mail.models import Link, Message
from ghostcart.recovery import passwords
from tests import factories

FORM = {"email": "ada@example.com", "password": "correct horse battery", "first_name": "Ada", "last_name": "Byron"}
NEW = "staple wagon lantern"


@pytest.fixture
def account(shop, client):
    address = f"/{shop.slug}/en/account/"
    client.post(f"{address}register/", FORM)
    return address


def ask(client, account, email="ada@example.com"):
    return client.post(f"{account}forgotten/", {"email": email})


def mailed_link(now=None):
    """The path of the link in the mail that the worker takes up; None if it takes none."""
    taken = claim(now or clock.now(), worker="w", decide={"account": passwords.decide}, limit=10)
    return taken.letters[0][1]["reset"].partition("/m/")[2] if taken.letters else None


def test_the_link_sets_a_new_password_once_and_signs_nobody_in(client, account):
    ask(client, account)
    path = f"/m/{mailed_link()}"
    assert client.get(path).status_code == client.get(path).status_code == 200
    fresh = Client(enforce_csrf_checks=True)
    response = fresh.post(path, {"new": NEW})
    assert response.url.endswith("/account/sign-in/?reset")
    assert fresh.get(response.url).status_code == 200
    assert fresh.get(account).status_code == 302
    assert fresh.post(path, {"new": "another one entirely"}).status_code == 404
    assert client.post(f"{account}sign-in/", FORM).status_code == 403
    assert client.post(f"{account}sign-in/", {**FORM, "password": NEW}).url == account


def test_the_answer_tells_nobody_who_shops_here(client, account):
    answers = []
    for email in ("ada@example.com", "nobody@example.com"):
        response = ask(client, account, email)
        answers.append((response.status_code, response.url, response.cookies.output()))
    assert answers[0] == answers[1]
    assert Message.objects.count() == 2  # and does the same work


def test_a_stranger_and_a_guest_get_no_mail_and_a_strangers_address_is_not_kept(client, shop, account):
    factories.customer(shop, "guest@example.com")
    for email in ("nobody@example.com", "guest@example.com"):
        ask(client, account, email)
    assert mailed_link() is None
    assert set(Message.objects.values_list("state", "reason", "address")) == {("cancelled", "no_account", "")}


def test_a_weak_password_is_refused_and_the_link_still_works(client, account):
    ask(client, account)
    path = f"/m/{mailed_link()}"
    assert client.post(path, {"new": "short"}).status_code == 422
    assert client.post(path, {"new": NEW}).status_code == 302


def test_the_link_ends_after_an_hour_and_with_the_old_password(client, account, shop):
    ask(client, account)
    path = f"/m/{mailed_link()}"
    link = Link.objects.get()
    assert link.expires_at - link.created_at == timedelta(hours=1)
    Customer.objects.update(password="")
    assert client.get(path).status_code == 404


def test_another_sites_page_sets_no_password(client, account):
    ask(client, account)
    path = f"/m/{mailed_link()}"
    assert client.post(path, {"new": NEW}, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 200
    assert client.post(f"{account}sign-in/", FORM).url == account


def test_nobodys_mailbox_is_filled(client, account):
    for _ in range(passwords.MOST + 5):
        ask(client, account)
    assert Message.objects.count() == passwords.MOST


@pytest.mark.parametrize("email", ["", "nonsense", "a@b"])
def test_what_is_no_address_is_told_or_ignored(client, account, email):
    assert ask(client, account, email).status_code in (302, 422)
    assert not Message.objects.exists()
