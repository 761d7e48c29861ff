"""A link in a mail: not to be guessed, good for one purpose, for a time, and worth nothing in the database."""

import re
from datetime import timedelta

import pytest

from ghostcart.mail import links
from ghostcart.mail.models import Link, Purpose
from tests import factories
from tests.factories import NOON
from tests.mail.letters import dump, letter

pytestmark = pytest.mark.django_db
LATER = NOON + timedelta(days=1)


@pytest.fixture
def mail(shop):
    return letter(shop, factories.customer(shop))


def test_a_link_is_found_by_its_token_and_purpose(mail):
    found = links.find(mail.tokens[Purpose.STOP], Purpose.STOP, LATER)
    assert found.message == mail.message
    assert links.find(mail.tokens[Purpose.STOP], Purpose.RESTORE, LATER) is None


def test_a_link_ends(shop, mail):
    token = mail.tokens[Purpose.RESTORE]
    end = Link.objects.get(purpose=Purpose.RESTORE).expires_at
    assert links.find(token, Purpose.RESTORE, end - timedelta(microseconds=1))
    assert links.find(token, Purpose.RESTORE, end) is None


def test_a_link_can_be_called_back(mail):
    assert links.revoke(LATER, message=mail.message) == 4
    assert links.revoke(LATER, message=mail.message) == 0
    assert all(links.find(token, purpose, LATER) is None for purpose, token in mail.tokens.items())


def test_a_link_is_kept_with_what_it_leads_to_and_until_when(shop):
    link, token = links.draft(
        shop_id=shop.pk, message=None, purpose="password", target={"customer": 7}, expires_at=LATER, now=NOON
    )
    assert (link.purpose, link.target, link.created_at, link.expires_at) == (
        Purpose.PASSWORD, {"customer": 7}, NOON, LATER,
    )  # fmt: skip
    assert links.find(token, Purpose.PASSWORD, NOON) is None  # a draft opens nothing yet
    link.save()
    assert links.find(token, Purpose.PASSWORD, NOON) == link
    with pytest.raises(ValueError, match="elsewhere"):
        links.draft(shop_id=shop.pk, message=None, purpose="elsewhere", target={}, expires_at=LATER, now=NOON)


def test_only_the_links_that_are_named_are_called_back(shop, mail):
    other = letter(shop, factories.customer(shop))
    assert links.revoke(LATER, message=mail.message, purpose=Purpose.RESTORE) == 1
    assert links.find(mail.tokens[Purpose.RESTORE], Purpose.RESTORE, NOON) is None
    assert Link.objects.get(purpose=Purpose.RESTORE, message=mail.message).revoked_at == LATER
    assert links.find(mail.tokens[Purpose.STOP], Purpose.STOP, NOON)
    assert links.find(other.tokens[Purpose.RESTORE], Purpose.RESTORE, NOON)


def bits_of(token):
    """The token with each of its bits changed in turn."""
    raw = token.encode()
    for place in range(len(raw) * 8):
        changed = bytearray(raw)
        changed[place // 8] ^= 1 << place % 8
        yield changed.decode("latin-1")


def test_no_other_text_opens_it(mail):
    token = mail.tokens[Purpose.STOP]
    odd = ["", " ", "0", "true", "null", token[:-1], token + "A", token.lower(), f" {token}", f"{token}\n", "é" * 43,
           "\x00" * 43, "A" * 1_000_000, "A" * 43, token.replace(token[0], "\u0430", 1)]  # fmt: skip
    assert [one for one in odd + list(bits_of(token)) if links.find(one, Purpose.STOP, LATER)] == []


def test_tokens_are_256_random_bits_and_all_different(shop):
    tokens = {letter(shop, factories.customer(shop)).tokens[Purpose.STOP] for _ in range(50)}
    assert len(tokens) == 50
    assert all(re.fullmatch(r"[\w-]{43}", token) for token in tokens)


def test_a_dump_of_the_database_gives_no_working_link(mail):
    rows = "\n".join(row for table in dump().values() for row in table)
    assert [token for token in mail.tokens.values() if token in rows] == []
    candidates = set(re.findall(r"[A-Za-z0-9_-]{43}", rows)) | set(Link.objects.values_list("token_hash", flat=True))
    assert [one for one in candidates for purpose in Purpose if links.find(one, purpose, LATER)] == []
    # the guard: the search does find a token that lies about
    message = mail.message
    message.answer = mail.tokens[Purpose.STOP]
    message.save(update_fields=["answer"])
    rows = "\n".join(row for table in dump().values() for row in table)
    candidates = set(re.findall(r"[A-Za-z0-9_-]{43}", rows))
    assert [one for one in candidates if links.find(one, Purpose.STOP, LATER)]


def test_addresses_begin_where_the_shop_is_reached(settings):
    settings.SITE_URL = "https://shop.example"
    assert links.url(Purpose.RESTORE, "T") == "https://shop.example/m/back/T/"
    assert links.url("seen", "T") == "https://shop.example/m/seen/T.gif"
