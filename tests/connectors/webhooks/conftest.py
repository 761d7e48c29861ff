"""A clock to move, a worker, and a network of one's own for receivers on loopback."""

import ipaddress
import threading

import pytest


@pytest.fixture
def own(settings):
    settings.PRIVATE_TARGETS = [ipaddress.ip_network("127.0.0.1/32")]


@pytest.fixture
def moving(tmp_path, monkeypatch):
    monkeypatch.setenv("GHOSTCART_CLOCK", str(tmp_path / "clock"))


@pytest.fixture
def courier():
    from ghostcart.connectors.webhooks import sending
    from ghostcart.lib import clock

    made = sending.Courier("test")
    yield made
    made.close(clock.now())


@pytest.fixture
def latch():
    """An event that a hanging receiver waits for; it is set in any case."""
    made = threading.Event()
    yield made
    made.set()


@pytest.fixture
def endpoint_at(shop, own, moving):
    """Makes an endpoint of the shop at a URL; its secret is `.plain`."""
    from ghostcart.connectors.webhooks import endpoints
    from ghostcart.lib import clock
    from tests import horizon

    def make(url, kinds=(), of=None, **more):
        horizon.settle()  # its place in the log is behind all that was before
        endpoint, secret = endpoints.create(of or shop, url=url, description="", kinds=kinds, now=clock.now(), **more)
        endpoint.plain = secret
        return endpoint

    return make
