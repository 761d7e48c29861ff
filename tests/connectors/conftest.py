"""One private MariaDB for the tests of other shops' databases."""

from collections.abc import Iterator

import pytest

from tests import mariadb
from tests.conftest import IN_CI


@pytest.fixture(scope="session")
def shops_server() -> Iterator[mariadb.Server]:
    try:
        server = mariadb.start()
    except mariadb.NotInstalled as missing:
        (pytest.fail if IN_CI else pytest.skip)(str(missing))
    yield server
    server.stop()


@pytest.fixture(autouse=True)
def let_go() -> Iterator[None]:
    from ghostcart.connectors import reading

    yield
    reading.close_all()
