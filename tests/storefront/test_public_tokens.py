"""Every public address that takes a token: what is none opens nothing, and what is one signs nobody in.

A new address with a token fails here until it is tried.
"""

import re

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from ghostcart.customers import services
from ghostcart.lib import clock
from ghostcart.mail.claiming import claim
from ghostcart.mail.models import Purpose
from ghostcart.recovery import passwords
from tests import factories
from tests.factories import Shopper
from tests.hostile import NO_TOKENS, text_of
from tests.mail.letters import letter
from tests.races import order

PICTURE = "m/seen/{}.gif"
TRIED = ("m/back/{}/", "m/stop/{}/", "m/preferences/{}/", "m/password/{}/", PICTURE, "{slug}/en/thanks/{}/")


def public_addresses(node=None, before=""):
    """Those with a token, as TRIED writes them; the back office has a walk of its own (backoffice/test_access.py)."""
    for one in (node or get_resolver()).url_patterns:
        address = before + str(one.pattern)
        if isinstance(one, URLResolver):
            if address != "backoffice/":
                yield from public_addresses(one, address)
        elif isinstance(one, URLPattern) and "token" in address:
            yield address


def plain(address):
    address = re.sub(r"\(\?P<token>[^)]*\)|<str:token>", "{}", address).replace("^", "").replace("/?$", "/")
    address = address.replace("\\.gif$", ".gif")
    return address.replace("<slug:slug>", "{slug}").replace("<language:language>", "en")


@pytest.fixture
def tokens(shop):
    """A good token for each address, by it."""
    now = clock.now()
    shopper = Shopper(shop, at=now)
    shopper.add("MUG")
    ada = factories.customer(shop)
    mail = letter(shop, ada, cart=shopper.cart, at=now)
    services.register(shop.pk, email="bob@example.com", password="correct horse battery", first_name="Bob",
                      last_name="B", now=now)  # fmt: skip
    passwords.ask(shop, "bob@example.com", "en", now)
    taken = claim(now, worker="w", decide={"account": passwords.decide}, limit=10)
    reset = taken.letters[0][1]["reset"].rstrip("/").rpartition("/")[2]
    placed = order(shopper, ada)
    given = [mail.tokens[Purpose.RESTORE], mail.tokens[Purpose.STOP], mail.tokens[Purpose.PREFERENCES], reset,
             mail.tokens[Purpose.SEEN], placed.token]  # fmt: skip
    return {address.replace("{slug}", shop.slug): token for address, token in zip(TRIED, given, strict=True)}


def test_every_address_that_takes_a_token_is_tried_here():
    assert sorted(map(plain, public_addresses())) == sorted(TRIED)


@pytest.mark.parametrize("method", ["get", "post"])
def test_what_is_no_token_opens_nothing(client, tokens, method):
    others = {address: [token for of, token in tokens.items() if of != address] for address in tokens}
    for address, good in tokens.items():
        near = [good[:-1], good + "A", good.swapcase(), chr(ord(good[0]) ^ 1) + good[1:]]
        for token in [*NO_TOKENS, *near, *others[address]]:
            answer = getattr(client, method)("/" + address.format(token))
            if address == PICTURE:  # always the same picture, so that nobody can ask it anything
                assert answer.status_code in (200, 404, 405), token[:50]
                continue
            assert answer.status_code in (404, 405), (address, token[:50])
            assert "ada@example.com" not in text_of(answer)
    assert "ghostcart" not in client.cookies


def test_no_token_signs_anybody_in(shop, tokens):
    for address, token in tokens.items():
        for method in ("get", "head", "options", "post"):
            client = Client(enforce_csrf_checks=True)
            getattr(client, method)("/" + address.format(token))
            assert "ghostcart" not in client.cookies, (address, method)
            assert client.get(f"/{shop.slug}/en/account/").status_code == 302
            assert client.get("/backoffice/").status_code == 302


def test_a_good_token_opens_its_page(client, tokens):
    """The guard of the tests above."""
    assert {client.get("/" + address.format(token)).status_code for address, token in tokens.items()} == {200}
