"""One running shop for all journeys of a test process."""

import os
from collections.abc import Iterator

import pytest

from tests import running
from tests.journeys.browsing import Browsers
from tests.running import Running


@pytest.fixture(scope="session")
def running_shop(tmp_path_factory) -> Iterator[Running]:
    shop = running.prepare(
        tmp_path_factory.mktemp("shop"), carts=60, database=running.new_database(os.environ["DATABASE_URL"])
    )
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
