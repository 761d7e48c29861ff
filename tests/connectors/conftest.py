"""One private MariaDB for the tests of other shops' databases."""

from collections.abc import Iterator

import pytest

from tests import mariadb
from tests.conftest import IN_CI


def started() -> mariadb.Server:
    try:
        return mariadb.start()
    except mariadb.NotInstalled as missing:
        (pytest.fail if IN_CI else pytest.skip)(str(missing))


@pytest.fixture(scope="session")
def shops_server() -> Iterator[mariadb.Server]:
    server = started()
    yield server
    server.stop()


@pytest.fixture
def own_server() -> Iterator[mariadb.Server]:
    """A server that may be killed."""
    server = started()
    yield server
    server.stop()


@pytest.fixture(autouse=True)
def let_go() -> Iterator[None]:
    from ghostcart.connectors import reading

    yield
    reading.close_all()
