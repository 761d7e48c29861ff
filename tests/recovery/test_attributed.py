"""What is attributed: mails by what came of them, orders by the ledger, and every sum the sum of its rows."""

from datetime import date, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db.models import Sum

from ghostcart.carts import changes
from ghostcart.mail.models import By, EventKind
from ghostcart.orders import services as orders
from ghostcart.recovery import attributed, counts, ledger
from ghostcart.recovery.attributed import Group, Period
from tests import factories
from tests.factories import NOON, Shopper
from tests.races import order
from tests.recovery import cast

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
PERIOD = Period(NOON - DAY, NOON + 30 * DAY, ZoneInfo("Europe/Rome"))


@pytest.fixture
def campaign(shop):
    return cast.campaign(shop)


def left(shop, campaign, name, at=NOON, position=1):
    """Somebody who left a lamp and was reminded the day after."""
    customer = factories.customer(shop, f"{name}@example.com", first_name=name)
    shopper = Shopper(shop, at=at)
    shopper.add("LAMP")
    shopper.do(changes.Identify, customer_id=customer.pk, label=customer.label)
    reminder = cast.sent(cast.enrol(campaign, customer, cart=shopper.cart, at=at), at + DAY, position)
    return shopper, customer, reminder


def buys(shopper, customer, reminder):
    cast.happened(reminder, EventKind.RESTORED)
    shopper.at += 2 * DAY
    return order(shopper, customer)


def test_each_mail_counts_once_and_machines_stand_apart(shop, campaign):
    *_ada, reminder = left(shop, campaign, "ada")
    *_bob, other = left(shop, campaign, "bob")
    for _again in range(3):
        cast.happened(reminder, EventKind.CLICKED)
    cast.happened(reminder, EventKind.CLICKED, by=By.MACHINE)
    cast.happened(other, EventKind.CLICKED, by=By.MACHINE)
    found = attributed.figures([campaign.pk], PERIOD)["all"]
    assert (found.sent, found.clicked, found.by_machines) == (2, 1, 1)


def test_orders_and_money_come_from_the_ledger_reversals_included(shop, campaign):
    first = left(shop, campaign, "ada")
    second = left(shop, campaign, "bob")
    buys(*first)
    cancelled = buys(*second)
    ledger.write(NOON + 5 * DAY)
    assert attributed.figures([campaign.pk], PERIOD)["all"].ordered == 2
    orders.set_status(cancelled, "cancelled", "staff:1", NOON + 6 * DAY)
    ledger.reverse(NOON + 6 * DAY)
    found = attributed.figures([campaign.pk], PERIOD)["all"]
    assert (found.ordered, dict(found.revenue)) == (1, {"EUR": 8000})
    assert found.revenue["EUR"] == summed(campaign)


def summed(campaign):
    return attributed.lines_in([campaign.pk], PERIOD).aggregate(sum=Sum("amount_minor"))["sum"]


def test_an_order_refunded_in_part_still_counts_with_what_was_kept(shop, campaign):
    placed = buys(*left(shop, campaign, "ada"))
    orders.set_status(placed, "paid", "staff:1", NOON + 4 * DAY)
    ledger.write(NOON + 5 * DAY)
    orders.refund(placed, 3_000, seen_minor=0, now=NOON + 6 * DAY)
    ledger.reverse(NOON + 6 * DAY)
    found = attributed.figures([campaign.pk], PERIOD)["all"]
    assert (found.ordered, dict(found.revenue)) == (1, {"EUR": 5_000})
    assert summed(campaign) == 5_000
    assert counts.of([campaign], NOON + 7 * DAY)[campaign.pk].ordered == 1
    orders.set_status(placed, "refunded", "staff:1", NOON + 8 * DAY)
    ledger.reverse(NOON + 8 * DAY)
    found = attributed.figures([campaign.pk], PERIOD)["all"]
    assert (found.ordered, dict(found.revenue)) == (0, {"EUR": 0})
    assert counts.of([campaign], NOON + 9 * DAY)[campaign.pk].ordered == 0


@pytest.mark.parametrize("by", attributed.BY)
def test_the_groups_add_up_to_the_whole(shop, campaign, by):
    for number, name in enumerate(("ada", "bob", "eve")):
        one = left(shop, campaign, name, at=NOON + number * DAY, position=1 + number % 2)
        if number:
            buys(*one)
    ledger.write(NOON + 9 * DAY)
    groups = attributed.figures([campaign.pk], PERIOD, by).values()
    assert sum(one.sent for one in groups) == 3
    assert sum(one.restored for one in groups) == 2
    assert sum(one.ordered for one in groups) == 2
    assert sum(one.revenue.get("EUR", 0) for one in groups) == 16000


GROUPS = {"step": lambda key: Group(step=key), "language": lambda key: Group(language=key),
          "day": lambda key: Group(day=key), "all": lambda key: Group()}  # fmt: skip


@pytest.mark.parametrize("by", attributed.BY)
def test_every_figure_is_the_number_of_its_rows(shop, campaign, by):
    for number, name in enumerate(("ada", "bob", "eve", "joe")):
        shopper, customer, reminder = left(shop, campaign, name, at=NOON + number * DAY, position=1 + number % 2)
        type(reminder.message).objects.filter(pk=reminder.message_id).update(language=["it", "de"][number // 2])
        cast.happened(
            reminder, [EventKind.OPENED, EventKind.CLICKED][number % 2], by=[By.PERSON, By.MACHINE][number // 2]
        )
        cast.happened(reminder, [EventKind.DELIVERED, EventKind.BOUNCED, EventKind.UNSUBSCRIBED][number % 3])
        if number in (0, 3):
            buys(shopper, customer, reminder)
    ledger.write(NOON + 9 * DAY)
    found = attributed.figures([campaign.pk], PERIOD, by)
    for key, figures in found.items():
        for what in attributed.MAILS:
            rows = attributed.mails([campaign.pk], PERIOD, what, GROUPS[by](key))
            assert rows.count() == getattr(figures, what), (key, what)
        rows = attributed.lines([campaign.pk], PERIOD, GROUPS[by](key))
        assert rows.count() == figures.ordered
        assert sum(rows.values_list("amount_minor", flat=True)) == figures.revenue.get("EUR", 0)
    assert sum(figures.by_machines for figures in found.values()) == 1  # of joe, a person came back


def test_days_are_the_shops(shop, campaign):
    left(shop, campaign, "ada", at=NOON.replace(hour=23, minute=30))  # sent at 00:30 in Rome two days on
    days = attributed.figures([campaign.pk], PERIOD, "day")
    assert set(days) == {date(2026, 11, 24)}


def test_nothing_at_all_is_no_error(campaign):
    assert attributed.figures([campaign.pk], PERIOD)["all"].sent == 0
    assert attributed.figures([], PERIOD, "day") == {}
