"""The receiver of the how-to, run as it stands, takes real deliveries."""

import json
import os
import re
import socket
import sqlite3
import subprocess
import sys
import time

import httpx
import pytest

from ghostcart.carts.models import CartEvent
from ghostcart.connectors.webhooks import endpoints
from ghostcart.connectors.webhooks.models import Delivery, State
from ghostcart.lib import clock
from tests.connectors.webhooks.running import run_to_the_end
from tests.factories import Shopper
from tests.running import free_port

pytestmark = pytest.mark.django_db(transaction=True)


class Receiver:
    """The program of the how-to, in a process of its own."""

    def __init__(self, folder, source, port, secret):
        self.inbox, self.port = folder / "inbox.sqlite3", port
        (folder / "receiver.py").write_text(source)
        told = {"WEBHOOK_SECRET": secret, "PORT": str(port), "INBOX": str(self.inbox)}
        self.process = subprocess.Popen([sys.executable, folder / "receiver.py"], env={**os.environ, **told})

    def wait(self, seconds=30):
        until = time.monotonic() + seconds
        while time.monotonic() < until and self.process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.02)
        raise AssertionError("the receiver did not start")

    def rows(self):
        with sqlite3.connect(self.inbox) as inbox:
            return inbox.execute("SELECT id, body FROM inbox ORDER BY number").fetchall()


@pytest.fixture
def receiver(repository, tmp_path, endpoint_at):
    source = re.search(r"```python\n(.*?)```", (repository / "docs/how-to/receive-webhooks.md").read_text(), re.S)
    port = free_port()
    endpoint = endpoint_at(f"http://127.0.0.1:{port}/hook")
    made = Receiver(tmp_path, source.group(1), port, endpoint.plain)
    made.endpoint = endpoint
    yield made
    made.process.kill()
    made.process.wait(10)


def test_the_receiver_of_the_how_to_keeps_each_message_once(receiver, shop, courier):
    Shopper(shop).add()
    for _ in range(3):  # it is not there yet: the first attempts may fail
        courier.deliver(clock.now())
    receiver.wait()
    shopper = Shopper(shop)
    for _ in range(5):
        shopper.add()
    run_to_the_end(courier)
    assert {name for name, _body in receiver.rows()} == set(Delivery.objects.values_list("message_id", flat=True))
    told = [json.loads(body)["data"]["event_id"] for _name, body in receiver.rows()]
    assert sorted(told) == list(CartEvent.objects.order_by("pk").values_list("pk", flat=True))

    endpoints.replay(Delivery.objects.last(), clock.now())
    run_to_the_end(courier)
    assert Delivery.objects.last().calls.count() == 2
    assert len(receiver.rows()) == len(told)
    assert set(Delivery.objects.values_list("state", flat=True)) == {State.DELIVERED}


def test_it_refuses_what_is_not_signed_by_us(receiver, shop, courier):
    receiver.wait()
    Shopper(shop).add()
    run_to_the_end(courier)
    url, [(name, body)] = receiver.endpoint.url, receiver.rows()
    stamp = str(int(clock.now().timestamp()))
    for headers in (
        {},
        {"webhook-id": name, "webhook-timestamp": stamp, "webhook-signature": "v1,AAAA"},
        {"webhook-id": name, "webhook-timestamp": "nan", "webhook-signature": "v1,AAAA"},
        {"webhook-id": name, "webhook-timestamp": stamp, "webhook-signature": "v1"},
        {"webhook-id": name, "webhook-timestamp": stamp, "webhook-signature": "v1,ä".encode("latin-1")},
    ):
        assert httpx.post(url, content=body, headers=headers).status_code == 400
    assert httpx.post(url, content=b"\xff\xfe").status_code == 400
    assert receiver.rows() == [(name, body)]
