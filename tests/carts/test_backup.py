"""A backup that is made while shoppers go on: what was acknowledged before is in it, and whole."""

import sqlite3
import subprocess
import uuid
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import Any

import psycopg
import pytest
from django.db import connection

from ghostcart.catalog.models import Variant
from tests import factories, postgres
from tests.conftest import ON_POSTGRES
from tests.factories import Shopper
from tests.races import together
from tests.streams import wait_for

pytestmark = pytest.mark.django_db(transaction=True)
SHOPPERS = 4
HEADS = "SELECT id, item_count, version FROM carts_cart ORDER BY id"
LINES = "SELECT cart_id, sum(quantity) FROM carts_cartline GROUP BY cart_id ORDER BY cart_id"
LOG = "SELECT cart_id, count(*), max(cart_version) FROM carts_cartevent GROUP BY cart_id ORDER BY cart_id"

Ask = Callable[[str], list[tuple[Any, ...]]]


def backup(folder: Path) -> Ask:
    """Backs the database up, restores that elsewhere, and gives a way to ask what came back."""
    if not ON_POSTGRES:
        with (
            sqlite3.connect(connection.settings_dict["NAME"]) as here,
            sqlite3.connect(folder / "copy.sqlite3") as copy,
        ):
            here.backup(copy)  # what `.backup` of the command does
        return lambda statement: sqlite3.connect(folder / "copy.sqlite3").execute(statement).fetchall()
    of, name, programs = connection.settings_dict, f"copy_{uuid.uuid4().hex[:12]}", postgres._programs()
    where = ["-h", of["HOST"], "-U", of["USER"]]
    subprocess.run([programs / "pg_dump", *where, "-f", folder / "dump.sql", of["NAME"]], check=True, timeout=120)
    with psycopg.connect(host=of["HOST"], user=of["USER"], dbname="postgres", autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}")
    restore = [programs / "psql", *where, "-q", "-v", "ON_ERROR_STOP=1", "-f", folder / "dump.sql", name]
    subprocess.run(restore, check=True, timeout=120, stdout=subprocess.DEVNULL)

    def ask(statement: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(host=of["HOST"], user=of["USER"], dbname=name) as copy:
            return copy.execute(statement).fetchall()

    return ask


def agree(ask: Ask) -> dict[int, int]:
    """{cart: items}; heads, lines and log must tell the same."""
    heads = ask(HEADS)
    assert [(cart, items) for cart, items, _version in heads] == [(cart, int(sum)) for cart, sum in ask(LINES)]
    assert [(cart, version, version) for cart, _items, version in heads] == ask(LOG)
    return {cart: items for cart, items, _version in heads}


def test_a_backup_under_load_holds_all_that_was_acknowledged(tmp_path):
    shoppers = [Shopper(factories.shop()) for _ in range(SHOPPERS)]
    Variant.objects.update(stock=1_000_000)  # a slow backup takes as long as it takes
    acknowledged, enough = [0] * SHOPPERS, Event()
    found: dict[str, Any] = {}

    def shop(number):
        while not enough.is_set():
            shoppers[number].add("MUG")
            acknowledged[number] += 1

    def back_up():
        try:
            wait_for(lambda: min(acknowledged) >= 5)
            found["before"] = list(acknowledged)
            found["ask"] = backup(tmp_path)
        finally:
            enough.set()

    results = together([*(lambda number=number: shop(number) for number in range(SHOPPERS)), back_up])
    assert not [one for one in results if isinstance(one, Exception)], results
    held = agree(found["ask"])
    items = [held[shopper.cart.pk] for shopper in shoppers]
    print(f"\nacknowledged before: {found['before']}, in the backup: {items}, in the end: {acknowledged}")
    assert all(
        before <= there <= after for before, there, after in zip(found["before"], items, acknowledged, strict=True)
    )


def test_tables_read_one_after_the_other_would_not_agree():
    """The guard of the test above."""
    shopper = Shopper(factories.shop())
    shopper.add("MUG")

    def ask(statement: str) -> list[tuple[Any, ...]]:
        with connection.cursor() as cursor:
            cursor.execute(statement)
            rows = [tuple(row) for row in cursor.fetchall()]
        shopper.add("MUG")
        return rows

    with pytest.raises(AssertionError):
        agree(ask)
