"""The real worker is killed with -9 while it delivers: all arrives, in order per cart, recognisably repeated."""

import os
import signal
import threading
from collections import defaultdict

import pytest
from standardwebhooks import Webhook

from tests.listening import Server

CARTS, CHANGES, KILLS = 12, 8, 5
SECONDS = 120

PREPARE = f"""
import django, os; django.setup()
from ghostcart.connectors.webhooks import endpoints
from ghostcart.lib import clock
from tests import factories
shop = factories.shop()
_, secret = endpoints.create(shop, url=os.environ["TEST_URL"], description="", kinds=[], now=clock.now())
shoppers = [factories.Shopper(shop) for _ in range({CARTS})]
for _ in range({CHANGES}):
    for shopper in shoppers:
        shopper.add()
print(secret)
"""
STATES = """
import django, json; django.setup()
from ghostcart.connectors.webhooks.models import Delivery
rows = Delivery.objects.order_by("pk").values_list("message_id", "cart_id", "event__cart_version", "state")
print(json.dumps(list(rows)))
"""


class Deadly:
    """A receiver that takes everything, and kills whoever sends now and then, before it answers."""

    def __init__(self) -> None:
        self.lock, self.worker, self.kills = threading.Lock(), None, 0
        self.calls: list = []

    def __call__(self, call):
        with self.lock:
            self.calls.append(call)
            if self.kills < KILLS and len(self.calls) % 9 == 0 and self.worker:
                self.kills += 1
                os.kill(self.worker.pid, signal.SIGKILL)
                self.worker = None
        return 204, {}, b""


@pytest.mark.slow
def test_a_killed_worker_loses_nothing_and_repeats_recognisably(room, tmp_path):
    deadly, clock = Deadly(), tmp_path / "clock"
    room.environment |= {"GHOSTCART_CLOCK": str(clock), "GHOSTCART_ALLOW_PRIVATE_TARGETS": "127.0.0.1/32"}
    with Server(deadly) as server:
        secret = room.told("-c", PREPARE, TEST_URL=server.url)
        for start in range(KILLS + 2):
            clock.write_text(str(start * 120))  # past the lease of the one before
            worker = room.start("-m", "ghostcart", "worker", "--once")
            deadly.worker = worker
            worker.wait(SECONDS)
        assert worker.returncode == 0
    rows = room.ask("-c", STATES)
    first: dict[str, int] = {}
    bodies = defaultdict(set)
    for call in deadly.calls:
        Webhook(secret).verify(call.body, call.headers)
        first.setdefault(call.headers["webhook-id"], len(first))
        bodies[call.headers["webhook-id"]].add(call.body)
    print(f"\n{deadly.kills} kills, {len(rows)} events, {len(deadly.calls)} calls, "
          f"{len(deadly.calls) - len(first)} repeated under a known id")  # fmt: skip
    assert deadly.kills == KILLS
    assert {state for *_rest, state in rows} == {"delivered"}
    assert len(rows) == CARTS * CHANGES == len(first) < len(deadly.calls)
    assert all(len(of_one) == 1 for of_one in bodies.values())
    arrived = defaultdict(list)
    for name, cart, version, _state in sorted(rows, key=lambda row: first[row[0]]):
        assert name in first
        arrived[cart].append(version)
    assert all(versions == sorted(versions) for versions in arrived.values())
