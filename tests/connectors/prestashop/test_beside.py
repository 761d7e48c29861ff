"""What makes a long import fast changes nothing: slices are read ahead by another process, and written two at once."""

import signal
import subprocess
import sys
import textwrap
from datetime import datetime
from itertools import count
from threading import Event

import pytest
from django.db import connection as db

from ghostcart.carts.models import Cart
from ghostcart.connectors import portions, reading, services
from ghostcart.connectors.models import Connection, State
from ghostcart.connectors.portions import Portion, Slice
from ghostcart.connectors.prestashop import access
from ghostcart.connectors.prestashop.beside import Beside, Place
from ghostcart.connectors.prestashop.ways import ByDatabase
from tests.connectors.prestashop.attaching import NOW, attach, import_all
from tests.connectors.prestashop.shopmaker import Maker

NOWHERE = Place("mysql://nobody:x@127.0.0.1:1/none", "ps_", 1, "prestashop", 1, "", False, 7)
START = {"stage": "carts", "after": 0, "follow": {}}
committed = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def maker(shops_server):
    return Maker(shops_server, "beside", "8", seed=11).fill(25)


@pytest.fixture
def small_slices(monkeypatch):
    """So that a small shop has many, each of which counts as long."""
    monkeypatch.setattr(access, "SLICE", 7)
    monkeypatch.setattr(portions, "LONG", 7)


@pytest.fixture
def asked(monkeypatch):
    """Of each slice asked for, whether it came from beside."""
    answers, next_slice = [], Beside.next_slice

    def answered(self: Beside, cursor: dict[str, object]) -> Slice | None:
        found = next_slice(self, cursor)
        answers.append(found is not None)
        return found

    monkeypatch.setattr(Beside, "next_slice", answered)
    return answers


def carts(connection: Connection) -> list[tuple[str | None, int]]:
    theirs = Cart.objects.filter(shop=connection.shop).order_by("external_id")
    return [(cart.external_id, cart.total_minor) for cart in theirs]


def reader_of(connection: Connection) -> ByDatabase:
    reader = reading._open[connection.pk].reader
    assert isinstance(reader, ByDatabase)
    return reader


# -- read ahead ----------------------------------------------------------------------------------


@committed
def test_an_import_finds_the_same_with_a_process_beside_without_and_when_it_is_killed(
    maker, monkeypatch, small_slices, asked
):
    with monkeypatch.context() as whole:
        whole.setattr(portions, "LONG", 10_000)
        expected = carts(import_all(attach(maker, 1)))
    assert not asked

    connection = again(maker)
    assert carts(import_all(connection)) == expected
    assert asked.count(True) > 3
    assert asked.count(False) == 0
    assert reader_of(connection).beside is None  # it went with the last slice

    monkeypatch.setattr(reading, "WORKS_SECONDS", 0)
    connection = again(maker)
    killed = 0
    while connection.state == State.IMPORTING:
        reading.read_due(NOW)
        connection.refresh_from_db()
        assert not connection.trouble
        beside = reader_of(connection).beside
        if beside is not None and not killed:
            beside._process.kill()
            killed = len(asked)
    assert killed
    assert False in asked[killed:]
    assert carts(connection) == expected


def again(maker: Maker) -> Connection:
    services.detach(Connection.objects.get())
    return attach(maker, 1)


@pytest.mark.django_db
def test_what_was_read_for_another_place_is_not_taken(maker):
    beside = Beside(access.place_of(attach(maker, 1)), START)
    try:
        assert beside.next_slice({**START, "after": 7}) is None
        part = beside.next_slice(START)
        assert part is not None
        assert part.portion.changed
        assert beside.next_slice(START) is None  # that one has gone
    finally:
        beside.close()


def test_trouble_there_is_left_to_the_one_who_reads_here():
    beside = Beside(NOWHERE, START)
    assert beside.next_slice(START) is None
    beside.close()


def test_it_ends_with_the_process_it_reads_for_however_that_ends(maker):
    program = textwrap.dedent(f"""
        import time
        import django; django.setup()
        from ghostcart.connectors.prestashop.beside import Beside, Place
        beside = Beside(Place({maker.url!r}, "ps_", 1, "prestashop", 1, "", False, 7), {START!r})
        assert beside.next_slice({START!r})
        print(beside._process.is_alive(), flush=True)
        time.sleep(600)
    """)
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    assert parent.stdout.readline() in ("True\n", "False\n")
    parent.send_signal(signal.SIGKILL)
    rest, _errors = parent.communicate(timeout=60)  # until nobody holds the pipe, which both write to
    assert rest == ""


# -- written two at once -------------------------------------------------------------------------


def parts(*numbers: int) -> list[Slice]:
    return [Slice(Portion(), {**START, "after": number}, 10) for number in numbers]


class Fake:
    """Stands for what is read: it writes a note instead, when it may."""

    def __init__(self) -> None:
        self.writes_two = True
        self.may = {1: Event(), 2: Event()}
        self.began = {1: Event(), 2: Event()}
        self.turn = 0

    def take(self, _portion: Portion, _now: object, **_: object) -> None:
        self.turn += 1
        turn = self.turn
        self.began[turn].set()
        assert self.may[turn].wait(20)
        Cart.objects.filter(external_id=str(turn)).update(bot_score=turn)
        if turn == 1 and self.fails:
            raise ZeroDivisionError

    fails = False


@pytest.mark.postgres
@committed
@pytest.mark.parametrize("fails", [False, True])
def test_the_later_of_two_commits_after_the_earlier_or_not_at_all(maker, monkeypatch, fails):
    monkeypatch.setattr(portions, "LONG", 10)
    connection = leased(maker)
    fake = Fake()
    fake.fails = fails
    monkeypatch.setattr(reading, "_save", lambda connection, now, **changed: saved.append(changed["cursor"]["after"]))
    saved: list[int] = []
    first, second = parts(1, 2)
    writing = reading.Writing(connection, fake, NOW)  # type: ignore[arg-type]
    writing.cursor = START
    writing.write(first)
    assert fake.began[1].wait(20)
    fake.may[2].set()
    later = writing._threads.submit(writing._write_apart, second, 20, writing._before)
    assert fake.began[2].wait(20)  # both are at work
    assert saved == []
    fake.may[1].set()
    if fails:
        with pytest.raises(ZeroDivisionError):
            later.result(20)
        assert saved == []
    else:
        later.result(20)
        assert saved == [1, 2]
    writing._threads.shutdown()


def leased(maker: Maker) -> Connection:
    connection = attach(maker, 1)
    Connection.objects.filter(pk=connection.pk).update(claimed_by=reading.me())
    connection.refresh_from_db()
    return connection


@pytest.mark.postgres
@committed
def test_two_that_want_the_same_row_come_one_after_the_other_from_then_on(maker, monkeypatch, small_slices):
    monkeypatch.setattr(reading, "LOCK_SECONDS", 1)
    monkeypatch.setattr(reading, "WORKS_SECONDS", 60.0)  # else a slow machine ends its turn between the two
    take, turns, later_has_it = ByDatabase.take, count(1), Event()

    def in_each_others_way(self: ByDatabase, portion: Portion, now: datetime, *, is_history: bool = False) -> None:
        if self.writes_two and len(portion.changed) == 7:  # as if both made the same customer, the later one first
            is_first = next(turns) == 1
            if is_first:
                later_has_it.wait(20)
            with db.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock(7)")
            later_has_it.set()
        take(self, portion, now, is_history=is_history)

    expected = carts(import_all(attach(maker, 1)))
    monkeypatch.setattr(ByDatabase, "take", in_each_others_way)
    connection = again(maker)
    assert carts(import_all(connection)) == expected
    assert not reader_of(connection).writes_two


def test_where_the_database_has_one_writer_they_come_one_after_the_other(database_server):
    writing = reading.Writing(Connection(cursor=START), Fake(), NOW)  # type: ignore[arg-type]
    assert writing._is_apart(Slice(Portion(), START, portions.LONG)) == bool(database_server)
