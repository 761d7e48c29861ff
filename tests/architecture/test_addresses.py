"""An address without a row in docs/reference/routes.md is an accident."""

import pytest

from scripts import routes

pytestmark = pytest.mark.django_db


def test_the_page_names_every_address_as_it_is(repository):
    assert routes.PAGE.read_text() == routes.text(), "run: .venv/bin/python -m scripts.routes"


def test_a_new_address_would_be_missed(monkeypatch):
    """The guard of the test above."""
    from tests.api import test_routes

    monkeypatch.setitem(test_routes.REGISTER, "GET /everything", test_routes.STAFF)
    assert routes.PAGE.read_text() != routes.text()


def test_nothing_that_changes_something_is_open_to_everybody():
    changing = [row for row in routes.pages() if "POST" in row.methods and not row.needs]
    assert changing == []
