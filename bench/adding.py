"""Adding to a cart over HTTP, durable before the answer, against the very statements of that path (`_limits`).

    python -m bench adding

On PostgreSQL 16 clients at once beside pgbench with as many, on SQLite beside a bare loop. Limit and ours take turns in
one run, as both share the machine with their client: the ratio counts, not the figures. After each run the log holds
as many entries as adds were answered.
"""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median as middle

import psycopg

from bench import _limits
from bench._figures import Figure, Goal, median, show
from bench._limits import CLIENTS
from tests import postgres, running

SECONDS, ROUNDS = float(os.environ.get("BENCH_SECONDS", "6")), int(os.environ.get("BENCH_ROUNDS", "5"))
SETTINGS = "-c shared_buffers=1GB -c max_wal_size=4GB -c checkpoint_timeout=15min -c wal_compression=lz4"
POSTGRES, SQLITE, AT_HALF = Goal(0.35, 1.0, is_most=False), Goal(0.3, 0.6, is_most=False), Goal(25, 10)
OURS = "SELECT count(*) FROM carts_cartevent WHERE cart_id NOT IN" \
       " (SELECT cart_id FROM carts_device WHERE token_hash LIKE 'bench%' AND cart_id IS NOT NULL)"  # fmt: skip


def main() -> None:
    show("Adding to a cart over HTTP", [*on_postgresql(), *on_sqlite()])


def on_postgresql() -> Iterator[Figure]:
    server = postgres.start(durable=True, settings=SETTINGS)
    try:
        with shop_at(running.new_database(server.url)) as shop:
            database = shop.environment["DATABASE_URL"]
            shopping = Shopping(shop, lambda: count_on_postgresql(database))
            script = shop.folder / "limit.sql"
            script.write_text(_limits.pgbench_script(database, shopping.shop_id, shopping.skus[0]))
            shop.start("wire")
            shopping.hurry(CLIENTS, 3)  # warm
            _limits.pgbench(database, script, 2)
            rounds = [(_limits.pgbench(database, script, SECONDS), shopping.hurry(CLIENTS)) for _ in range(ROUNDS)]
            yield from told("PostgreSQL", f"pgbench, {CLIENTS} clients", rounds, POSTGRES)
            alone = shopping.hurry(1)
            yield Figure("one client, p50", at(alone, 50), "ms")
            highest = middle(ours.rate for _, ours in rounds)
            yield Figure(
                "at half of the highest rate, p99", at(shopping.hurry(CLIENTS, rate=highest / 2), 99), "ms", AT_HALF
            )
    finally:
        server.stop()


def on_sqlite() -> Iterator[Figure]:
    with shop_at(None) as shop:
        file = shop.folder / "shop.sqlite3"
        shopping = Shopping(shop, lambda: count_on_sqlite(file))
        first = _limits.make_carts(file, shopping.shop_id)
        shop.start("wire")
        shopping.hurry(CLIENTS, 3)
        limit = (file, shopping.shop_id, shopping.skus[0], first)
        _limits.loop_apart(*limit, 2)
        rounds = [(_limits.loop_apart(*limit, SECONDS), shopping.hurry(CLIENTS)) for _ in range(ROUNDS)]
        yield from told("SQLite", "a bare loop", rounds, SQLITE)


@contextmanager
def shop_at(database: str | None) -> Iterator[running.Running]:
    folder = Path(tempfile.mkdtemp(prefix="ghostcart-bench-"))
    shop = running.prepare(folder, carts=300, database=database)
    try:
        yield shop
    finally:
        shop.stop()
        shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True)
class Run:
    """Adds a second, and the milliseconds of each, sorted."""

    rate: float
    times: list[float]


def products(shop: running.Running) -> tuple[list[str], str, int]:
    """SKUs with plenty in stock, the shop's public key and its number."""
    told = shop.ask(
        "from ghostcart.catalog.models import Variant;"
        "Variant.objects.update(stock=1000000000);"
        "vs = list(Variant.objects.filter(shop__slug='fern').order_by('pk')[:40]);"
        "print(','.join(v.sku for v in vs), vs[0].shop.public_key, vs[0].shop_id, sep='|')"
    )
    skus, key, shop_id = told.split("|")
    return skus.split(","), key, int(shop_id)


class Shopping:
    """Clients of one shop. The counts in the database must equal the answers given."""

    def __init__(self, shop: running.Running, count: Callable[[], int]) -> None:
        self.shop, self.count = shop, count
        self.skus, self.key, self.shop_id = products(shop)

    def hurry(self, clients: int, seconds: float = SECONDS, rate: float | None = None) -> Run:
        before = self.count()
        words = [self.shop.address, self.key, ",".join(self.skus), str(clients), str(seconds)]
        command = [sys.executable, "-m", "bench._clients", *words, *([str(rate)] if rate else [])]
        told = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        assert self.count() - before == len(told["times"]), "adds were lost or doubled"
        return Run(len(told["times"]) / told["seconds"], sorted(1000 * time for time in told["times"]))


def count_on_postgresql(database: str) -> int:
    with psycopg.connect(database) as connection:
        return int(connection.execute(OURS).fetchone()[0])  # type: ignore[index]


def count_on_sqlite(file: Path) -> int:
    with closing(sqlite3.connect(file)) as connection:
        return int(connection.execute(OURS).fetchone()[0])


def told(name: str, limit: str, rounds: list[tuple[float, Run]], goal: Goal) -> Iterator[Figure]:
    """The ratio is the median of the rounds' ratios, each of two runs that followed each other."""
    yield median(f"{name}, {CLIENTS} clients", [ours.rate for _, ours in rounds], "/s")
    yield median(f"... {limit}", [most for most, _ in rounds], "/s")
    yield median("... ours against that", [ours.rate / most for most, ours in rounds], "x", goal)
    for share in (50, 99):
        yield median(f"... p{share}", [at(ours, share) for _, ours in rounds], "ms")


def at(run: Run, share: int) -> float:
    return run.times[len(run.times) * share // 100]


if __name__ == "__main__":
    main()
