"""The event stream of programs: each entry of their shop once and in order, resumed by cursor, ended with the key."""

import asyncio
import json
import random

import pytest

from ghostcart.api import programs
from ghostcart.api.merchant import events
from ghostcart.carts import log
from ghostcart.carts.models import CartEvent, LogStart
from ghostcart.connectors import keys
from ghostcart.lib import clock
from ghostcart.live import follower
from tests import factories, horizon
from tests.streams import desk, wait_for
from tests.wire import Program, refused

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def program(client, shop):
    return Program(client, shop, "events:read")


@pytest.fixture
def streams():
    with desk() as opened:
        yield opened


def shopper_of(shop):
    return factories.Shopper(shop, at=clock.now())


def events_of(shop):
    return list(CartEvent.objects.filter(shop=shop).order_by("pk").values_list("pk", flat=True))


def entries(stream):
    return [event for event in stream.events if event.kind != "place"]


def ids(stream):
    return [int(event.id.split("-")[1]) for event in entries(stream)]


# -- the stream --------------------------------------------------------------------------------------


def test_what_happens_is_told_at_once_with_its_cursor_and_of_ones_own_shop_alone(shop, program, streams):
    stream = streams.follow(program.token)
    assert (stream.status, stream.content_type.split(";")[0]) == (200, "text/event-stream")
    shopper_of(factories.shop()).add("LAMP")
    shopper = shopper_of(shop)
    shopper.add("MUG", 2)
    wait_for(lambda: entries(stream))
    (event,) = entries(stream)
    assert (event.kind, event.data["cart_id"], event.data["data"]["line"]["quantity"]) == (
        "line_added", shopper.cart.pk, 2,
    )  # fmt: skip
    assert event.id == event.data["id"]
    assert ids(stream) == events_of(shop)


def test_a_reader_that_comes_back_gets_what_it_missed_once(shop, program, streams):
    shoppers = [shopper_of(shop) for _ in range(4)]
    stream, seen, chance = streams.follow(program.token), [], random.Random(7)
    for turn in range(8):
        for _ in range(chance.randrange(5)):
            chance.choice(shoppers).add("MUG")
        if turn % 2:
            wait_for(lambda stream=stream, seen=seen: len(seen) + len(ids(stream)) >= 1)
        streams.close(stream)
        seen += ids(stream)
        place = stream.place_reached()
        for _ in range(chance.randrange(5)):
            shopper_of(factories.shop()).add("MUG")
            chance.choice(shoppers).add("LAMP")
        header, query = (place, "") if turn % 2 else ("", f"cursor={place}")
        stream = streams.follow(program.token, query, header)
    wait_for(lambda: len(seen) + len(ids(stream)) >= len(events_of(shop)))
    seen += ids(stream)
    print(f"\n9 streams, {len(seen)} entries: lost {len(set(events_of(shop)) - set(seen))}, "
          f"repeated {len(seen) - len(set(seen))}")  # fmt: skip
    assert seen == events_of(shop)


def test_only_the_kinds_that_were_asked_for_are_told(shop, program, streams):
    stream = streams.follow(program.token, "kinds=line_removed,ordered")
    shopper = shopper_of(shop)
    shopper.add("MUG")
    shopper.do(factories.changes.RemoveLine, key="MUG")
    wait_for(lambda: entries(stream))
    assert [event.kind for event in entries(stream)] == ["line_removed"]


@pytest.mark.parametrize("how", ["revoke", "lose the scope", "end the old token"])
def test_a_key_that_may_no_longer_read_is_cut_off_within_five_seconds(shop, program, streams, how, monkeypatch):
    assert events.CHECK_SECONDS + 1 < 5  # a stream looks twice a second whether it is time to ask
    monkeypatch.setattr(events, "CHECK_SECONDS", 0.1)
    stream = streams.follow(program.token)
    shopper_of(shop).add("MUG")
    wait_for(lambda: entries(stream))
    if how == "revoke":
        keys.revoke(program.key, clock.now())
    elif how == "lose the scope":
        type(program.key).objects.filter(pk=program.key.pk).update(scopes=["carts:read"])
    else:
        keys.rotate(program.key, clock.now(), keys.OVERLAP * 0)
    wait_for(lambda: stream.ended)
    seen = ids(stream)
    shopper_of(shop).add("MUG")
    again = streams.follow(program.token)
    assert again.status in (401, 403)
    assert ids(stream) == seen


def test_a_key_that_was_refused_gets_nothing_more_until_it_is_asked_again(program):
    """It was asked while the reader caught up: what came meanwhile would be told behind a gap."""

    async def asked_twice() -> list[bool]:
        stream = events.Stream(programs.Program(program.key, "en"), program.token, frozenset(), None)
        stream.checked -= events.CHECK_SECONDS
        return [await stream._may_stay() for _ in range(2)]

    assert asyncio.run(asked_twice()) == [True, True]
    keys.revoke(program.key, clock.now())
    assert asyncio.run(asked_twice()) == [False, False]


def test_a_key_that_is_still_good_is_not_cut_off(program, streams, monkeypatch):
    """The guard of the test above: it is the question that ends the stream."""
    monkeypatch.setattr(events, "CHECK_SECONDS", 0.1)
    asked, real = [], keys.recognise
    monkeypatch.setattr(keys, "recognise", lambda token, now: (asked.append(token), real(token, now))[1])
    stream = streams.follow(program.token)
    wait_for(lambda: len(asked) > 4)
    assert not stream.ended


def test_a_stream_ends_by_age_and_leaves_its_place(program, streams, monkeypatch):
    monkeypatch.setattr(events, "AGE_SECONDS", 0.2)
    stream = streams.follow(program.token)
    wait_for(lambda: stream.ended)
    assert [event.kind for event in stream.events] == ["place"]
    assert stream.events[0].data == {"cursor": stream.events[0].id}


def test_the_cursor_of_a_quiet_shop_does_not_grow_old(shop, program, streams, monkeypatch):
    monkeypatch.setattr(events, "PING_SECONDS", 0.1)
    stream = streams.follow(program.token)
    busy = shopper_of(factories.shop())
    for _ in range(5):
        busy.add("MUG")
    last = CartEvent.objects.latest("pk").pk
    wait_for(lambda: int(stream.place_reached().split("-")[1]) >= last)
    assert entries(stream) == []
    shopper_of(shop).add("MUG")
    wait_for(lambda: entries(stream))
    assert ids(stream) == events_of(shop)


def test_a_slow_reader_is_cut_off_goes_on_from_its_cursor_and_harms_nobody(shop, program, streams, monkeypatch):
    monkeypatch.setattr("ghostcart.live.hub.QUEUE", 3)
    monkeypatch.setattr(follower, "PACE_SECONDS", 0)
    slow, swift = streams.follow(program.token), streams.follow(program.token)
    shopper = shopper_of(shop)
    shopper.add("MUG")
    wait_for(lambda: entries(slow) and entries(swift))
    slow.paused = True
    for number in range(12):
        shopper.add("MUG")
        wait_for(lambda number=number: len(ids(swift)) == number + 2)
    slow.paused = False
    wait_for(lambda: slow.ended)
    rest = streams.follow(program.token, header=slow.place_reached())
    wait_for(lambda: len(ids(slow)) + len(ids(rest)) >= 13)
    assert ids(slow) + ids(rest) == ids(swift) == events_of(shop)
    assert not swift.ended


def test_a_key_has_a_limited_number_of_streams(program, streams, monkeypatch):
    monkeypatch.setattr(events, "MOST_STREAMS", 2)
    open_ones = [streams.follow(program.token) for _ in range(2)]
    refused_one = streams.follow(program.token)
    assert (refused_one.status, json.loads(refused_one.body)["code"]) == (429, "too_many_streams")
    streams.close(open_ones[0])
    wait_for(lambda: events.open_streams[program.key.pk] < 2)
    assert streams.follow(program.token).status == 200


@pytest.mark.parametrize(("cursor", "status", "code"), [
    ("x", 400, "bad_cursor"), ("1-", 400, "bad_cursor"), ("-1-1", 400, "bad_cursor"),
    ("9" * 30 + "-1", 400, "bad_cursor"),
    ("900000000000000000-5", 410, "cursor_gone"),
])  # fmt: skip
def test_a_cursor_that_leads_nowhere_is_told_so(program, cursor, status, code):
    for path in ("/events", "/events/list"):
        refused(program.call("GET", f"{path}?cursor={cursor}"), status, code)
    refused(program.call("GET", "/events", Last_Event_ID=cursor), status, code)


def test_a_cursor_too_far_behind_is_told_so(shop, program, monkeypatch):
    monkeypatch.setattr(events, "MOST_BEHIND", 5)
    place, shopper = log.position(), shopper_of(shop)
    for _ in range(6):
        shopper.add("MUG")
    refused(program.call("GET", f"/events?cursor={place}"), 410, "cursor_gone")
    assert len(listed(program, f"?cursor={place}")["items"]) == 6  # pages go back as far as the log


def test_no_page_is_read_across_what_was_forgotten(shop, program):
    place, shopper = log.position(), shopper_of(shop)
    for _ in range(3):
        shopper.add("MUG")
    first, second, third = (one["id"] for one in listed(program, f"?cursor={place}")["items"])
    gone = log.Cursor.parse(second)
    LogStart.objects.create(transaction=gone.transaction, number=gone.id)
    refused(program.call("GET", f"/events/list?cursor={first}"), 410, "cursor_gone")
    assert [one["id"] for one in listed(program, f"?cursor={second}")["items"]] == [third]
    assert listed(program, "")["is_caught_up"]  # who has no place yet misses nothing


def test_a_kind_that_there_is_not_is_refused(program):
    refused(program.call("GET", "/events?kinds=line_added,bought"), 400, "bad_filter")
    refused(program.call("GET", "/events/list?kinds=%00"), 400, "bad_body")


# -- pages -------------------------------------------------------------------------------------------


def listed(program, query):
    horizon.settle()
    return program.get(f"/events/list{query}")


def test_pages_lead_through_the_whole_log_and_on(shop, program):
    shopper, other = shopper_of(shop), shopper_of(factories.shop())
    for _ in range(7):
        shopper.add("MUG")
        other.add("MUG")
    seen, cursor = [], ""
    while True:
        page = listed(program, f"?size=3&cursor={cursor}")
        seen += page["items"]
        cursor = page["next"]
        if page["is_caught_up"]:
            break
    assert [int(one["id"].split("-")[1]) for one in seen] == events_of(shop)
    assert listed(program, f"?cursor={cursor}")["items"] == []
    shopper.add("LAMP")
    (fresh,) = listed(program, f"?cursor={cursor}")["items"]
    assert fresh["data"]["line"]["sku"] == "LAMP"


def test_who_begins_now_gets_what_comes(shop, program):
    shopper_of(shop).add("MUG")
    start = listed(program, "?cursor=now")
    assert (start["items"], start["is_caught_up"]) == ([], True)
    shopper_of(shop).add("LAMP")
    assert len(listed(program, f"?cursor={start['next']}&kinds=line_added")["items"]) == 1


def test_a_page_looks_at_a_bounded_part_of_the_log_and_still_leads_on(shop, program, monkeypatch):
    """Guard: in a house of many shops one's own entries may be far apart."""
    monkeypatch.setattr(events, "BATCH", 2)
    monkeypatch.setattr(events, "MOST_LOOKED_AT", 4)
    other = shopper_of(factories.shop())
    for _ in range(9):
        other.add("MUG")
    shopper_of(shop).add("MUG")
    pages, cursor = [], ""
    for _ in range(4):
        pages.append(listed(program, f"?cursor={cursor}"))
        cursor = pages[-1]["next"]
    assert [len(page["items"]) for page in pages] == [0, 0, 1, 0]
    assert [page["is_caught_up"] for page in pages] == [False, False, True, True]
