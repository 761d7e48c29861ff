"""The pages of API keys: shown once, renewed, revoked, each for owners alone."""

import re
from datetime import timedelta

import pytest
from django.urls import reverse

from ghostcart.backoffice.models import Role
from ghostcart.carts import services as cart_services
from ghostcart.connectors import keys
from ghostcart.connectors.models import ApiKey, Scope
from ghostcart.lib import clock
from tests import factories
from tests.backoffice.cast import signed_in

pytestmark = pytest.mark.django_db
TOKEN = re.compile(r"gck_[\w-]{43}")


@pytest.fixture
def shop():
    return factories.shop(time_zone="Europe/Rome")


@pytest.fixture
def owner(shop):
    return signed_in(Role.OWNER, shop, name="Grace")


def new(owner, shop, **more):
    values = {"name": "ERP", "scopes": ["carts:read", "events:read"], "per_minute": 60} | more
    return owner.post(reverse("backoffice:key-new", args=[shop.pk]), values)


def test_a_new_key_shows_its_token_once(owner, shop):
    answer = new(owner, shop)
    (token,) = set(TOKEN.findall(answer.content.decode()))
    key = keys.recognise(token, clock.now())
    assert (key.shop, key.scopes, key.per_minute) == (shop, ["carts:read", "events:read"], 60)
    for page in (reverse("backoffice:keys", args=[shop.pk]), reverse("backoffice:key", args=[shop.pk, key.pk])):
        shown = owner.get(page).content.decode()
        assert key.prefix in shown
        assert not TOKEN.search(shown)
    assert "Grace" in shown


def test_the_last_day_is_the_shops(owner, shop):
    new(owner, shop, last_day="2999-01-31")
    assert ApiKey.objects.get().expires_at.isoformat() == "2999-01-31T23:00:00+00:00"


@pytest.mark.parametrize("wrong", [{"name": ""}, {"scopes": []}, {"scopes": ["root"]}, {"last_day": "2001-01-01"},
                                   {"per_minute": "0"}, {"per_minute": "x"}, {"name": "a\x00"}])  # fmt: skip
def test_nonsense_makes_no_key(owner, shop, wrong):
    answer = new(owner, shop, **wrong)
    assert answer.status_code == 200
    assert not TOKEN.search(answer.content.decode())
    assert not ApiKey.objects.exists()


def test_rotating_shows_a_new_token_and_revoking_ends_both(owner, shop):
    key, token = keys.create(shop, name="ERP", scopes=Scope.values, actor="staff:1", now=clock.now())
    answer = owner.post(reverse("backoffice:key-rotate", args=[shop.pk, key.pk]), {"overlap": "24"})
    (fresh,) = set(TOKEN.findall(answer.content.decode()))
    assert keys.recognise(fresh, clock.now()) == keys.recognise(token, clock.now()) == key
    owner.post(reverse("backoffice:key-revoke", args=[shop.pk, key.pk]))
    for one in (fresh, token):
        with pytest.raises(keys.WrongKey):
            keys.recognise(one, clock.now())
    again = owner.post(reverse("backoffice:key-rotate", args=[shop.pk, key.pk]), {"overlap": "24"}, follow=True)
    assert "revoked" in again.content.decode()
    assert not TOKEN.search(again.content.decode())


def test_an_overlap_of_ones_own_is_refused(owner, shop):
    key, _ = keys.create(shop, name="ERP", scopes=Scope.values, actor="staff:1", now=clock.now())
    owner.post(reverse("backoffice:key-rotate", args=[shop.pk, key.pk]), {"overlap": "99999"})
    assert ApiKey.objects.get().old_hash is None


def test_a_key_of_another_shop_is_not_found_under_ones_own(owner, shop):
    key, _ = keys.create(factories.shop(), name="ERP", scopes=Scope.values, actor="staff:1", now=clock.now())
    for name in ("key", "key-rotate", "key-revoke"):
        address = reverse(f"backoffice:{name}", args=[shop.pk, key.pk])
        answer = owner.get(address) if name == "key" else owner.post(address, {"overlap": "24"})
        assert answer.status_code == 404
    key.refresh_from_db()
    assert key.revoked_at is None


def test_what_a_key_did_to_a_cart_is_told_by_its_name(owner, shop):
    key, _ = keys.create(shop, name="Our ERP", scopes=Scope.values, actor="staff:1", now=clock.now())
    shopper = factories.Shopper(shop)
    shopper.add("MUG")
    cart, now = shopper.cart, clock.now()
    cart_services.delete([cart.pk], key.actor, now)
    cart_services.undelete([cart.pk], "key:999999", now + timedelta(seconds=1))
    shown = owner.get(reverse("backoffice:cart", args=[cart.pk])).content.decode()
    assert "Our ERP" in shown
    assert "A connected program" in shown
