"""Words in addresses, forms and cookies of the shop's pages that were meant for the database, the page or a secret."""

import re

import pytest
from django.conf import settings

from ghostcart.lib import clock
from tests import factories
from tests.factories import Shopper
from tests.hostile import MARKUP, STATEMENTS, comes_back, everywhere, forms_of, text_of
from tests.mail.letters import dump, letter
from tests.races import order

PLACES = ("", "c/all/", "p/mug/", "search/", "cart/", "checkout/", "account/sign-in/", "account/register/")
ROOMS = ("back", "stop", "preferences", "password")


@pytest.fixture
def pages(shop):
    """The pages that anybody can open, and those that a token opens."""
    shopper = Shopper(shop, at=clock.now())
    shopper.add("MUG")
    ada = factories.customer(shop)
    mail = letter(shop, ada, cart=shopper.cart, at=clock.now())
    placed = order(shopper, ada)
    return [*(f"/{shop.slug}/en/{place}" for place in PLACES), *mail.paths, f"/{shop.slug}/en/thanks/{placed.token}/"]


def quoted(word):
    from urllib.parse import quote

    return quote(word, safe="")


def test_words_meant_for_the_database_are_only_words(client, shop, pages):
    before = dump(leave=["mail_messageevent"])
    addresses = [f"/m/{room}/{{}}/" for room in ROOMS] + ["/m/seen/{}.gif"]
    addresses += [f"/{shop.slug}/en/{place}/{{}}/" for place in ("c", "p", "sku", "thanks")] + ["/{}/", "/{}/en/"]
    for statement in STATEMENTS:
        for name in (f"cart_{shop.slug}", f"currency_{shop.slug}", "ghostcart"):
            client.cookies[name] = quoted(statement)
        for page in [
            *(page + everywhere(statement) for page in pages),
            *(a.format(quoted(statement)) for a in addresses),
        ]:
            answer = client.get(page)
            assert answer.status_code < 500, (page[:60], statement)
            assert not re.search(r"syntax error|OperationalError|psycopg|sqlite3\.", text_of(answer)), page[:60]
    assert dump(leave=["mail_messageevent"]) == before


@pytest.mark.parametrize("statement", STATEMENTS)
def test_words_in_forms_are_only_words(client, shop, statement):
    account = f"/{shop.slug}/en/account/"
    factories.customer(shop)
    words = dict.fromkeys(("email", "password", "first_name", "last_name", "phone", "next"), statement)
    for page in ("sign-in/", "register/", "forgotten/"):
        assert client.post(account + page, words).status_code in (302, 403, 422)
    assert "_auth_user_id" not in client.session
    assert client.get(account).status_code == 302


def test_no_word_of_an_address_comes_back_as_markup(client, shop, pages):
    shown = 0
    for page in pages:
        text = text_of(client.get(page + everywhere(MARKUP)))
        shown += "zz.zz" in text
        assert not comes_back(text), page[:60]
    assert shown > 0  # it does come back, as text
    assert comes_back(f"<p>{MARKUP}</p>")


def test_every_page_keeps_others_out_of_it(client, pages):
    for page in pages:
        answer = client.get(page)
        policy = answer["Content-Security-Policy"]
        assert "default-src 'none'" in policy, page
        assert "frame-ancestors 'none'" in policy, page
        assert "unsafe" not in policy, page
        assert (answer["X-Frame-Options"], answer["X-Content-Type-Options"]) == ("DENY", "nosniff"), page
        assert answer["Cross-Origin-Opener-Policy"] == "same-origin", page
        assert answer["Referrer-Policy"] in ("same-origin", "no-referrer"), page


def test_no_page_tells_a_secret(client, pages):
    secret = forms_of(settings.SECRET_KEY)
    for page in pages:
        answer = client.get(page)
        told = f"{text_of(answer)} {dict(answer.headers)} {answer.cookies.output()}"
        assert not [form for form in secret if form in told], page
    assert [form for form in secret if form in f"<img src=/seen?key={settings.SECRET_KEY}>"]
