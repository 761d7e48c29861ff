"""The live stream of the back office: what happens in the carts, drawn, as server-sent events.

The event id is the place in the cart log. A screen that comes back names the last one it saw and gets what it missed;
one that missed too much is told to load its page again.
"""

import asyncio
from contextlib import suppress
from time import monotonic
from typing import Annotated, Any

from litestar import Request, get
from litestar.exceptions import NotAuthorizedException
from litestar.openapi import ResponseSpec
from litestar.params import QueryParameter
from litestar.response.base import ASGIResponse

from ghostcart.api import channels
from ghostcart.api.channels import RESET, Channel, News, Reader, ask_reader, frame, hub, visible
from ghostcart.api.staff import REFUSED, session_key_of
from ghostcart.carts.log import Cursor
from ghostcart.live import hub as hubs

AGE_SECONDS = 600
"""A stream ends after this; the browser resumes. Nothing is lost, and old code is left behind."""
HELLO = b": " + b" " * 1024 + b"\nretry: 1000\n\n"
"""The padding makes proxies and browsers start at once."""


class Stream(ASGIResponse):
    """One screen's stream, from its first frame to its last: one coroutine and one that waits for its end, as there
    may be thousands."""

    _should_set_content_length = False

    def __init__(self, session_key: str | None, reader: Reader, place: Cursor | None) -> None:
        super().__init__(media_type="text/event-stream", headers={"Cache-Control": "no-store"})
        self.session_key, self.reader, self.place = session_key, reader, place

    async def send_body(self, send: Any, receive: Any) -> None:
        self.send, self.until = send, monotonic() + AGE_SECONDS
        gone = asyncio.ensure_future(_gone(receive))
        reader: Reader | None = self.reader
        try:
            await self._say(HELLO)
            while reader is not None:
                channel = channels.join(reader, self.session_key)
                try:
                    reader = await self._follow(channel, gone)
                finally:
                    channels.leave(channel, self.session_key)
        finally:
            gone.cancel()
        with suppress(Exception):
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _follow(self, channel: Channel, gone: "asyncio.Future[None]") -> Reader | None:
        """Until it ends, or the same person looks at something else: that reader, if the screen can go on as such."""
        news = channel.coming
        if not await self._catch_up(channel):
            await self._say(RESET)
        if channel.figures_frame:
            await self._say(channel.figures_frame)
        while True:
            await news.here.wait()
            if channel.screen.overrun:
                await self._say(RESET)
            if gone.done() or channel.is_broken or channel.screen.overrun or monotonic() > self.until:
                return None
            if self.session_key in channel.moved:
                reader = channel.moved[self.session_key]
                return reader if reader is not None and reader.shop_ids == channel.reader.shop_ids else None
            if channel.coming.number - news.number > hubs.QUEUE:
                await self._say(RESET)
                return None
            await self._tell(channel, news)
            assert news.next is not None
            news = news.next

    async def _catch_up(self, channel: Channel) -> bool:
        """Send what was missed, up to where the channel's news begins; False if that is too much."""
        await hub.started()
        goal = hub.goal()
        if self.place is None or self.place == goal:
            self.place = goal
            return True
        frames = await channel.missed(self.place, goal)
        if frames is None:
            self.place = goal
            return False
        for one, self.place in frames:
            await self._say(one)
        return True

    async def _tell(self, channel: Channel, news: News) -> None:
        """A frame, or the part of it that is behind the place of this screen."""
        if news.batch is None or news.first is None or news.last is None or self.place is None:
            await self._say(news.frame)
        elif news.first > self.place:
            await self._say(news.frame)
            self.place = news.last
        elif news.last > self.place:
            await self._say(frame("carts", visible(news.batch.drawn, channel.reader.shop_ids, self.place), news.last))
            self.place = news.last

    async def _say(self, text: bytes) -> None:
        await self.send({"type": "http.response.body", "body": text, "more_body": True})


async def _gone(receive: Any) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


@get(
    "/live",
    summary="Follow the carts (staff)",
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
    request: Request[Any, Any, Any], after: Annotated[str, QueryParameter(max_length=40)] = ""
) -> ASGIResponse:
    """The stream behind the live page; `after` or Last-Event-ID is the place to go on from."""
    session_key = session_key_of(request)
    reader = await ask_reader(session_key)
    if reader is None:
        raise NotAuthorizedException("Sign in first.")
    place = Cursor.parse(request.headers.get("last-event-id", "")) or Cursor.parse(after)
    return Stream(session_key, reader, place)
