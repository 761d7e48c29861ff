"""Following the cart log: no gap and no repeat, in whatever order changes commit and readers come and go."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread
from time import monotonic

import pytest
from django.db import connection, transaction

from ghostcart.carts import changes, ingest, log
from ghostcart.carts.log import Cursor
from ghostcart.carts.models import CartEvent
from tests.conftest import ON_POSTGRES
from tests.factories import Shopper
from tests.races import together

database = pytest.mark.django_db(transaction=True)
SOON = 60  # seconds until a test gives up waiting
WRITERS = 12 if ON_POSTGRES else 8
CHANGES = 25  # of each writer


@pytest.fixture
def start(shop):
    return log.position()


class Reader:
    """Follows the log as a screen does: keeps a place, and after a lost connection goes on from it."""

    def __init__(self, place: Cursor) -> None:
        self.place, self.seen = place, []

    def look(self, limit: int = 500) -> list[int]:
        entries = log.after(self.place, limit)
        if entries:
            self.place = Cursor.parse(str(entries[-1].cursor))
        self.seen += [entry.pk for entry in entries]
        return [entry.pk for entry in entries]

    def follow_until(self, ended: Event, chance: random.Random) -> None:
        until = monotonic() + SOON
        while monotonic() < until:
            last_look = ended.is_set()
            if chance.random() < 0.05:
                connection.close()
            if (
                not self.look(chance.choice([1, 3, 50, 500]))
                and last_look
                and len(self.seen) >= CartEvent.objects.count()
            ):
                return


@contextmanager
def held_open(change: changes.Change) -> Iterator[Event]:
    """A transaction that has written a change and waits before it commits."""
    written, may_commit = Event(), Event()

    def run() -> None:
        try:
            with transaction.atomic():
                ingest.record(change)
                written.set()
                may_commit.wait(SOON)
        finally:
            connection.close()

    thread = Thread(target=run)
    thread.start()
    assert written.wait(SOON)
    yield may_commit
    may_commit.set()
    thread.join(SOON)


def commit(may_commit: Event) -> None:
    before = CartEvent.objects.count()
    may_commit.set()
    until = monotonic() + SOON
    while CartEvent.objects.count() == before and monotonic() < until:
        pass


def looked_at(reader: Reader, entries: int) -> list[int]:
    """What a reader finds: a transaction of the server's own may for a moment hold back a part of it."""
    found, until = [], monotonic() + SOON
    while len(found) < entries and monotonic() < until:
        found += reader.look()
    return found


def write_some(shop, seed):
    """A writer's work: changes to two carts, one in ten rolled back."""
    chance, shoppers = random.Random(seed), [Shopper(shop), Shopper(shop)]

    def run():
        for _ in range(CHANGES):
            shopper = chance.choice(shoppers)
            try:
                with transaction.atomic():
                    ingest.record(shopper.change(changes.AddLine, sku=chance.choice(["MUG", "LAMP"])))
                    if chance.random() < 0.1:
                        raise InterruptedError
            except InterruptedError:
                pass

    return run


@database
def test_readers_that_come_and_go_see_each_entry_once(shop, start):
    readers, ended = [Reader(start) for _ in range(3)], Event()

    def write():
        results = together([write_some(shop, seed) for seed in range(WRITERS)])
        ended.set()
        return results

    following = [lambda reader=reader, seed=seed: reader.follow_until(ended, random.Random(seed))
                 for seed, reader in enumerate(readers)]  # fmt: skip
    results = together([write, *following])
    assert results == [[None] * WRITERS, None, None, None]
    committed = set(CartEvent.objects.values_list("pk", flat=True))
    for reader in readers:
        lost, repeated = len(committed - set(reader.seen)), len(reader.seen) - len(set(reader.seen))
        print(f"\n{WRITERS} writers, {len(committed)} entries: lost {lost}, repeated {repeated}", end="")
        assert (lost, repeated, len(reader.seen)) == (0, 0, len(committed))
        assert reader.seen == readers[0].seen


@database
@pytest.mark.postgres
def test_an_entry_that_commits_late_is_not_passed_by(shop, start):
    reader = Reader(start)
    with held_open(Shopper(shop).change(changes.AddLine, sku="MUG")) as late:
        Shopper(shop).add("LAMP")
        assert reader.look() == []  # below the horizon there is nothing yet
        commit(late)
        found = looked_at(reader, 2)
    assert found == sorted(CartEvent.objects.values_list("pk", flat=True))
    assert len(found) == 2
    assert reader.look() == []


@database
@pytest.mark.postgres
def test_following_by_the_number_alone_passes_it_by(shop, start):
    """The guard of the tests above: the naive reader that loses."""

    def look(last):
        return list(CartEvent.objects.filter(pk__gt=last).order_by("pk").values_list("pk", flat=True))

    with held_open(Shopper(shop).change(changes.AddLine, sku="MUG")) as late:
        Shopper(shop).add("LAMP")
        seen = look(0)
        commit(late)
        seen += look(seen[-1])
    assert len(seen) == 1
    assert CartEvent.objects.count() == 2


@database
def test_what_is_rolled_back_never_shows(shop, start):
    reader = Reader(start)
    with transaction.atomic():
        Shopper(shop).add("MUG")
        transaction.set_rollback(True)
    kept = Shopper(shop).add("LAMP")
    assert looked_at(reader, 1) == [CartEvent.objects.get().pk]
    assert CartEvent.objects.get().cart_id == kept.id


@database
def test_behind_the_position_comes_only_what_is_new(shop, start):
    shopper = Shopper(shop)
    shopper.add("MUG")
    looked_at(Reader(start), 1)
    reader = Reader(log.position())
    assert reader.look() == []
    shopper.add("MUG")
    assert looked_at(reader, 1) == [CartEvent.objects.latest("pk").pk]


@database
def test_entries_tell_what_was_written(shop, start):
    shopper = Shopper(shop)
    shopper.add("MUG", 2)
    reader = Reader(start)
    looked_at(reader, 1)
    entry = log.after(start)[0]
    stored = CartEvent.objects.get()
    for name in ("shop_id", "cart_id", "cart_version", "kind", "actor", "at", "data", "pk"):
        assert getattr(entry, name) == getattr(stored, name)


# -- places --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "junk",
    ["", "-", "1", "1-", "-1", "1-2-3", "a-b", "1-b", "-1-2", "1--2", " 1-2", "1-2 ", "1.0-2", "+1-2", "1_0-2", "٣-٤",
     "²-1", "1-2\n", "0x1-2", f"1-{10**18}", f"{10**18}-1", "9" * 5000 + "-1", "\x00-1", "1-\u00a02"],
)  # fmt: skip
def test_junk_names_no_place(junk):
    assert Cursor.parse(junk) is None


def test_places_are_written_and_read_again():
    for place in (Cursor(0, 0), Cursor(12, 345), Cursor(10**18 - 1, 10**18 - 1)):
        assert Cursor.parse(str(place)) == place


@database
def test_a_reader_too_far_behind_or_ahead_cannot_follow(shop, start):
    shopper = Shopper(shop)
    for _ in range(5):
        shopper.add("MUG")
    reader = Reader(start)
    while len(reader.seen) < 5:
        reader.look()
    assert log.can_follow(start, 5)
    assert not log.can_follow(start, 4)
    assert log.can_follow(reader.place, 0)
    assert log.can_follow(log.position(), 0)
    assert not log.can_follow(Cursor(reader.place.transaction + 10**6, 1), 5)
    assert not log.can_follow(Cursor(10**18 - 1, 10**18 - 1), 5)
