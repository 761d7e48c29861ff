"""The live stream as screens see it: all that happened, once, to those who may see it and as long as they may."""

import asyncio
import gc
import os
import random
import re
import threading
from contextlib import suppress
from datetime import timedelta
from functools import partial

import pytest
from django.db import connection
from django.test import Client

from ghostcart.api import channels
from ghostcart.api.channels import Channel
from ghostcart.api.live import Stream
from ghostcart.backoffice.middleware import SHOP_IN_SESSION
from ghostcart.backoffice.models import Membership, Role, User
from ghostcart.carts import changes, log, services
from ghostcart.carts.models import Cart, CartEvent
from ghostcart.catalog.models import Product, Variant
from ghostcart.lib import clock
from ghostcart.live import follower
from ghostcart.live.follower import Follower
from tests import factories
from tests.factories import Shopper
from tests.races import order, together
from tests.streams import desk, session_of, wait_for

pytestmark = pytest.mark.django_db(transaction=True)
LONG = os.environ.get("GHOSTCART_LONG") == "1"
COME_AND_GO, AT_ONCE = (10_000 if LONG else 2_000), 400
CLEANED_UP = 10_000 if LONG else 300


@pytest.fixture
def other_shop():
    return factories.shop()


@pytest.fixture
def viewer(shop):
    return factories.staff(Role.VIEWER, shop)


@pytest.fixture
def session(viewer):
    return session_of(viewer)


@pytest.fixture
def screens(monkeypatch):
    monkeypatch.setattr(channels, "PING_SECONDS", 0.1)  # a stream that was left ends at the next frame
    with desk() as opened:
        yield opened
        assert wait_for(lambda: True)


def shopper_now(shop):
    return Shopper(shop, at=clock.now())


def events_of(shop):
    return list(CartEvent.objects.filter(shop=shop).order_by("pk").values_list("pk", flat=True))


# -- who may see what ----------------------------------------------------------------------------


@pytest.mark.parametrize("key", [None, "no-such-session", "x" * 3000])
def test_nobody_gets_nothing(screens, key):
    screen = screens.open(key)
    wait_for(lambda: screen.ended)
    assert (screen.status, screen.content_type) == (401, "application/problem+json")
    assert b'"code":"not_signed_in"' in screen.body


def test_what_happens_arrives(shop, session, screens):
    screen = screens.open(session)
    assert screen.content_type.startswith("text/event-stream")
    wait_for(lambda: "figures" in screen.kinds())
    cart = shopper_now(shop).add("MUG", 2)
    wait_for(screen.entries)
    event = next(event for event in screen.events if event.kind == "carts")
    assert event.data["entries"][0]["kind"] == "line_added"
    assert [row["id"] for row in event.data["carts"]] == [cart.id]
    assert event.id == event.data["entries"][-1]["id"]


def test_shops_that_are_not_theirs_stay_hidden(shop, other_shop, session, screens):
    both = screens.open(session_of(factories.staff(Role.VIEWER, shop, other_shop)))
    one = screens.open(session)
    for _ in range(5):
        shopper_now(other_shop).add("LAMP")
        shopper_now(shop).add("MUG")
    wait_for(lambda: len(both.ids()) == 10)
    wait_for(lambda: len(one.ids()) == 5)
    assert {entry["shop"] for entry in one.entries()} == {shop.pk}
    assert {row["shop"] for event in one.events if event.kind == "carts" for row in event.data["carts"]} == {shop.pk}
    assert both.ids() == sorted(events_of(shop) + events_of(other_shop))


def test_a_place_in_another_shops_history_opens_nothing_of_it(shop, other_shop, session, screens):
    place = log.position()
    shopper_now(other_shop).add("LAMP")
    shopper_now(shop).add("MUG")
    screen = screens.open(session, header=place)
    wait_for(lambda: screen.ids() == events_of(shop))


def take_role(user):
    Membership.objects.filter(user=user).delete()


def switch_off(user):
    User.objects.filter(pk=user.pk).update(is_active=False)


def sign_out(user):
    from django.contrib.sessions.models import Session

    Session.objects.all().delete()


def change_password(user):
    user.set_password("another-long-password")
    user.save()


@pytest.mark.parametrize("lock_out", [take_role, switch_off, sign_out, change_password])
def test_who_may_no_longer_see_it_is_cut_off_within_five_seconds(shop, viewer, session, screens, lock_out, monkeypatch):
    assert channels.CHECK_SECONDS + 1 < 5  # a stream looks twice a second whether it is time to ask
    monkeypatch.setattr(channels, "CHECK_SECONDS", 0.1)
    screen = screens.open(session)
    shopper_now(shop).add("MUG")
    wait_for(screen.entries)
    lock_out(viewer)
    wait_for(lambda: screen.ended)
    seen = screen.ids()
    shopper_now(shop).add("MUG")
    again = screens.open(session)
    wait_for(lambda: again.ended or lock_out is take_role)
    assert screen.ids() == seen
    assert again.entries() == []


def test_who_may_still_see_it_is_not(shop, session, screens, monkeypatch):
    """The guard of the test above: it is the question that ends the stream."""
    monkeypatch.setattr(channels, "CHECK_SECONDS", 0.1)
    asked = []
    real = channels.reader_of
    monkeypatch.setattr(channels, "reader_of", lambda key: (asked.append(key), real(key))[1])
    screen = screens.open(session)
    wait_for(lambda: len(asked) > 4)
    assert not screen.ended


def test_the_figures_are_of_the_shop_that_is_looked_at(shop, other_shop, screens, monkeypatch):
    monkeypatch.setattr(channels, "CHECK_SECONDS", 0.1)
    user = factories.staff(Role.VIEWER, shop, other_shop)
    client = Client()
    client.force_login(user)
    screen = screens.open(client.session.session_key)

    def shops_told():
        return [event.data["shops"] for event in screen.events if event.kind == "figures"]

    wait_for(lambda: shops_told()[-1:] == [sorted([shop.pk, other_shop.pk])])
    client.post("/backoffice/profile/shop/", {"shop": other_shop.pk})
    wait_for(lambda: shops_told()[-1] == [other_shop.pk])
    client.post("/backoffice/profile/shop/", {"shop": ""})
    wait_for(lambda: shops_told()[-1] == sorted([shop.pk, other_shop.pk]))
    assert not screen.ended


def test_a_chosen_shop_that_is_not_theirs_opens_nothing_of_it(shop, other_shop, screens):
    client = Client()
    client.force_login(factories.staff(Role.VIEWER, shop))
    session = client.session
    session[SHOP_IN_SESSION] = other_shop.pk
    session.save()
    screen = screens.open(session.session_key)
    told = wait_for(lambda: [event for event in screen.events if event.kind == "figures"])
    assert told[0].data["shops"] == [shop.pk]


# -- no gap, no repeat ---------------------------------------------------------------------------


def test_a_screen_that_comes_back_gets_what_it_missed_once(shop, session, screens):
    shoppers = [shopper_now(shop) for _ in range(4)]
    screen, seen, chance = screens.open(session, place=log.position()), [], random.Random(7)
    place = ""
    for _ in range(8):
        for _ in range(chance.randrange(6)):
            chance.choice(shoppers).add("MUG")
        if chance.random() < 0.5 and events_of(shop):
            wait_for(lambda screen=screen, seen=seen: len(seen) + len(screen.ids()) >= 1)
        screens.close(screen)
        seen += screen.ids()
        place = screen.place_reached()
        for _ in range(chance.randrange(6)):
            chance.choice(shoppers).add("LAMP")
        screen = screens.open(session, header=place)
    wait_for(lambda: len(seen) + len(screen.ids()) >= len(events_of(shop)))
    seen += screen.ids()
    print(f"\n9 streams, {len(seen)} entries: lost {len(set(events_of(shop)) - set(seen))}, "
          f"repeated {len(seen) - len(set(seen))}")  # fmt: skip
    assert seen == events_of(shop)


def test_a_page_just_painted_gets_nothing_it_shows_already(shop, session, screens):
    first = screens.open(session)
    shopper_now(shop).add("MUG")
    wait_for(first.entries)
    second = screens.open(session, place=log.position())
    shopper_now(shop).add("LAMP")
    wait_for(second.entries)
    assert second.ids() == events_of(shop)[-1:]
    assert "reset" not in second.kinds()


def test_a_screen_too_far_behind_starts_afresh(shop, session, screens, monkeypatch):
    monkeypatch.setattr(channels, "MOST_BEHIND", 5)
    place, shopper = log.position(), shopper_now(shop)
    for _ in range(5):
        shopper.add("MUG")
    near = screens.open(session, header=place)
    wait_for(lambda: len(near.ids()) == 5)
    assert "reset" not in near.kinds()
    shopper.add("MUG")
    wait_for(lambda: len(near.ids()) == 6)  # or the follower would hand the last one to both
    far = screens.open(session, header=place)
    wait_for(far.kinds)
    assert (far.kinds()[0], far.entries()) == ("reset", [])


def test_a_place_from_the_future_starts_afresh(shop, session, screens):
    shopper_now(shop).add("MUG")
    screen = screens.open(session, header="900000000000000000-5")
    wait_for(screen.kinds)
    assert screen.kinds()[0] == "reset"


@pytest.mark.parametrize("junk", ["-1-1", "x", "1-", "'; DROP TABLE", "9" * 30 + "-1"])
def test_junk_for_a_place_is_as_good_as_none(shop, session, screens, junk):
    screen = screens.open(session, header=junk)
    wait_for(lambda: "figures" in screen.kinds())
    shopper_now(shop).add("MUG")
    wait_for(screen.entries)
    assert screen.ids() == events_of(shop)


def test_a_slow_screen_starts_afresh_and_the_others_go_on(shop, session, screens, monkeypatch):
    monkeypatch.setattr("ghostcart.live.hub.QUEUE", 3)
    monkeypatch.setattr(follower, "PACE_SECONDS", 0)
    slow, swift = screens.open(session), screens.open(session)
    shopper = shopper_now(shop)
    shopper.add("MUG")
    wait_for(lambda: slow.entries() and swift.entries())
    slow.paused = True
    for number in range(12):
        shopper.add("MUG")
        wait_for(lambda number=number: len(swift.ids()) == number + 2)
    slow.paused = False
    wait_for(lambda: slow.ended)
    assert slow.kinds()[-1] == "reset"
    assert len(slow.ids()) < 13
    assert swift.ids() == events_of(shop)
    assert not swift.ended
    assert "reset" not in swift.kinds()


def test_what_cannot_be_drawn_makes_screens_start_afresh(shop, session, screens, monkeypatch):
    screen = screens.open(session)
    wait_for(lambda: "figures" in screen.kinds())
    monkeypatch.setattr(channels.hub, "draw", lambda entries, look: 1 / 0)
    shopper_now(shop).add("MUG")
    wait_for(lambda: screen.ended)
    assert screen.kinds()[-1] == "reset"
    monkeypatch.undo()
    after = screens.open(session)
    shopper_now(shop).add("MUG")
    wait_for(after.entries)


def test_no_name_ends_a_frame(shop, session, screens):
    """Streams part their frames by line ends: a name that brings some tells nothing of its own."""
    odd = 'Mug\n\nevent: reset\ndata: {}\r\rid: 9-9\x85\u2028\u2029"}'
    Variant.objects.filter(sku="MUG").update(options={"en": odd})
    Product.objects.filter(slug="mug").update(names={"en": odd})
    screen = screens.open(session)
    shopper = shopper_now(shop)
    for _ in range(2):
        shopper.add("MUG")
    wait_for(lambda: len(screen.ids()) == 2)
    assert set(screen.kinds()) <= {"carts", "figures", "ping"}
    assert screen.ids() == events_of(shop)
    assert screen.place_reached() != "9-9"


def test_more_screens_than_connections_all_hear(shop, session, screens):
    """A screen that waits holds no connection to the database: of these there are a dozen."""
    opened = [screens.open(session) for _ in range(30)]
    shopper_now(shop).add("MUG")
    wait_for(lambda: all(screen.ids() for screen in opened))
    assert {tuple(screen.ids()) for screen in opened} == {tuple(events_of(shop))}
    pool = connection.settings_dict["OPTIONS"].get("pool")
    assert pool is None or pool["max_size"] < len(opened)


def test_carts_that_are_cleaned_up_while_screens_follow_are_all_told_and_nobody_waits_in_a_circle(
    shop, session, screens, monkeypatch
):
    """Two clean-ups at once, batch by batch; shoppers come back to carts that are being deleted."""
    monkeypatch.setattr(services, "BATCH", 20)
    now = clock.now()
    rested = {"last_activity_at": now - timedelta(days=100), "seen_at": now - timedelta(days=100)}
    coming_back = [shopper_now(shop) for _ in range(8)]
    for shopper in coming_back:
        shopper.add("MUG")
    Cart.objects.update(**rested)
    Cart.objects.bulk_create(
        Cart(shop=shop, currency="EUR", line_count=number % 2, created_at=now, abandon_after=now, **rested)
        for number in range(CLEANED_UP)
    )
    rule = services.CleanUp(shop_ids=(shop.pk,), which=services.Which.AGE, days=90, since=now)
    opened = [screens.open(session) for _ in range(4)]

    def clean_up(actor):
        while not services.clean_up_batch(rule, actor, clock.now()).is_finished:
            pass

    jobs = [partial(clean_up, f"staff:{number}") for number in (1, 2)]
    results = together([*jobs, *[partial(shopper.add, "LAMP") for shopper in coming_back]])
    assert [one for one in results if isinstance(one, Exception)] == []
    told = CartEvent.objects.filter(shop=shop, kind="deleted").values_list("pk", "cart_id")
    numbers, carts = {number for number, _cart in told}, [cart for _number, cart in told]
    assert len(carts) == len(set(carts)) >= CLEANED_UP
    assert set(carts) == set(Cart.objects.exclude(deleted_at=None).values_list("pk", flat=True))
    assert not rule.carts().exists()
    for screen in opened:
        wait_for(lambda screen=screen: numbers <= set(screen.ids()))
        assert len(screen.ids()) == len(set(screen.ids()))
        assert "reset" not in screen.kinds()
        rows = {
            row["id"]: row["html"] for event in screen.events if event.kind == "carts" for row in event.data["carts"]
        }
        assert {rows[cart] for cart in carts} == {""}


# -- who comes and goes --------------------------------------------------------------------------


def left_behind(loop) -> dict[str, object]:
    """What is still there of screens, by what it is; nothing if all is well."""
    gc.collect()
    there = {
        "channels": list(channels._open),
        "questions": list(channels._asked),
        "screens": list(channels.hub.screens),
        "follower": channels.hub.follower,
        "threads": [one for one in threading.enumerate() if isinstance(one, Follower)],
        "tasks": [task.get_coro() for task in asyncio.all_tasks(loop) if task.get_coro().__name__ != "come_and_go"],
        "in memory": [one for one in gc.get_objects() if type(one) in (Channel, Stream)],
    }
    return {what: found for what, found in there.items() if found}


def all_goes(loop) -> dict[str, object]:
    """What is left behind after the time that a thread takes to end."""
    with suppress(AssertionError):
        wait_for(lambda: not left_behind(loop))
    return left_behind(loop)


def come_and_go(shop, other_shop, screens, count) -> None:
    """So many streams of four readers, some at once: they leave politely, are cut off, or are called off, each after
    some frames; meanwhile shoppers go on."""
    people = [
        factories.staff(Role.VIEWER, *shops, language=language)
        for shops in ([shop], [shop, other_shop])
        for language in ("en", "it")
    ]
    readers = [(session, channels.reader_of(session)) for session in map(session_of, people)]

    async def screen(number, room):
        gone, frames = asyncio.Event(), number % 4

        async def receive():
            await gone.wait()
            return {"type": "http.disconnect"}

        async def send(message):
            nonlocal frames
            frames -= 1
            if frames < 0 and number % 7 == 3:
                raise ConnectionResetError
            if frames < 0 and number % 7 == 5:
                asyncio.current_task().cancel()
            if frames < 0:
                gone.set()

        session, reader = readers[number % len(readers)]
        async with room:
            await Stream(session, reader, None).send_body(send, receive)

    async def come_and_go():
        room = asyncio.Semaphore(AT_ONCE)
        ends = await asyncio.gather(*(screen(number, room) for number in range(count)), return_exceptions=True)
        kinds = {type(end) for end in ends}
        assert kinds == {type(None), ConnectionResetError, asyncio.CancelledError}, kinds

    all_of_them, shopper = asyncio.run_coroutine_threadsafe(come_and_go(), screens.loop), shopper_now(shop)
    while not all_of_them.done():
        shopper.add("MUG")
    all_of_them.result()


def test_thousands_of_screens_that_come_and_go_leave_nothing_behind(shop, other_shop, screens):
    come_and_go(shop, other_shop, screens, COME_AND_GO)
    assert all_goes(screens.loop) == {}


def test_a_channel_that_is_not_closed_would_be_found(shop, other_shop, screens, monkeypatch):
    """The guard of the test above."""
    forgotten = []
    with monkeypatch.context() as careless:
        careless.setattr(Channel, "close", lambda channel: forgotten.append(channel))
        come_and_go(shop, other_shop, screens, 40)
        assert forgotten
        assert {"screens", "follower", "threads", "tasks", "in memory"} <= set(left_behind(screens.loop))
    while forgotten:
        screens.loop.call_soon_threadsafe(forgotten.pop().close)
    assert all_goes(screens.loop) == {}


# -- old state + events = fresh state ------------------------------------------------------------

ROW = re.compile(r'<tr id="live-cart-(\d+)".*?</tr>', re.DOTALL)
ENTRY = re.compile(r'<li id="entry-(\d+)".*?</li>', re.DOTALL)
AGO = re.compile(r"(<time [^>]*>)[^<]*")


def painted(pattern, html):
    """{number: markup}, without how long ago it was."""
    return {int(found[1]): AGO.sub(r"\1", " ".join(found[0].split())) for found in pattern.finditer(html)}


def first_paint(user):
    client = Client()
    client.force_login(user)
    html = client.get("/backoffice/").content.decode()
    place = re.search(r'data-live-cursor="([\d-]+)"', html)[1]
    return painted(ROW, html), painted(ENTRY, html), place


def test_the_old_page_and_the_events_make_the_fresh_page(shop, viewer, session, screens):
    chance, ada = random.Random(3), factories.customer(shop)
    shoppers = [shopper_now(shop) for _ in range(6)]
    for shopper in shoppers[:3]:
        shopper.add("MUG")
    rows, entries, place = first_paint(viewer)
    assert len(rows) == 3
    screen = screens.open(session, place=place)
    for _ in range(45):
        shopper = chance.choice(shoppers)
        shopper.at = clock.now()
        match chance.randrange(6):
            case 0 if Cart.objects.filter(
                devices__token_hash=shopper.seen.token_hash, line_count__gt=0, ordered_at=None
            ):
                order(shopper, ada)
            case 1:
                shopper.add("LAMP", 3)
                shopper.do(changes.SetQuantity, key="LAMP", quantity=chance.randrange(5))
            case 2:
                shopper.add("MUG")
                shopper.do(changes.Identify, customer_id=ada.pk, label="Ada <b>Byron</b>")
            case _:
                shopper.add(chance.choice(["MUG", "LAMP"]))
    last = CartEvent.objects.latest("pk").pk
    wait_for(lambda: screen.ids() and screen.ids()[-1] == last)
    for event in screen.events:
        if event.kind == "carts":
            for row in event.data["carts"]:
                rows |= painted(ROW, row["html"])
            for entry in event.data["entries"]:
                entries |= painted(ENTRY, entry["html"])

    fresh_rows, fresh_entries, _place = first_paint(viewer)
    assert rows == fresh_rows
    newest = {number: entries[number] for number in fresh_entries}  # the page shows the last 60
    assert newest.keys() == fresh_entries.keys()
    last_of_each = {max(pk for pk in events) for events in _events_by_cart().values()} & fresh_entries.keys()
    assert {n: newest[n] for n in last_of_each} == {n: fresh_entries[n] for n in last_of_each}
    assert "<b>Byron" not in str(rows) + str(entries)
    print(f"\n{len(screen.ids())} entries over {len(rows)} carts: the page and the events agree with a fresh page")


def _events_by_cart():
    by_cart = {}
    for pk, cart_id in CartEvent.objects.values_list("pk", "cart_id"):
        by_cart.setdefault(cart_id, []).append(pk)
    return by_cart
