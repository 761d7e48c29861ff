"""A changed threshold counts for the carts that are there, not only for those to come."""

from datetime import timedelta

import pytest

from ghostcart.carts import changes, services
from ghostcart.carts.models import Cart
from ghostcart.shops.models import AbandonedBasis
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
    assert shopper.cart.abandon_after == NOON + timedelta(hours=24)
    assert Cart.objects.filter(abandon_after__lte=NOON + timedelta(hours=24)).exists()  # comparable as it is stored


def test_ordered_carts_and_other_shops_stay_as_they_are():
    shop, other = factories.shop(), factories.shop()
    ordered, elsewhere = Shopper(shop), Shopper(other)
    for shopper in (ordered, elsewhere):
        shopper.add()
    ordered.do(changes.Order, order_id=1, number="T-1")
    shop.abandoned_minutes = 90
    services.retime(shop)
    assert set(Cart.objects.values_list("abandon_after", flat=True)) == {NOON + timedelta(hours=24)}
