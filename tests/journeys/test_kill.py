"""A web process dies at any moment: whatever was acknowledged is there, once.

A real server on loopback; shoppers add products, each with an Idempotency-Key, and try again after an error, as our
own pages do; the server's processes are killed with -9 in between. GHOSTCART_KILLS says how often.
"""

import os
import random
import signal
import uuid
from functools import partial
from threading import Event, Thread
from time import monotonic
from typing import IO

import httpx
import pytest

from tests.conftest import IN_CI
from tests.rooms import Room
from tests.running import free_port

KILLS = int(os.environ.get("GHOSTCART_KILLS", 25 if IN_CI else 5))
SHOPPERS = 6
SOON = 90  # seconds until the test gives up waiting

PREPARE = """
import django; django.setup()
from ghostcart.catalog.models import Variant
from ghostcart.shops.models import Shop
from tests import factories
for old in Shop.objects.all():
    Shop.objects.filter(pk=old.pk).update(slug=f"old{old.pk}")
shop = factories.shop()
Variant.objects.update(stock=1_000_000)
print(shop.public_key)
"""
COUNT = """
import django, json; django.setup()
from ghostcart.carts.models import Cart, IdempotencyKey
keys = {}
for scope, key in IdempotencyKey.objects.values_list("scope", "key"):
    keys.setdefault(scope, []).append(key)
print(json.dumps([
    {"items": cart.item_count, "version": cart.version, "keys": keys.get(cart.devices.get().token_hash, []),
     "events": list(cart.events.order_by("id").values_list("cart_version", flat=True))}
    for cart in Cart.objects.all()
]))
"""


class Server:
    """Granian with one worker."""

    def __init__(self, application: str, room: Room, output: IO[bytes]) -> None:
        port = free_port()
        self.process = room.start(
            "-m", "granian", "--interface", "asgi", "--host", "127.0.0.1", "--port", str(port),
            "--workers-kill-timeout", "2", "--no-access-log", "--log-level", "error", application,
            stdout=output, stderr=output, start_new_session=True,
        )  # fmt: skip
        self.address = f"http://127.0.0.1:{port}/api/v1/store"
        self.has_served = False

    def kill(self) -> None:
        """The master and its worker at once: an orphan would go on serving."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


class Servers:
    """Two servers of one shop; when one is killed, another takes its place."""

    def __init__(self, application: str, room: Room) -> None:
        self.output = (room.folder / "server.log").open("wb")
        self.start = partial(Server, application, room, self.output)
        self.running = [self.start(), self.start()]

    def kill_one(self, chance: random.Random) -> bool:
        """Kill one that is at work, if there is one."""
        at_work = [server for server in self.running if server.has_served]
        if not at_work:
            return False
        dead = chance.choice(at_work)
        dead.kill()
        self.running = [server for server in self.running if server is not dead] + [self.start()]
        return True

    def stop(self) -> None:
        for server in self.running:
            server.kill()
        self.output.close()


class Shopper(Thread):
    """Adds one mug after the other; each has a key, and is asked for until it is acknowledged."""

    def __init__(self, servers: Servers, shop: str, enough: Event) -> None:
        super().__init__(daemon=True)
        self.servers, self.shop, self.enough = servers, shop, enough
        self.acknowledged: list[str] = []
        self.token = self.trouble = ""
        self.retries = 0

    def run(self) -> None:
        headers = {"Ghostcart-Shop": self.shop, "User-Agent": "Mozilla/5.0 (a person)"}
        with httpx.Client(headers=headers, timeout=20) as client:
            self.token = self.ask(client, "/carts", {})["token"]
            client.headers["Ghostcart-Cart"] = self.token
            while not (self.enough.is_set() or self.trouble):
                key = str(uuid.uuid4())
                self.ask(client, "/cart/lines", {"sku": "MUG"}, key)
                self.acknowledged.append(key)

    def ask(self, client: httpx.Client, path: str, body: object, key: str = "") -> dict[str, str]:
        until, pause = monotonic() + SOON, Event()
        while monotonic() < until:
            server = random.choice(self.servers.running)
            try:
                headers = {"Idempotency-Key": key} if key else {}
                answer = client.post(server.address + path, json=body, headers=headers)
            except httpx.TransportError:
                self.retries += 1
                pause.wait(0.05)
                continue
            if answer.status_code in (200, 201):
                server.has_served = True
                return answer.json()
            if answer.status_code != 503:
                self.trouble = f"{answer.status_code} {answer.text}"
                break
        self.trouble = self.trouble or "the server did not come back"
        raise RuntimeError(self.trouble)


def kill_and_count(application: str, kills: int, room: Room) -> dict[str, int]:
    """Let shoppers shop, kill workers in between; then hold the acknowledged keys against the database."""
    shop, chance, enough = room.told("-c", PREPARE), random.Random(), Event()
    servers = Servers(application, room)
    try:
        shoppers = [Shopper(servers, shop, enough) for _ in range(SHOPPERS)]
        for shopper in shoppers:
            shopper.start()
        for _ in range(kills):
            _until_acknowledged(shoppers, chance.randrange(1, 60))
            assert _until(lambda: servers.kill_one(chance))
        _until_acknowledged(shoppers, 10)
        enough.set()
        for shopper in shoppers:
            shopper.join(SOON)
    finally:
        servers.stop()
    assert [shopper.trouble for shopper in shoppers if shopper.trouble] == []
    return held_against(shoppers, room) | {"kills": kills}


def held_against(shoppers: list[Shopper], room: Room) -> dict[str, int]:
    """What shoppers were told, held against what is stored."""
    acknowledged = {key for shopper in shoppers for key in shopper.acknowledged}
    carts = room.ask("-c", COUNT)
    stored = {key for cart in carts for key in cart["keys"]}
    return {
        "acknowledged": len(acknowledged),
        "retries": sum(shopper.retries for shopper in shoppers),
        "missing": len(acknowledged - stored),
        "doubled": sum(max(0, cart["items"] - len(set(cart["keys"]))) for cart in carts),
        "not acknowledged": len(stored - acknowledged),
        "broken carts": sum(
            not (cart["items"] == cart["version"] == len(cart["keys"]) == len(cart["events"]))
            or cart["events"] != list(range(1, cart["items"] + 1))
            for cart in carts
        ),
    }


def _until_acknowledged(shoppers: list[Shopper], more: int) -> None:
    def count() -> int:
        return sum(len(shopper.acknowledged) for shopper in shoppers)

    wanted = count() + more
    assert _until(lambda: count() >= wanted or any(shopper.trouble for shopper in shoppers))


def _until(is_so) -> bool:
    until, pause = monotonic() + SOON, Event()
    while monotonic() < until:
        if is_so():
            return True
        pause.wait(0.002)
    return False


@pytest.mark.slow
def test_nothing_acknowledged_is_lost_or_doubled_when_the_server_is_killed(room):
    figures = kill_and_count("ghostcart.config.asgi:application", KILLS, room)
    print(f"\n{figures}")
    assert (figures["missing"], figures["doubled"], figures["broken carts"]) == (0, 0, 0)
    assert figures["acknowledged"] >= KILLS
    assert figures["not acknowledged"] == 0


@pytest.mark.slow
def test_a_server_that_says_done_before_the_commit_loses(room):
    """The guard of the test above."""
    for _attempt in range(5):
        figures = kill_and_count("tests.journeys.kill_server:application", 2, room)
        print(f"\n{figures}")
        if figures["missing"]:
            return
    pytest.fail("an early answer never lost anything: the test above proves nothing")
