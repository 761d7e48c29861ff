"""The guard's limits hold for whoever comes at once: one voucher for a person, and budgets to the cent.

GHOSTCART_LONG=1: 200 rounds of 50 threads, and 1,000 grants at one budget.
"""

import os
from collections import Counter
from threading import Barrier

import pytest
from django.db import transaction
from django.db.models import F

from ghostcart.mail.models import Message
from ghostcart.recovery import guard
from ghostcart.recovery.models import Budget, Decision, Enrolment, Kind, Reminder, VoucherGrant
from ghostcart.recovery.scoring import Score
from ghostcart.vouchers.models import Voucher
from tests.factories import NOON
from tests.races import together
from tests.recovery import granting
from tests.recovery.granting import voucher_step

pytestmark = pytest.mark.django_db(transaction=True)

IS_LONG = os.environ.get("GHOSTCART_LONG") == "1"
THREADS = 50 if IS_LONG else 16  # each asks two dozen questions behind one lock; the rest wait for a connection
ROUNDS = 200 if IS_LONG else 2
GRANTS = 1000 if IS_LONG else 60
TODAY = NOON.date()


@pytest.fixture
def step(shop):
    return voucher_step(granting.campaign(shop, Kind.THANKS, currency="EUR"))


@pytest.fixture
def amount(step):
    """The step gives 5.00, which needs no cart to be reckoned with."""
    type(step).objects.filter(pk=step.pk).update(voucher="amount", percent_bp=0, amounts_minor={"EUR": 500})
    step.refresh_from_db()
    return step


def reminders(step, people):
    """A reminder for each, claimed and about to be sent."""
    shop = step.campaign.shop
    values = {"campaign": step.campaign, "shop": shop, "activity_at": NOON, "at": NOON, "arm": "held_out"}
    enrolled = Enrolment.objects.bulk_create(
        Enrolment(person=who, trigger=f"test:{number}", currency="EUR", **values) for number, who in enumerate(people)
    )
    mails = Message.objects.bulk_create(
        Message(
            shop=shop, kind="reminder", address="x", address_hash="x", state="claimed", due_at=NOON, created_at=NOON
        )
        for _ in people
    )
    return Reminder.objects.bulk_create(
        Reminder(enrolment=one, step=step, shop=shop, message=mail, planned_at=NOON)
        for one, mail in zip(enrolled, mails, strict=True)
    )


def asking(step, reminder):
    def job():
        with transaction.atomic():
            guard.lock_for(reminder.enrolment.person)
            return guard.offer(reminder, step, None, reminder.enrolment.person, NOON)

    return job


def told(results):
    return Counter(one.reason if isinstance(one, guard.Withheld) else type(one).__name__ for one in results)


def forget_all(step):
    for table in (VoucherGrant, Decision, Reminder, Enrolment, Message, Budget, Voucher):
        table.objects.all().delete()


# -- one for a person --------------------------------------------------------------------------------


def test_fifty_mails_to_one_person_and_relatives_carry_one_voucher(shop, amount, monkeypatch):
    monkeypatch.setattr(guard, "score", lambda facts: Score(0, []))
    people = [granting.person(shop, f"ada+{number}@example.com")[1] for number in range(3)]
    people += [granting.person(shop, f"guest{number}@example.com", device="one-sofa")[1] for number in range(3)]
    granting.person(shop, "ada+0@example.com", device="one-sofa")
    for _ in range(ROUNDS):
        forget_all(amount)
        them = reminders(amount, [people[number % len(people)] for number in range(THREADS)])
        assert told(together([asking(amount, one) for one in them])) == {"Granted": 1, "recent_voucher": THREADS - 1}
        assert (Voucher.objects.count(), Budget.objects.get(day=None).taken_minor) == (1, 500)
    print(f"\n{ROUNDS} rounds of {THREADS} threads for one person and relatives: 1 voucher each time")


def test_without_locks_several_would_be_given(shop, amount, monkeypatch):
    """The guard of the test above: nobody is locked, and all have looked before the first one is given."""
    monkeypatch.setattr(guard, "score", lambda facts: Score(0, []))
    all_have_looked = Barrier(4)
    monkeypatch.setattr(guard, "_by_budget", lambda campaign, what, day: [all_have_looked.wait(20), ""][1])
    _, ada = granting.person(shop)
    them = reminders(amount, [ada] * 4)
    results = together([lambda one=one: guard.offer(one, amount, None, ada, NOON) for one in them])
    assert told(results) == {"Granted": 4}


# -- budgets -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("day_budget", "budget", "fits"),
    [(1700, None, 3), (None, 1999, 3), (1500, 2500, 3), (5000, 1000, 2), (499, 9999, 0)],
)
def test_parallel_grants_keep_within_both_budgets(shop, amount, day_budget, budget, fits, monkeypatch):
    monkeypatch.setattr(guard, "score", lambda facts: Score(0, []))
    type(amount.campaign).objects.update(day_budget_minor=day_budget, budget_minor=budget)
    step = voucher_step(amount.campaign)
    them = reminders(step, [granting.person(shop, f"guest{number}@example.com")[1] for number in range(10)])
    expected = {"Granted": fits, "budget": 10 - fits}
    assert told(together([asking(step, one) for one in them])) == Counter({k: v for k, v in expected.items() if v})
    assert set(Budget.objects.values_list("taken_minor", flat=True)) == {fits * 500}
    assert VoucherGrant.objects.count() == fits


def test_a_thousand_takers_leave_what_does_not_fit(shop, step):
    campaign = step.campaign
    campaign.day_budget_minor, campaign.budget_minor = 7 * GRANTS // 2, None

    def take(number):
        with transaction.atomic():
            return guard.take(campaign, 7, TODAY)

    jobs = [lambda of=of: [take(number) for number in range(of, GRANTS, 20)] for of in range(20)]
    taken = sum(sum(result) for result in together(jobs))
    assert taken == GRANTS // 2
    assert set(Budget.objects.values_list("taken_minor", flat=True)) == {7 * taken}
    print(f"\n{GRANTS} grants in 20 threads at a budget for {GRANTS // 2}: {taken} fitted")


def test_looking_first_and_taking_then_passes_the_limit(shop, step):
    """The guard of the tests above: read, check, write."""
    Budget.objects.create(campaign=step.campaign, day=TODAY)
    all_have_looked = Barrier(4)

    def take_naively():
        has_room = Budget.objects.get().taken_minor + 500 <= 900
        all_have_looked.wait(20)
        if has_room:
            Budget.objects.update(taken_minor=F("taken_minor") + 500)

    together([take_naively] * 4)
    assert Budget.objects.get().taken_minor == 2000 > 900


def test_a_new_local_day_has_its_own_budget(shop, step):
    campaign = step.campaign
    campaign.day_budget_minor, campaign.budget_minor = 500, 900
    with transaction.atomic():
        assert guard.take(campaign, 500, TODAY)
        assert not guard.take(campaign, 1, TODAY)
        tomorrow = TODAY.replace(day=23)
        assert not guard.take(campaign, 401, tomorrow)
        assert guard.take(campaign, 400, tomorrow)
    assert dict(Budget.objects.values_list("day", "taken_minor")) == {None: 900, TODAY: 500, tomorrow: 400}


def test_a_voucher_in_another_currency_than_the_budget_waits_for_a_budget_of_its_own(shop, amount, monkeypatch):
    monkeypatch.setattr(guard, "score", lambda facts: Score(0, []))
    type(amount.campaign).objects.update(budget_minor=10_000)
    step = voucher_step(amount.campaign)
    step.amounts_minor = {"CHF": 500}
    _, ada = granting.person(shop)
    [asked] = reminders(step, [ada])
    Enrolment.objects.update(currency="CHF")
    asked.enrolment.refresh_from_db()
    assert asking(step, asked)().reason == "other_currency"
    step.campaign.budget_minor = None
    assert asking(step, asked)().grant.currency == "CHF"
