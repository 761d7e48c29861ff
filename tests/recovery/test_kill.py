"""Workers are killed in the middle of the look for due carts: everybody is taken in once, and gets one mail.

They are killed with -9 at each step of the look, between the pages and within their transactions; others take over.
"""

import json
import os
import subprocess
import sys
import uuid

import psycopg
import pytest

from tests.conftest import ON_POSTGRES

PEOPLE = 60
SECONDS = 400

PREPARE = f"""
import django; django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
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
def environment(tmp_path):
    """A data folder and a database of the workers' own."""
    url, name = f"sqlite:///{tmp_path}/ghostcart.sqlite3", f"look_{uuid.uuid4().hex[:12]}"
    if ON_POSTGRES:
        server = os.environ["DATABASE_URL"]
        url = server.replace("/postgres?", f"/{name}?")
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
    given = {name: value for name, value in os.environ.items() if not name.startswith("GHOSTCART_")}
    yield given | {"GHOSTCART_DATA": str(tmp_path), "DATABASE_URL": url, "DATABASE_POOL": "2", "LOG_LEVEL": "CRITICAL",
                   "EMAIL_URL": f"mailbox:{tmp_path}/mailbox",
                   "DJANGO_SETTINGS_MODULE": "ghostcart.config.settings"}  # fmt: skip
    if ON_POSTGRES:
        with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def run(environment, *words):
    done = subprocess.run(
        [sys.executable, *words], env=environment, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads((done.stdout.splitlines() or ["null"])[-1])


def look_and_die(environment, look=""):
    run(environment, "-c", PREPARE)
    killed = run(environment | {"TEST_LOOK": look}, "-m", "tests.recovery.kill_scan")
    told = run(environment, "-c", COUNT)
    print(f"\n{killed}, taken in: {len(told['taken in'])} of {PEOPLE}, sent: {len(told['sent'])}")
    return killed, told


@pytest.mark.slow
def test_workers_killed_while_they_look_take_everybody_in_once_and_write_once(environment, tmp_path):
    killed, told = look_and_die(environment)
    assert killed == {"kills": 11, "errors": 0}
    assert sorted(told["taken in"]) == sorted(told["sent"]) == EVERYBODY
    assert len(set(told["decided"])) == len(told["decided"]) == PEOPLE
    assert told["messages"] == len(list((tmp_path / "mailbox" / "new").iterdir())) == PEOPLE


@pytest.mark.slow
def test_a_look_that_notes_too_early_how_far_it_came_loses_people(environment):
    """The guard of the test above."""
    killed, told = look_and_die(environment, "careless")
    assert killed["errors"] == 0
    assert len(told["taken in"]) < PEOPLE
