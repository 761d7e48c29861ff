"""Workers are killed while they send: nothing is sent twice, nothing is lost in silence, one doubt a kill at most.

Four processes send to a mail server that notes what it took. They are killed with -9, at random moments and at each
step of handing over; others take their place. GHOSTCART_LONG=1: a thousand kills instead of forty.
"""

import json
import os
from collections import Counter

import pytest

from tests.mail.sink import Sink

KILLS = 1000 if os.environ.get("GHOSTCART_LONG") == "1" else 40

PREPARE = """
import django; django.setup()
from datetime import UTC, datetime
from tests import factories
from tests.mail import post
shop = factories.shop()
for _ in range(200):
    post.message(shop, due_at=datetime(2026, 1, 1, tzinfo=UTC))
"""
COUNT = """
import django, json; django.setup()
from ghostcart.mail.models import Message
print(json.dumps(list(Message.objects.values_list("pk", "state"))))
"""


@pytest.fixture
def workers(room):
    """Where they work; each asks the database for little at once."""
    room.environment["DATABASE_POOL"] = "2"
    return room


def send_and_kill(workers, kills, claims=""):
    workers.told("-c", PREPARE)
    with Sink() as sink:
        told = {"TEST_SINK": str(sink.port), "TEST_KILLS": str(kills), "TEST_CLAIMS": claims}
        done = workers.run("-m", "tests.mail.kill_worker", **told)
        taken = Counter(int(each.message_id.split(".")[0]) for each in sink.taken)
    assert done.returncode == 0, done.stderr
    killed = json.loads(done.stdout.splitlines()[-1])
    states = dict(workers.ask("-c", COUNT))
    in_doubt = [pk for pk, state in states.items() if state == "in_doubt"]
    figures = {
        "kills": sum(killed["kills"].values()),
        "messages": len(states),
        "sent": list(states.values()).count("sent"),
        "twice": sum(count > 1 for count in taken.values()),
        "lost in silence": sum(state == "sent" and pk not in taken for pk, state in states.items()),
        "left over": sum(state not in ("sent", "in_doubt") for state in states.values()),
        "in doubt": len(in_doubt),
        "in doubt and taken": sum(pk in taken for pk in in_doubt),
        "errors": killed["errors"],
    }
    print(f"\n{figures}\n{killed['kills']}\n{done.stderr[-2000:]}")
    return figures


@pytest.mark.slow
def test_killed_workers_send_nothing_twice_and_lose_nothing_in_silence(workers):
    figures = send_and_kill(workers, KILLS)
    assert figures["kills"] >= KILLS
    assert (figures["twice"], figures["lost in silence"], figures["left over"], figures["errors"]) == (0, 0, 0, 0)
    assert figures["in doubt"] <= figures["kills"]
    assert figures["sent"] + figures["in doubt"] == figures["messages"]


@pytest.mark.slow
@pytest.mark.parametrize(("claims", "goes_wrong"), [("careless", True), ("stale", False)])
def test_without_the_condition_of_the_claim_mail_is_sent_twice(workers, claims, goes_wrong):
    """The guard of the test above; and the condition alone is enough, however old the pick is."""
    figures = send_and_kill(workers, 0, claims)
    assert (figures["twice"] > 0) == goes_wrong
    assert figures["sent"] == figures["messages"]
