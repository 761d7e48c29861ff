"""How long the server takes for each list page of the back office, with so many carts.

    python -m bench lists [--carts 10m]         BENCH_DATABASE=sqlite|postgresql (default: both, SQLite with 1m at most)

Measured through Django's test client (middleware, session, templates; no network), signed in, all shops in scope,
warm: the median of 9 calls. First each page alone, then every two filters, and every filter with every sorting.
"""

import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from itertools import combinations, product
from time import perf_counter
from typing import Any

from bench import _data
from bench._figures import Figure, Goal, median, show

CARTS = int(os.environ.get("BENCH_CARTS", "100000"))
CALLS, CALLS_OF_A_PAIR = 9, 3
FIRST_PAGE, ANY_PAGE, CUSTOMER, OTHER = Goal(30, 10), Goal(150, 50), Goal(50, 20), Goal(150, 50)
SQLITE_CARRIES = 1_000_000


def main() -> None:
    vendor = os.environ.get("BENCH_DATABASE")
    if vendor is None:
        most = {"postgresql": CARTS, "sqlite": min(CARTS, SQLITE_CARRIES)}
        codes = [subprocess.call([sys.executable, "-m", "bench.lists", *sys.argv[1:]],
                                 env={**os.environ, "BENCH_DATABASE": vendor, "BENCH_CARTS": str(carts)})
                 for vendor, carts in most.items()]  # fmt: skip
        sys.exit(max(codes))
    database = _data.open_database(vendor, CARTS)
    try:
        show(f"List pages, {vendor}, {CARTS:,} carts", list(measured(sys.argv[1:])))
    finally:
        database.close()


def measured(words: list[str]) -> Iterator[Figure]:
    """The figures of each page whose name has one of the words."""
    client = signed_in()
    for name, address, goal in pages():
        if not words or any(word in name for word in words):
            yield median(name, timed(client, address, CALLS), "ms", goal)
    for name, addresses in (("two filters", pairs()), ("filter and sorting", sorted_ones())):
        if not words or any(word in name for word in words):
            yield from worst(name, [(statistics.median(timed(client, one, CALLS_OF_A_PAIR)), one) for one in addresses])


def worst(name: str, times: list[tuple[float, str]]) -> Iterator[Figure]:
    """Of many pages: the slowest, with its address, and what half of them stay under."""
    slowest, address = max(times)
    over, middle = sum(ms > ANY_PAGE.stretch for ms, _address in times), statistics.median(ms for ms, _ in times)
    yield Figure(f"any {name}: slowest of {len(times)} ({address.partition('?')[2]})", slowest, "ms", ANY_PAGE)
    yield Figure(f"any {name}: median of {len(times)}, {over} above the stretch", middle, "ms", ANY_PAGE)
    if os.environ.get("BENCH_SLOWEST"):
        for ms, one in sorted(times, reverse=True)[: int(os.environ["BENCH_SLOWEST"])]:
            print(f"  {ms:8.1f} ms  {one}")


def signed_in() -> Any:
    from django.test import Client

    from ghostcart.backoffice.models import User

    client = Client()
    client.force_login(User.objects.get(email=_data.EMAIL))
    return client


def timed(client: Any, address: str, calls: int) -> list[float]:
    """Milliseconds of calls, after one to warm up."""
    times = []
    for _ in range(calls + 1):
        started = perf_counter()
        status = client.get(address).status_code
        times.append((perf_counter() - started) * 1000)
        assert status == 200, f"{address} answered {status}"
    return times[1:]


# -- what is measured --------------------------------------------------------------------------------

SORTS = ("id", "order", "status", "customer", "items", "total", "shipping", "created", "activity", "online")


def filters() -> dict[str, list[str]]:
    """{field: filters of it}, with many hits and with few."""
    from ghostcart.lib import clock

    recent = (clock.now() - timedelta(days=2)).date().isoformat()
    long_ago = (clock.now() - timedelta(days=300)).date().isoformat()
    return {
        "id": [f"id={CARTS // 2}"],
        "order": ["order=FER0000123"],
        "status": [f"status={one}" for one in ("open", "abandoned", "ordered", "merged", "without_order")],
        "customer": ["customer=fox", "customer=anna+fox", "customer=zo", "customer=nobody"],
        "items": ["items_from=3", "items_to=3", "items_from=6"],
        "currency": ["currency=CHF"],
        "total": ["total_from=200", "total_to=10", "total_from=590"],
        "shipping": ["shipping=Express"],
        "created": [f"created_from={recent}", f"created_to={recent}", f"created_to={long_ago}"],
        "activity": [f"activity_from={recent}"],
        "online": ["online=yes", "online=no"],
        "bots": ["bots=only", "bots=without"],
        "shop": ["shop=2"],
    }


def pages() -> Iterator[tuple[str, str, Goal | None]]:
    """A name, an address, and what is hoped for."""
    from django.urls import reverse

    carts = reverse("backoffice:cart-list")
    yield "carts, first page", f"{carts}?sort=-id", FIRST_PAGE
    yield "carts, deepest page", f"{carts}?{deepest('-id')}", FIRST_PAGE
    yield "carts, 300 rows", f"{carts}?size=300", None
    for sort in SORTS:
        yield f"carts, sorted by {sort}", f"{carts}?sort={sort}", ANY_PAGE
        yield f"carts, sorted by {sort}, descending", f"{carts}?sort=-{sort}", ANY_PAGE
    yield "carts, deep page by total", f"{carts}?{deepest('-total')}", ANY_PAGE
    for query in (query for field in filters().values() for query in field):
        yield f"carts, {query}", f"{carts}?{query}", ANY_PAGE
    yield "carts, figures", reverse("backoffice:cart-figures"), OTHER
    yield "one cart", reverse("backoffice:cart", args=[CARTS - 7]), OTHER
    yield "customer with 500 carts", reverse("backoffice:customer", args=[1]), CUSTOMER
    for name in ("customer-list", "order-list", "live"):
        yield name, reverse(f"backoffice:{name}"), OTHER


def pairs() -> list[str]:
    """Every filter with every filter of another field."""
    from django.urls import reverse

    return [
        f"{reverse('backoffice:cart-list')}?{one}&{other}"
        for (_, ones), (_, others) in combinations(filters().items(), 2)
        for one, other in product(ones, others)
    ]


def sorted_ones() -> list[str]:
    from django.urls import reverse

    every = [query for field in filters().values() for query in field]
    return [f"{reverse('backoffice:cart-list')}?{query}&sort={sign}{sort}"
            for query, sort, sign in product(every, SORTS, ("", "-"))]  # fmt: skip


def deepest(sort: str) -> str:
    """The query of the last page but one."""
    from ghostcart.carts.listing import SORTS as COLUMNS
    from ghostcart.carts.models import Cart
    from ghostcart.lib import paging

    column = COLUMNS[sort.removeprefix("-")]
    name = f"-{column}" if sort.startswith("-") else column
    last = Cart.objects.filter(deleted_at=None).order_by(column, "id")[100:101].get()
    return f"sort={sort}&after={paging.cursor(last, name)}"


if __name__ == "__main__":
    main()
