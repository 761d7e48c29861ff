"""Fans the cart log out to open screens. A slow screen harms only itself: its queue is bounded, and when it is full
that screen is told to start afresh."""

import asyncio
import logging
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any

from ghostcart.carts.log import Cursor, Entry
from ghostcart.live.follower import Follower

_log = logging.getLogger(__name__)

TELL_SECONDS, BYTE_SECONDS, MOST_REST_SECONDS = 0.0001, 4e-9, 2.0
"""Some times what a stream that is told of a batch costs this machine, and each byte of it: the carts come first."""
QUEUE = 200
"""Batches that a screen may be behind before it is told to start afresh."""


@dataclass(slots=True)
class Batch:
    """Entries of the log and what they look like for readers of one language and time zone."""

    entries: list[Entry]
    drawn: Any


@dataclass(eq=False, slots=True)
class Screen:
    """An open page. `look` is what its drawing depends on; screens of one look share the drawing."""

    shop_ids: frozenset[int]
    look: Hashable
    loop: asyncio.AbstractEventLoop
    queue: "asyncio.Queue[Batch]" = field(default_factory=lambda: asyncio.Queue(QUEUE))
    overrun: bool = False
    audience: int = 1
    """How many streams are told what this one hears."""
    told_bytes: int = 0
    """How long the last of it was, for each."""

    def offer(self, batch: Batch) -> None:
        """In the event loop: take a batch, or note that this screen is too slow."""
        if self.overrun:
            return
        try:
            self.queue.put_nowait(batch)
        except asyncio.QueueFull:
            self.give_up()

    def give_up(self) -> None:
        """This screen missed something: it has to start afresh."""
        self.overrun = True


class Hub:
    """All screens of this process, and the follower that feeds them. `draw(entries, look)` makes what is sent."""

    def __init__(self, draw: Callable[[list[Entry], Any], Any]) -> None:
        self.draw = draw
        self.screens: set[Screen] = set()
        self.follower: Follower | None = None

    def subscribe(self, screen: Screen) -> None:
        self.screens.add(screen)
        if self.follower is None or not self.follower.is_alive():
            self.follower = Follower(self.publish, self.rest)
            self.follower.start()

    def unsubscribe(self, screen: Screen) -> None:
        self.screens.discard(screen)
        if not self.screens and self.follower is not None:
            self.follower.stop()
            self.follower = None

    async def started(self) -> None:
        """Wait until the follower has its place in the log: what commits from then on will be told."""
        follower = self.follower
        while follower is not None and not follower.ready.is_set():
            await asyncio.sleep(0.005)

    def goal(self) -> Cursor:
        """For a screen that has just subscribed: what lies before this is in the log, what comes after in its queue.

        Never `place`: a batch that is being drawn for the others is beyond that, and will not come to this one.
        """
        return self.follower.taken if self.follower else Cursor(0, 0)

    def rest(self) -> float:
        """Seconds to leave to the event loop after a batch: what happens meanwhile becomes one, too."""
        costs = (one.audience * (TELL_SECONDS + BYTE_SECONDS * one.told_bytes) for one in tuple(self.screens))
        return min(MOST_REST_SECONDS, sum(costs))

    def place(self) -> Cursor:
        """Up to here everything is in the queues."""
        return self.follower.place if self.follower else Cursor(0, 0)

    def publish(self, entries: list[Entry]) -> None:
        """In the follower's thread: draw once for each look, and hand over."""
        concerned = {entry.shop_id for entry in entries}
        screens = [screen for screen in tuple(self.screens) if screen.shop_ids & concerned]
        try:
            drawn = {look: self.draw(entries, look) for look in {screen.look for screen in screens}}
        except Exception:
            _log.exception("what happened in the carts cannot be drawn; its screens start afresh")
            for screen in screens:
                screen.loop.call_soon_threadsafe(screen.give_up)
            return
        for screen in screens:
            screen.loop.call_soon_threadsafe(screen.offer, Batch(entries, drawn[screen.look]))
