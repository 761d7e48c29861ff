"""What `bench.screens` measures with: screens held by a client, a bare server of streams, and who writes events.

    python -m bench._screens hold HOST PORT PATH COOKIE COUNT SECONDS     screens, commanded by lines on stdin
    python -m bench._screens claim SECONDS                                due reminders, over and over

`bare` is an ASGI application that does nothing but what is measured: it hears of an event from PostgreSQL and sends a
small fixed frame to each stream.
"""

import asyncio
import json
import os
import re
import resource
import sys
import uuid
from collections.abc import Callable
from contextlib import suppress
from time import monotonic, sleep
from typing import Any

import psycopg

PARALLEL = 64
"""Screens of one process that are being opened at a time: below what servers let wait (1,024)."""
IDS = re.compile(rb'"id":"(\d+)-\d+"')
CHANNEL = "bench_screens"


# -- screens -----------------------------------------------------------------------------------------


class Screen(asyncio.Protocol):
    """One open stream. What comes is thrown away, unless somebody wants to know when which event came."""

    is_noting = False  # for all of this process

    def __init__(self, request: bytes) -> None:
        self.request = request
        self.is_open = asyncio.get_running_loop().create_future()
        self.listen(0)

    def listen(self, at: float) -> None:
        self.rest, self.heard, self.silent = b"", at, 0.0
        self.came: list[tuple[int, float]] = []
        """(transaction, when the frame was there to its end)"""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        if Screen.is_noting:
            at = monotonic()
            self.hear(at)
            self.note(data, at)
        elif not self.is_open.done():
            self.rest += data
            head, _blank, body = self.rest.partition(b"\r\n\r\n")
            if body:  # the first bytes of the stream: it is subscribed
                self.rest = b""
                self.is_open.set_result(head.startswith(b"HTTP/1.1 200"))

    def hear(self, at: float) -> None:
        self.silent, self.heard = max(self.silent, at - self.heard), at

    def note(self, data: bytes, at: float) -> None:
        *frames, self.rest = (self.rest + data).split(b"\n\n")
        for frame in frames:
            if b"event: carts" in frame:
                self.came += [(int(number), at) for number in IDS.findall(frame)]

    def connection_lost(self, error: Exception | None) -> None:
        if not self.is_open.done():
            self.is_open.set_result(False)


async def open_screens(host: str, port: int, request: bytes, count: int, seconds: float) -> list[Screen]:
    """As many as are open in time."""
    turn, loop, until = asyncio.Semaphore(PARALLEL), asyncio.get_running_loop(), monotonic() + seconds
    screens: list[Screen] = []
    told = monotonic()

    async def open_one() -> None:
        nonlocal told
        async with turn:
            with suppress(OSError, TimeoutError):
                async with asyncio.timeout(until - monotonic()):
                    transport, screen = await loop.create_connection(lambda: Screen(request), host, port)
                    try:
                        if await screen.is_open:
                            screens.append(screen)
                    except BaseException:
                        transport.abort()
                        raise
        if monotonic() - told > 10:
            told = monotonic()
            print(f"    {len(screens):,} of {count:,} screens open", file=sys.stderr, flush=True)

    await asyncio.gather(*(open_one() for _ in range(count)))
    return screens


async def hold(host: str, port: str, path: str, cookie: str, count: str, seconds: str) -> None:
    """Open screens, then do as told: `note` begins noting, `tell SECONDS COUNT` waits until each screen has so many
    events, or so long, and prints of each what came and its longest silence. Ends with its input."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    request = f"GET {path} HTTP/1.1\r\nHost: {host}\r\nAccept: text/event-stream\r\nCookie: {cookie}\r\n\r\n".encode()
    started = monotonic()
    screens = await open_screens(host, int(port), request, int(count), float(seconds))
    print(json.dumps({"open": len(screens), "seconds": monotonic() - started}), flush=True)
    while words := (await asyncio.to_thread(sys.stdin.readline)).split():
        if words[0] == "note":
            for screen in screens:
                screen.listen(monotonic())
            Screen.is_noting = True
            print("{}", flush=True)
        else:
            until, wanted = monotonic() + float(words[1]), int(words[2])
            while monotonic() < until and any(len(screen.came) < wanted for screen in screens):
                await asyncio.sleep(0.05)
            Screen.is_noting = False
            for screen in screens:
                screen.hear(monotonic())
            print(json.dumps([[screen.came, screen.silent] for screen in screens]), flush=True)


# -- the bare server ---------------------------------------------------------------------------------


class News:
    """An event that all streams wait for; then the frame, and the next event."""

    def __init__(self) -> None:
        self.here = asyncio.Event()
        self.frame = b""
        self.next: News | None = None


class Feed:
    newest: News
    listening: "asyncio.Task[None]"


async def listen(database: str) -> None:
    connection = await psycopg.AsyncConnection.connect(database, autocommit=True)
    await connection.execute(f"LISTEN {CHANNEL}")
    async for told in connection.notifies():
        news, Feed.newest = Feed.newest, News()
        news.frame = b'event: carts\ndata: {"entries":[{"id":"%s"}]}\n\n' % told.payload.encode()
        news.next = Feed.newest
        news.here.set()


async def bare(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        await receive()
        Feed.newest = News()
        Feed.listening = asyncio.create_task(listen(os.environ["DATABASE_URL"]))
        await send({"type": "lifespan.startup.complete"})
        await receive()
        Feed.listening.cancel()
        await send({"type": "lifespan.shutdown.complete"})
        return
    news: News | None = Feed.newest
    kind = (b"content-type", b"text/event-stream")
    await send({"type": "http.response.start", "status": 200, "headers": [kind]})
    await send({"type": "http.response.body", "body": b": hello\n\n", "more_body": True})
    while news:
        await news.here.wait()
        await send({"type": "http.response.body", "body": news.frame, "more_body": True})
        news = news.next


# -- who writes events -------------------------------------------------------------------------------


def keep_pace(seconds: float, rate: float, write: Callable[[range], None]) -> None:
    """Call with the numbers of the events that are due; with several if it fell behind."""
    started, count, done = monotonic(), max(1, round(seconds * rate)), 0
    while done < count:
        due = min(count, int((monotonic() - started) * rate) + 1)
        if due == done:
            sleep(max(0, started + done / rate - monotonic()))
            continue
        write(range(done, due))
        done = due


def add_steadily(seconds: float, rate: float) -> dict[int, float]:
    """In a process of the shop: adds by the product's own way in. {transaction: when it was committed}, taken before
    the readers are woken. Those that are due at once share a commit, as in the product's writer."""
    from django.db import connection, transaction

    from ghostcart.carts import changes, ingest
    from ghostcart.catalog.models import Variant
    from ghostcart.lib import clock
    from ghostcart.shops.models import Shop

    shop = Shop.objects.get(slug="fern")
    skus = list(Variant.objects.filter(shop=shop).order_by("pk").values_list("sku", flat=True)[:20])
    run, committed = uuid.uuid4().hex, {}

    def write(numbers: range) -> None:
        moments: list[float] = []
        batch = [
            changes.AddLine(
                shop_id=shop.pk, at=clock.now(), seen=changes.Seen(f"{run}-{one // 5}"), sku=skus[one % len(skus)]
            )
            for one in numbers
        ]
        with transaction.atomic(), connection.cursor() as cursor:
            transaction.on_commit(lambda: moments.append(monotonic()))
            for outcome in ingest.record_all(batch):
                assert isinstance(outcome, ingest.Outcome), outcome
            cursor.execute("SELECT pg_current_xact_id()::text::bigint")
            number = cursor.fetchone()[0]
        committed[number] = moments[0]

    keep_pace(seconds, rate, write)
    return committed


def write_steadily(database: str, seconds: float, rate: float) -> dict[int, float]:
    """For the bare server: a row and a wake-up, committed."""
    committed = {}
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS bench_screens (id bigserial PRIMARY KEY, data text)")

        def write(numbers: range) -> None:
            for _one in numbers:
                with connection.transaction():
                    row = connection.execute(
                        "WITH made AS (INSERT INTO bench_screens (data) VALUES ('an event') RETURNING id)"
                        " SELECT pg_current_xact_id()::text::bigint,"
                        f" pg_notify('{CHANNEL}', pg_current_xact_id()::text || '-' || id) FROM made"
                    ).fetchone()
                committed[row[0]] = monotonic()  # type: ignore[index]

        keep_pace(seconds, rate, write)
    return committed


def claim_over_and_over(seconds: float) -> None:
    """What a worker does to make due mails its own, twice as often as an idle one looks; rolled back each time."""
    import django

    django.setup()
    from bench.reminders import claim_500
    from ghostcart.config import work

    until = monotonic() + seconds
    while monotonic() < until:
        claim_500()
        sleep(work.IDLE_SECONDS / 2)


if __name__ == "__main__":
    if sys.argv[1] == "hold":
        asyncio.run(hold(*sys.argv[2:]))
    else:
        claim_over_and_over(float(sys.argv[2]))
