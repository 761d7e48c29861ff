"""The live stream of the back office: what happens in the carts, drawn, as server-sent events.

The event id is the place in the cart log. A screen that comes back names the last one it saw and gets what it missed;
one that missed too much is told to load its page again.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass
from time import monotonic
from typing import Annotated, Any

import msgspec
from anyio import CancelScope
from django.template.loader import render_to_string
from django.utils import translation
from litestar import Request, get
from litestar.di import NamedDependency, Provide
from litestar.openapi import ResponseSpec
from litestar.params import QueryParameter
from litestar.response import ServerSentEvent, ServerSentEventMessage

from ghostcart.api.drawing import Drawn, Look, draw
from ghostcart.api.staff import REFUSED, provide_staff, session_key_of, shop_chosen, staff_of
from ghostcart.api.threads import in_django
from ghostcart.carts import log, watching
from ghostcart.carts.log import Cursor
from ghostcart.lib import clock
from ghostcart.live.hub import Batch, Hub, Screen

AGE_SECONDS = 600
"""A stream ends after this; the browser resumes. Nothing is lost, and old code is left behind."""
CHECK_SECONDS = 3
"""How often it is asked again whether the reader may still see this."""
FIGURES_SECONDS = 2
PING_SECONDS = 1.5
"""Nothing is said for no longer than this: screens take a silent connection for dead (`assets/src/stream.js`)."""
MOST_BEHIND = 2_000
"""Entries that are sent again to a screen that was away; beyond, it loads its page afresh."""

hub = Hub(draw)
_log = logging.getLogger("ghostcart.wire")


@dataclass(frozen=True, slots=True)
class Reader:
    """How somebody's screen looks, the shops they may see, and those of them that they look at now."""

    look: Look
    shop_ids: frozenset[int]
    chosen: frozenset[int]


def reader_of(session_key: str | None) -> Reader | None:
    """Blocking. None for nobody."""
    user = staff_of(session_key)
    if user is None:
        return None
    shops = list(user.shops())
    shop_ids = frozenset(shop.pk for shop in shops)
    look = Look(user.language, shops[0].time_zone if shops else "UTC")
    return Reader(look, shop_ids, shop_ids & {shop_chosen(session_key)} or shop_ids)


def plain(text: Any) -> str:
    """Drawn HTML is a kind of string that msgspec does not know."""
    return str(text).encode().decode()


def message(kind: str, body: Any, cursor: Cursor | None = None) -> ServerSentEventMessage:
    data = msgspec.json.encode(body, enc_hook=plain).decode()
    return ServerSentEventMessage(event=kind, data=data, id=str(cursor) if cursor else None)


def visible(drawn: Drawn, shop_ids: frozenset[int], since: Cursor) -> dict[str, Any]:
    """What of a batch a reader may see, behind the place they had."""
    return {
        "entries": [e for e in drawn.entries if e["shop"] in shop_ids and (Cursor.parse(e["id"]) or since) > since],
        "carts": [c for c in drawn.carts if c["shop"] in shop_ids],
    }


def drawn_figures(shop_ids: frozenset[int], look: Look) -> dict[str, Any]:
    """Blocking. Names the shops, so that a page that was opened for others leaves them alone."""
    figures = watching.figures(shop_ids, clock.now())
    with translation.override(look.language):
        html = render_to_string("backoffice/_live_figures.html", {"figures": figures})
    return {"shops": sorted(shop_ids), "html": html, "additions": figures.additions}


class Stream:
    """One screen's stream, from its first event to its last."""

    def __init__(self, session_key: str | None, reader: Reader, place: Cursor | None) -> None:
        self.session_key = session_key
        self.reader = reader
        self.place = place
        self.screen = Screen(reader.shop_ids, reader.look, asyncio.get_running_loop())
        self.started = self.checked = self.pinged = monotonic()
        self.figures_at = 0.0
        self.figures: dict[str, Any] = {}

    async def events(self) -> AsyncIterator[ServerSentEventMessage]:
        hub.subscribe(self.screen)
        try:
            # the padding makes proxies and browsers start at once
            yield ServerSentEventMessage(comment=" " * 1024, data=None, retry=1000)
            await hub.started()
            async for event in self._catch_up():
                yield event
            while monotonic() - self.started < AGE_SECONDS:
                if self.screen.overrun or not await self._may_stay():
                    break
                async for event in self._next():
                    yield event
            if self.screen.overrun:
                yield message("reset", {})
        except Exception:
            _log.exception("a live stream broke; the browser comes back by itself")
        finally:
            with CancelScope(shield=True):
                await asyncio.sleep(0)
                hub.unsubscribe(self.screen)

    async def _catch_up(self) -> AsyncIterator[ServerSentEventMessage]:
        """Send what was missed, up to where the follower stands; later entries wait in the queue already."""
        goal = hub.goal()
        if self.place is None:
            self.place = goal
        elif not await in_django(log.can_follow, self.place, MOST_BEHIND):
            yield message("reset", {})
            self.place = goal
        while self.place < goal:
            entries = await in_django(log.after, self.place)
            entries = [entry for entry in entries if entry.cursor <= goal]
            if not entries:
                break
            drawn = await in_django(draw, entries, self.screen.look)
            body = visible(drawn, self.screen.shop_ids, self.place)
            self.place = entries[-1].cursor
            yield message("carts", body, self.place)
            await asyncio.sleep(0)

    async def _next(self) -> AsyncIterator[ServerSentEventMessage]:
        try:
            batch: Batch | None = await asyncio.wait_for(self.screen.queue.get(), timeout=0.5)
        except TimeoutError:
            batch = None
        if batch is not None and self.place is not None and batch.entries[-1].cursor > self.place:
            body = visible(batch.drawn, self.screen.shop_ids, self.place)
            self.place = batch.entries[-1].cursor
            if body["entries"]:
                self.pinged = monotonic()
                yield message("carts", body, self.place)
        if monotonic() - self.figures_at > FIGURES_SECONDS:
            self.figures_at = monotonic()
            figures = await in_django(drawn_figures, self.reader.chosen, self.screen.look)
            if figures != self.figures:
                self.figures, self.pinged = figures, monotonic()
                yield message("figures", figures)
        if monotonic() - self.pinged > PING_SECONDS:
            self.pinged = monotonic()
            yield message("ping", {})

    async def _may_stay(self) -> bool:
        if monotonic() - self.checked < CHECK_SECONDS:
            return True
        self.checked = monotonic()
        reader = await in_django(reader_of, self.session_key)
        if reader is None or reader.shop_ids != self.screen.shop_ids:
            return False
        self.reader = reader
        return True


@get(
    "/live",
    summary="Follow the carts (staff)",
    dependencies={"staff": Provide(provide_staff)},
    responses={
        200: ResponseSpec(
            data_container=str,
            media_type="text/event-stream",
            description="events `carts` and `figures`, drawn for the back office; `reset` asks to load afresh; "
            "`ping` says that the connection lives",
            generate_examples=False,
        ),
        **REFUSED,
    },
    tags=["staff"],
)
async def live(
    request: Request[Any, Any, Any],
    staff: NamedDependency[Any],
    after: Annotated[str, QueryParameter(max_length=40)] = "",
) -> ServerSentEvent:
    """The stream behind the live page; `after` or Last-Event-ID is the place to go on from."""
    session_key = session_key_of(request)
    reader = await in_django(reader_of, session_key) or Reader(Look("en", "UTC"), frozenset(), frozenset())
    place = Cursor.parse(request.headers.get("last-event-id", "")) or Cursor.parse(after)
    stream = Stream(session_key, reader, place)
    return ServerSentEvent(stream.events(), headers={"Cache-Control": "no-store"})
