"""The live stream: from a commit to the screens, how many screens one process holds, and what that costs the shoppers.

    python -m bench screens        ($BENCH_SCREENS: how many to hold at most, 18000)

Measured with the real wire process, and with a bare one of the same server program that only hears of events from the
same PostgreSQL and sends a small frame to each stream. Clients, servers and database share the cores: the ratios count.
The screens' clients read all that they are sent, and throw it away where nothing is measured.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from bench import _screens
from bench._figures import Figure, Goal, median, show
from bench.adding import CLIENTS, SETTINGS, Shopping, count_on_postgresql, products, shop_at
from tests import postgres, running

ROUNDS, SECONDS = int(os.environ.get("BENCH_ROUNDS", "3")), float(os.environ.get("BENCH_SECONDS", "6"))
MOST = int(os.environ.get("BENCH_SCREENS", "18000"))
FEW, RATE, BUSY = 50, 200, min(5_000, MOST)
OPEN_SECONDS, WAIT_SECONDS = 45.0, 10.0
"""Screens that are not open by then count as not held; nor do those that an event does not reach by then."""
QUIET_SECONDS = 6.0
EACH = 9_000
"""Screens of one client process."""
MEDIAN, P99 = Goal(10, 4), Goal(20, 8)
HELD, MEMORY, BROADCAST = Goal(0.5, 0.9, is_most=False), Goal(3, 1.5), Goal(3, 1.5)
UNDISTURBED, SILENCE = Goal(0.7, 0.9, is_most=False), Goal(3.5, 2)
"""Screens that hear nothing for 3.5 s take their connection for dead (`assets/src/stream.js`)."""
DUE = 2_000


@dataclass
class Server:
    """What holds the screens: where its stream is, and how to have events written."""

    name: str
    port: int
    pid: int
    path: Callable[[], str]
    """As a page has it that was just loaded."""
    cookie: str
    write: Any
    """(seconds, events a second) -> {transaction: when it was committed}"""


def main() -> None:
    server = postgres.start(durable=True, settings=SETTINGS)
    try:
        with shop_at(running.new_database(server.url)) as shop:
            show("Screens", [*measure_frames(shop), *measure_many(shop), *measure_adding(shop)])
    finally:
        server.stop()


# -- servers -----------------------------------------------------------------------------------------

SIGN_IN = """
from django.conf import settings
from django.test import Client
from ghostcart.backoffice.models import User
client = Client()
client.force_login(User.objects.get(email="owner@demo.example"))
print(f"{settings.SESSION_COOKIE_NAME}={client.session.session_key}")
"""
PLACE = "from ghostcart.carts import log; print(log.position())"
WRITE = "import json; from bench import _screens; print(json.dumps([*_screens.add_steadily(*{pace}).items()]))"
COMMAND = "import json; from ghostcart.config import serving; print(json.dumps(serving.granian('asgi', {app!r})))"


@contextmanager
def wire(shop: running.Running) -> Iterator[Server]:
    """The product's own process, a new one."""

    def write(*pace: float) -> dict[int, float]:
        return dict(json.loads(shop.ask(WRITE.format(pace=pace))))

    shop.start("wire")
    try:
        products(shop)  # plenty of them
        assert shop.server
        cookie = shop.ask(SIGN_IN)
        yield Server("wire", shop.port, shop.server.pid, lambda: f"/api/v1/live?after={shop.ask(PLACE)}", cookie, write)
    finally:
        shop.stop()


@contextmanager
def bare(shop: running.Running) -> Iterator[Server]:
    """The same server program with the same settings, and nothing in it."""
    port, database = running.free_port(), shop.environment["DATABASE_URL"]
    command = json.loads(shop.ask(COMMAND.format(app="bench._screens:bare")))
    command[command.index(str(shop.port))] = str(port)
    process = subprocess.Popen([sys.executable, "-m", *command], env=shop.environment, cwd=Path(__file__).parent.parent)
    try:
        wait_for(port)
        yield Server("bare", port, process.pid, lambda: "/", "", lambda *pace: _screens.write_steadily(database, *pace))
    finally:
        process.terminate()
        process.wait(20)


def wait_for(port: int) -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        try:
            with httpx.stream("GET", f"http://127.0.0.1:{port}/"):
                return
        except httpx.TransportError:
            time.sleep(0.05)
    raise RuntimeError("the bare server did not start")


def processes(pid: int) -> dict[int, int]:
    """{process: KiB in memory} of a process and those that it started."""
    lines = subprocess.check_output(["ps", "-eo", "pid=,ppid=,rss="], text=True).splitlines()
    rows = [[int(word) for word in line.split()] for line in lines]
    found = {row[0]: row[2] for row in rows if row[0] == pid}
    for _generation in range(3):
        found |= {row[0]: row[2] for row in rows if row[1] in found}
    return found


def most_files(server: Server) -> int:
    """How many files its process may open at most, when it asks for it."""
    worker = max(processes(server.pid).items(), key=lambda one: one[1])[0]
    line = next(line for line in Path(f"/proc/{worker}/limits").read_text().splitlines() if "open files" in line)
    soft, hard = (int(word) for word in line.split()[3:5])
    if soft < hard:
        say(f"the {server.name} process may open {soft:,} files, and did not ask for the {hard:,} that it could have")
    return hard


# -- screens -----------------------------------------------------------------------------------------


@dataclass
class Screens:
    """Screens that are open in client processes."""

    clients: list[subprocess.Popen[str]]
    count: int = 0
    seconds: float = 0.0

    def ask(self, *words: Any) -> list[Any]:
        for client in self.clients:
            assert client.stdin
            client.stdin.write(" ".join(map(str, words)) + "\n")
            client.stdin.flush()
        return self.told()

    def told(self) -> list[Any]:
        return [json.loads(client.stdout.readline()) for client in self.clients if client.stdout]

    def note(self, write: Any, wanted: int, wait: float) -> list[list[float]]:
        """Have events written; of each screen the seconds from each event's commit to its frame."""
        self.ask("note")
        committed = write()
        of_screens = [came for told in self.ask("tell", wait, wanted) for came, _silent in told]
        return [[at - committed[number] for number, at in came if number in committed] for came in of_screens]

    def silences(self, seconds: float) -> list[float]:
        """Of each screen how long it heard nothing, at most, within so many seconds."""
        self.ask("note")
        time.sleep(seconds)
        return [silent for told in self.ask("tell", 0, 0) for _came, silent in told]


@contextmanager
def held(server: Server, count: int) -> Iterator[Screens]:
    """So many screens, or those that could be opened in time."""
    path = server.path()
    shares = [min(EACH, count - first) for first in range(0, count, EACH)]
    clients = [
        subprocess.Popen(
            [sys.executable, "-m", "bench._screens", "hold", "127.0.0.1", str(server.port), path, server.cookie,
             str(share), str(OPEN_SECONDS)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        ) for share in shares
    ]  # fmt: skip
    screens = Screens(clients)
    try:
        told = screens.told()
        screens.count, screens.seconds = sum(one["open"] for one in told), max(one["seconds"] for one in told)
        if count > FEW:
            say(f"{server.name}: {screens.count:,} of {count:,} screens opened in {screens.seconds:.0f} s")
        yield screens
    finally:
        for client in clients:
            client.communicate()


def say(text: str) -> None:
    print(f"  {text}", flush=True)


def percentile(times: list[float], part: float) -> float:
    """In milliseconds."""
    return 1000 * sorted(times)[min(len(times) - 1, int(len(times) * part))]


# -- from the commit to the screen -------------------------------------------------------------------


def measure_frames(shop: running.Running) -> list[Figure]:
    """From just after an event's commit until its frame is at the client, over all events and screens."""
    found: dict[str, list[list[float]]] = {"wire": [], "bare": []}
    with wire(shop) as ours, bare(shop) as other:
        for number in range(ROUNDS):
            for server in (ours, other):
                found[server.name].append(frame_times(server))
            say(f"frames, round {number + 1}: " + ", ".join(
                f"{name} p50 {percentile(rounds[-1], 0.5):.1f} p99 {percentile(rounds[-1], 0.99):.1f} ms"
                for name, rounds in found.items()))  # fmt: skip
    figures = []
    for word, part, goal in (("p50", 0.5, MEDIAN), ("p99", 0.99, P99)):
        ours_, other_ = ([percentile(times, part) for times in found[name]] for name in ("wire", "bare"))
        what = f"commit to frame at the client, {RATE} events/s, {FEW} screens, {word}"
        figures.append(median(what, ours_, "ms", goal, against="bare", other=statistics.median(other_)))
    return figures


def frame_times(server: Server) -> list[float]:
    """What did not come at all counts with all that was waited."""
    wanted = round(SECONDS * RATE)
    with held(server, FEW) as screens:
        screens.note(lambda: server.write(1, RATE), RATE, 5)  # warm
        times = screens.note(lambda: server.write(SECONDS, RATE), wanted, WAIT_SECONDS)
    came = [one for of_screen in times for one in of_screen]
    missing = FEW * wanted - len(came)
    assert missing >= 0, f"a screen of the {server.name} server had events twice"
    if missing:
        say(f"{server.name}: {missing:,} of {FEW * wanted:,} frames did not come")
    return came + missing * [WAIT_SECONDS]


# -- many screens ------------------------------------------------------------------------------------


@dataclass
class Many:
    """What it was like to hold many screens."""

    opened: int
    reached: int
    """Of those, by each of the events."""
    most: int
    kib: float
    """Of memory, for each."""
    silence: float
    """Seconds at most without a byte, of 99 % of the screens."""
    p99s: list[float]


def measure_many(shop: running.Running) -> list[Figure]:
    """Memory, and how long one event takes to all screens: the product first, then the bare server with as many."""
    with wire(shop) as server:
        ours = hold_many(server, min(MOST, int(0.95 * most_files(server))))
    with bare(shop) as server:
        other = hold_many(server, max(FEW, ours.opened))
    files = Figure("screens held by one process that all get an event", ours.reached, "", HELD,
                   against="open files", other=ours.most)  # fmt: skip
    memory = Figure(
        f"memory of a screen, {ours.opened:,} held", ours.kib, "KiB", MEMORY, against="bare", other=other.kib
    )
    broadcast = median(f"commit of one event to its frame on {ours.opened:,} screens, p99", ours.p99s, "ms", BROADCAST,
                       against="bare", other=statistics.median(other.p99s))  # fmt: skip
    silence = Figure(f"longest silence on 99 % of {ours.opened:,} screens", ours.silence, "s", SILENCE)
    return [files, memory, silence, broadcast]


def hold_many(server: Server, count: int) -> Many:
    """Held is what is open and gets an event that was committed when all were open. Who got none is counted in the
    times with all that was waited."""
    with held(server, FEW):  # what it needs for the first ones it does not need for each
        server.write(1, 10)
    before = sum(processes(server.pid).values())
    with held(server, count) as screens:
        silence = percentile(screens.silences(QUIET_SECONDS), 0.99) / 1000
        kib = (sum(processes(server.pid).values()) - before) / max(1, screens.count)
        reached, p99s = screens.count, []
        for _round in range(ROUNDS):
            times = screens.note(lambda: server.write(1, 1), 1, WAIT_SECONDS)
            firsts = [min(came, default=WAIT_SECONDS) for came in times]
            reached = min(reached, sum(map(bool, times)))
            p99s.append(percentile(firsts, 0.99))
            say(f"{server.name}: one event reached {sum(map(bool, times)):,} of {screens.count:,} screens,"
                f" p50 {percentile(firsts, 0.5):,.0f} p99 {p99s[-1]:,.0f} ms; {kib:.1f} KiB each")  # fmt: skip
    return Many(screens.count, reached, most_files(server), kib, silence, p99s)


# -- shoppers meanwhile ------------------------------------------------------------------------------

ENQUEUE = """
from ghostcart.lib import clock
from ghostcart.mail import outbox
from ghostcart.shops.models import Shop
shop, now = Shop.objects.get(slug="fern"), clock.now()
for number in range(DUE):
    outbox.enqueue(shop_id=shop.pk, kind="notice", address=f"p{number}@example.com", language="en", due_at=now, now=now,
                   template={"subject": "Hello", "body": "Here."}, facts={})
"""


def measure_adding(shop: running.Running) -> list[Figure]:
    """Alone before and after the rounds with screens, which are opened once: all are of one process."""
    with wire(shop) as server:
        shopping = Shopping(shop, lambda: count_on_postgresql(shop.environment["DATABASE_URL"]))
        shop.ask(ENQUEUE.replace("DUE", str(DUE)))
        shopping.hurry(CLIENTS, 2)  # warm
        alone = [shopping.hurry(CLIENTS, SECONDS).rate]
        with held(server, BUSY) as screens, claiming(shop):
            busy = [shopping.hurry(CLIENTS, SECONDS).rate for _round in range(ROUNDS)]
        alone.append(shopping.hurry(CLIENTS, SECONDS).rate)
    say(f"adds/s alone {', '.join(map('{:.0f}'.format, alone))}; with screens {', '.join(map('{:.0f}'.format, busy))}")
    what = f"adds/s with {screens.count:,} screens held and {DUE:,} due mails claimed 4 times a second (demo data)"
    return [median(what, busy, "/s", UNDISTURBED, against="alone", other=statistics.median(alone))]


@contextmanager
def claiming(shop: running.Running) -> Iterator[None]:
    command = [sys.executable, "-m", "bench._screens", "claim", "120"]
    environment = shop.environment | {"DJANGO_SETTINGS_MODULE": "ghostcart.config.settings"}
    process = subprocess.Popen(command, env=environment, cwd=Path(__file__).parent.parent)
    time.sleep(2)
    try:
        assert process.poll() is None, "the scan did not start"
        yield
    finally:
        process.terminate()
        process.wait(10)


if __name__ == "__main__":
    main()
