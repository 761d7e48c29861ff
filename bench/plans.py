"""How the databases find the rows of every statement that pages, worker and feed ask: no large table is read through.

    python -m bench plans [--carts 1m]          BENCH_DATABASE=sqlite|postgresql (default: both)

Every page of the back office that takes no number, and those of one cart, customer and order; every filter and sorting
of the cart list; every task of the worker (rolled back); following the log. Each statement is asked and then
explained. Named are those that read a large table from its first to its last row. Ends with 1 if there is one that is
not among KNOWN. With fewer carts than a million PostgreSQL is told to avoid reading through tables, which is cheap
then: what it still reads through has no index.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event
from typing import Any

from bench import _data

CARTS = int(os.environ.get("BENCH_CARTS", "100000"))
LARGE = {
    "carts_cart", "carts_cartline", "carts_cartevent", "customers_person", "customers_customer", "orders_order",
    "orders_orderline", "mail_message", "recovery_enrolment", "recovery_reminder",
}  # fmt: skip
KNOWN = {
    # carts by a name that thousands have, counted up to 10,000: it ends early, wherever it begins
    '"customers_customer"."search_text"::text LIKE %s OR',
}
"""Statements that may read through a table, by a piece of their text."""
_LISTED = re.compile(r"(%s|\?)(, (%s|\?))+")
_ALIAS = re.compile(r'"(\w+)" (?:AS )?"?([A-Z]\d+)"?')
_SCAN = re.compile(r"^SCAN (?:TABLE )?(\w+)(.*)$")


@dataclass(frozen=True)
class Found:
    """A statement that reads through a table, and what asked it."""

    what: str
    table: str
    statement: str

    def __str__(self) -> str:
        return f"{self.what}: reads through {self.table}\n    {self.statement}"


def main() -> None:
    vendor = os.environ.get("BENCH_DATABASE")
    if vendor is None:
        command, vendors = [sys.executable, "-m", "bench.plans", *sys.argv[1:]], ("postgresql", "sqlite")
        sys.exit(max(subprocess.call(command, env={**os.environ, "BENCH_DATABASE": one}) for one in vendors))
    if CARTS < 1_000_000:
        os.environ["PGOPTIONS"] = "-c enable_seqscan=off"
    database = _data.open_database(vendor, CARTS)
    try:
        asked = list(everything())
        with explained() as told:
            for what, do in asked:
                told.what = what
                do()
    finally:
        database.close()
    unknown = [one for one in told.found if not any(piece in one.statement for piece in KNOWN)]
    print(f"{vendor}, {CARTS:,} carts: {len(told.seen)} statements, {len(unknown)} that read through a large table")
    for one in unknown:
        print(f"  {one}")
    sys.exit(bool(unknown))


# -- what is asked -----------------------------------------------------------------------------------


def everything() -> Iterator[tuple[str, Any]]:
    """What it is, and how to do it."""
    from bench import lists

    client = lists.signed_in()
    for name, address, _goal in lists.pages():
        yield name, lambda address=address: lists.timed(client, address, 0)
    for name, address in other_pages():
        yield name, lambda address=address: client.get(address)
    yield from tasks()
    yield "following the log", follow


def other_pages() -> Iterator[tuple[str, str]]:
    from django.urls import NoReverseMatch, reverse

    from ghostcart.backoffice.urls import urlpatterns
    from ghostcart.orders.models import Order

    for pattern in filter(None, (getattr(one, "name", None) for one in urlpatterns)):
        try:
            address = reverse(f"backoffice:{pattern}")
        except NoReverseMatch:
            continue
        yield pattern, address
    yield "one order", reverse("backoffice:order", args=[Order.objects.order_by("-pk")[5].pk])


def tasks() -> Iterator[tuple[str, Any]]:
    """The worker's, each in a transaction that is rolled back."""
    from django.db import transaction

    from ghostcart.config import work
    from ghostcart.connectors.webhooks.sending import Courier
    from ghostcart.lib import clock

    def do(task: work.Task) -> None:
        with transaction.atomic():
            task.do(clock.now())
            transaction.set_rollback(True)

    for task in work.tasks(Event(), Courier("bench")):
        yield f"task: {task.name}", lambda task=task: do(task)


def follow() -> None:
    from ghostcart.carts import log

    place = log.position()
    log.can_follow(place._replace(id=place.id - 200), 1000)
    log.after(place._replace(transaction=max(0, place.transaction - 1)), 500)


# -- how it is found ---------------------------------------------------------------------------------


@dataclass
class Told:
    seen: set[str]
    found: list[Found]
    what: str = ""


@contextmanager
def explained() -> Iterator[Told]:
    """Each statement of Django's cursors is explained once, after it was asked."""
    from django.db import connection
    from django.db.backends.utils import CursorWrapper

    told, ask = Told(set(), []), CursorWrapper.execute
    explain = explain_postgres if connection.vendor == "postgresql" else explain_sqlite

    def execute(self: Any, sql: Any, params: Any = None) -> Any:
        result = ask(self, sql, params)
        text = str(sql).strip()
        name = _LISTED.sub("%s", text)
        if text.upper().startswith(("SELECT", "UPDATE", "DELETE", "WITH", "(")) and name not in told.seen:
            told.seen.add(name)
            with connection.cursor() as cursor:
                tables = explain(text, lambda: ask(cursor, explaining(connection.vendor) + text, params), cursor)
            told.found += [Found(told.what, table, name) for table in sorted(tables & LARGE)]
        return result

    CursorWrapper.execute = execute  # type: ignore[method-assign]
    try:
        yield told
    finally:
        CursorWrapper.execute = ask  # type: ignore[method-assign]


def explaining(vendor: str) -> str:
    return "EXPLAIN (FORMAT JSON) " if vendor == "postgresql" else "EXPLAIN QUERY PLAN "


def explain_postgres(_text: str, ask: Any, cursor: Any) -> set[str]:
    ask()
    plan = cursor.fetchone()[0]
    return set(read_through((json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"]))


def read_through(node: dict[str, Any], under: str = "") -> Iterator[str]:
    """Tables that a plan reads by sequence, but for those of which it takes some rows, whichever come first."""
    if node["Node Type"].endswith("Seq Scan") and not (under == "Limit" and "Filter" not in node):
        yield node["Relation Name"].removesuffix("_first")  # where all entries of the log are
    for child in node.get("Plans", ()):
        yield from read_through(child, node["Node Type"])


def explain_sqlite(text: str, ask: Any, cursor: Any) -> set[str]:
    """A scan that a LIMIT ends and that needs no sorting stops when it has enough."""
    ask()
    steps = [row[3] for row in cursor.fetchall()]
    if " LIMIT " in text and not any("TEMP B-TREE FOR ORDER BY" in step for step in steps):
        return set()
    names: dict[str, str] = {alias: table for table, alias in _ALIAS.findall(text)}
    scanned = [str(match[1]) for step in steps if (match := _SCAN.match(step))]
    return {names.get(name, name) for name in scanned}


if __name__ == "__main__":
    main()
