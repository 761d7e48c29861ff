"""One running shop for all journeys of a test process."""

from collections.abc import Iterator

import pytest

from tests import databases, running
from tests.journeys.browsing import Browsers
from tests.running import Running


@pytest.fixture(scope="session")
def journeys_server(database_server) -> Iterator[str | None]:
    """Where shops that run in processes of their own have their databases: never on the server of the other tests, as
    what they write all the time would hold back the horizon of its cart logs. None in a run on SQLite."""
    if database_server is None:
        yield None
        return
    server = databases.start_server()
    yield server.url
    server.stop()


@pytest.fixture(scope="session")
def running_shop(tmp_path_factory, journeys_server) -> Iterator[Running]:
    with running.demo(tmp_path_factory.mktemp("shop"), journeys_server) as shop:
        shop.start()
        yield shop


@pytest.fixture
def new_page(chromium, running_shop) -> Iterator[Browsers]:
    """Makes browsers; any trouble in one of them fails the test."""
    browsers = Browsers(chromium, running_shop)
    yield browsers
    browsers.close()
    assert browsers.trouble == []
