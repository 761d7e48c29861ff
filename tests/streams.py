"""Screens: event streams of the wire, read in the loop of a thread, as a browser would."""

import asyncio
import json
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event, Thread
from time import monotonic, sleep
from typing import Any

from django.conf import settings
from django.db import close_old_connections, connections
from django.test import Client

from ghostcart.api.app import wire

SOON = 30  # seconds until a test gives up waiting


def session_of(user: Any) -> str:
    client = Client()
    client.force_login(user)
    return client.session.session_key


def wait_for(is_so: Callable[[], Any], seconds: float = SOON) -> Any:
    """The first true answer; fails when there is none in time."""
    until = monotonic() + seconds
    while monotonic() < until:
        if found := is_so():
            return found
        sleep(0.01)
    raise AssertionError("waited in vain")


@dataclass
class Told:
    kind: str
    data: Any
    id: str


@dataclass
class Screen:
    """One request for the stream: what came, and whether it ended."""

    session: str | None
    place: str = ""
    header: str = ""
    status: int = 0
    content_type: str = ""
    events: list[Told] = field(default_factory=list)
    ended: bool = False
    paused: bool = False
    body: bytes = b""
    token: str = ""
    """Of a program: it follows the merchant API's stream, with its own words in `query`."""
    query: str = ""

    async def run(self, gone: asyncio.Event) -> None:
        headers = [(b"host", b"localhost"), (b"accept", b"text/event-stream")]
        if self.session:
            headers.append((b"cookie", f"{settings.SESSION_COOKIE_NAME}={self.session}".encode()))
        if self.token:
            headers.append((b"authorization", f"Bearer {self.token}".encode()))
        if self.header:
            headers.append((b"last-event-id", self.header.encode()))
        path = "/api/v1/events" if self.token else "/api/v1/live"
        words = self.query or (f"after={self.place}" if self.place else "")
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
            "path": path, "raw_path": path.encode(), "root_path": "", "headers": headers,
            "query_string": words.encode(),
            "client": ("127.0.0.1", 1), "server": ("localhost", 80), "state": {},
        }  # fmt: skip
        asked = False

        async def receive() -> Any:
            nonlocal asked
            if not asked:
                asked = True
                return {"type": "http.request", "body": b"", "more_body": False}
            await gone.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            while self.paused and not gone.is_set():
                await asyncio.sleep(0.01)
            if message["type"] == "http.response.start":
                self.content_type = dict(message["headers"]).get(b"content-type", b"").decode()
                self.status = message["status"]
            else:
                self.take(message.get("body", b""))
                if not message.get("more_body", False):
                    gone.set()  # as a server does: the answer is complete, so the connection is over

        try:
            await wire(scope, receive, send)
        finally:
            self.ended = True

    def take(self, body: bytes) -> None:
        self.body += body
        *whole, rest = self.body.replace(b"\r\n", b"\n").split(b"\n\n")
        if self.status != 200:
            return
        self.body = rest
        for frame in whole:
            fields = dict(line.split(": ", 1) for line in frame.decode().split("\n") if ": " in line and line[0] != ":")
            if "event" in fields:
                self.events.append(Told(fields["event"], json.loads(fields["data"]), fields.get("id", "")))

    @property
    def started(self) -> bool:
        return bool(self.status)

    def entries(self) -> list[dict[str, Any]]:
        return [entry for event in self.events if event.kind == "carts" for entry in event.data["entries"]]

    def ids(self) -> list[int]:
        """The numbers of all entries that came, in the order in which they came; of a flood first what was passed."""
        return [
            number
            for event in self.events
            if event.kind == "carts"
            for number in [
                *(passed[0] for passed in event.data["passed"]),
                *(int(entry["id"].split("-")[1]) for entry in event.data["entries"]),
            ]
        ]

    def kinds(self) -> list[str]:
        return [event.kind for event in self.events]

    def place_reached(self) -> str:
        return next((event.id for event in reversed(self.events) if event.id), self.header or self.place)


class Desk:
    """Opens screens and closes them."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.running: dict[int, tuple[asyncio.Event, Any]] = {}
        self.ready = Event()
        self.thread = Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()

    def open(self, session: str | None, place: object = "", header: object = "") -> Screen:
        return self.show(Screen(session, str(place or ""), str(header or "")))

    def follow(self, token: str, query: str = "", header: object = "") -> Screen:
        """A program's stream of events."""
        return self.show(Screen(None, header=str(header or ""), token=token, query=query))

    def show(self, screen: Screen) -> Screen:
        gone = asyncio.Event()
        future = asyncio.run_coroutine_threadsafe(screen.run(gone), self.loop)
        self.running[id(screen)] = (gone, future)
        wait_for(lambda: screen.started or screen.ended)
        if screen.status == 200 and not screen.place:  # it has no place in the log before its first event
            wait_for(lambda: screen.events or screen.ended)
        return screen

    def close(self, screen: Screen) -> None:
        self.close_all([screen])

    def close_all(self, screens: list[Screen]) -> None:
        self._end([self.running.pop(id(screen)) for screen in screens])

    def _end(self, running: Collection[tuple[asyncio.Event, Any]]) -> None:
        """All at once: each ends at its next frame."""
        for gone, _future in running:
            self.loop.call_soon_threadsafe(gone.set)
        for _gone, future in running:
            future.result(SOON)


@contextmanager
def desk() -> Iterator[Desk]:
    opened = Desk()
    try:
        yield opened
    finally:
        opened._end(list(opened.running.values()))
        asyncio.run_coroutine_threadsafe(opened.loop.shutdown_default_executor(), opened.loop).result(SOON)
        opened.loop.call_soon_threadsafe(opened.loop.stop)
        opened.thread.join(SOON)
        opened.loop.close()
        close_old_connections()
        connections.close_all()
