"""Several hosts against one PostgreSQL, each in a network namespace of its own: killed, cut off, brought back in turn.

    python -m bench hosts        (as root, with iproute2: it makes namespaces and takes them away again)

Two hosts with pages, API and streams, two with workers. Meanwhile shoppers add to carts (whoever is not answered asks
the other host, with the same key), screens follow (whoever hears nothing goes to the other host, from the last event
on), and mails go out. At the end nothing that was accepted may be missing or doubled, no screen may lack an event or
have it twice, nobody may have had a mail twice, and no event may have come later than five seconds after its commit.
"""

import asyncio
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import psycopg

from tests import postgres, running
from tests.mail.sink import Sink

BRIDGE, GATE, PORT, DATABASE_PORT = "ghostcart0", "10.203.7.1", 8000, 5499
SHOPPERS, SCREENS, MAILS = 12, 10, 6_000
ANSWER_SECONDS, SILENCE_SECONDS, WHOLE_SECONDS = 3.0, 3.5, 5.0
AWAY, CALM = 6.0, 6.0
PERSON = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


def ip(*words: str, may_fail: bool = False) -> None:
    subprocess.run(["ip", *words], check=not may_fail, capture_output=may_fail)


@dataclass
class Host:
    """A namespace with an address and one command that runs in it."""

    name: str
    address: str
    command: str
    environment: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    def plug_in(self) -> None:
        inside, outside = f"{self.name}-in", f"{self.name}-out"
        ip("netns", "add", self.name)
        ip("link", "add", outside, "type", "veth", "peer", "name", inside, "netns", self.name)
        ip("link", "set", outside, "master", BRIDGE, "up")
        for words in (("addr", "add", f"{self.address}/24", "dev", inside), ("link", "set", inside, "up"),
                      ("link", "set", "lo", "up")):  # fmt: skip
            ip("-n", self.name, *words)

    def start(self, log: Path) -> None:
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                ["ip", "netns", "exec", self.name, sys.executable, "-m", "ghostcart", self.command],
                env=self.environment | {"HOST": self.address, "PORT": str(PORT)}, stdout=output, stderr=output,
                start_new_session=True,
            )  # fmt: skip

    def kill(self) -> None:
        if self.process and self.process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def cut(self) -> None:
        ip("link", "set", f"{self.name}-out", "down")

    def mend(self) -> None:
        ip("link", "set", f"{self.name}-out", "up")

    def go(self) -> None:
        self.kill()
        ip("netns", "del", self.name, may_fail=True)

    @property
    def url(self) -> str:
        return f"http://{self.address}:{PORT}"


# -- who uses them -----------------------------------------------------------------------------------


@dataclass
class Shoppers:
    """Add one after the other; what was answered with 200 is accepted."""

    urls: list[str]
    key: str
    skus: list[str]
    accepted: Counter[str] = field(default_factory=Counter)
    asked_again: int = 0
    refused: list[str] = field(default_factory=list)
    enough: bool = False

    async def shop(self, number: int) -> None:
        async with httpx.AsyncClient(timeout=ANSWER_SECONDS) as client:
            for at in itertools.count(number):  # each cart begins at another host
                if self.enough:
                    break
                at, made = await self.ask(client, at, "/carts", {}, "")
                token = made.get("token", "")
                for turn in range(20):
                    if self.enough or not token:
                        break
                    sku = self.skus[(number + turn) % len(self.skus)]
                    at, answer = await self.ask(client, at, "/cart/lines", {"sku": sku}, token)
                    self.accepted[token] += bool(answer)
                    await asyncio.sleep(0.05)

    async def ask(
        self, client: httpx.AsyncClient, at: int, path: str, body: dict[str, str], token: str
    ) -> tuple[int, dict[str, Any]]:
        """The answer, from whichever host gives it."""
        headers = {"Ghostcart-Shop": self.key, "Idempotency-Key": str(uuid4()), "User-Agent": PERSON}
        if token:
            headers["Ghostcart-Cart"] = token
        for _try in range(60):
            try:
                answer = await client.post(f"{self.urls[at % 2]}/api/v1/store{path}", json=body, headers=headers)
                if answer.status_code < 300:
                    return at, answer.json()
                if answer.status_code < 500 and answer.status_code not in (409, 429):
                    self.refused.append(f"{answer.status_code} {answer.text[:200]}")
                    return at, {}
            except httpx.HTTPError:
                at += 1
            self.asked_again += 1
            await asyncio.sleep(0.1)
        self.refused.append("nobody answered")
        return at, {}


@dataclass
class Screen:
    """A live page: entries by number, with the time each came."""

    urls: list[str]
    cookie: str
    at: int
    place: str
    came: list[tuple[int, float]] = field(default_factory=list)
    opened: int = 0
    resets: int = 0

    async def watch(self) -> None:
        headers = {"Accept": "text/event-stream", "Cookie": self.cookie}
        timeout = httpx.Timeout(SILENCE_SECONDS, connect=1.0)
        async with httpx.AsyncClient(timeout=timeout) as client:
            while True:
                self.opened += 1
                address = f"{self.urls[self.at % 2]}/api/v1/live?after={self.place}"
                with suppress(httpx.HTTPError):
                    async with client.stream("GET", address, headers=headers) as answer:
                        if answer.status_code == 200:
                            await self.read(answer)
                self.at += 1
                await asyncio.sleep(0.05)

    async def read(self, answer: httpx.Response) -> None:
        fields: dict[str, str] = {}
        async for line in answer.aiter_lines():
            name, _colon, value = line.partition(": ")
            if line:
                fields[name] = value
                continue
            if fields.get("event") == "carts":
                now = time.time()
                told = json.loads(fields["data"])
                numbers = [int(one["id"].split("-")[1]) for one in told["entries"]] + [one[0] for one in told["passed"]]
                self.came += [(number, now) for number in sorted(numbers)]
                self.place = fields["id"]
            self.resets += fields.get("event") == "reset"
            fields = {}


# -- the proof ---------------------------------------------------------------------------------------


def main() -> None:
    if os.geteuid():
        sys.exit("Only root may make network namespaces: sudo .venv/bin/python -m bench hosts")
    folder = Path(tempfile.mkdtemp(prefix="ghostcart-hosts-"))
    folder.chmod(0o755)
    hosts = [Host("gc-web1", "10.203.7.11", "wire"), Host("gc-web2", "10.203.7.12", "wire"),
             Host("gc-work1", "10.203.7.21", "worker"), Host("gc-work2", "10.203.7.22", "worker")]  # fmt: skip
    for host in hosts:
        host.go()
    ip("link", "del", BRIDGE, may_fail=True)
    server = None
    try:
        ip("link", "add", BRIDGE, "type", "bridge")
        ip("addr", "add", f"{GATE}/24", "dev", BRIDGE)
        ip("link", "set", BRIDGE, "up")
        for host in hosts:
            host.plug_in()
        server = start_database(folder)
        failures = prove(folder, hosts)
    finally:
        for host in hosts:
            host.go()
        ip("link", "del", BRIDGE, may_fail=True)
        if server:
            server.stop()
        shutil.rmtree(folder, ignore_errors=True)
    sys.exit(bool(failures))


def start_database(folder: Path) -> postgres.Server:
    settings = f"-c listen_addresses={GATE} -c port={DATABASE_PORT} -c track_commit_timestamp=on"
    server = postgres.start(durable=True, settings=settings, keep=folder / "server")
    rules = folder / "server" / "data" / "pg_hba.conf"
    rules.write_text(rules.read_text() + "host all all 10.203.7.0/24 trust\n")
    with psycopg.connect(f"{server.url}&port={DATABASE_PORT}", autocommit=True) as connection:
        connection.execute("SELECT pg_reload_conf()")
        connection.execute("CREATE DATABASE hosts")
    return server


def prove(folder: Path, hosts: list[Host]) -> list[str]:
    database = f"postgresql://postgres@{GATE}:{DATABASE_PORT}/hosts"
    with Sink(host=GATE) as sink:
        sink.script["dot"] = slowly
        os.environ |= {"EMAIL_URL": f"smtp://{GATE}:{sink.port}", "ALLOWED_HOSTS": "*",
                       "GHOSTCART_ALLOW_PRIVATE_TARGETS": "10.203.7.0/24"}  # fmt: skip
        shop = running.prepare(folder, carts=100, database=database)
        facts = json.loads(shop.ask(PREPARE.replace("MAILS", str(MAILS))))
        for host in hosts:
            host.environment = shop.environment
            host.start(folder / f"{host.name}.log")
        for host in hosts[:2]:
            wait_for(host)
        shoppers, screens, faults = asyncio.run(under_load(hosts, facts, folder))
        finish_mail(shop, database)
        failures = compare(database, facts, shoppers, screens, sink)
    print(f"{faults} faults; shoppers asked again {shoppers.asked_again} times; "
          f"screens were opened {sum(one.opened for one in screens)} times")  # fmt: skip
    for failure in failures:
        print(f"FAILED: {failure}")
    print("All held." if not failures else "")
    return failures


def slowly(_said: str) -> None:
    """So that mails still go out when the last host comes back."""
    time.sleep(0.02)


PREPARE = """
import json
from django.test import Client
from ghostcart.backoffice.models import User
from ghostcart.carts import log
from ghostcart.catalog.models import Variant
from ghostcart.lib import clock
from ghostcart.mail import outbox
from ghostcart.mail.models import Message
from ghostcart.recovery.models import Campaign
from ghostcart.shops.models import Shop
from django.conf import settings
Variant.objects.update(stock=10**9)
Message.objects.all().delete()
Campaign.objects.all().delete()
shop = Shop.objects.get(slug="fern")
now = clock.now()
for number in range(MAILS):
    outbox.enqueue(shop_id=shop.pk, kind="notice", address=f"p{number}@example.com", language="en", due_at=now, now=now,
                   template={"subject": "Hello", "body": "Your cart is here."}, facts={})
client = Client()
client.force_login(User.objects.get(email="owner@demo.example"))
skus = list(Variant.objects.filter(shop=shop).order_by("pk").values_list("sku", flat=True)[:20])
cookie = f"{settings.SESSION_COOKIE_NAME}={client.session.session_key}"
place = str(log.position())
print(json.dumps({"key": shop.public_key, "shop": shop.pk, "skus": skus, "cookie": cookie, "place": place}))
"""


def wait_for(host: Host) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        with suppress(httpx.HTTPError):
            if httpx.get(f"{host.url}/healthz", timeout=1).status_code == 200:
                return
        time.sleep(0.1)
    raise RuntimeError(f"{host.name} does not answer")


async def under_load(hosts: list[Host], facts: dict[str, Any], folder: Path) -> tuple[Shoppers, list[Screen], int]:
    urls = [host.url for host in hosts[:2]]
    shoppers = Shoppers(urls, facts["key"], facts["skus"])
    screens = [Screen(urls, facts["cookie"], number, facts["place"]) for number in range(SCREENS)]
    watching = await seated(screens, [])
    shopping = [asyncio.create_task(shoppers.shop(number)) for number in range(SHOPPERS)]
    await asyncio.sleep(CALM)
    faults = 0
    for host in hosts:
        for begin, end in ((host.kill, lambda host=host: host.start(folder / f"{host.name}.log")),
                           (host.cut, host.mend)):  # fmt: skip
            faults += 1
            print(f"{host.name}: {'killed' if begin == host.kill else 'cut off'}", flush=True)
            await asyncio.to_thread(begin)
            await asyncio.sleep(AWAY)
            await asyncio.to_thread(end)
            await asyncio.sleep(CALM)
            watching = await seated(screens, watching)
            await asyncio.sleep(CALM / 2)
    shoppers.enough = True
    await asyncio.gather(*shopping)
    await asyncio.sleep(2 * WHOLE_SECONDS)
    await seated([], watching)
    return shoppers, screens, faults


async def seated(screens: list[Screen], watching: list[asyncio.Task[None]]) -> list[asyncio.Task[None]]:
    """Half of the screens at each host, so that every fault meets some: they go on from where they were."""
    for task in watching:
        task.cancel()
    await asyncio.gather(*watching, return_exceptions=True)
    for number, screen in enumerate(screens):
        screen.at = number
    return [asyncio.create_task(screen.watch()) for screen in screens]


def finish_mail(shop: running.Running, database: str) -> None:
    """Until every mail has gone, or is in doubt: leases of dead workers end first."""
    until = time.monotonic() + 420
    while time.monotonic() < until:
        with psycopg.connect(database) as connection:
            row = connection.execute(
                "SELECT count(*) FROM mail_message WHERE kind = 'notice' AND state NOT IN ('sent', 'in_doubt')"
            ).fetchone()
        if row and not row[0]:
            return
        time.sleep(1)


def compare(database: str, facts: dict[str, Any], shoppers: Shoppers, screens: list[Screen], sink: Sink) -> list[str]:
    from hashlib import sha256

    failures = list(shoppers.refused)
    with psycopg.connect(database) as connection:

        def ask(sql: Any, *values: Any) -> list[Any]:
            return connection.execute(sql, values).fetchall()

        stored = dict(ask("SELECT d.token_hash, coalesce(sum(l.quantity), 0) FROM carts_device d"
                          " LEFT JOIN carts_cartline l ON l.cart_id = d.cart_id GROUP BY 1"))  # fmt: skip
        events = dict(ask(
            "SELECT id, extract(epoch FROM pg_xact_commit_timestamp(mod(xid::text::bigint, 4294967296)::text::xid))"
            " FROM carts_cartevent WHERE (xid, id) > (%s::text::xid8, %s) AND shop_id = %s",
            *map(int, facts["place"].split("-")), facts["shop"],
        ))  # fmt: skip
        states = dict(ask("SELECT state, count(*) FROM mail_message WHERE kind = 'notice' GROUP BY 1"))
    wrong = [token for token, count in shoppers.accepted.items()
             if stored.get(sha256(token.encode()).hexdigest()) != count]  # fmt: skip
    accepted = sum(shoppers.accepted.values())
    print(f"{accepted} adds to {len(shoppers.accepted)} carts accepted; {len(wrong)} carts hold another number")
    failures += [f"{len(wrong)} carts do not hold what was accepted"] if wrong else []

    lateness: list[float] = []
    per_second: dict[int, float] = defaultdict(float)
    for screen in screens:
        seen = Counter(number for number, _at in screen.came)
        missing, doubled = set(events) - set(seen), [number for number, times in seen.items() if times > 1]
        if missing or doubled or screen.resets:
            failures.append(f"a screen lacks {len(missing)}, has {len(doubled)} twice, was reset {screen.resets} times")
        late = {number: at - float(events[number]) for number, at in screen.came if number in events}
        lateness += late.values()
        for number, seconds in late.items():
            per_second[round(float(events[number]))] = max(per_second[round(float(events[number]))], seconds)
    lateness.sort()
    worst = lateness[-1] if lateness else float("inf")
    print(f"{len(events)} events on {len(screens)} screens: median {lateness[len(lateness) // 2] * 1000:.0f} ms after "
          f"their commit, 99 % within {lateness[int(len(lateness) * 0.99)]:.2f} s, the last {worst:.2f} s")  # fmt: skip
    failures += [f"an event came {worst:.1f} s late"] if worst > WHOLE_SECONDS else []

    twice = [who for who, times in Counter(sink.recipients).items() if times > 1]
    print(f"mails: {states}; {len(sink.taken)} taken by the server, {len(twice)} people had one twice")
    failures += [f"{len(twice)} people had a mail twice"] if twice else []
    lost = MAILS - len(set(sink.recipients)) - states.get("in_doubt", 0)
    failures += [f"{lost} mails are lost"] if lost > 0 or states.get("sent", 0) > len(sink.taken) else []
    return failures


if __name__ == "__main__":
    main()
