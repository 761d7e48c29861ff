"""Several workers at once, and people who change their mind meanwhile: each message is claimed once.

(Whole processes, killed in between: `test_kill`.)
"""

import random
from collections import Counter
from functools import partial

import pytest
from django.db import connection, transaction

from ghostcart.mail import claiming, suppression
from ghostcart.mail.models import Message, State
from tests import factories
from tests.factories import NOON
from tests.mail import post
from tests.mail.sink import Sink
from tests.races import together

pytestmark = pytest.mark.django_db(transaction=True)
WORKERS = 4


def messages(shop, count):
    return [post.message(shop, f"c{number}@example.com", kind="reminder").pk for number in range(count)]


def go(messages, now):
    return {message.pk: claiming.Go({}, {}) for message in messages}


def claim_all(worker, limit=7):
    """The ids that one worker gets until nothing is left."""
    mine = []
    while True:
        taken = claiming.claim(NOON, worker=worker, decide={"reminder": go}, limit=limit)
        mine += [message.pk for message, _urls in taken.letters]
        if not taken.handled and not Message.objects.filter(state__in=claiming.WAITING).exists():
            return mine


def test_each_message_is_claimed_once():
    ids = messages(factories.shop(), 150)
    got = together([partial(claim_all, f"w{number}") for number in range(WORKERS)])
    assert Counter(pk for each in got for pk in each) == Counter(ids)
    assert set(Message.objects.values_list("claims", flat=True)) == {1}


def test_workers_together_send_each_message_once():
    ids = messages(factories.shop(), 60)
    with Sink() as sink:

        def work(name):
            while post.send(sink, worker=name, decide={"reminder": go}, limit=4) or still_due():
                pass

        def still_due():
            return Message.objects.filter(state__in=claiming.WAITING).exists()

        assert together([partial(work, f"w{number}") for number in range(WORKERS)]) == [None] * WORKERS
        assert Counter(sink.recipients) == Counter(f"c{number}@example.com" for number in range(60))
    assert Message.objects.filter(pk__in=ids, state=State.SENT).count() == 60


def test_a_claim_after_an_unsubscription_never_goes_out():
    """Unsubscribing and claiming race; whichever commits first wins, and both orders happen."""
    shop, outcomes = factories.shop(), Counter()
    for _ in range(30):
        message = post.message(shop, kind="reminder")

        def unsubscribe():
            suppression.suppress(shop.pk, "ada@example.com", reason="unsubscribed", source="link", now=NOON)

        def claim():
            return claiming.claim(NOON, worker="w", decide={"reminder": go}, limit=9).letters

        jobs = [unsubscribe, claim]
        random.shuffle(jobs)
        results = together(jobs)
        assert not any(isinstance(result, Exception) for result in results), results
        # whatever was claimed before is taken back, as it was not handed over yet
        assert post.state(message) in {(State.CANCELLED, "unsubscribed"), (State.CANCELLED, "suppressed")}
        outcomes[bool(results[jobs.index(claim)])] += 1
        suppression.lift(shop.pk, "ada@example.com")
        assert claim_all("later") == []
    print(f"\nclaimed before the unsubscription: {outcomes[True]} of {outcomes.total()}")


@pytest.mark.postgres
def test_a_claim_waits_for_nobody_and_an_unsubscription_waits_for_the_claim():
    """On PostgreSQL: rows that another worker is taking are passed by; putting an address on the list is not."""
    shop = factories.shop()
    first, second = messages(shop, 2)
    with transaction.atomic():
        Message.objects.select_for_update().get(pk=first)
        (others,) = together([partial(claiming.claim, NOON, worker="w", decide={}, limit=9)])
        assert [message.pk for message, _urls in others.letters] == [second]

        def hasty():
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SET LOCAL lock_timeout = '100ms'")
                suppression.suppress(shop.pk, "c0@example.com", reason="staff", source="", now=NOON)

        (refused,) = together([hasty])
        assert "lock timeout" in str(refused)
