"""A changed threshold counts for the carts that are there, not only for those to come."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ghostcart.carts import changes, conditions, services, storage
from ghostcart.carts.models import Cart, Status
from ghostcart.shops import rules
from ghostcart.shops.models import AbandonedBasis, Shop
from tests import factories
from tests.factories import NOON, Shopper

pytestmark = pytest.mark.django_db


def test_a_new_threshold_moves_the_moment_of_abandonment(monkeypatch):
    monkeypatch.setattr(services, "RETIME_BATCH", 2)
    shop = factories.shop()
    for _ in range(5):
        Shopper(shop).add()
    shop.abandoned_minutes = 90
    services.retime(shop)
    assert set(Cart.objects.values_list("abandon_after", flat=True)) == {NOON + timedelta(minutes=90)}


def test_by_prestashops_rule_activity_no_longer_counts():
    shop = factories.shop()
    shopper = Shopper(shop)
    shopper.add()
    shopper.wait(hours=5).add()
    shop.abandoned_basis = AbandonedBasis.CREATED
    services.retime(shop)
    moment = NOON + timedelta(hours=24, minutes=1)
    assert shopper.cart.abandon_after == moment
    assert Cart.objects.filter(abandon_after__lte=moment).exists()  # comparable as it is stored


def test_an_emptied_cart_is_never_abandoned_but_by_prestashops_rule():
    shop = factories.shop()
    shopper = Shopper(shop)
    shopper.add()
    shopper.do(changes.RemoveLine, key="MUG")
    later = NOON + timedelta(days=100)
    assert shopper.cart.status(later) == Status.OPEN
    for basis, status in ((AbandonedBasis.CREATED, Status.ABANDONED), (AbandonedBasis.ACTIVITY, Status.OPEN)):
        shop.abandoned_basis = basis
        services.retime(shop)
        assert shopper.cart.status(later) == status
        assert list(Cart.objects.filter(conditions.status_is(status, later))) == [shopper.cart]


def test_who_goes_on_while_the_threshold_changes_keeps_their_own_moment(monkeypatch):
    shop = factories.shop()
    shopper = Shopper(shop)
    shopper.add()
    write = storage.set_abandon_after
    monkeypatch.setattr(storage, "set_abandon_after", lambda rows: (shopper.wait(hours=1).add(), write(rows)))
    shop.abandoned_minutes = 90
    services.retime(shop)
    assert shopper.cart.abandon_after == NOON + timedelta(hours=25)


@given(
    created=st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31), timezones=st.just(UTC)),
    age=st.timedeltas(timedelta(hours=22), timedelta(hours=26)) | st.just(timedelta(days=1)),
    zone=st.sampled_from(["UTC", "Europe/Rome", "America/New_York", "Asia/Kolkata"]),
)
@settings(max_examples=500)
def test_by_prestashops_rule_carts_are_what_its_own_page_says(created, age, zone):
    """Its page: now, floored to the minute, minus the creation, both by the clock on the wall, is more than a day."""
    shop = Shop(pk=1, time_zone=zone, abandoned_basis=AbandonedBasis.CREATED)
    created = created.replace(microsecond=0)
    now = created + age

    def on_the_wall(moment):
        return moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None)

    assume(all(is_plain(moment, ZoneInfo(zone)) for moment in (created, created + timedelta(days=1), now)))
    theirs = on_the_wall(now).replace(second=0, microsecond=0) - on_the_wall(created) > timedelta(days=1)
    assert (rules.from_row(shop).abandon_after(created, now, is_empty=True) <= now) is theirs


def is_plain(moment, zone) -> bool:
    """No clock is put back or forward within two hours of it: where the wall shows an hour twice, or skips one, the
    page's own answer goes back and forth."""
    offsets = {(moment + timedelta(hours=h)).astimezone(zone).utcoffset() for h in range(-2, 3)}
    return len(offsets) == 1


def test_ordered_carts_and_other_shops_stay_as_they_are():
    shop, other = factories.shop(), factories.shop()
    ordered, elsewhere = Shopper(shop), Shopper(other)
    for shopper in (ordered, elsewhere):
        shopper.add()
    ordered.do(changes.Order, order_id=1, number="T-1")
    shop.abandoned_minutes = 90
    services.retime(shop)
    assert set(Cart.objects.values_list("abandon_after", flat=True)) == {NOON + timedelta(hours=24)}
