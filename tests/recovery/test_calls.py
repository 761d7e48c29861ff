"""The call list: who is worth a call, in which order, and when a cart leaves it."""

from datetime import timedelta

import pytest

from ghostcart.carts import changes
from ghostcart.recovery import calls
from ghostcart.recovery.errors import NotCallable
from tests import factories
from tests.factories import NOON, Shopper
from tests.races import order

pytestmark = pytest.mark.django_db
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NOW = NOON + 10 * DAY


def ghost(shop, name, *, sku="MUG", days_ago=2.0, phone="011 55"):
    """A cart that was left so many days ago (a day later it counts as abandoned)."""
    customer = factories.customer(shop, f"{name}@example.com", first_name=name, last_name="", phone=phone)
    shopper = Shopper(shop, at=NOW - days_ago * DAY)
    shopper.add(sku)
    shopper.do(changes.Identify, customer_id=customer.pk, label=customer.label)
    return shopper, customer


def names(shop, now=NOW):
    return [row.cart.customer.first_name for row in calls.to_call([shop.pk], now)]


def test_dear_and_fresh_carts_come_first(shop):
    ghost(shop, "Old", sku="LAMP", days_ago=12)
    ghost(shop, "Cheap", sku="MUG")
    ghost(shop, "Dear", sku="LAMP")
    assert names(shop) == ["Dear", "Cheap", "Old"]


def test_without_a_number_too_fresh_or_too_old_there_is_no_call(shop):
    ghost(shop, "Mute", phone="")
    ghost(shop, "Fresh", days_ago=0.5)
    ghost(shop, "Cold", days_ago=16)
    assert names(shop) == []


def test_who_bought_since_is_not_called_whatever_cart_it_was(shop):
    _shopper, ada = ghost(shop, "Ada")
    other = Shopper(shop, at=NOW - HOUR)
    other.add("CLOCK")
    order(other, ada)
    assert names(shop) == []


@pytest.mark.parametrize("outcome", ["reached", "ordered", "not_interested", "wrong_number"])
def test_these_outcomes_end_it(shop, outcome):
    shopper, _customer = ghost(shop, "Ada")
    calls.record_call(shopper.cart, outcome, actor="staff:1", now=NOW)
    assert names(shop, NOW + 2 * DAY) == []


def test_nobody_answered_comes_back_a_day_later_three_times_at_most(shop):
    shopper, _customer = ghost(shop, "Ada")
    for number in range(3):
        at = NOW + number * DAY
        assert names(shop, at) == ["Ada"]
        calls.record_call(shopper.cart, "no_answer", actor="staff:1", now=at)
        assert names(shop, at + HOUR) == []
    assert names(shop, NOW + 4 * DAY) == []


def test_call_again_waits_for_its_time(shop):
    shopper, _customer = ghost(shop, "Ada")
    calls.record_call(shopper.cart, "later", actor="staff:1", now=NOW, again_at=NOW + 3 * DAY)
    assert names(shop, NOW + 2 * DAY) == []
    assert names(shop, NOW + 3 * DAY) == ["Ada"]


def test_nonsense_is_refused(shop):
    shopper, _customer = ghost(shop, "Ada")
    for bad in ({"outcome": "sold"}, {"outcome": "later", "again_at": NOW - HOUR}):
        with pytest.raises(NotCallable):
            calls.record_call(shopper.cart, actor="staff:1", now=NOW, **bad)
