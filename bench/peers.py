"""Adding one unit to a cart over HTTP, beside other shop systems that can be installed from their own packages.

    python -m bench peers        (or `make bench-peers`; needs Node with npm, and the first time the network)

django-oscar with gunicorn and two workers; Vendure and Medusa in one process each, in production mode, with what they
have in memory by default. All on one private PostgreSQL with fsync, 40 products with plenty of stock, one kind of
client, a new cart every five adds; while one system runs, the others are stopped. They do different work for it: Oscar
applies offers and answers with a redirect, Vendure and Medusa compute tax and promotions, and each answers something
else. So this tells how long a shopper waits for that one call, and nothing about the rest of them.

Their packages are kept beside the data of the other benchmarks ($GHOSTCART_BENCH). Who cannot be installed or started,
or whose carts do not hold what it answered, is left out with a sentence.
"""

import json
import os
import secrets
import shutil
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import quote

import httpx
import psycopg
from psycopg.conninfo import conninfo_to_dict

from bench import _data, adding
from bench._figures import Figure, Goal, median, show
from tests import postgres, running

CLIENTS, SECONDS, ROUNDS = 8, float(os.environ.get("BENCH_SECONDS", "6")), int(os.environ.get("BENCH_ROUNDS", "3"))
RATE, WAIT = Goal(25, 60, is_most=False), Goal(0.25, 0.12)
WARM, FIRST_WARM = 2, 15  # the first time, their just-in-time compilers have more to do
INSTALL_SECONDS, START_SECONDS, ANSWER_SECONDS = 1800, 180, 60
PROJECTS = Path(__file__).parent / "peer_shops"
FOLDER = _data.FOLDER / "peers"
SETTINGS = {
    "NODE_ENV": "production", "DJANGO_SETTINGS_MODULE": "settings",
    "MEDUSA_DISABLE_TELEMETRY": "1", "VENDURE_DISABLE_TELEMETRY": "true",
}  # fmt: skip


class LeftOut(Exception):
    """Why a system is not measured, in a sentence."""


@dataclass
class System:
    """A shop system, and what it did in the rounds."""

    name: str
    title: str
    call: str
    lines: str
    """The table whose quantities are what lies in its carts."""
    database: str = ""
    address: str = ""
    key: str = ""
    products: list[str] = field(default_factory=list)
    wake: Callable[[], None] = lambda: None
    rest: Callable[[], None] = lambda: None
    rates: list[float] = field(default_factory=list)
    medians: list[float] = field(default_factory=list)

    def items(self) -> int:
        with psycopg.connect(self.database) as connection:
            row = connection.execute(f"SELECT coalesce(sum(quantity), 0) FROM {self.lines}").fetchone()
        return int(row[0])  # type: ignore[index]


@dataclass
class Peer(System):
    """One that is installed, filled and started by its own programs."""

    fill: tuple[str, ...] = ()
    serve: str = ""
    ready: str = "/health"
    process: subprocess.Popen[bytes] | None = None

    @property
    def folder(self) -> Path:
        return FOLDER / self.name

    @property
    def log(self) -> Path:
        return self.folder / "log"


def peers() -> list[Peer]:
    python, medusa = "env/bin/python", "node node_modules/@medusajs/cli/cli.js"
    gunicorn = "env/bin/gunicorn --workers 2 --bind 127.0.0.1:PORT --no-control-socket"
    gunicorn += " --timeout 0"  # it may rest as long as the others run
    return [
        Peer(
            "oscar", "django-oscar 4.2.1", "POST /basket/add/ID/", "basket_line", fill=(f"{python} fill.py",),
            serve=f"{gunicorn} django.core.wsgi:get_wsgi_application()", ready="/accounts/login/",
        ),
        Peer(
            "vendure", "Vendure 3.7.3", "POST /shop-api addItemToOrder", "order_line", fill=("node fill.js",),
            serve="node server.js",
        ),
        Peer(
            "medusa", "Medusa 2.21.2", "POST /store/carts/ID/line-items", "cart_line_item",
            fill=(f"{medusa} db:migrate", f"{medusa} exec fill.js"),
            serve=f"{medusa} start --host 127.0.0.1 --port PORT",
        ),
    ]  # fmt: skip


def main() -> int:
    theirs = peers()
    with ExitStack() as at_the_end:
        server = postgres.start(durable=True, settings=adding.SETTINGS)
        at_the_end.callback(server.stop)
        folder = at_the_end.enter_context(TemporaryDirectory(prefix="ghostcart-bench-", ignore_cleanup_errors=True))
        shop = running.prepare(Path(folder), carts=300, database=running.new_database(server.url))
        at_the_end.callback(shop.stop)
        for peer in theirs:
            at_the_end.callback(stop, peer)
        theirs = [peer for peer in theirs if attempt(prepare, peer, server.url)]
        ours = ghostcart(shop)
        for number in range(1, ROUNDS + 1):
            print(f"round {number} of {ROUNDS}", flush=True)
            measure(ours)
            theirs = [peer for peer in theirs if attempt(measure, peer)]
    if theirs:
        show("Adding one unit to a cart over HTTP, PostgreSQL with fsync", figures(ours, theirs))
    return 0 if theirs else 1


def attempt(work: Callable[..., None], peer: Peer, *more: Any) -> bool:
    try:
        work(peer, *more)
    except (LeftOut, OSError) as why:
        print(f"{peer.title} is left out: {why}", flush=True)
        stop(peer)
        return False
    return True


def ghostcart(shop: running.Running) -> System:
    """It starts fast, so it is started for each of its turns."""
    skus, key, _shop_id = adding.products(shop)
    return System(
        "ghostcart", "ours", "POST /api/v1/store/cart/lines", "carts_cartline", shop.environment["DATABASE_URL"],
        shop.address, key, skus, wake=lambda: shop.start("wire"), rest=shop.stop,
    )  # fmt: skip


# -- measuring ---------------------------------------------------------------------------------------


def measure(system: System) -> None:
    """One system's turn: all clients, then one alone."""
    system.wake()
    try:
        hurry(system, CLIENTS, WARM)
        rate, _times = hurry(system, CLIENTS, SECONDS)
        _rate, times = hurry(system, 1, SECONDS)
    finally:
        system.rest()
    system.rates.append(rate)
    system.medians.append(1000 * statistics.median(times))


def hurry(system: System, clients: int, seconds: float) -> tuple[float, list[float]]:
    """(adds a second, seconds of each). What lies in the carts must be what was answered."""
    before = system.items()
    words = [system.name, system.address, system.key, ",".join(system.products), str(clients), str(seconds)]
    command = [sys.executable, "-m", "bench.peer_shops.clients", *words]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + ANSWER_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise LeftOut(f"it did not answer within {ANSWER_SECONDS} s") from error
    if done.returncode:
        raise LeftOut(f"its client ended with {done.stderr.strip().splitlines()[-1]}")
    told = json.loads(done.stdout)
    if not told["times"]:
        raise LeftOut(f"it refused every add: {' '.join(told['refusals'])[:500]}")
    if told["refusals"]:
        print(f"{system.title} refused some adds, which are not counted: {told['refusals'][0][:200]!r}", flush=True)
    if (stored := system.items() - before) != len(told["times"]):
        raise LeftOut(f"it answered {len(told['times'])} adds, and its carts have {stored} items more")
    return len(told["times"]) / told["seconds"], told["times"]


def figures(ours: System, theirs: list[Peer]) -> list[Figure]:
    rates = [median(f"{one.title}: {one.call}, {CLIENTS} clients", one.rates, "adds/s") for one in theirs]
    waits = [median(f"{one.title}: {one.call}, one client, p50", one.medians, "ms") for one in theirs]
    best, shortest = max(one.value for one in rates), min(one.value for one in waits)
    return [
        *rates,
        median(f"{ours.title}: {ours.call}, {CLIENTS} clients", ours.rates, "adds/s", RATE, against="best peer",
               other=best),
        *waits,
        median(f"{ours.title}: {ours.call}, one client, p50", ours.medians, "ms", WAIT, against="best peer",
               other=shortest),
    ]  # fmt: skip


# -- the peers' own programs -------------------------------------------------------------------------


def prepare(peer: Peer, server: str) -> None:
    """Installed, filled, warm, and at rest until its turn."""
    install(peer)
    peer.database = str(running.new_database(server))
    port = running.free_port()
    environment = os.environ | SETTINGS | place(peer.database)
    environment |= {"PORT": str(port), "SECRET": secrets.token_urlsafe(24)}
    print(f"filling {peer.title} ...", end=" ", flush=True)
    begun = time.monotonic()
    for command in peer.fill:
        printed = run(peer, command, environment)
    told = json.loads(next(line for line in reversed(printed.splitlines()) if line.startswith('{"products"')))
    peer.products, peer.key = [str(one) for one in told["products"]], told.get("key", "")
    start(peer, port, environment)
    print(f"{time.monotonic() - begun:.0f} s", flush=True)
    hurry(peer, CLIENTS, FIRST_WARM)
    peer.wake, peer.rest = lambda: send(peer, signal.SIGCONT), lambda: send(peer, signal.SIGSTOP)
    peer.rest()


def place(url: str) -> dict[str, str]:
    """Where the database is, as libpq, Node's pg and Medusa take it: a socket's folder may stand in a URL's host."""
    words = {"user": "", "password": "", "host": "", "port": "", **conninfo_to_dict(url)}
    names = {"dbname": "PGDATABASE", "host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "password": "PGPASSWORD"}
    user, password, host = (quote(str(words[name]), safe="") for name in ("user", "password", "host"))
    whole = f"postgres://{user}{password and ':' + password}@{host}{words['port'] and ':' + str(words['port'])}"
    told = {names[name]: str(value) for name, value in words.items() if name in names and value}
    return told | {"DATABASE_URL": f"{whole}/{words['dbname']}"}


def install(peer: Peer) -> None:
    """Its packages, if they are not there yet; and its project, which is copied as it is now."""
    peer.folder.mkdir(parents=True, exist_ok=True)
    shutil.copytree(PROJECTS / peer.name, peer.folder, dirs_exist_ok=True)
    peer.log.write_text("")
    is_python = (peer.folder / "requirements.txt").exists()
    wanted = (peer.folder / ("requirements.txt" if is_python else "package.json")).read_text()
    mark = peer.folder / "installed"
    if mark.exists() and mark.read_text() == wanted:
        return
    if not is_python and not (shutil.which("node") and shutil.which("npm")):
        raise LeftOut("it needs Node 20 with npm, which are not here")
    print(f"installing {peer.title} into {peer.folder} ...", end=" ", flush=True)
    begun = time.monotonic()
    if is_python:
        run(peer, f"{sys.executable} -m venv env")
        run(peer, "env/bin/python -m pip install --quiet --disable-pip-version-check -r requirements.txt")
    else:
        run(peer, "npm install --no-audit --no-fund --loglevel error")
    mark.write_text(wanted)
    print(f"{time.monotonic() - begun:.0f} s", flush=True)


def run(peer: Peer, command: str, environment: dict[str, str] | None = None) -> str:
    """What it printed. All of it is in the log, too."""
    try:
        done = subprocess.run(command.split(), cwd=peer.folder, env=environment, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=INSTALL_SECONDS)  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise LeftOut(f"`{command}`: {error}") from error
    with peer.log.open("a") as log:
        log.write(f"$ {command}\n{done.stdout}\n")
    if done.returncode:
        raise LeftOut(f"`{command}` ended with {done.returncode}: ... {done.stdout.strip()[-300:]} ({peer.log})")
    return done.stdout


def start(peer: Peer, port: int, environment: dict[str, str]) -> None:
    peer.address = f"http://127.0.0.1:{port}"
    command = peer.serve.replace("PORT", str(port)).split()
    with peer.log.open("ab") as log:
        peer.process = subprocess.Popen(command, cwd=peer.folder, env=environment, stdout=log, stderr=log,
                                        start_new_session=True)  # fmt: skip
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and peer.process.poll() is None:
        with suppress(httpx.TransportError):
            if httpx.get(f"{peer.address}{peer.ready}", timeout=30).status_code == 200:
                return
        time.sleep(0.5)
    raise LeftOut(f"`{peer.serve}` did not start: ... {peer.log.read_text()[-300:]} ({peer.log})")


def send(peer: Peer, number: signal.Signals) -> None:
    """To all of its processes."""
    assert peer.process
    with suppress(ProcessLookupError):
        os.killpg(peer.process.pid, number)


def stop(peer: Peer) -> None:
    if peer.process and peer.process.poll() is None:
        send(peer, signal.SIGKILL)
        peer.process.wait()


if __name__ == "__main__":
    sys.exit(main())
