"""The follower of the log and the fan-out to screens: woken at once, survives trouble, waits for no slow screen."""

import asyncio
import json
from threading import Event

import psycopg
import pytest
from django.db import connection

from ghostcart.api.channels import Channel, Reader, frame, visible
from ghostcart.api.drawing import Drawn, Look, draw
from ghostcart.api.live import Stream
from ghostcart.carts import changes, ingest, log, watching
from ghostcart.carts.models import CartEvent
from ghostcart.lib import sql
from ghostcart.live import follower as follower_module
from ghostcart.live.follower import Follower
from ghostcart.live.hub import QUEUE, Batch, Hub, Screen
from tests import factories
from tests.conftest import ON_POSTGRES
from tests.factories import Shopper
from tests.streams import SOON, wait_for

database = pytest.mark.django_db(transaction=True)


@pytest.fixture
def follower():
    heard = []
    made = Follower(lambda entries: heard.extend(entry.pk for entry in entries))
    made.heard = heard
    made.start()
    wait_for(made.ready.is_set)
    yield made
    made.stop()
    made.join(20)
    assert not made.is_alive()


@database
def test_the_follower_hears_all_in_order(follower):
    shop = factories.shop()
    shoppers = [Shopper(shop) for _ in range(3)]
    for _ in range(5):
        for shopper in shoppers:
            shopper.add("MUG")
    wait_for(lambda: len(follower.heard) == 15)
    assert follower.heard == list(CartEvent.objects.order_by("pk").values_list("pk", flat=True))


@database
@pytest.mark.postgres
def test_each_commit_is_told_to_who_listens():
    shopper = Shopper(factories.shop())
    with psycopg.connect(**sql.own_parameters(), autocommit=True) as listening:
        listening.execute(f"LISTEN {log.CHANNEL}")
        for _ in range(3):
            shopper.add("MUG")
            assert [told.channel for told in listening.notifies(timeout=SOON, stop_after=1)] == [log.CHANNEL]


@database
def test_a_commit_wakes_the_follower(follower, monkeypatch):
    """On SQLite the look without a wake-up is an hour away: only the wake-up can bring it."""
    if not ON_POSTGRES:
        monkeypatch.setattr(follower_module, "SURE_SECONDS", 3600)
    shopper = Shopper(factories.shop())
    for number in range(3):
        shopper.add("MUG")
        wait_for(lambda number=number: len(follower.heard) == number + 1)


@database
def test_without_a_wake_up_the_look_finds_it(follower, monkeypatch):
    monkeypatch.setattr("ghostcart.carts.storage._wake_readers", lambda: None)
    Shopper(factories.shop()).add("MUG")
    wait_for(lambda: len(follower.heard) == 1)


@database
def test_the_follower_survives_a_database_that_goes_away(follower, monkeypatch):
    from django.db import OperationalError

    real, failures = log.after, []

    def after(place, limit=500):
        if len(failures) < 2:
            failures.append(place)
            raise OperationalError("gone")
        return real(place, limit)

    monkeypatch.setattr(log, "after", after)
    shopper = Shopper(factories.shop())
    for _ in range(3):
        ingest.record(shopper.change(changes.AddLine, sku="MUG"))
    wait_for(lambda: len(follower.heard) == 3)
    assert len(failures) == 2


@database
def test_of_a_flood_only_what_a_page_keeps_is_drawn(monkeypatch):
    """The newest of each shop; of the rest a screen hears that it happened. One busy shop hides no other."""
    monkeypatch.setattr(watching, "MOST_ENTRIES", 3)
    monkeypatch.setattr(watching, "MOST_CARTS", 2)
    quiet, busy = factories.shop(), factories.shop()
    before = log.position()
    alone = Shopper(quiet).add("MUG").id
    shoppers = [Shopper(busy) for _ in range(3)]
    first, second, third = [shopper.add("MUG").id for shopper in shoppers]
    shoppers[0].add("MUG")
    wait_for(lambda: len(log.after(before)) == 5)
    drawn = draw(log.after(before), Look("en", "UTC"))
    assert [one["cart"] for one in drawn.entries] == [alone, second, third, first]
    assert [(shop, cart) for _place, shop, cart in drawn.passed] == [(busy.pk, first)]
    for reader, passed in ((quiet, []), (busy, [first])):
        told = visible(drawn, frozenset({reader.pk}), before)["passed"]
        assert [cart for _number, _shop, cart in told] == passed
        assert not visible(drawn, frozenset({reader.pk}), drawn.passed[0][0])["passed"]
    assert {one["id"]: bool(one["html"]) for one in drawn.carts} == {
        alone: True, first: True, second: False, third: True,
    }  # fmt: skip


# -- fan-out -------------------------------------------------------------------------------------


def entry(shop_id, number=1):
    return log.Entry(log.Cursor(0, number), shop_id, 1, number, "line_added", "shopper", factories.NOON, {})


def run(test):
    async def whole():
        loop = asyncio.get_running_loop()
        await test(loop)

    asyncio.run(whole())


def test_screens_of_one_look_share_the_drawing():
    async def test(loop):
        drawn = []
        hub = Hub(lambda entries, look: drawn.append(look))
        hub.screens = {Screen(frozenset({1}), look, loop) for look in ("en", "en", "it")}
        hub.publish([entry(1)])
        await asyncio.sleep(0)
        assert sorted(drawn) == ["en", "it"]
        assert [screen.queue.qsize() for screen in hub.screens] == [1, 1, 1]

    run(test)


def test_what_nobody_may_see_is_not_drawn():
    async def test(loop):
        hub = Hub(lambda entries, look: 1 / 0)
        screen = Screen(frozenset({1}), "en", loop)
        hub.screens = {screen}
        hub.publish([entry(2)])
        await asyncio.sleep(0)
        assert (screen.queue.qsize(), screen.overrun) == (0, False)

    run(test)


def test_a_screen_200_batches_behind_is_given_up_and_the_others_are_not():
    async def test(loop):
        slow, swift, got = Screen(frozenset({1}), "en", loop), Screen(frozenset({1}), "en", loop), 0
        hub = Hub(lambda entries, look: None)
        hub.screens = {slow, swift}
        for number in range(QUEUE + 5):
            hub.publish([entry(1, number)])
            await asyncio.sleep(0)
            swift.queue.get_nowait()
            got += 1
        assert (slow.overrun, slow.queue.qsize()) == (True, QUEUE)
        assert (swift.overrun, got) == (False, QUEUE + 5)
        slow.offer(Batch([], None))
        assert slow.queue.qsize() == QUEUE

    run(test)


@pytest.mark.parametrize(("place", "told"), [(0, [1, 2, 3]), (1, [2, 3]), (2, [3]), (3, []), (9, [])])
def test_of_a_frame_a_stream_tells_what_lies_behind_its_place(place, told):
    """A screen catches up from the log while others are told: the frame then overlaps with what it had."""

    async def test(loop):
        reader = Reader(Look("en", "UTC"), frozenset({1}), frozenset({1}))
        channel, stream, sent = Channel(reader), Stream("session", reader, log.Cursor(0, place)), []
        stream.send = lambda message: asyncio.sleep(0, sent.append(message["body"]))
        entries = [entry(1, number) for number in (1, 2, 3)]
        drawn = Drawn([{"id": str(one.cursor), "shop": 1} for one in entries], [], [])
        news = channel.coming
        channel.tell(frame("carts", visible(drawn, {1}, log.Cursor(0, 0)), entries[-1].cursor), Batch(entries, drawn))
        for _ in range(2):
            await stream._tell(channel, news)
        bodies = [json.loads(body.split(b"data: ")[1]) for body in sent]
        assert [[one["id"] for one in body["entries"]] for body in bodies] == (
            [[f"0-{n}" for n in told]] if told else []
        )
        assert stream.place == log.Cursor(0, max(place, 3))

    run(test)


@database
def test_a_screen_that_comes_while_a_batch_is_drawn_for_others_finds_it_in_the_log():
    shop = factories.shop()
    shopper, drawing, go_on = Shopper(shop), Event(), Event()

    def draw(entries, look):
        drawing.set()
        assert go_on.wait(SOON)

    async def test(loop):
        hub = Hub(draw)
        first, late = (Screen(frozenset({shop.pk}), "en", loop) for _ in range(2))
        hub.subscribe(first)
        follower = hub.follower
        await hub.started()
        await asyncio.to_thread(in_a_thread, lambda: shopper.add("MUG"))
        await asyncio.to_thread(drawing.wait, SOON)
        hub.subscribe(late)
        goal, handed_over = hub.goal(), hub.place()
        go_on.set()
        batch = await asyncio.wait_for(first.queue.get(), SOON)
        assert late.queue.empty()
        assert handed_over < batch.entries[-1].cursor <= goal  # with the first of these alone it would be lost
        hub.unsubscribe(first)
        hub.unsubscribe(late)
        await asyncio.to_thread(follower.join, 20)

    run(test)


def in_a_thread(do):
    try:
        do()
    finally:
        connection.close()
