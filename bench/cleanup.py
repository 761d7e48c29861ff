"""Cleaning up carts without an order of 90 days ago while shoppers shop, against the same shoppers when it is quiet.

    python -m bench cleanup

A copy of the kept data of twice as many carts: half of them are such ghosts. Shoppers add over HTTP at half of the
highest rate while nothing else happens, and then while in turns staff delete old carts as fast as they can
(`clean_up_batch`), and the worker removes deleted ones for good (`purge`), each in a process of its own as pages and
workers are.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg

from bench import _data
from bench._figures import Figure, Goal, median, show
from tests import running

GHOSTS = min(int(os.environ.get("BENCH_CARTS", "1000000")), 1_000_000)
DAYS, CLIENTS = 90, 8
SECONDS, ROUNDS = float(os.environ.get("BENCH_SECONDS", "10")), int(os.environ.get("BENCH_ROUNDS", "4"))
DELETED_BEFORE = f"""UPDATE carts_cart SET deleted_at = last_activity_at WHERE id <= {GHOSTS // 4}
    AND ordered_at IS NULL AND deleted_at IS NULL"""
"""A purge shall not run out of carts, however slow the deleting is."""
WAYS = {"delete": "deleting old carts", "purge": "removing deleted ones for good"}
GOAL = Goal(2, 1.2)


def main() -> None:
    if len(sys.argv) > 1:
        work(sys.argv[1])
        return
    database = _data.open_database("postgresql", 2 * GHOSTS)
    folder = Path(tempfile.mkdtemp(prefix="ghostcart-bench-"))
    shop = running.Running(folder, running.free_port(), dict(os.environ))
    try:
        with copied(database.url) as url:
            shop.environment |= {"DATABASE_URL": url, "GHOSTCART_DATA": str(folder), "HOST": "127.0.0.1",
                                 "PORT": str(shop.port)}  # fmt: skip
            shop.start("wire")
            figures = measured(shop, url)
            shop.stop()
    finally:
        shop.stop()
        database.close()
        shutil.rmtree(folder, ignore_errors=True)
    show(f"Cleaning up {GHOSTS:,} carts of {DAYS} days ago, PostgreSQL", figures)


@contextmanager
def copied(url: str) -> Iterator[str]:
    """The kept data stays as it is, for others to measure in."""
    name, source = "cleanup", urlsplit(url).path[1:]
    with psycopg.connect(urlunsplit(urlsplit(url)._replace(path="/template1")), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {name}")
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {source} STRATEGY file_copy")
        try:
            yield urlunsplit(urlsplit(url)._replace(path=f"/{name}"))
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


# -- the work, in a process of its own ---------------------------------------------------------------


def work(what: str) -> None:
    """Begin when told to, and go on until killed."""
    import django

    django.setup()
    from ghostcart.carts import services
    from ghostcart.carts.queries import KEPT_DELETED
    from ghostcart.lib import clock
    from ghostcart.shops.models import Shop

    now, shops = clock.now(), tuple(Shop.objects.values_list("pk", flat=True))
    rule = services.CleanUp(shop_ids=shops, which=services.Which.AGE, days=DAYS, since=now)
    print("ready", flush=True)
    sys.stdin.readline()
    while what == "purge" and services.purge(now + KEPT_DELETED + timedelta(seconds=1)):
        pass
    while what == "delete" and services.clean_up_batch(rule, "bench", now).gone:
        pass


# -- measuring ---------------------------------------------------------------------------------------


def measured(shop: running.Running, url: str) -> list[Figure]:
    with psycopg.connect(url, autocommit=True) as database:
        row = database.execute("SELECT public_key FROM shops_shop WHERE slug = 'fern'").fetchone()
        words = [shop.address, row[0], ",".join(f"fer-{number}" for number in range(_data.VARIANTS)), str(CLIENTS)]  # type: ignore[index]
        database.execute(DELETED_BEFORE)
        database.execute("VACUUM ANALYZE carts_cart")  # or it cleans up by itself just when it is to be quiet
        shopping(words, 3)
        half = len(shopping(words, SECONDS)) / SECONDS / 2
        # Before anything was deleted: afterwards the database itself is at work behind it for a while.
        quiet = [p99(shopping(words, SECONDS, half)) for _ in range(ROUNDS)]
        during: dict[str, list[float]] = {what: [] for what in WAYS}
        speeds: dict[str, list[float]] = {what: [] for what in WAYS}
        for _ in range(ROUNDS):
            for what in WAYS:
                before = deleted(database)
                with working(shop, what):
                    during[what].append(p99(shopping(words, SECONDS, half)))
                speeds[what].append(abs(deleted(database) - before) / SECONDS)
    figures = []
    for what, name in WAYS.items():
        figures += [
            median(f"{name}: p99 of adds meanwhile, at half of the highest rate", during[what], "ms", GOAL,
                   against="quiet", other=statistics.median(quiet)),
            median(f"{name}: carts", speeds[what], "/s"),
        ]  # fmt: skip
    return [*figures, Figure("half of the highest rate", half, "adds/s")]


@contextmanager
def working(shop: running.Running, what: str) -> Iterator[None]:
    command = [sys.executable, "-m", "bench.cleanup", what]
    with subprocess.Popen(
        command, env=shop.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin
        assert process.stdout
        process.stdout.readline()
        process.stdin.write("go\n")
        process.stdin.flush()
        try:
            yield
        finally:
            is_over = process.poll() is not None
            process.kill()
    assert not is_over, f"too few carts to {what} them for so long"


def shopping(words: list[str], seconds: float, rate: float | None = None) -> list[float]:
    """Milliseconds of each add."""
    command = [sys.executable, "-m", "bench._clients", *words, str(seconds), *([str(rate)] if rate else [])]
    told = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    if rate:
        assert len(told["times"]) == int(seconds * rate), "adds were refused"
    return [1000 * time for time in told["times"]]


def p99(times: list[float]) -> float:
    return statistics.quantiles(times, n=100)[98]


def deleted(database: psycopg.Connection) -> int:
    return int(database.execute("SELECT count(*) FROM carts_cart WHERE deleted_at IS NOT NULL").fetchone()[0])  # type: ignore[index]


if __name__ == "__main__":
    main()
