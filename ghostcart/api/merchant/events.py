"""The cart log for programs: as a stream of server-sent events, and as plain pages for those who come by now and then.

The event id is the cursor. A reader that comes back names the last one it saw and gets what it missed: one too slow is
simply cut off, and goes on from there.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator
from time import monotonic
from typing import Annotated, Any

import msgspec
from anyio import CancelScope
from django.utils.translation import gettext_lazy as _
from litestar import Request, Router, get
from litestar.di import NamedDependency, Provide
from litestar.openapi import ResponseSpec
from litestar.params import QueryParameter
from litestar.response import ServerSentEvent, ServerSentEventMessage

from ghostcart.api.merchant.lists import BadCursor, BadFilter, Size
from ghostcart.api.programs import Program, needs, token_of
from ghostcart.api.store import NO_CONTROL
from ghostcart.api.threads import in_django
from ghostcart.carts import log
from ghostcart.carts.kinds import EventKind
from ghostcart.carts.log import Cursor, Entry
from ghostcart.connectors import keys
from ghostcart.connectors.models import Scope
from ghostcart.connectors.told import Event, event_of
from ghostcart.lib import clock
from ghostcart.lib.errors import GhostcartError
from ghostcart.live.hub import Hub, Screen

AGE_SECONDS = 600
"""A stream ends after this; the reader resumes. Nothing is lost, and old code is left behind."""
CHECK_SECONDS = 3
"""How often it is asked again whether the key is still good."""
PING_SECONDS = 5
MOST_BEHIND = 100_000
"""Entries of the log that a stream catches up on; beyond, the pages are the better way."""
MOST_STREAMS = 10
"""Of one key at once, in one process."""
BATCH, MOST_LOOKED_AT = 500, 5_000
"""Entries read at once, and for one page: those of other shops among them."""

_log = logging.getLogger("ghostcart.wire")


class CursorGone(GhostcartError):
    code, status = "cursor_gone", 410
    sentence = _("This cursor is too far behind or of another log. Read the carts anew, then follow from now on.")


class TooManyStreams(GhostcartError):
    code, status = "too_many_streams", 429
    sentence = _("At most %(most)s streams with one key.")


class EventPage(msgspec.Struct):
    """Entries in their order. `next` always leads on, also when nothing is new; a page may hold few entries or none
    before the end: go on until `is_caught_up`."""

    items: list[Event]
    next: str
    is_caught_up: bool


class Sent(msgspec.Struct):
    """One server-sent event: the kind of entry, its cursor, and the entry (see `Event`) as JSON."""

    event: str
    id: str
    data: str


def told(entries: list[Entry], look: Any) -> list[Event]:
    """In the follower's thread: what all readers of a batch share."""
    return [event_of(entry) for entry in entries]


hub = Hub(told)
open_streams: Counter[int] = Counter()

CursorText = Annotated[str, QueryParameter(name="cursor", max_length=40, description="the id of the last entry seen")]


async def provide_kinds(
    chosen: Annotated[
        str,
        QueryParameter(
            name="kinds", max_length=300, pattern=NO_CONTROL, description="only these, with commas between them"
        ),
    ] = "",
) -> frozenset[str]:
    """None named: all of them."""
    asked = frozenset(kind.strip() for kind in chosen.split(",") if kind.strip())
    if unknown := asked - set(EventKind):
        raise BadFilter([f"kinds: {', '.join(sorted(unknown))}"])
    return asked


def place_in(text: str) -> Cursor | None:
    """Raises BadCursor for a text that cannot be a cursor of the log."""
    place = Cursor.parse(text) if text else None
    if text and place is None:
        raise BadCursor
    return place


# -- the stream --------------------------------------------------------------------------------------


class Stream:
    """One reader's stream, from its first event to its last."""

    def __init__(self, program: Program, token: str, kinds: frozenset[str], place: Cursor | None) -> None:
        self.program = program
        self.token = token
        self.kinds = kinds
        self.place = place
        self.screen = Screen(frozenset({program.shop.pk}), "events", asyncio.get_running_loop())
        self.started = self.checked = self.pinged = monotonic()

    async def events(self) -> AsyncIterator[ServerSentEventMessage]:
        hub.subscribe(self.screen)
        open_streams[self.program.key.pk] += 1
        try:
            await hub.started()
            async for event in self._catch_up():
                yield event
            yield self._here()
            while monotonic() - self.started < AGE_SECONDS and not self.screen.overrun and await self._may_stay():
                async for event in self._next():
                    yield event
        except Exception:
            _log.exception("an event stream broke; its reader comes back by itself")
        finally:
            with CancelScope(shield=True):
                await asyncio.sleep(0)
                hub.unsubscribe(self.screen)
                open_streams[self.program.key.pk] -= 1

    def _here(self) -> ServerSentEventMessage:
        """Where the stream stands, so that the cursor of a quiet shop does not grow old."""
        place = str(self.place)
        return ServerSentEventMessage(event="place", id=place, data=f'{{"cursor":"{place}"}}')

    def _told(self, events: list[tuple[int, Event]]) -> list[ServerSentEventMessage]:
        """What is new to this reader: of its shop, of its kinds, behind its place."""
        shop_id, place = self.program.shop.pk, self.place or Cursor(0, 0)
        return [
            ServerSentEventMessage(event=event.kind, id=event.id, data=msgspec.json.encode(event).decode())
            for of, event in events
            if of == shop_id
            and (not self.kinds or event.kind in self.kinds)
            and (Cursor.parse(event.id) or place) > place
        ]

    async def _catch_up(self) -> AsyncIterator[ServerSentEventMessage]:
        """What was missed, up to where the follower stands; later entries wait in the queue already."""
        goal = hub.goal()
        if self.place is None:
            self.place = goal
        while self.place < goal:
            entries = [entry for entry in await in_django(log.after, self.place) if entry.cursor <= goal]
            if not entries:
                break
            for message in self._told([(entry.shop_id, event_of(entry)) for entry in entries]):
                yield message
            self.place = entries[-1].cursor
            if not await self._may_stay():
                break

    async def _next(self) -> AsyncIterator[ServerSentEventMessage]:
        """A batch, or after a while without any the place that was reached."""
        reached = hub.place()
        await asyncio.sleep(0)  # what was published up to there is in the queue now
        try:
            batch = await asyncio.wait_for(self.screen.queue.get(), timeout=0.5)
        except TimeoutError:
            if monotonic() - self.pinged > PING_SECONDS:
                self.pinged = monotonic()
                self.place = max(self.place or reached, reached)
                yield self._here()
            return
        shops = [entry.shop_id for entry in batch.entries]
        for message in self._told(list(zip(shops, batch.drawn, strict=True))):
            yield message
        self.place = max(self.place or reached, batch.entries[-1].cursor)

    async def _may_stay(self) -> bool:
        if monotonic() - self.checked < CHECK_SECONDS:
            return True
        try:
            key = await in_django(keys.recognise, self.token, clock.now())
        except GhostcartError:
            return False
        if str(Scope.EVENTS_READ) not in key.scopes:
            return False
        self.checked = monotonic()
        return True


@get(
    "/events",
    summary="Follow what happens in the carts",
    scope=str(Scope.EVENTS_READ),
    security=[{"key": [str(Scope.EVENTS_READ)]}],
    responses={
        **needs(Scope.EVENTS_READ, 410)["responses"],
        200: ResponseSpec(
            data_container=Sent,
            media_type="text/event-stream",
            description="server-sent events: the kind of entry as `event`, the cursor as `id`, the entry as `data`; "
            "`place` says from time to time where the stream stands",
            generate_examples=False,
        ),
    },
    dependencies={"kinds": Provide(provide_kinds)},
)
async def follow_events(
    request: Request[Any, Any, Any],
    program: NamedDependency[Program],
    kinds: NamedDependency[frozenset[str]],
    cursor: CursorText = "",
) -> ServerSentEvent:
    """From now on, or from behind the `cursor` or Last-Event-ID. It ends after ten minutes, and when the reader is too
    slow; whoever resumes loses nothing. A revoked key ends it within five seconds."""
    place = place_in(request.headers.get("last-event-id", "") or cursor)
    if place is not None and not await in_django(log.can_follow, place, MOST_BEHIND):
        raise CursorGone
    if open_streams[program.key.pk] >= MOST_STREAMS:
        raise TooManyStreams(most=MOST_STREAMS)
    stream = Stream(program, token_of(request), kinds, place)
    return ServerSentEvent(stream.events(), headers={"Cache-Control": "no-store"})


# -- pages -------------------------------------------------------------------------------------------


@get("/events/list", summary="List what happened in the carts", dependencies={"kinds": Provide(provide_kinds)},
     **needs(Scope.EVENTS_READ, 410))  # fmt: skip
async def list_events(
    program: NamedDependency[Program],
    kinds: NamedDependency[frozenset[str]],
    cursor: Annotated[
        str, QueryParameter(name="cursor", max_length=40, description="`next` of the page before; `now`: from now on")
    ] = "",
    size: Size = 50,
) -> EventPage:
    """The same for those who come by now and then. Without a cursor from the very beginning."""
    place = None if cursor == "now" else place_in(cursor) or Cursor(0, 0)
    return await program.ask(_list, program.shop.pk, kinds, place, size)


def _list(shop_id: int, kinds: frozenset[str], place: Cursor | None, size: int) -> EventPage:
    here = log.position()
    if place is None:
        return EventPage([], str(here), True)
    if place > here or Cursor(0, 0) < place < log.start():
        raise CursorGone
    items: list[Event] = []
    for _round in range(MOST_LOOKED_AT // BATCH):
        entries = log.after(place, BATCH)
        for entry in entries:
            if entry.shop_id == shop_id and (not kinds or entry.kind in kinds):
                items.append(event_of(entry))
            place = entry.cursor
            if len(items) == size:
                return EventPage(items, str(place), False)
        if len(entries) < BATCH:
            return EventPage(items, str(place), True)
    return EventPage(items, str(place), False)


events = Router("/", route_handlers=[follow_events, list_events], tags=["events"])
