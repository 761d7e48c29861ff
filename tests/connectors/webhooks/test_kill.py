"""The real worker is killed with -9 while it delivers: all arrives, in order per cart, recognisably repeated."""

import json
import os
import signal
import subprocess
import sys
import threading
import uuid
from collections import defaultdict

import psycopg
import pytest
from standardwebhooks import Webhook

from tests.conftest import ON_POSTGRES
from tests.listening import Server

CARTS, CHANGES, KILLS = 12, 8, 5
SECONDS = 120

PREPARE = f"""
import django, os; django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
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


@pytest.fixture
def environment(tmp_path):
    """A data folder, a clock and a database of the worker's own."""
    url, name = f"sqlite:///{tmp_path}/ghostcart.sqlite3", f"hooks_{uuid.uuid4().hex[:12]}"
    if ON_POSTGRES:
        server = os.environ["DATABASE_URL"]
        url = server.replace("/postgres?", f"/{name}?")
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
    given = {key: value for key, value in os.environ.items() if not key.startswith("GHOSTCART_")}
    yield given | {"GHOSTCART_DATA": str(tmp_path), "DATABASE_URL": url, "LOG_LEVEL": "CRITICAL",
                   "GHOSTCART_CLOCK": str(tmp_path / "clock"), "GHOSTCART_ALLOW_PRIVATE_TARGETS": "127.0.0.1/32",
                   "DJANGO_SETTINGS_MODULE": "ghostcart.config.settings"}  # fmt: skip
    if ON_POSTGRES:
        with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def ask(environment, text):
    done = subprocess.run(
        [sys.executable, "-c", text], env=environment, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


@pytest.mark.slow
def test_a_killed_worker_loses_nothing_and_repeats_recognisably(environment, tmp_path):
    deadly = Deadly()
    with Server(deadly) as server:
        secret = ask({**environment, "TEST_URL": server.url}, PREPARE)
        for start in range(KILLS + 2):
            (tmp_path / "clock").write_text(str(start * 120))  # past the lease of the one before
            worker = subprocess.Popen([sys.executable, "-m", "ghostcart", "worker", "--once"], env=environment)
            deadly.worker = worker
            worker.wait(SECONDS)
        assert worker.returncode == 0
    rows = json.loads(ask(environment, STATES))
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
