"""One running shop for all journeys of a test process."""

import os
from collections.abc import Iterator

import pytest

from tests import postgres, running
from tests.conftest import ON_POSTGRES
from tests.journeys.browsing import Browsers
from tests.running import Running


@pytest.fixture(scope="session")
def database_server() -> Iterator[str]:
    """Where shops that run in processes of their own have their databases: never on the server of the other tests, as
    what they write all the time would hold back the horizon of its cart logs."""
    if not ON_POSTGRES:
        yield os.environ["DATABASE_URL"]
        return
    server = postgres.start()
    yield server.url
    server.stop()


@pytest.fixture(scope="session")
def running_shop(tmp_path_factory, database_server) -> Iterator[Running]:
    shop = running.prepare(tmp_path_factory.mktemp("shop"), carts=60, database=running.new_database(database_server))
    shop.start()
    yield shop
    shop.stop()


@pytest.fixture
def new_page(chromium, running_shop) -> Iterator[Browsers]:
    """Makes browsers; any trouble in one of them fails the test."""
    browsers = Browsers(chromium, running_shop)
    yield browsers
    browsers.close()
    assert browsers.trouble == []
