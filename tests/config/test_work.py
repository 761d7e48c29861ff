"""The worker: its tasks, what the health page says of it, and how it ends."""

import signal
import sqlite3
from contextlib import closing
from datetime import timedelta
from threading import Event

import pytest

from ghostcart.backoffice.models import Export, Worker
from ghostcart.config import work
from ghostcart.config.work import Task
from ghostcart.connectors import reading
from ghostcart.connectors.models import Connection
from ghostcart.connectors.webhooks.sending import Courier
from tests import databases, factories
from tests.factories import NOON
from tests.rooms import Room
from tests.streams import wait_for

MINUTE = timedelta(minutes=1)


@pytest.fixture
def now(monkeypatch):
    monkeypatch.setattr("ghostcart.lib.clock.now", lambda: NOON)
    monkeypatch.setattr(work, "close_old_connections", lambda: None)  # it is the test's
    return NOON


@pytest.mark.django_db
def test_the_health_page_tells_the_last_run_and_which_task_fails_until_it_is_well_again(client, now):
    assert "Start one" in client.get("/readyz").json()["checks"]["worker"]
    trouble = [ValueError("ada@example.com is no number")]

    def do(moment):
        if trouble:
            raise trouble.pop()
        return False

    task = Task("campaigns", do)
    assert not work._do(task, now)
    told = client.get("/readyz").json()
    assert told["checks"]["worker"] == "Failing: campaigns. The worker's log says why."
    assert told["workers"] == [{"last_run": "2026-11-22T12:00:00Z", "failing": "campaigns"}]
    assert "ada@" not in str(told)  # anybody can read that page
    assert task.next_at == now + MINUTE
    work._do(task, now + MINUTE)
    told = client.get("/readyz").json()
    assert (told["checks"]["worker"], told["workers"][0]["failing"]) == ("ok", "")


@pytest.mark.django_db
def test_a_worker_that_was_not_heard_of_for_a_minute_is_missed(client, now):
    Worker.objects.create(name="gone", seen_at=now - 2 * MINUTE)
    told = client.get("/readyz").json()
    assert "No worker" in told["checks"]["worker"]
    assert told["workers"][0]["last_run"] == "2026-11-22T11:58:00Z"


@pytest.mark.django_db
def test_a_worker_that_ends_leaves_its_shops_to_the_others(monkeypatch, now):
    values = {"kind": "prestashop", "address": "mysql://reader@db.invalid/shop", "created_at": now}
    mine = Connection.objects.create(
        shop=factories.shop(), claimed_by=reading.me(), claimed_until=now + MINUTE, **values
    )
    monkeypatch.setattr(work, "tasks", lambda stopping, courier: [])
    work.run(Event(), once=True)
    mine.refresh_from_db()
    assert (mine.claimed_by, mine.claimed_until) == ("", None)


@pytest.mark.django_db
def test_the_worker_removes_old_exports(tmp_path, settings, now):
    settings.EXPORTS_ROOT = tmp_path
    asked_at = now - timedelta(days=8)
    Export.objects.create(user=factories.staff(None), page="carts", asked_at=asked_at, finished_at=asked_at)
    for task in work.tasks(Event(), Courier("here")):
        if task.name == "old exports":
            task.do(now)
    assert not Export.objects.exists()


@pytest.mark.django_db
def test_a_task_that_fails_holds_up_no_other(monkeypatch, now):
    done = []

    def fail(moment):
        raise ValueError

    monkeypatch.setattr(
        work, "tasks", lambda stopping, courier: [Task("one", fail), Task("two", lambda moment: bool(done.append(1)))]
    )
    monkeypatch.setattr(work, "_tell", lambda *told: None)
    work.run(Event(), once=True)
    assert done == [1]


class Turns(Event):
    """Told to stop after so many turns; in each, half a second goes by, and the clock is put by something else."""

    def __init__(self, turns, clock, by):
        super().__init__()
        self.turns, self.clock, self.by = turns, clock, by

    def wait(self, seconds):
        self.turns -= 1
        self.clock[0] += self.by(self.turns)
        if not self.turns:
            self.set()


@pytest.mark.django_db
@pytest.mark.parametrize(
    "by",
    [
        lambda left: timedelta(seconds=0.5),
        lambda left: -timedelta(seconds=1),  # it is put right bit by bit
        lambda left: timedelta(days={60: 3650, 40: -3650}.get(left, 0), seconds=0.5),  # it was ten years ahead
    ],
    ids=["right", "bit by bit", "far ahead for a while"],
)
def test_whatever_is_done_to_the_clock_each_task_has_its_turn_and_the_worker_is_heard_of(monkeypatch, by):
    clock, looked = [NOON], []
    monkeypatch.setattr("ghostcart.lib.clock.now", lambda: clock[0])
    monkeypatch.setattr(work, "close_old_connections", lambda: None)
    stopping = Turns(80, clock, by)
    task = Task("campaigns", lambda moment: bool(looked.append(stopping.turns)), timedelta(seconds=5))
    work._run([task], stopping, once=False)
    gaps = [before - after for before, after in zip(looked, [*looked[1:], 0], strict=True)]
    assert max(gaps) <= 12  # of half a second each
    assert abs(Worker.objects.get().seen_at - clock[0]) <= work.HEARTBEAT


@pytest.mark.slow
def test_told_to_stop_it_ends_by_itself(tmp_path):
    with databases.own(None, tmp_path) as url:
        worker = Room(tmp_path, url).start("-m", "ghostcart", "worker")
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as file:
            wait_for(lambda: file.execute("SELECT count(*) FROM backoffice_worker").fetchone() == (1,), 60)
        assert worker.poll() is None
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(30) == 0
