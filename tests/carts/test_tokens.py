"""Cart tokens: made without the database, known by their mark, kept as a hash."""

import re

import pytest

from ghostcart.carts import tokens
from ghostcart.carts.errors import BadCartToken
from ghostcart.carts.models import Device
from tests import factories
from tests.factories import Shopper


def test_a_token_has_256_random_bits_and_fits_a_header():
    token = tokens.issue(1)
    assert re.fullmatch(r"[A-Za-z0-9_-]{67}", token)
    assert len({tokens.issue(1)[: tokens.RANDOM] for _ in range(1000)}) == 1000


def test_the_same_token_is_always_the_same_device():
    token = tokens.issue(1)
    assert tokens.digest(1, token) == tokens.digest(1, token)
    assert re.fullmatch(r"[0-9a-f]{64}", tokens.digest(1, token))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda token: "",
        lambda token: token[:-1],
        lambda token: token + "0",
        lambda token: token[: tokens.RANDOM],
        lambda token: "A" * 67,
        lambda token: ("B" if token[0] == "A" else "A") + token[1:],
        lambda token: token[:-1] + ("0" if token[-1] != "0" else "1"),
        lambda token: token[: tokens.RANDOM] + token[tokens.RANDOM :].upper(),
        lambda token: token.replace(token[0], "\u00e9"),
        lambda token: token + "\x00",
        lambda token: f" {token}",
        lambda token: token * 1000,
        lambda token: "\ud800" * 67,
    ],
)
def test_what_was_not_issued_here_is_refused(spoil):
    with pytest.raises(BadCartToken):
        tokens.digest(1, spoil(tokens.issue(1)))


def test_a_token_of_another_shop_is_refused():
    with pytest.raises(BadCartToken):
        tokens.digest(2, tokens.issue(1))


def test_a_token_of_another_installation_is_refused(settings):
    token = tokens.issue(1)
    settings.SECRET_KEY = "another"
    with pytest.raises(BadCartToken):
        tokens.digest(1, token)


@pytest.mark.django_db
def test_the_database_keeps_the_hash_alone():
    shopper = Shopper(factories.shop())
    shopper.add("MUG")
    stored = Device.objects.get().token_hash
    assert stored == shopper.seen.token_hash
    assert shopper.token not in str(list(Device.objects.values()))
    assert shopper.token[: tokens.RANDOM] not in str(list(Device.objects.values()))


@pytest.mark.django_db
def test_issuing_asks_no_database(django_assert_num_queries):
    with django_assert_num_queries(0):
        tokens.digest(1, tokens.issue(1))
