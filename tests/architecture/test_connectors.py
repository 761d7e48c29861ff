"""The house knows of other shops what `readers.ShopReader` says, and nothing more."""

import inspect
import re

import pytest

from ghostcart.connectors.models import Kind
from ghostcart.connectors.readers import READERS, ShopReader

ASKED = [name for name in vars(ShopReader) if not name.startswith("_")]
TOLD = [name for name in ShopReader.__annotations__ if name not in ASKED]


def test_every_kind_of_connection_is_read():
    assert sorted(READERS) == sorted(Kind.values)
    assert {"meet", "of", "begin", "next_slice", "look", "take", "close"} <= set(ASKED)


@pytest.mark.parametrize("kind", READERS)
def test_each_reader_can_do_what_is_asked_of_it(kind):
    """mypy says so too, of types."""
    reader = READERS[kind]
    for name in ASKED:
        wanted, has = (list(inspect.signature(getattr(one, name)).parameters) for one in (ShopReader, reader))
        is_method = wanted[0] == "self"
        assert has[is_method:] == wanted[is_method:], name
    for name in TOLD:
        assert hasattr(reader, name), name
    assert reader.lease > reader.every


KNOW_THEM = {
    "connectors/readers.py",  # which one reads what
    "connectors/services.py",  # the first look at a database, and its new address
    "connectors/desks.py",  # vouchers
    "backoffice/views/connections.py",  # the forms that each needs
    "backoffice/templatetags/connection_tags.py",
    "config/management/commands/connect.py",
}


def test_few_know_a_connector_by_name(repository):
    package = repository / "ghostcart"
    found = {
        str(path.relative_to(package))
        for path in package.rglob("*.py")
        if re.search(r"^\s*(from|import) ghostcart\.connectors\.prestashop", path.read_text(), re.M)
    }
    assert {name for name in found if not name.startswith("connectors/prestashop/")} == KNOW_THEM
