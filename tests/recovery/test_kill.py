"""Workers are killed in the middle of the look for due carts: everybody is taken in once, and gets one mail.

They are killed with -9 at each step of the look, between the pages and within their transactions; others take over.
"""

import pytest

PEOPLE = 60

PREPARE = f"""
import django; django.setup()
from datetime import timedelta
from ghostcart.lib import clock
from ghostcart.recovery.models import Campaign
from tests.recovery import following
now, minute = clock.now(), timedelta(minutes=1)
shop = following.shop()
following.plain_steps(following.campaign(shop, now=now - timedelta(days=3)), 60)
Campaign.objects.update(looked_until=now - timedelta(days=1), cleared_size=10_000)
for number in range({PEOPLE}):
    following.left(shop, f"p{{number}}@example.com", now - timedelta(hours=20) + number * 15 * minute)
"""
COUNT = """
import django, json; django.setup()
from ghostcart.mail.models import Message
from ghostcart.recovery.models import Decision, Enrolment
print(json.dumps({
    "taken in": list(Enrolment.objects.values_list("customer__email", flat=True)),
    "decided": list(Decision.objects.filter(verdict="enrolled").values_list("person", flat=True)),
    "sent": list(Message.objects.filter(state="sent").values_list("address", flat=True)),
    "messages": Message.objects.count(),
}))
"""
EVERYBODY = sorted(f"p{number}@example.com" for number in range(PEOPLE))


@pytest.fixture
def workers(room):
    """Where they work, with a mailbox."""
    room.environment |= {"DATABASE_POOL": "2", "EMAIL_URL": "mailbox:"}
    return room


def look_and_die(workers, look=""):
    workers.told("-c", PREPARE)
    killed = workers.ask("-m", "tests.recovery.kill_scan", TEST_LOOK=look)
    told = workers.ask("-c", COUNT)
    print(f"\n{killed}, taken in: {len(told['taken in'])} of {PEOPLE}, sent: {len(told['sent'])}")
    return killed, told


@pytest.mark.slow
def test_workers_killed_while_they_look_take_everybody_in_once_and_write_once(workers):
    killed, told = look_and_die(workers)
    assert killed == {"kills": 11, "errors": 0}
    assert sorted(told["taken in"]) == sorted(told["sent"]) == EVERYBODY
    assert len(set(told["decided"])) == len(told["decided"]) == PEOPLE
    assert told["messages"] == len(list((workers.folder / "mailbox" / "new").iterdir())) == PEOPLE


@pytest.mark.slow
def test_a_look_that_notes_too_early_how_far_it_came_loses_people(workers):
    """The guard of the test above."""
    killed, told = look_and_die(workers, "careless")
    assert killed["errors"] == 0
    assert len(told["taken in"]) < PEOPLE
