"""The application called in process, and a program of the shop that calls it."""

import pytest


@pytest.fixture(scope="module")
def client():
    from tests.wire import calling  # the settings are chosen after this file is read

    with calling() as client:
        yield client


@pytest.fixture
def program(client, shop):
    from tests.wire import Program

    return Program(client, shop)
