"""Ordering and claiming at once: no reminder is claimed after the order's commit.

A claim that lets a mail out looks, just before its own commit and with other eyes, whether an order that should have
stopped it is there already.
"""

import os
from contextlib import contextmanager
from random import Random
from threading import Semaphore, Thread

import pytest
from django.db import connection, connections, transaction

from ghostcart.carts import changes
from ghostcart.customers import identity
from ghostcart.mail import claiming
from ghostcart.mail.models import Message
from ghostcart.recovery import campaigns, claims, scan
from ghostcart.recovery.models import Campaign, Enrolment, Reminder
from tests.factories import ADDRESS, NOON, Shopper
from tests.races import order, together
from tests.recovery import following
from tests.recovery.following import HOUR, leaving

pytestmark = pytest.mark.django_db(transaction=True)
only_postgres = pytest.mark.postgres  # SQLite has one writer: without our locks nothing goes wrong there
ORDERS, ROUNDS = (100, 100) if os.environ.get("GHOSTCART_LONG") == "1" else (40, 1)
DUE = NOON + 25 * HOUR


@pytest.fixture
def shop():
    return following.shop()


@contextmanager
def other_eyes():
    """A connection of its own: sees what was committed."""
    other = connections.create_connection("default")
    try:
        with other.cursor() as cursor:
            yield cursor
    finally:
        other.close()


def make_due(shop, count):
    """So many people whose first mail is due now; for each a way to order something."""
    campaign = following.campaign(shop)
    Campaign.objects.filter(pk=campaign.pk).update(cleared_size=10**6)
    ways = []
    for number in range(count):
        left = leaving(shop, f"p{number}@example.com", NOON + HOUR)
        ways.append(way_to_order(shop, left, number))
    while identity.catch_up(DUE) or scan.enrol(DUE):
        pass
    return ways


def way_to_order(shop, left, number):
    """The same cart; another cart; another customer with the same phone, or to the same address."""
    customer = left.cart.customer
    place = ADDRESS | {"street": f"Via {number}"}
    if number % 4 == 0:
        left.at = DUE
        return lambda: order(left, customer, address=place)
    buyer, address = customer, place
    if number % 4 > 1:
        phone = f"+39 011 55{number:05d}"
        seen = {"phone": phone} if number % 4 == 2 else {"address": place}
        identity.recognise(customer, NOON, **seen)
        buyer = following.customer(shop, f"other{number}@example.com", None)
        address = ADDRESS | {"street": f"Strada {number}", "phone": phone} if number % 4 == 2 else place

    def do():
        other = Shopper(shop, at=DUE)
        other.add("MUG")
        order(other, buyer, address=address)

    return do


def claim_some(limit):
    """One claim; the messages that were let out although their order had been committed by then."""
    with transaction.atomic():
        taken = claiming.claim(DUE, worker="w", decide={"reminder": claims.decide}, limit=limit)
        gone = [message.pk for message, _links in taken.letters]
        late = [pk for pk in gone if is_ordered(pk)]
    return taken.handled, late


def is_ordered(message_pk):
    """Whether others can see an order that stops this message."""
    enrolment = Reminder.objects.select_related("enrolment__customer").get(message=message_pk).enrolment
    number = enrolment.customer.email.removeprefix("p").partition("@")[0]
    emails = (enrolment.customer.email, f"other{number}@example.com")
    with other_eyes() as cursor:
        found = "SELECT count(*) FROM orders_order WHERE shop_id = %s AND email IN (%s, %s)"
        cursor.execute(found, (enrolment.shop_id, *emails))
        return cursor.fetchone()[0] > 0


def test_no_reminder_is_claimed_after_the_order():
    figures = []
    for seed in range(ROUNDS):
        figures.append(order_beside_claims(following.shop(), Random(seed)))
        if seed % 10 == 9:
            print(f"{(seed + 1) * ORDERS} orders beside claims", flush=True)
            with connection.cursor() as cursor:
                cursor.execute("ANALYZE")  # the tests' server has no autovacuum, and would plan for empty tables
    let_out, stopped = (sum(column) for column in zip(*figures, strict=True))
    print(f"\n{ROUNDS * ORDERS} orders beside claims: {let_out} claimed before, {stopped} stopped, 0 claimed after")
    assert let_out + stopped == ROUNDS * ORDERS


def order_beside_claims(shop, chance):
    """Two threads order and two claim, in step: each order lets somebody claim beside it, and nearly in the same order,
    so that they meet. How many mails were let out, and how many stopped."""
    ways = nearly_in_order(make_due(shop, ORDERS), chance)
    theirs = Message.objects.filter(shop=shop)
    assert theirs.count() == ORDERS
    turns = Semaphore(0)

    def order_all(some):
        def run():
            try:
                for way in some:
                    turns.release()
                    way()
            finally:
                turns.release(ORDERS)

        return run

    def claim_all(mine):
        def run():
            late = []
            while True:
                turns.acquire()
                handled, some = claim_some(1 + (mine.random() < 0.1))
                late += some
                if not handled:
                    return late

        return run

    jobs = [order_all(ways[0::2]), order_all(ways[1::2]), claim_all(Random(1)), claim_all(Random(chance.random()))]
    results = together(jobs)
    assert not [result for result in results if isinstance(result, Exception)], results
    assert results[2] + results[3] == []
    return theirs.filter(state="claimed").count(), theirs.filter(state="cancelled").count()


def nearly_in_order(some, chance):
    return [
        one for _place, one in sorted(((place + chance.random() * 6, one) for place, one in enumerate(some)), key=first)
    ]


def first(pair):
    return pair[0]


@only_postgres
@pytest.mark.parametrize("way", [1, 2, 3])
def test_without_the_locks_of_people_one_would_be(shop, monkeypatch, way):
    """The guard of the test above: the order commits between the look and the commit of the claim."""
    monkeypatch.setattr(identity, "lock", lambda ids: None)
    ways = make_due(shop, way + 1)
    Message.objects.exclude(address=f"p{way}@example.com").update(state="cancelled")
    with transaction.atomic():
        taken = claiming.claim(DUE, worker="w", decide={"reminder": claims.decide}, limit=5)
        (message,) = [message.pk for message, _links in taken.letters]
        thread = Thread(target=together, args=([ways[way]],))
        thread.start()
        thread.join(30)
        assert is_ordered(message)
    assert Message.objects.get(pk=message).state == "claimed"


@only_postgres
def test_with_them_the_order_waits_for_the_claim(shop):
    ways = make_due(shop, 2)
    with transaction.atomic():
        taken = claiming.claim(DUE, worker="w", decide={"reminder": claims.decide}, limit=5)
        message = next(message.pk for message, _links in taken.letters if message.address == "p1@example.com")
        thread = Thread(target=together, args=([ways[1]],))
        thread.start()
        thread.join(0.3)
        assert thread.is_alive()
        assert not is_ordered(message)
    thread.join(30)
    assert is_ordered(message)


def test_scans_at_once_take_everybody_in_once(shop):
    campaign = following.campaign(shop)
    for number in range(30):
        leaving(shop, f"p{number}@example.com", NOON + HOUR)
    results = together([lambda: scan.enrol(DUE)] * 4)
    assert results == [False] * 4
    assert Enrolment.objects.filter(campaign=campaign).count() == Message.objects.count() == 30


def test_a_pause_that_has_committed_is_never_overlooked(shop):
    make_due(shop, 12)
    campaign = Campaign.objects.get()
    paused = []

    def pause():
        campaigns.pause(campaign, "staff")
        paused.append(True)

    def claim_all():
        late = []
        for _ in range(12):
            with transaction.atomic():
                taken = claiming.claim(DUE, worker="w", decide={"reminder": claims.decide}, limit=1)
                with other_eyes() as cursor:
                    cursor.execute("SELECT state FROM recovery_campaign")
                    is_paused = cursor.fetchone()[0] == "paused"
                late += [message.pk for message, _links in taken.letters if is_paused]
        return late

    results = together([claim_all, pause, claim_all])
    assert results[0] == results[2] == []
    assert paused


def test_a_cart_that_goes_into_another_at_sign_in_is_written_about_once_at_most(shop):
    """Ada left a cart as a guest; she signs in, with another cart saved, in the moment its mail is claimed."""
    following.campaign(shop)
    guests = [leaving(shop, f"p{number}@example.com", NOON + HOUR) for number in range(12)]
    while identity.catch_up(DUE) or scan.enrol(DUE):
        pass
    assert Message.objects.count() == 12

    def sign_in(guest):
        person, saved = guest.cart.customer, Shopper(shop, at=DUE)
        saved.add("LAMP")
        for one in (saved, guest):
            one.at = DUE
            one.do(changes.SignIn, customer_id=person.pk, label=person.label)

    def claim_all():
        return [claim_some(1) for _ in range(14)]

    results = together([claim_all, lambda: [sign_in(one) for one in guests], claim_all])
    assert not [one for one in results if isinstance(one, Exception)], results
    assert Message.objects.filter(state="claimed").count() + Message.objects.filter(state="cancelled").count() == 12
    later = DUE + 30 * 24 * HOUR
    following.worker(later)
    assert Reminder.objects.values("message__address").distinct().count() == 12
    for guest in guests:
        carts = guest.cart.customer.carts.filter(merged_at=None)
        assert carts.count() == 1
