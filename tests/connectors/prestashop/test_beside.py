"""The process that reads ahead saves time and changes nothing, and does not outlive the one it reads for."""

import signal
import subprocess
import sys
import textwrap

import pytest

from ghostcart.carts.models import Cart
from ghostcart.connectors import services
from ghostcart.connectors.models import Connection, State
from ghostcart.connectors.prestashop import importing
from ghostcart.connectors.prestashop.beside import Beside, Place
from tests.connectors.prestashop.attaching import NOW, attach, import_all
from tests.connectors.prestashop.shopmaker import Maker


@pytest.fixture(scope="module")
def maker(shops_server):
    return Maker(shops_server, "beside", "8", seed=11).fill(25)


@pytest.fixture
def small_slices(monkeypatch):
    """So that a small shop has many."""
    monkeypatch.setattr(importing, "CARTS", 7)
    monkeypatch.setattr(services, "LONG", 7)
    monkeypatch.setattr(services, "WORKS_SECONDS", 0)


def carts(connection: Connection) -> list[tuple[str | None, int]]:
    theirs = Cart.objects.filter(shop=connection.shop).order_by("pk")
    return [(cart.external_id, cart.total_minor) for cart in theirs]


@pytest.mark.django_db
def test_an_import_finds_the_same_with_it_without_it_and_when_it_is_killed_on_the_way(maker, monkeypatch, small_slices):
    read_here, answer = [], Beside.answer

    def answered(self: Beside, cursor: dict[str, object]) -> importing.Slice | None:
        found = answer(self, cursor)
        read_here.append(found is None)
        return found

    monkeypatch.setattr(Beside, "answer", answered)
    connection = attach(maker, 1)
    assert carts(import_all(connection))
    found = carts(connection)
    assert read_here.count(False) > 3
    assert read_here.count(True) == 0
    assert services._open[connection.pk].reader.beside is None  # type: ignore[union-attr]

    services.detach(connection)
    connection = attach(maker, 1)
    killed = 0
    while connection.state == State.IMPORTING:
        services.read_due(NOW)
        connection.refresh_from_db()
        assert not connection.trouble
        beside = services._open[connection.pk].reader.beside  # type: ignore[union-attr]
        if beside is not None and not killed:
            beside._process.kill()
            beside._process.join()
            killed = len(read_here)
    assert killed
    assert True in read_here[killed:]
    assert carts(connection) == found

    services.detach(connection)
    monkeypatch.setattr(services, "LONG", 10**6)
    assert carts(import_all(attach(maker, 1))) == found


@pytest.mark.django_db
def test_what_was_read_for_another_place_is_not_taken(maker):
    connection = attach(maker, 1)
    beside = Beside(services._place(connection))
    try:
        beside.ask({"stage": "carts", "after": 0, "follow": {}}, NOW)
        assert beside.answer({"stage": "carts", "after": 7, "follow": {}}) is None
        beside.ask({"stage": "carts", "after": 7, "follow": {}}, NOW)
        part = beside.answer({"stage": "carts", "after": 7, "follow": {}})
        assert part is not None
        assert min(part.portion.changed) > 7
        assert beside.answer(part.cursor) is None  # nobody asked
    finally:
        beside.close()


def test_trouble_there_is_left_to_the_one_who_reads_here():
    beside = Beside(Place("mysql://nobody:x@127.0.0.1:1/none", "ps_", 1, "prestashop", 1, "", False))
    try:
        for _again in range(2):
            beside.ask({"stage": "carts", "after": 0}, NOW)
            assert beside.answer({"stage": "carts", "after": 0}) is None
        assert beside._process.is_alive()
    finally:
        beside.close()


def test_it_ends_with_the_process_it_reads_for_however_that_ends():
    program = textwrap.dedent("""
        import time
        from ghostcart.connectors.prestashop.beside import Beside, Place
        beside = Beside(Place("mysql://nobody:x@127.0.0.1:1/none", "ps_", 1, "prestashop", 1, "", False))
        print(beside._process.is_alive(), flush=True)
        time.sleep(600)
    """)
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    assert parent.stdout.readline() == "True\n"
    parent.send_signal(signal.SIGKILL)
    rest, _errors = parent.communicate(timeout=60)  # until nobody holds the pipe, which both write to
    assert rest == ""
