"""A mail server that notes what it takes."""

import pytest

from tests.mail.sink import Sink


@pytest.fixture
def sink():
    with Sink() as sink:
        yield sink
