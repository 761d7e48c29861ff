"""The report: what the reminders caused, by comparing with those held out, whatever the ledger says."""

from datetime import timedelta

import pytest

from ghostcart.orders import services as orders
from ghostcart.orders.models import Order
from ghostcart.recovery import report
from ghostcart.recovery.models import Arm
from tests import factories
from tests.factories import NOON, Shopper
from tests.races import order
from tests.recovery import cast

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
LATER = NOON + 40 * DAY


def people(shop, campaign, arm, count, buyers, at=NOON):
    """So many people of an arm, of whom so many buy a lamp the day after."""
    for number in range(count):
        customer = factories.customer(shop, f"{arm}{number}@example.com", first_name="", last_name="")
        cast.enrol(campaign, customer, at=at, arm=arm)
        if number < buyers:
            shopper = Shopper(shop, at=at + DAY)
            shopper.add("LAMP")
            order(shopper, customer)


def test_few_people_give_no_figure_but_say_how_many_more(shop):
    campaign = cast.campaign(shop)
    people(shop, campaign, Arm.CONTACTED, 6, 3)
    people(shop, campaign, Arm.HELD_OUT, 3, 1)
    found = report.caused(campaign, LATER)
    assert (found.contacted.people, found.contacted.buyers) == (6, 3)
    assert (found.held_out.people, found.held_out.buyers) == (3, 1)
    assert (found.rate, found.orders, found.revenue) == (None, None, {"EUR": None})
    assert found.needed > 1000


def test_enough_people_give_a_difference_between_limits(shop):
    campaign = cast.campaign(shop)
    people(shop, campaign, Arm.CONTACTED, 60, 20)
    people(shop, campaign, Arm.HELD_OUT, 50, 5)
    found = report.caused(campaign, LATER)
    assert found.rate.estimate == pytest.approx(20 / 60 - 5 / 50)
    assert found.rate.low < found.rate.estimate < found.rate.high
    assert found.orders.estimate == pytest.approx(60 * (20 / 60 - 5 / 50))
    assert found.revenue["EUR"].estimate == pytest.approx(60 * (20 * 8000 / 60 - 5 * 8000 / 50))


def test_who_came_in_lately_is_followed_to_the_end_first(shop):
    campaign = cast.campaign(shop)
    people(shop, campaign, Arm.CONTACTED, 2, 1, at=LATER - 13 * DAY)
    assert report.caused(campaign, LATER).contacted.people == 0
    assert report.caused(campaign, LATER + DAY).contacted.people == 2


def test_orders_called_off_and_orders_too_late_do_not_count(shop):
    campaign = cast.campaign(shop)
    people(shop, campaign, Arm.CONTACTED, 3, 3)
    cancelled, late, _kept = Order.objects.order_by("id")
    orders.set_status(cancelled, "cancelled", "staff:1", NOON + 3 * DAY)
    Order.objects.filter(pk=late.pk).update(placed_at=NOON + 15 * DAY)
    assert report.caused(campaign, LATER).contacted.buyers == 1


def test_a_person_counts_once_however_often_they_come_in(shop):
    campaign = cast.campaign(shop)
    ada = factories.customer(shop)
    cast.enrol(campaign, ada, at=NOON, arm=Arm.HELD_OUT)
    cast.enrol(campaign, factories.customer(shop, "Ada+again@example.com"), at=NOON + DAY, arm=Arm.HELD_OUT)
    found = report.caused(campaign, LATER)
    assert (found.contacted.people, found.held_out.people) == (0, 1)
