"""API keys: a token opens one shop until it ends, is renewed or revoked, and lies nowhere in the database."""

from datetime import timedelta

import pytest

from ghostcart.connectors import keys
from ghostcart.connectors.errors import BadKey, WrongKey
from ghostcart.connectors.models import ApiKey
from tests import factories
from tests.factories import NOON
from tests.wire import dump

pytestmark = pytest.mark.django_db
SECOND = timedelta(seconds=1)


def make(shop=None, **more):
    values = {"name": "ERP", "scopes": ["carts:read"], "actor": "staff:1", "now": NOON} | more
    return keys.create(shop or factories.shop(), **values)


def test_a_token_opens_its_key_and_nothing_else_does():
    key, token = make()
    assert keys.recognise(token, NOON) == key
    for wrong in ("", "gck_", token[:-1], token + "a", token.swapcase(), "gck_" + "a" * 43, "x" * 5000, "\x00" * 47,
                  "gck_" + "é" * 43, "gck_" + "\ud800" * 43):  # fmt: skip
        with pytest.raises(WrongKey):
            keys.recognise(wrong, NOON)


def test_a_token_is_long_random_and_kept_nowhere():
    shop = factories.shop()
    tokens = {make(shop)[1] for _ in range(50)}
    assert len(tokens) == 50
    assert {len(token) for token in tokens} == {keys.TOKEN_LENGTH}
    stored = str(dump())
    assert not any(token in stored or token[keys.SHOWN :] in stored for token in tokens)


def test_a_key_ends_when_it_was_said_to():
    _, token = make(expires_at=NOON + timedelta(days=1))
    keys.recognise(token, NOON + timedelta(days=1) - SECOND)
    with pytest.raises(WrongKey):
        keys.recognise(token, NOON + timedelta(days=1))


def test_a_revoked_key_is_gone_at_once_and_for_good():
    key, token = make()
    keys.revoke(key, NOON)
    keys.revoke(key, NOON + timedelta(days=1))
    key.refresh_from_db()
    assert key.revoked_at == NOON
    with pytest.raises(WrongKey):
        keys.recognise(token, NOON)
    with pytest.raises(WrongKey):
        keys.rotate(key, NOON)


def test_after_a_rotation_the_old_token_works_for_the_chosen_time_and_the_one_before_no_more():
    key, first = make()
    second = keys.rotate(key, NOON, timedelta(hours=1))
    assert keys.recognise(first, NOON + timedelta(hours=1) - SECOND) == key
    assert keys.recognise(second, NOON) == key
    with pytest.raises(WrongKey):
        keys.recognise(first, NOON + timedelta(hours=1))
    third = keys.rotate(key, NOON)
    assert keys.recognise(second, NOON) == keys.recognise(third, NOON) == key
    with pytest.raises(WrongKey):
        keys.recognise(first, NOON)


def test_a_rotation_without_overlap_ends_the_old_token_now():
    key, first = make()
    keys.rotate(key, NOON, timedelta())
    with pytest.raises(WrongKey):
        keys.recognise(first, NOON)


def test_of_two_who_rotate_at_once_the_second_is_told():
    """Guard: without the condition the first one's new token would be dead the moment it is shown."""
    key, _ = make()
    twin = ApiKey.objects.get(pk=key.pk)
    shown = keys.rotate(key, NOON)
    with pytest.raises(WrongKey):
        keys.rotate(twin, NOON)
    assert keys.recognise(shown, NOON) == key


def test_the_last_use_is_written_once_a_minute(django_assert_num_queries):
    key, token = make()
    keys.recognise(token, NOON)
    with django_assert_num_queries(1):
        keys.recognise(token, NOON + timedelta(seconds=59))
    key.refresh_from_db()
    assert key.last_used_at == NOON
    keys.recognise(token, NOON + timedelta(seconds=60))
    key.refresh_from_db()
    assert key.last_used_at == NOON + timedelta(seconds=60)


@pytest.mark.parametrize(
    "wrong",
    [{"name": " "}, {"name": "a\x00"}, {"name": "\ud800"}, {"scopes": []}, {"scopes": ["carts:read", "all"]},
     {"expires_at": NOON}, {"per_minute": 0}, {"per_minute": 10**9}],
)  # fmt: skip
def test_a_key_that_makes_no_sense_is_not_made(wrong):
    with pytest.raises(BadKey):
        make(**wrong)
    with pytest.raises(BadKey):
        keys.rotate(make()[0], NOON, timedelta(days=31))
    assert ApiKey.objects.count() == 1


def test_keys_are_listed_by_shop_with_the_revoked_last():
    shop, other = factories.shop(), factories.shop()
    one, two, three = (make(shop)[0] for _ in range(3))
    make(other)
    keys.revoke(three, NOON)
    assert list(keys.of_shops([shop.pk])) == [two, one, three]
