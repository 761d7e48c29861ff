"""Cleaning up carts: a dry run first, then batch by batch."""

import re
from datetime import timedelta

import pytest
from django.urls import reverse

from ghostcart.backoffice.models import Role
from ghostcart.carts import services
from ghostcart.carts.models import Cart
from ghostcart.lib import clock
from tests import factories
from tests.backoffice.cast import cart, manager, signed_in
from tests.factories import NOON

pytestmark = pytest.mark.django_db
PAGE = "/backoffice/carts/clean-up/"
LONG_AGO = {"last_activity_at": NOON - timedelta(days=100), "seen_at": NOON - timedelta(days=100)}


@pytest.fixture(autouse=True)
def noon(monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: NOON)


def hidden(page):
    return dict(re.findall(r'type="hidden" name="(which|days|since|total|done)" value="([^"]*)"', page.text))


def test_a_dry_run_shows_and_deletes_nothing():
    shop = factories.shop()
    gone = [cart(shop, **LONG_AGO) for _ in range(12)]
    stays, ordered = cart(shop), cart(shop, ordered_at=NOON, **LONG_AGO)
    page = manager(shop).get(PAGE, {"which": "age", "days": 90})
    assert page.context["count"] == 12
    assert "12 carts would be deleted" in page.text
    assert [row.pk for row in page.context["sample"]] == [made.pk for made in gone[:1:-1]]
    assert f"#{stays.pk}<" not in page.text
    assert f"#{ordered.pk}<" not in page.text
    assert not Cart.objects.exclude(deleted_at=None).exists()


def test_it_goes_batch_by_batch_and_tells_how_far_it_is(monkeypatch):
    monkeypatch.setattr(services, "BATCH", 5)
    shop = factories.shop()
    for _ in range(12):
        cart(shop, **LONG_AGO)
    client = manager(shop)
    data, told = hidden(client.get(PAGE, {"which": "empty", "days": 90})), []
    for _ in range(3):
        page = client.post(PAGE, data, headers={"HX-Request": "true"})
        assert "<html" not in page.text
        told.append(re.sub(r"\s+", " ", re.search(r"<h2>(.*?)</h2>", page.text, re.S).group(1)).strip())
        data = hidden(page)
    assert told == ["5 of 12 carts deleted", "10 of 12 carts deleted", "12 carts were deleted"]
    assert data == {}
    assert Cart.objects.filter(deleted_at=None).count() == 0


def test_what_happened_after_the_dry_run_counts():
    shop = factories.shop()
    visited, ordered, gone = (cart(shop, **LONG_AGO) for _ in range(3))
    client = manager(shop)
    data = hidden(client.get(PAGE, {"which": "age", "days": 90}))
    Cart.objects.filter(pk=visited.pk).update(seen_at=NOON)
    Cart.objects.filter(pk=ordered.pk).update(ordered_at=NOON)
    client.post(PAGE, data)
    assert Cart.objects.exclude(deleted_at=None).get() == gone


def test_a_crafted_moment_takes_no_more_than_now():
    shop = factories.shop()
    cart(shop)
    manager(shop).post(PAGE, {"which": "age", "days": 1, "since": "2999-01-01T00:00:00+00:00"})
    assert Cart.objects.get().deleted_at is None


@pytest.mark.parametrize(
    "data", [{"which": "all", "days": 5}, {"which": "age", "days": 0}, {"which": "age", "days": "x"}, {"which": "age"}]
)
def test_a_rule_that_is_none_is_refused(data):
    shop = factories.shop()
    cart(shop, **LONG_AGO)
    client = manager(shop)
    for page in (client.get(PAGE, data), client.post(PAGE, data)):
        assert page.status_code == 200
        assert "field-error" in page.text
    assert Cart.objects.get().deleted_at is None


def test_only_shops_that_one_manages_are_cleaned_up():
    mine, other = factories.shop(), factories.shop()
    cart(mine, **LONG_AGO)
    theirs = cart(other, **LONG_AGO)
    client = manager(mine)
    client.post(PAGE, {"which": "age", "days": 90, "since": ""})
    assert Cart.objects.filter(deleted_at=None).get() == theirs
    assert signed_in(Role.AGENT, mine).post(PAGE, {"which": "age", "days": 90}).status_code == 403


def test_what_was_cleaned_up_is_among_the_deleted_carts():
    shop = factories.shop()
    made = cart(shop, **LONG_AGO)
    client = manager(shop)
    client.post(PAGE, {"which": "age", "days": 90})
    assert f"#{made.pk}" in client.get(reverse("backoffice:cart-deleted")).text
