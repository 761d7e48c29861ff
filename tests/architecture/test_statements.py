"""Every statement of the hot path runs on this database and finds its rows by an index."""

import re
from pathlib import Path

import pytest
from django.db import connection

from ghostcart.lib import sql

pytestmark = pytest.mark.django_db

FOLDERS = [Path("carts/sql"), Path("catalog/sql"), Path("vouchers/sql"), Path("mail/sql")]
SCANS = {
    "postgresql": re.compile(r"Seq Scan on (carts_\w+|mail_message|catalog_variant|catalog_price|customers_customer)"),
    "sqlite": re.compile(r"SCAN (?:carts|catalog|customers|vouchers|mail)_\w+(?! USING)"),
}


def statements(repository: Path) -> list[tuple[str, str]]:
    """(name, text) of the statements of this database that read or write tables."""
    found = set()
    for folder in FOLDERS:
        for file in (repository / "ghostcart" / folder).glob("*.sql"):
            name, *vendor = file.name.removesuffix(".sql").split(".")
            if not vendor or vendor == [connection.vendor]:
                text = sql.statement(repository / "ghostcart" / folder, name, connection.vendor)
                if "NOTIFY" not in text:
                    found.add((name, text))
    return sorted(found)


def plan(text: str) -> str:
    """How the database would run a statement: every parameter is a 1 of some kind."""
    text = re.sub(r"\{\w+\}", "'1', '2'", text)
    text = re.sub(r"%\(transaction\)s::text::xid8", "'1'::xid8", text)
    text = re.sub(r"%\((?:\w*_)?at\)s|%\(abandon_after\)s", "'2026-01-01 00:00:00'", text)
    text = re.sub(r"%\((?:prices_include_tax|is_gift|is_demo)\)s", "true", text)
    text = re.sub(r"%\((?:bot_reasons|data|template|facts)\)s", "'[]'", text)
    text = re.sub(r"%\(\w+\)s|%s", "'1'", text)
    explain = "EXPLAIN QUERY PLAN " if connection.vendor == "sqlite" else "EXPLAIN "
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(explain + text)
        return "\n".join(" ".join(str(value) for value in row) for row in cursor.fetchall())


def test_every_statement_says_what_it_is_for(repository):
    for folder in FOLDERS:
        for file in (repository / "ghostcart" / folder).glob("*.sql"):
            assert file.read_text().startswith("-- "), file.name


def test_no_statement_reads_a_whole_table(repository):
    listed = statements(repository)
    assert len(listed) > 15
    for name, statement in listed:
        text = plan(statement)
        assert not SCANS[connection.vendor].search(text), f"{name}:\n{text}"


def test_a_statement_without_an_index_would_be_found():
    """The guard of the test above."""
    text = plan("SELECT id FROM carts_cart WHERE deleted_by = %(actor)s")
    assert SCANS[connection.vendor].search(text)
