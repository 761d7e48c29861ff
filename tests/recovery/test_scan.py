"""Taking people in as they become due."""

import os
from datetime import UTC, datetime, timedelta

import pytest

from ghostcart.carts import changes, intake
from ghostcart.carts.models import Cart
from ghostcart.customers import identity
from ghostcart.customers.models import Customer
from ghostcart.mail.models import Message
from ghostcart.orders.services import set_status
from ghostcart.recovery import campaigns, scan
from ghostcart.recovery.models import Arm, Campaign, Decision, Enrolment, Kind
from tests import outside
from tests.factories import NOON
from tests.races import order
from tests.recovery import following
from tests.recovery.following import DAY, HOUR, Pile, days, leaving, left, why, worker

pytestmark = pytest.mark.django_db
MANY = 50_000 if os.environ.get("GHOSTCART_LONG") == "1" else 30


@pytest.fixture
def shop():
    return following.shop()


@pytest.fixture
def small(monkeypatch):
    """What is unusual at a tenth of the size: tests need fewer carts."""
    monkeypatch.setattr("ghostcart.recovery.rules.NEVER_UNUSUAL", 5)


@pytest.fixture
def campaign(shop):
    return following.campaign(shop)


def people(shop, count, at=NOON):
    return [left(shop, f"p{number}@example.com", at) for number in range(count)]


def test_a_cart_is_taken_in_once(shop, campaign):
    left(shop, at=NOON + HOUR)
    days(NOON + 22 * HOUR, NOON + 26 * HOUR, HOUR)
    assert Enrolment.objects.count() == 1
    assert Message.objects.count() == 2  # sent, and the next one


def test_a_changed_cart_starts_over(shop, campaign):
    shopper = leaving(shop, at=NOON + HOUR)
    pile = worker(NOON + 26 * HOUR)
    shopper.at = NOON + 30 * HOUR
    shopper.do(changes.AddLine, sku="LAMP")
    worker(NOON + 31 * HOUR, pile)
    assert list(Enrolment.objects.values_list("reason", flat=True)) == ["changed"]
    worker(NOON + 55 * HOUR, pile)
    assert len(pile.letters) == 2
    assert [one[0] for one in why(shopper.cart)] == ["enrolled", "sent", "ended", "enrolled", "sent"]


def test_the_newest_cart_of_a_person_is_what_they_hear_of(shop, campaign):
    first = left(shop, at=NOON + HOUR)
    worker(NOON + 26 * HOUR)
    second = left(shop, "Ada@example.com", at=NOON + 27 * HOUR)
    worker(NOON + 52 * HOUR)
    assert why(first)[-1] == ("ended", "newer_cart")
    assert why(second) == [("enrolled", ""), ("sent", "")]
    assert Enrolment.objects.filter(ended_at=None).get().cart == second


def test_visitors_bots_and_who_never_agreed(shop, campaign):
    anonymous = following.Shopper(shop, at=NOON + HOUR)
    anonymous.add()
    silent = left(shop, "no@example.com", at=NOON + HOUR, consent=None)
    bot = left(shop, "bot@example.com", at=NOON + HOUR)
    Cart.objects.filter(pk=bot.pk).update(bot_score=80)
    assert not worker(NOON + 26 * HOUR).letters
    assert why(silent) == [("passed", "no_consent")]
    assert why(bot) == [("passed", "bot")]
    assert not Decision.objects.filter(cart=anonymous.cart).exists()


def test_forty_strangers_who_type_one_address_make_one_sequence(shop):
    """Whoever fills carts in somebody else's name must not fill their mailbox through us."""
    campaign = following.campaign(shop)
    following.plain_steps(campaign, 60, 120, 180, 240, 300)
    for minute in range(40):
        left(shop, ["victim@example.com", "Victim@Example.com", "victim+x@example.com"][minute % 3],
             NOON + minute * timedelta(minutes=3))  # fmt: skip
    pile = days(NOON, NOON + 6 * DAY, HOUR)
    assert Enrolment.objects.filter(ended_at=None).count() <= 1
    assert 1 <= len(pile.letters) <= 3
    assert len({message.customer.person_id for message in Message.objects.select_related("customer")}) == 1


def test_a_decision_is_made_once(shop, campaign):
    silent = left(shop, "no@example.com", at=NOON + HOUR, consent=None)
    days(NOON + 25 * HOUR, NOON + 27 * HOUR, timedelta(minutes=30))
    assert why(silent) == [("passed", "no_consent")]


# -- switching on, stopping, and time that passes ----------------------------------------------------


def test_switching_on_over_many_old_carts_sends_nothing(shop):
    people(shop, MANY, NOON - 2 * DAY)
    following.campaign(shop)
    assert not days(NOON, NOON + 4 * HOUR, 2 * HOUR).letters
    assert not Enrolment.objects.exists()


def test_without_looking_forward_only_all_of_them_would_be_met(shop):
    """The guard of the test above."""
    people(shop, 8, NOON - 2 * DAY)
    made = following.campaign(shop)
    Campaign.objects.filter(pk=made.pk).update(looked_until=NOON - 9 * DAY, started_at=NOON - 9 * DAY)
    assert len(worker(NOON).letters) == 8


def test_a_worker_that_was_off_for_six_hours_loses_nothing(shop, campaign):
    for hour in range(12):
        left(shop, f"p{hour}@example.com", NOON + hour * HOUR)
    pile = days(NOON + 24 * HOUR, NOON + 26 * HOUR, HOUR)
    assert 0 < len(pile.letters) < 12
    days(NOON + 32 * HOUR, NOON + 36 * HOUR, HOUR, pile)
    assert sorted(pile.recipients()) == sorted(f"p{hour}@example.com" for hour in range(12))


def test_what_is_committed_late_is_found(shop, campaign):
    worker(NOON + 25 * HOUR)
    left(shop, at=NOON + 55 * timedelta(minutes=1))  # carries a moment that was looked at already
    assert worker(NOON + 25 * HOUR + timedelta(seconds=5)).letters


def test_what_is_told_long_after_it_happened_is_not_written_about(shop, campaign):
    """From before what the log keeps: it is taken in, stands at its own time, and nobody hears of it."""
    worker(NOON + 25 * HOUR)
    person, long_ago = following.customer(shop, "ada@example.com"), NOON - 500 * DAY
    told = {"1": outside.cart("1", outside.line("mug"), at=long_ago, created_at=long_ago)}
    assert intake.take(shop.pk, outside.SOURCE, told.values(), NOON + 26 * HOUR) == {"1": "created"}
    Cart.objects.filter(external_id="1").update(customer=person, customer_label=person.label)
    assert not days(NOON + 26 * HOUR, NOON + 80 * HOUR, 6 * HOUR).letters
    assert not Enrolment.objects.exists()
    late = Cart.objects.get(external_id="1")
    assert (late.last_activity_at, late.events.get().at) == (long_ago, long_ago)


def test_after_long_only_what_is_not_stale(shop, campaign):
    left(shop, "old@example.com", NOON + HOUR)
    left(shop, "new@example.com", NOON + 6 * DAY)
    pile = worker(NOON + 8 * DAY)
    assert pile.recipients() == ["new@example.com"]


# -- runs far above the usual ------------------------------------------------------------------------


def test_a_run_far_above_the_usual_pauses_and_asks(shop, campaign, small):
    people(shop, 6, NOON + HOUR)
    pile = worker(NOON + 26 * HOUR)
    campaign.refresh_from_db()
    assert (campaign.state, campaign.paused_for, pile.letters) == ("paused", "unusual_size", [])
    assert not Enrolment.objects.exists()
    campaigns.let_through(campaign, 6, NOON + 27 * HOUR)
    assert len(worker(NOON + 27 * HOUR).letters) == 6


def test_who_may_not_be_written_to_does_not_count(shop, campaign, small):
    for number in range(8):
        left(shop, f"p{number}@example.com", NOON + HOUR, consent=None)
    left(shop, "yes@example.com", NOON + HOUR)
    assert worker(NOON + 26 * HOUR).recipients() == ["yes@example.com"]


def test_a_shop_with_many_carts_a_day_is_not_asked(shop, small):
    for day in range(7):
        for number in range(2):
            left(shop, f"p{day}.{number}@example.com", NOON - day * DAY - 25 * HOUR)
    campaign = following.campaign(shop)
    assert campaign.cleared_size == 10
    people(shop, 10, NOON + HOUR)
    assert len(worker(NOON + 26 * HOUR).letters) == 10


# -- clocks -------------------------------------------------------------------------------------------


def sent(pile):
    return sorted(pile.recipients())


@pytest.mark.parametrize("jump", [HOUR, -HOUR, 3652 * DAY], ids=["an hour on", "an hour back", "ten years on"])
def test_a_clock_that_jumps_and_comes_back_sends_each_step_once(shop, jump):
    campaign = following.campaign(shop)
    following.plain_steps(campaign, 60, 24 * 60)
    pile = Pile()
    left(shop, "before@example.com", NOON)
    days(NOON + HOUR, NOON + 90 * timedelta(minutes=1), timedelta(minutes=15), pile)
    left(shop, "within@example.com", NOON + HOUR)
    days(NOON + 90 * timedelta(minutes=1) + jump, NOON + 100 * timedelta(minutes=1) + jump, timedelta(minutes=5), pile)
    left(shop, "after@example.com", NOON + 101 * timedelta(minutes=1))
    days(NOON + 101 * timedelta(minutes=1), NOON + 5 * HOUR, timedelta(minutes=40), pile)
    days(NOON + 5 * HOUR, NOON + 30 * HOUR, 5 * HOUR, pile)
    assert sent(pile) == sorted([f"{who}@example.com" for who in ("before", "within", "after")] * 2)


@pytest.mark.parametrize("first_step", [0, 60])
@pytest.mark.parametrize("ahead", [8, 45], ids=["by less than is looked back", "by more"])
def test_a_clock_that_is_put_right_bit_by_bit_sends_each_step_once_and_loses_nobody(shop, ahead, first_step):
    """It was minutes ahead, and loses half a minute in each: some moments come twice, and are dated twice."""
    campaign = following.campaign(shop, now=NOON)
    following.plain_steps(campaign, first_step, 5 * 60)
    pile, minute, people = Pile(), timedelta(minutes=1), []
    for passed in range(0, 60, 3):
        now = NOON + passed * minute + max(ahead * minute - passed * 1.5 * minute, timedelta())
        if passed % 2 == 0:
            people.append(f"p{passed}@example.com")
            left(shop, people[-1], now)
        worker(now, pile)
    days(NOON + HOUR, NOON + 8 * HOUR, 30 * minute, pile)
    assert sent(pile) == sorted(people * 2)
    assert set(Enrolment.objects.values_list("reason", flat=True)) == {"completed"}


def test_without_going_back_with_the_clock_those_who_leave_meanwhile_are_lost(shop, monkeypatch):
    """The guard of the test above."""
    monkeypatch.setattr(scan, "LATE", -timedelta(days=1))  # a clock put back is never noticed
    following.plain_steps(following.campaign(shop, now=NOON), 0)
    pile = worker(NOON + HOUR)
    left(shop, at=NOON + 30 * timedelta(minutes=1))
    days(NOON + 30 * timedelta(minutes=1), NOON + 3 * HOUR, HOUR / 2, pile)
    assert not pile.letters


def test_without_the_check_a_leap_would_lose_them(shop, monkeypatch):
    """The guard of the test above."""
    monkeypatch.setattr("ghostcart.recovery.rules.LEAP", timedelta(days=10**5))
    campaign = following.campaign(shop)
    following.plain_steps(campaign, 60)
    left(shop, at=NOON)
    pile = worker(NOON + 3652 * DAY)
    days(NOON + HOUR, NOON + 3 * HOUR, HOUR, pile)
    assert not pile.letters


MOVED = {
    "Europe/Rome": ("2027-03-27", "2026-10-24"),
    "America/New_York": ("2027-03-13", "2026-10-31"),
    "Australia/Lord_Howe": ("2027-04-03", "2026-10-03"),  # by half an hour
    "Africa/Cairo": ("2027-04-29", "2026-10-29"),  # at midnight
}


@pytest.mark.parametrize(("zone", "day"), [(zone, day) for zone, days in MOVED.items() for day in days])
def test_over_the_nights_on_which_clocks_are_moved_each_step_goes_once_and_wakes_nobody(zone, day):
    """Carts are left around the clock; a worker comes by every hour until all has gone."""
    shop = following.shop(time_zone=zone, quiet_from=21 * 60, quiet_until=8 * 60, mail_cap=9)
    start = datetime.fromisoformat(f"{day}T12:00").replace(tzinfo=shop.zone).astimezone(UTC)
    campaign = following.campaign(shop, now=start - HOUR)
    following.plain_steps(campaign, 60, 10 * 60, 24 * 60)
    people = [f"p{hour}@example.com" for hour in range(0, 24, 6)]
    for number, email in enumerate(people):
        left(shop, email, start + number * 6 * HOUR)
    pile = days(start, start + 3 * DAY, HOUR)
    assert sent(pile) == sorted(people * 3)
    for message in Message.objects.all():
        local = message.sent_at.astimezone(shop.zone)
        assert 8 <= local.hour < 21, local


# -- other kinds --------------------------------------------------------------------------------------


def buys(shop, email, at, sku="LAMP"):
    shopper = leaving(shop, email, at, sku)
    return order(shopper, shopper.cart.customer)


def test_thanks_for_an_order(shop):
    following.campaign(shop, Kind.THANKS)
    buys(shop, "ada@example.com", NOON + HOUR)
    void = buys(shop, "bob@example.com", NOON + HOUR)
    pile = worker(NOON + 6 * DAY)
    assert not pile.letters
    set_status(void, "cancelled", "staff:1", NOON + 6 * DAY)
    worker(NOON + 8 * DAY, pile)
    assert pile.recipients() == ["ada@example.com"]


def test_best_customers_once_a_month(shop):
    following.campaign(shop, Kind.BEST, threshold_minor=20_000, days=30)
    buys(shop, "ada@example.com", NOON + HOUR)
    pile = days(NOON, NOON + 3 * DAY, DAY)
    assert not pile.letters
    for day in (3, 4, 5):
        buys(shop, "ada+again@example.com", NOON + day * DAY)
    days(NOON + 3 * DAY, NOON + 8 * DAY, DAY, pile)
    assert len(pile.letters) == 1


def test_lapsed_customers(shop):
    following.campaign(shop, Kind.LAPSED, now=NOON - DAY, days=30)
    buys(shop, "gone@example.com", NOON)
    buys(shop, "back@example.com", NOON)
    pile = days(NOON, NOON + 20 * DAY, DAY)
    buys(shop, "back@example.com", NOON + 20 * DAY)
    days(NOON + 21 * DAY, NOON + 33 * DAY, DAY, pile)
    assert pile.recipients() == ["gone@example.com"]


def test_priorities_between_campaigns(shop):
    thanks = following.campaign(shop, Kind.THANKS)
    following.plain_steps(thanks, 60, 5 * 24 * 60)
    carts = following.campaign(shop)
    buys(shop, "ada@example.com", NOON + HOUR)
    pile = worker(NOON + 3 * HOUR)
    left(shop, at=NOON + 4 * HOUR)
    worker(NOON + 29 * HOUR, pile)
    assert len(pile.letters) == 2
    assert Enrolment.objects.get(campaign=thanks).reason == "outranked"
    assert Enrolment.objects.get(campaign=carts).ended_at is None


# -- holding out --------------------------------------------------------------------------------------


def test_two_spellings_and_two_carts_are_in_one_arm(shop):
    campaign = following.campaign(shop, holdout_bp=5000)
    for number in range(20):
        left(shop, f"p{number}@example.com", NOON + HOUR)
        left(shop, f"P{number}+more@example.com", NOON + 30 * HOUR, "LAMP")
    pile = days(NOON + 24 * HOUR, NOON + 60 * HOUR, 6 * HOUR)
    by_person = {}
    for enrolment in Enrolment.objects.filter(campaign=campaign).select_related("customer__person"):
        person = enrolment.customer.person
        by_person.setdefault(person.merged_into_id or person.pk, set()).add(enrolment.arm)
    assert len(by_person) == 20
    assert all(len(arms) == 1 for arms in by_person.values())
    held = {e.customer.email for e in Enrolment.objects.filter(arm=Arm.HELD_OUT).select_related("customer")}
    assert held
    assert not held & set(pile.recipients())


def test_two_people_who_turn_out_to_be_one_are_in_the_arm_of_the_first(shop):
    following.campaign(shop, holdout_bp=5000)
    people(shop, 20, NOON + HOUR)
    worker(NOON + 26 * HOUR)
    by_arm = {enrolment.arm: enrolment for enrolment in Enrolment.objects.select_related("customer")}
    first, second = (one.customer for one in sorted(by_arm.values(), key=lambda one: one.pk))
    for one in (first, second):
        identity.recognise(Customer.objects.get(pk=one.pk), NOON, phone="+39 011 5551234")
    again = left(shop, second.email, NOON + 30 * HOUR)
    worker(NOON + 55 * HOUR)
    assert Enrolment.objects.get(cart=again).arm == Enrolment.objects.filter(customer=first).first().arm


# -- costs --------------------------------------------------------------------------------------------


def test_a_round_costs_by_what_is_due(shop, campaign, django_assert_max_num_queries):
    people(shop, 10, NOON - 3 * DAY)
    scan.enrol(NOON + HOUR)
    with django_assert_max_num_queries(12):
        scan.enrol(NOON + HOUR + timedelta(seconds=5))
