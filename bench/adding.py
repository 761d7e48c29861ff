"""Adding to a cart over HTTP, durable before the answer, against the very statements of that path in pgbench.

    python -m bench adding

Limit and ours take turns in one run, as both share the machine with their client: the ratio counts, not the figures.
"""

import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import psycopg
from rich.console import Console
from rich.table import Table

from tests import postgres, running

CLIENTS, SECONDS, ROUNDS = 16, float(os.environ.get("BENCH_SECONDS", "6")), int(os.environ.get("BENCH_ROUNDS", "5"))
CARTS = 2_000
SETTINGS = "-c shared_buffers=1GB -c max_wal_size=4GB -c checkpoint_timeout=15min"
SQL = Path(__file__).parent.parent / "ghostcart"


@dataclass
class Round:
    limit: float
    ours: float
    median_ms: float
    p99_ms: float


def main() -> None:
    server = postgres.start(durable=True, settings=SETTINGS)
    folder = Path(tempfile.mkdtemp(prefix="ghostcart-bench-"))
    try:
        shop = running.prepare(folder, carts=300, database=running.new_database(server.url))
        skus, key, shop_id = products(shop)
        script = folder / "limit.sql"
        script.write_text(limit_script(shop.environment["DATABASE_URL"], shop_id, skus[0]))
        shop.start("wire")
        hurry(shop, key, skus, CLIENTS, 3)  # warm
        pgbench(shop, script, 2)
        rounds = [one_round(shop, key, skus, script) for _ in range(ROUNDS)]
        alone = hurry(shop, key, skus, 1, SECONDS)
        calm = hurry(shop, key, skus, CLIENTS, SECONDS, statistics.median(one.ours for one in rounds) / 2)
        show(rounds, alone, calm)
    finally:
        shop.stop()
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def products(shop: running.Running) -> tuple[list[str], str, int]:
    told = shop.ask(
        "from ghostcart.catalog.models import Variant;"
        "Variant.objects.update(stock=1000000000);"
        "vs = list(Variant.objects.filter(shop__slug='fern').order_by('pk')[:40]);"
        "print(','.join(v.sku for v in vs), vs[0].shop.public_key, vs[0].shop_id, sep='|')"
    )
    skus, key, shop_id = told.split("|")
    return skus.split(","), key, int(shop_id)


# -- the limit ---------------------------------------------------------------------------------------


def limit_script(database: str, shop_id: int, sku: str) -> str:
    """One add as pgbench runs it: the statements of the write path, one by one, on carts made for it."""
    with psycopg.connect(database, autocommit=True) as connection:
        first = connection.execute("SELECT max(id) FROM carts_cart").fetchone()[0] + 1  # type: ignore[index]
        connection.execute(
            "INSERT INTO carts_cart SELECT (jsonb_populate_record(NULL::carts_cart, to_jsonb(c) || jsonb_build_object("
            "'id', %s + n, 'external_id', NULL, 'ordered_at', NULL, 'order_id', NULL, 'order_number', '',"
            " 'merged_into_id', NULL, 'merged_at', NULL, 'customer_id', NULL))).* FROM generate_series(1, %s) n,"
            " (SELECT * FROM carts_cart WHERE shop_id = %s LIMIT 1) c",
            [first, CARTS, shop_id],
        )
        connection.execute(
            "INSERT INTO carts_device (shop_id, token_hash, cart_id, language, page, user_agent, first_seen_at,"
            " seen_at, bot_score, bot_reasons) SELECT %s, 'bench' || n, %s + n, 'en', '', '', now(), now(), 0, '[]'"
            " FROM generate_series(1, %s) n",
            [shop_id, first, CARTS],
        )
        connection.execute("SELECT setval('carts_cart_id_seq', %s)", [first + CARTS])
        connection.execute("ANALYZE")
    values = {
        "shop_id": str(shop_id), "token_hash": "'bench' || (:n)::text", "language": "'en'", "page": "''",
        "user_agent": "'Firefox'", "at": "now()", "bot_score": "0", "bot_reasons": "'[]'", "ids": ":cart",
        "id": ":cart", "cart_id": ":cart", "customer_id": "NULL", "customer_label": "''", "version": ":q",
        "currency": "'EUR'", "line_count": "1", "item_count": ":q", "shipping_method_id": "NULL",
        "shipping_name": "''", "checkout_started_at": "NULL", "ordered_at": "NULL", "order_id": "NULL",
        "order_number": "''", "merged_into_id": "NULL", "merged_at": "NULL", "restored_from_id": "NULL",
        "last_activity_at": "now()", "abandon_after": "now() + interval '1 day'", "seen_at": "now()", "key": f"'{sku}'",
        "position": "1", "product_id": "NULL", "variant_id": "NULL", "sku": f"'{sku}'", "name": "'A name'",
        "option": "'An option'", "picture": "'a/picture.svg'", "unit_price_micros": "1990000", "regular_micros": "NULL",
        "tax_rate_ppm": "210000", "quantity": ":q", "total_minor": ":q", "is_gift": "false", "added_at": "now()",
        "cart_version": ":q", "kind": "'line_added'", "actor": "'shopper'", 
        "data": "'" + EVENT.replace("SKU", sku) + "'",
        **dict.fromkeys(("products_minor", "discount_minor", "shipping_minor", "tax_minor"), ":q"),
    }  # fmt: skip

    def filled(name: str) -> str:
        path = SQL / name  # the form for one row; locks are PostgreSQL's
        special = path.with_suffix(".postgresql.sql")
        text = (special if path.stem == "lock_heads" else path).read_text()
        text = re.sub(r"--.*\n", "", text)
        text = re.sub(r"%\((\w+)\)s|\{(\w+)\}", lambda m: values[m[1] or m[2]], text)
        return " ".join(text.split()) + ";"

    offer = _offer(shop_id, sku)
    names = ("upsert_device", "lock_heads", "read_lines", "read_vouchers")
    reads = [filled(f"carts/sql/{name}.sql") for name in names]
    writes = [filled(f"carts/sql/{name}.sql") for name in ("update_head", "upsert_line", "insert_event")]
    head = [f"\\set n random(1, {CARTS})", f"\\set cart {first} + :n", "\\set q random(1, 9000)"]
    return "\n".join([*head, "BEGIN;", *reads, offer, *writes, "COMMIT;"]) + "\n"


def _offer(shop_id: int, sku: str) -> str:
    text = re.sub(r"--.*\n", "", (SQL / "catalog/sql/offers_by_sku.sql").read_text())
    text = text.replace("%s", "'EUR'", 1).replace("%s", str(shop_id), 1).replace("{keys}", f"'{sku}'")
    return " ".join(text.split()) + ";"


EVENT = (  # blanks behind the colons: pgbench would take `:false` for a variable
    '{"line": {"key": "SKU", "sku": "SKU", "name": "A name", "option": "An option", "picture": "a/picture.svg",'
    '"unit_price_micros": 1990000, "quantity": 2, "was": 1, "is_gift": false}, "total_minor": 398, "item_count": 2,'
    '"currency": "EUR"}'
)


def pgbench(shop: running.Running, script: Path, seconds: float) -> float:
    """Transactions a second."""
    program = max(Path("/usr/lib/postgresql").glob("*/bin/pgbench"))
    done = subprocess.run(
        [program, "-n", "-M", "prepared", "-c", str(CLIENTS), "-j", "2", "-T", str(int(seconds)), "-f", script,
         shop.environment["DATABASE_URL"]],
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return float(re.search(r"tps = ([\d.]+)", done.stdout)[1])  # type: ignore[index]


# -- ours --------------------------------------------------------------------------------------------


def hurry(
    shop: running.Running, key: str, skus: list[str], clients: int, seconds: float, rate: float | None = None
) -> tuple[float, list[float]]:
    """(adds a second, milliseconds of each). The counts in the database must equal the answers given."""
    before = events(shop)
    words = [shop.address, key, ",".join(skus), str(clients), str(seconds), *([str(rate)] if rate else [])]
    printed = subprocess.run(
        [sys.executable, "-m", "bench._clients", *words], capture_output=True, text=True, check=True
    ).stdout
    told = json.loads(printed)
    assert events(shop) - before == len(told["times"]), "adds were lost or doubled"
    return len(told["times"]) / told["seconds"], sorted(1000 * time for time in told["times"])


def events(shop: running.Running) -> int:
    with psycopg.connect(shop.environment["DATABASE_URL"]) as connection:
        return int(connection.execute("SELECT count(*) FROM carts_cartevent WHERE cart_id NOT IN"
                                      " (SELECT cart_id FROM carts_device WHERE token_hash LIKE 'bench%')"
                                      ).fetchone()[0])  # type: ignore[index]  # fmt: skip


def one_round(shop: running.Running, key: str, skus: list[str], script: Path) -> Round:
    limit = pgbench(shop, script, SECONDS)
    ours, times = hurry(shop, key, skus, CLIENTS, SECONDS)
    return Round(limit, ours, times[len(times) // 2], times[len(times) * 99 // 100])


def show(rounds: list[Round], alone: tuple[float, list[float]], calm: tuple[float, list[float]]) -> None:
    table = Table(title=f"Adding to a cart over HTTP, PostgreSQL with fsync, {CLIENTS} clients")
    for head in ("round", "limit /s", "ours /s", "ratio", "p50 ms", "p99 ms"):
        table.add_column(head, justify="right")
    for number, one in enumerate(rounds, 1):
        table.add_row(str(number), f"{one.limit:,.0f}", f"{one.ours:,.0f}", f"{one.ours / one.limit:.2f}",
                      f"{one.median_ms:.1f}", f"{one.p99_ms:.1f}")  # fmt: skip
    ratio = statistics.median(one.ours / one.limit for one in rounds)
    Console().print(table)
    Console().print(f"ratio {ratio:.2f} (goal 0.35, stretch 1.0)")
    for name, (rate, times) in (("one client", alone), ("at half of the highest rate", calm)):
        p50, p99 = times[len(times) // 2], times[len(times) * 99 // 100]
        Console().print(f"{name}: {rate:,.0f}/s, p50 {p50:.1f} ms, p99 {p99:.1f} ms")


if __name__ == "__main__":
    main()
