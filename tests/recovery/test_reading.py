"""Finding who is due, and what is due, costs by the number due: by index on both databases."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from ghostcart.mail import claiming
from ghostcart.recovery import claims, facts, looking, scan, tidying
from ghostcart.recovery.models import Kind
from tests.factories import NOON
from tests.recovery import following
from tests.recovery.following import DAY, HOUR, left

pytestmark = pytest.mark.django_db
SCANS = {
    "postgresql": re.compile(
        r"Seq Scan on ((?:carts|orders|customers|mail)_\w+|recovery_(?:enrolment|decision|reminder))"
    ),
    "sqlite": re.compile(r"SCAN (?:carts|orders|customers|mail|recovery_(?:enrolment|decision|reminder))\w*(?! USING)"),
}


def plans(queries):
    """(statement, plan) of each query that reads or changes rows."""
    told = []
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan = off")
        for query in queries:
            statement = query["sql"]
            if statement.startswith(("SELECT", "UPDATE", "DELETE")) and "count(*)" not in statement:
                explain = "EXPLAIN QUERY PLAN " if connection.vendor == "sqlite" else "EXPLAIN "
                cursor.execute(explain + statement)
                rows = "\n".join(" ".join(str(value) for value in row) for row in cursor.fetchall())
                told.append((statement, rows))
    return told


def scans(captured):
    return [f"{statement}\n{plan}" for statement, plan in plans(captured.captured_queries)
            if SCANS[connection.vendor].search(plan)]  # fmt: skip


def test_a_round_of_the_worker_reads_no_whole_table():
    shop = following.shop()
    for kind in (Kind.ABANDONED, Kind.THANKS, Kind.BEST, Kind.LAPSED):
        following.campaign(shop, kind)
    for number in range(5):
        left(shop, f"p{number}@example.com", NOON + HOUR)
    with CaptureQueriesContext(connection) as captured:
        scan.enrol(NOON + 26 * HOUR)
        claiming.claim(NOON + 26 * HOUR, worker="w", decide={"reminder": claims.decide}, limit=20)
        tidying.tidy(NOON + 26 * HOUR)
    assert len(captured) > 50
    found = scans(captured)
    assert not found, "\n\n".join(found)


def test_a_read_without_an_index_would_be_found():
    """The guard of the test above."""
    from ghostcart.mail.models import Message

    with CaptureQueriesContext(connection) as captured:
        list(Message.objects.filter(subject="x").order_by())
    assert scans(captured)


def test_the_cost_of_a_round_does_not_grow_with_what_is_not_due():
    shop = following.shop()
    campaign = following.campaign(shop)

    def cost(now):
        with CaptureQueriesContext(connection) as captured:
            scan.enrol(now)
            claiming.claim(now, worker="w", decide={"reminder": claims.decide}, limit=20)
            tidying.tidy(now)
        return len(captured)

    before = cost(NOON + HOUR)
    for number in range(60):
        left(shop, f"p{number}@example.com", NOON - 3 * DAY - timedelta(minutes=number))
    assert cost(NOON + HOUR + timedelta(seconds=5)) <= before
    assert looking.page(facts.plan_of(campaign), NOON - 24 * HOUR, NOON - 23 * HOUR).found == ()


def test_facts_of_many_cost_as_many_statements_as_of_one():
    shop = following.shop()
    carts = [left(shop, f"p{number}@example.com") for number in range(12)]
    with CaptureQueriesContext(connection) as one:
        facts.humans([carts[0].customer_id])
    with CaptureQueriesContext(connection) as many:
        facts.humans([cart.customer_id for cart in carts])
    assert len(many) == len(one) < 20
