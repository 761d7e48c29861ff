"""Grouped commits: changes that arrive together share a transaction, and nothing else."""

from concurrent.futures import TimeoutError
from contextlib import contextmanager
from threading import Event, Thread

import pytest
from django.db import OperationalError, connection, transaction

from ghostcart.carts import changes, writer
from ghostcart.carts.errors import UnknownProduct
from ghostcart.carts.ingest import record_all
from ghostcart.carts.models import Cart
from ghostcart.carts.writer import GroupWriter
from ghostcart.lib import sql
from tests.factories import Shopper

pytestmark = pytest.mark.django_db(transaction=True)
SOON = 30  # seconds until a test gives up waiting


class Gate:
    """Counts the transactions of a writer, and holds the first one until `open` is called."""

    def __init__(self, monkeypatch):
        self.opened, self.groups, self.fails = Event(), [], lambda batch: None
        monkeypatch.setattr(writer, "record_all", self.record_all)

    def record_all(self, batch, encode=None):
        self.opened.wait(SOON)
        self.groups.append(len(batch))
        if error := self.fails(batch):
            raise error
        try:
            return record_all(batch, encode)
        finally:
            connection.close()  # each test has writers of its own; the pool is small


@pytest.fixture
def gate(monkeypatch):
    return Gate(monkeypatch)


def outcomes(futures):
    return [future.exception(SOON) or future.result() for future in futures]


def test_many_changes_need_few_transactions(shop, gate):
    group_writer, shoppers = GroupWriter(), [Shopper(shop) for _ in range(100)]
    futures = [group_writer.submit(shopper.change(changes.AddLine, sku="MUG")) for shopper in shoppers]
    gate.opened.set()
    outcomes(futures)
    print(f"\n{len(futures)} changes in {len(gate.groups)} transactions")
    assert Cart.objects.count() == 100
    assert sum(gate.groups) == 100
    assert len(gate.groups) <= 3
    assert max(gate.groups) <= writer.MOST


def test_a_writer_without_groups_needs_one_for_each(shop, gate):
    """The guard of the test above."""
    group_writer, shopper = GroupWriter(most=1), Shopper(shop)
    futures = [group_writer.submit(shopper.change(changes.AddLine, sku="MUG")) for _ in range(10)]
    gate.opened.set()
    outcomes(futures)
    assert gate.groups == [1] * 10


def test_nothing_is_told_before_it_is_stored(shop, gate):
    future = GroupWriter().submit(Shopper(shop).change(changes.AddLine, sku="MUG"))
    assert not future.done()
    gate.opened.set()
    future.result(SOON)
    assert Cart.objects.count() == 1


def test_each_change_has_its_own_outcome(shop, gate):
    group_writer, ada, bob = GroupWriter(), Shopper(shop), Shopper(shop)
    futures = [
        group_writer.submit(ada.change(changes.AddLine, sku="MUG")),
        group_writer.submit(bob.change(changes.AddLine, sku="NOTHING")),
        group_writer.submit(bob.change(changes.AddLine, sku="LAMP", quantity=2)),
    ]
    gate.opened.set()
    first, second, third = outcomes(futures)
    assert (first.cart.lines.keys(), third.cart.lines["LAMP"].quantity) == ({"MUG"}, 2)
    assert isinstance(second, UnknownProduct)


def test_one_broken_change_fails_alone(shop, gate):
    def encode(change, cart):
        return str(1 / (change.quantity - 13))

    def add(quantity):
        once = changes.Idempotency(f"key {quantity}", "body")
        return Shopper(shop).change(changes.AddLine, sku="MUG", quantity=quantity, idempotency=once)

    group_writer = GroupWriter(encode)
    futures = [group_writer.submit(add(quantity)) for quantity in (1, 2, 13, 4)]
    gate.opened.set()
    results = outcomes(futures)
    assert [type(result).__name__ for result in results] == ["Outcome", "Outcome", "ZeroDivisionError", "Outcome"]
    assert sorted(Cart.objects.values_list("item_count", flat=True)) == [1, 2, 4]


def test_the_changes_of_one_cart_keep_their_order(shop, gate):
    group_writer, shopper = GroupWriter(most=7), Shopper(shop)
    shopper.add("MUG")
    wanted = list(range(2, 42))
    futures = [group_writer.submit(shopper.change(changes.SetQuantity, key="MUG", quantity=q)) for q in wanted]
    gate.opened.set()
    outcomes(futures)
    told = [event.data["line"]["quantity"] for event in shopper.cart.events.filter(kind="quantity_changed")]
    assert told == wanted
    assert shopper.cart.item_count == 41


def test_who_walks_away_breaks_nothing(shop, gate):
    group_writer, gone, here = GroupWriter(), Shopper(shop), Shopper(shop)
    futures = [group_writer.submit(one.change(changes.AddLine, sku="MUG")) for one in (here, gone)]
    futures[1].cancel()  # as a cancelled request does
    gate.opened.set()
    futures[0].result(SOON)
    futures = [group_writer.submit(here.change(changes.AddLine, sku="MUG")) for _ in range(3)]
    futures[0].cancel()
    outcomes(futures[1:])
    assert here.cart.item_count >= 3
    assert group_writer._thread.is_alive()


def test_draining_waits_for_what_nobody_waits_for(shop, gate):
    group_writer, shopper = GroupWriter(), Shopper(shop)
    assert group_writer.drain(SOON)
    group_writer.submit(shopper.change(changes.AddLine, sku="MUG"))
    assert not group_writer.drain(0)
    gate.opened.set()
    assert group_writer.drain(SOON)
    assert Cart.objects.count() == 1


def test_while_the_database_is_away_nobody_waits_for_each_of_the_others(shop, gate):
    gate.fails = lambda batch: OperationalError("connection timeout expired")
    group_writer = GroupWriter()
    futures = [group_writer.submit(Shopper(shop).change(changes.AddLine, sku="MUG")) for _ in range(3 * writer.MOST)]
    gate.opened.set()
    assert {type(result) for result in outcomes(futures)} == {OperationalError}
    assert len(gate.groups) <= 2
    gate.fails = lambda batch: None
    assert group_writer.submit(Shopper(shop).change(changes.AddLine, sku="MUG")).result(SOON).cart.version == 1


@contextmanager
def somebody_holds(number):
    """A transaction that has the row of a cart, and does not end."""
    holds, may_end = Event(), Event()

    def hold():
        with transaction.atomic():
            Cart.objects.select_for_update().get(pk=number)
            holds.set()
            may_end.wait(SOON)
        connection.close()

    thread = Thread(target=hold)
    thread.start()
    assert holds.wait(SOON)
    yield
    may_end.set()
    thread.join(SOON)


def one_who_is_held_up_and_another(shop):
    held, other = Shopper(shop), Shopper(shop)
    for shopper in (held, other):
        shopper.add("MUG")
    return held, other


@pytest.mark.postgres
def test_a_row_that_somebody_holds_holds_up_nobody_else(shop, gate, monkeypatch):
    monkeypatch.setattr(sql, "LOCK_SECONDS", 1)
    held, other = one_who_is_held_up_and_another(shop)
    group_writer = GroupWriter()
    with somebody_holds(held.cart.pk):
        futures = [group_writer.submit(one.change(changes.AddLine, sku="LAMP")) for one in (held, other)]
        gate.opened.set()
        told, outcome = outcomes(futures)
        assert isinstance(told, OperationalError)  # "busy": to be tried again
        assert outcome.cart.version == 2
    futures = [group_writer.submit(held.change(changes.AddLine, sku="LAMP"))]
    assert outcomes(futures)[0].cart.version == 2


@pytest.mark.postgres
def test_whoever_waits_for_ever_holds_up_all(shop, gate, monkeypatch):
    """The guard of the test above."""
    monkeypatch.setattr(sql, "LOCK_SECONDS", SOON)
    held, other = one_who_is_held_up_and_another(shop)
    group_writer = GroupWriter()
    with somebody_holds(held.cart.pk):
        futures = [group_writer.submit(one.change(changes.AddLine, sku="LAMP")) for one in (held, other)]
        gate.opened.set()
        with pytest.raises(TimeoutError):
            futures[1].result(3)
    assert [one.cart.version for one in outcomes(futures)] == [2, 2]


def test_after_a_broken_circle_of_locks_each_is_tried_again(shop, gate):
    class Deadlock(Exception):
        sqlstate = "40P01"

    def fails(batch):
        error = OperationalError("deadlock detected") if len(batch) > 1 else None
        if error:
            error.__cause__ = Deadlock()
        return error

    gate.fails = fails
    group_writer = GroupWriter()
    futures = [group_writer.submit(Shopper(shop).change(changes.AddLine, sku="MUG")) for _ in range(5)]
    gate.opened.set()
    assert {type(result).__name__ for result in outcomes(futures)} == {"Outcome"}
    assert Cart.objects.count() == 5
