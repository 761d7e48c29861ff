"""What many screens are told alike: read, drawn, encoded and timed once for all of them.

Screens of one language, time zone and the same shops share a channel. Its frames form a chain that each stream goes
along at its own speed; who is too far behind is told to start afresh. However many screens there are, the log is
followed once, the figures are counted once, and nothing is set in motion for each of them.
"""

import asyncio
import logging
from dataclasses import dataclass
from time import monotonic
from typing import Any

import msgspec
from django.template.loader import render_to_string
from django.utils import translation

from ghostcart.api.drawing import Drawn, Look, draw
from ghostcart.api.staff import shop_chosen, staff_of
from ghostcart.api.threads import in_django
from ghostcart.carts import log, watching
from ghostcart.carts.log import Cursor
from ghostcart.lib import clock
from ghostcart.live.hub import Batch, Hub, Screen

CHECK_SECONDS = 3
"""How often it is asked again whether the readers may still see this."""
FIGURES_SECONDS = 2
PING_SECONDS = 1.0
"""Nothing is said for no longer than this: screens take a silent connection for dead (`assets/src/stream.js`)."""
MOST_BEHIND = 2_000
"""Entries that are sent again to a screen that was away; beyond, it loads its page afresh."""

hub = Hub(draw)
_log = logging.getLogger("ghostcart.wire")


# -- who reads ---------------------------------------------------------------------------------------


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


_asked: "dict[str | None, asyncio.Future[Reader | None]]" = {}


async def ask_reader(session_key: str | None) -> Reader | None:
    """Who it is now. All that ask of one session at the same time share the answer."""
    asking = _asked.get(session_key)
    if asking is None:
        asking = _asked[session_key] = asyncio.ensure_future(in_django(reader_of, session_key))
        asking.add_done_callback(lambda _done: _asked.pop(session_key, None))
    return await asyncio.shield(asking)


# -- frames ------------------------------------------------------------------------------------------


def _plain(text: Any) -> str:
    """Drawn HTML is a kind of string that msgspec does not know."""
    return str(text).encode().decode()


def frame(kind: str, body: Any, cursor: Cursor | None = None) -> bytes:
    """An event as it goes over the wire."""
    place = b"id: %s\n" % str(cursor).encode() if cursor else b""
    return b"%sevent: %s\ndata: %s\n\n" % (place, kind.encode(), msgspec.json.encode(body, enc_hook=_plain))


PING, RESET = frame("ping", {}), frame("reset", {})


def visible(drawn: Drawn, shop_ids: frozenset[int], since: Cursor) -> dict[str, Any]:
    """What of a batch a reader may see, behind the place they had."""
    return {
        "entries": [e for e in drawn.entries if e["shop"] in shop_ids and (Cursor.parse(e["id"]) or since) > since],
        "carts": [c for c in drawn.carts if c["shop"] in shop_ids],
        "passed": [(at.id, shop, cart) for at, shop, cart in drawn.passed if shop in shop_ids and at > since],
    }


def missed(reader: Reader, place: Cursor, goal: Cursor) -> list[tuple[bytes, Cursor]] | None:
    """Blocking. The frames between two places, each with the place that it leads to; None if they are too many."""
    if not log.can_follow(place, MOST_BEHIND):
        return None
    frames = []
    while place < goal and (entries := [entry for entry in log.after(place) if entry.cursor <= goal]):
        body = visible(draw(entries, reader.look), reader.shop_ids, place)
        place = entries[-1].cursor
        frames.append((frame("carts", body, place), place))
    return frames


def draw_figures(reader: Reader, known: watching.Additions) -> dict[str, Any]:
    """Blocking. Names the shops, so that a page that was opened for others leaves them alone."""
    figures = watching.figures(reader.chosen, clock.now(), known)
    with translation.override(reader.look.language):
        html = render_to_string("backoffice/_live_figures.html", {"figures": figures})
    return {"shops": sorted(reader.chosen), "html": html, "additions": figures.additions}


# -- channels ----------------------------------------------------------------------------------------


class News:
    """A frame of the chain, once it is `here`, and the one after it. Of a batch, its first and last place."""

    __slots__ = ("batch", "first", "frame", "here", "last", "next", "number")

    def __init__(self, number: int) -> None:
        self.number, self.here, self.frame = number, asyncio.Event(), b""
        self.batch: Batch | None = None
        self.first: Cursor | None = None
        self.last: Cursor | None = None
        self.next: News | None = None


class Channel:
    """All screens of one reader: how many of each session, and what they are told."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self.sessions: dict[str | None, int] = {}
        self.moved: dict[str | None, Reader | None] = {}
        """Sessions that are another reader now, or nobody."""
        self.is_broken = False
        self.coming = News(0)
        self.figures: dict[str, Any] = {}
        self.figures_frame = b""
        self.screen = Screen(reader.shop_ids, reader.look, asyncio.get_running_loop(), audience=0)
        self.catching_up: dict[tuple[Cursor, Cursor], asyncio.Future[Any]] = {}

    def open(self) -> None:
        hub.subscribe(self.screen)
        self.tasks = [asyncio.create_task(self._keep(work)) for work in (self._follow, self._beat, self._look)]

    def close(self) -> None:
        self.is_broken = True  # `wait_for` swallows a cancellation that comes with a batch (Python 3.11)
        for task in self.tasks:
            task.cancel()
        hub.unsubscribe(self.screen)

    def tell(self, frame: bytes, batch: Batch | None = None) -> None:
        """Put a frame at the end of the chain."""
        news, self.coming = self.coming, News(self.coming.number + 1)
        news.frame, news.batch, news.next = frame, batch, self.coming
        if batch is not None:
            news.first, news.last = batch.entries[0].cursor, batch.entries[-1].cursor
        news.here.set()

    async def missed(self, place: Cursor, goal: Cursor) -> list[tuple[bytes, Cursor]] | None:
        """`missed`, once for all screens that come back to the same place together."""
        key = (place, goal)
        if key not in self.catching_up:
            self.catching_up[key] = asyncio.ensure_future(in_django(missed, self.reader, place, goal))
            self.catching_up[key].add_done_callback(lambda _done: self.catching_up.pop(key, None))
        found: list[tuple[bytes, Cursor]] | None = await asyncio.shield(self.catching_up[key])
        return found

    async def _keep(self, work: Any) -> None:
        try:
            await work()
        except Exception:
            _log.exception("the live streams broke; the browsers come back by themselves")
        self.is_broken = True
        self.tell(PING)

    async def _follow(self) -> None:
        while not (self.screen.overrun or self.is_broken):
            try:
                batch = await asyncio.wait_for(self.screen.queue.get(), timeout=0.5)
            except TimeoutError:
                continue
            body = visible(batch.drawn, self.reader.shop_ids, Cursor(0, 0))
            if body["entries"]:
                told = frame("carts", body, batch.entries[-1].cursor)
                self.screen.told_bytes = len(told)
                self.tell(told, batch)

    async def _beat(self) -> None:
        while True:
            last = self.coming
            await asyncio.sleep(PING_SECONDS)
            if last is self.coming:
                self.tell(PING)

    async def _look(self) -> None:
        counted = checked = 0.0
        while True:
            if monotonic() - checked > CHECK_SECONDS:
                checked = monotonic()
                await self._check()
            if monotonic() - counted > max(FIGURES_SECONDS, 2 * hub.rest()):
                counted = monotonic()
                await self._count()
            await asyncio.sleep(min(1.0, CHECK_SECONDS))

    async def _check(self) -> None:
        readers = await in_django(lambda keys: {key: reader_of(key) for key in keys}, list(self.sessions))
        self.moved = {key: reader for key, reader in readers.items() if reader != self.reader}
        if self.moved:
            self.tell(PING)

    async def _count(self) -> None:
        figures = await in_django(draw_figures, self.reader, self.figures.get("additions", ()))
        if figures != self.figures:
            self.figures, self.figures_frame = figures, frame("figures", figures)
            self.tell(self.figures_frame)


_open: dict[Reader, Channel] = {}


def join(reader: Reader, session_key: str | None) -> Channel:
    """One more screen of a session."""
    channel = _open.get(reader)
    if channel is None or channel.is_broken:
        channel = _open[reader] = Channel(reader)
        channel.open()
    channel.sessions[session_key] = channel.sessions.get(session_key, 0) + 1
    channel.screen.audience += 1
    return channel


def leave(channel: Channel, session_key: str | None) -> None:
    """One screen less; without any, the channel is closed."""
    channel.screen.audience -= 1
    channel.sessions[session_key] -= 1
    if not channel.sessions[session_key]:
        del channel.sessions[session_key]
        channel.moved.pop(session_key, None)
    if not channel.sessions:
        channel.close()
        if _open.get(channel.reader) is channel:
            del _open[channel.reader]
