"""The very statements of adding to a cart, one by one: what the databases do with nothing around them.

    python -m bench._limits FILE SECONDS       (SQLite: the loop, in a process of its own)

On PostgreSQL pgbench runs them, on SQLite a bare Python loop, each with the durability of the shop. They work on carts
made for them, whose devices are called `bench...`.
"""

import json
import random
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from time import perf_counter

import psycopg

CARTS, CLIENTS = 2_000, 16
SQL = Path(__file__).parent.parent / "ghostcart"
READS = ("carts/sql/upsert_device", "carts/sql/lock_heads", "carts/sql/read_lines", "carts/sql/read_vouchers",
         "catalog/sql/offers_by_sku")  # fmt: skip
WRITES = ("carts/sql/update_head", "carts/sql/upsert_line", "carts/sql/insert_event")
EVENT = (  # blanks behind the colons: pgbench would take `:false` for a variable
    '{"line": {"key": "SKU", "sku": "SKU", "name": "A name", "option": "An option", "picture": "a/picture.svg",'
    '"unit_price_micros": 1990000, "quantity": 2, "was": 1, "is_gift": false}, "total_minor": 398, "item_count": 2,'
    '"currency": "EUR"}'
)
ANEW = {"external_id": None, "ordered_at": None, "order_id": None, "order_number": "", "merged_into_id": None,
        "merged_at": None, "customer_id": None}  # fmt: skip


def statements(vendor: str, shop_id: int, sku: str) -> list[str]:
    """Of one add, with the variables :n (a device), :cart (its cart) and :q (a quantity)."""
    is_sqlite = vendor == "sqlite"
    now, later = (
        ("'2026-01-01 12:00:00'", "'2026-01-02 12:00:00'") if is_sqlite else ("now()", "now() + interval '1 day'")
    )
    values = {
        "shop_id": str(shop_id), "token_hash": "'bench' || :n" if is_sqlite else "'bench' || (:n)::text",
        "language": "'en'", "page": "''", "user_agent": "'Firefox'", "at": now, "bot_score": "0",
        "bot_reasons": "'[]'", "ids": ":cart", "keys": f"'{sku}'", "id": ":cart", "cart_id": ":cart",
        "customer_id": "NULL", "customer_label": "''", "version": ":q", "currency": "'EUR'", "line_count": "1",
        "item_count": ":q", "shipping_method_id": "NULL", "shipping_name": "''", "checkout_started_at": "NULL",
        "ordered_at": "NULL", "order_id": "NULL", "order_number": "''", "merged_into_id": "NULL", "merged_at": "NULL",
        "restored_from_id": "NULL", "last_activity_at": now, "abandon_after": later, "seen_at": now, "key": f"'{sku}'",
        "position": "1", "product_id": "NULL", "variant_id": "NULL", "sku": f"'{sku}'", "name": "'A name'",
        "option": "'An option'", "picture": "'a/picture.svg'", "unit_price_micros": "1990000", "regular_micros": "NULL",
        "tax_rate_ppm": "210000", "quantity": ":q", "total_minor": ":q", "is_gift": "false", "added_at": now,
        "cart_version": ":q", "kind": "'line_added'", "actor": "'shopper'",
        "data": "'" + EVENT.replace("SKU", sku) + "'",
        **dict.fromkeys(("products_minor", "discount_minor", "shipping_minor", "tax_minor"), ":q"),
    }  # fmt: skip

    def filled(name: str) -> str:
        special = not is_sqlite and name.endswith("lock_heads")  # else the form for one row
        text = (SQL / f"{name}{'.postgresql' if special else ''}.sql").read_text()
        text = re.sub(r"--.*\n", "", text)
        text = re.sub(r"%\((\w+)\)s|\{(\w+)\}", lambda found: values[found[1] or found[2]], text)
        return " ".join(text.split()) + ";"

    return [filled(name) for name in (*READS, *WRITES)]


# -- PostgreSQL ----------------------------------------------------------------------------------------


def pgbench_script(database: str, shop_id: int, sku: str) -> str:
    """One add as pgbench runs it; makes the carts for it."""
    with psycopg.connect(database, autocommit=True) as connection:
        first = connection.execute("SELECT max(id) FROM carts_cart").fetchone()[0] + 1  # type: ignore[index]
        connection.execute(
            "INSERT INTO carts_cart SELECT (jsonb_populate_record(NULL::carts_cart, to_jsonb(c) || %s::jsonb"
            " || jsonb_build_object('id', %s + n))).* FROM generate_series(1, %s) n,"
            " (SELECT * FROM carts_cart WHERE shop_id = %s LIMIT 1) c",
            [json.dumps(ANEW), first, CARTS, shop_id],
        )
        connection.execute(
            "INSERT INTO carts_device (shop_id, token_hash, cart_id, language, page, user_agent, first_seen_at,"
            " seen_at, bot_score, bot_reasons) SELECT %s, 'bench' || n, %s + n, 'en', '', '', now(), now(), 0, '[]'"
            " FROM generate_series(1, %s) n",
            [shop_id, first, CARTS],
        )
        connection.execute("SELECT setval('carts_cart_id_seq', %s)", [first + CARTS])
        connection.execute("ANALYZE")
    head = [f"\\set n random(1, {CARTS})", f"\\set cart {first} + :n", "\\set q random(1, 9000)"]
    return "\n".join([*head, "BEGIN;", *statements("postgresql", shop_id, sku), "COMMIT;"]) + "\n"


def pgbench(database: str, script: Path, seconds: float) -> float:
    """Transactions a second."""
    program = max(Path("/usr/lib/postgresql").glob("*/bin/pgbench"))
    done = subprocess.run(
        [program, "-n", "-M", "prepared", "-c", str(CLIENTS), "-j", "2", "-T", str(int(seconds)), "-f", script,
         database],
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return float(re.search(r"tps = ([\d.]+)", done.stdout)[1])  # type: ignore[index]


# -- SQLite --------------------------------------------------------------------------------------------


def make_carts(file: Path, shop_id: int) -> int:
    """The carts for the loop; the number before the first."""
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.row_factory = sqlite3.Row
        like = dict(connection.execute("SELECT * FROM carts_cart WHERE shop_id = ? LIMIT 1", [shop_id]).fetchone())
        first = connection.execute("SELECT max(id) FROM carts_cart").fetchone()[0] + 1
        names = ", ".join(f'"{name}"' for name in like)
        rows = [[*(like | ANEW | {"id": first + n}).values()] for n in range(1, CARTS + 1)]
        connection.executemany(f"INSERT INTO carts_cart ({names}) VALUES ({', '.join('?' * len(like))})", rows)
        connection.executemany(
            "INSERT INTO carts_device (shop_id, token_hash, cart_id, language, page, user_agent, first_seen_at,"
            " seen_at, bot_score, bot_reasons) VALUES (?, 'bench' || ?, ?, 'en', '', '', '', '', 0, '[]')",
            [(shop_id, n, first + n) for n in range(1, CARTS + 1)],
        )
    return int(first)


def loop(file: Path, shop_id: int, sku: str, first: int, seconds: float) -> float:
    """Transactions a second of one writer, each on disk before the next."""
    wanted, drawn = statements("sqlite", shop_id, sku), random.Random(7)
    with closing(sqlite3.connect(file, isolation_level=None, timeout=20)) as connection:
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "cache_size=-65536", "mmap_size=268435456"):
            connection.execute(f"PRAGMA {pragma}").fetchall()
        started, done = perf_counter(), 0
        while perf_counter() - started < seconds:
            n = drawn.randint(1, CARTS)
            values = {"n": n, "cart": first + n, "q": drawn.randint(1, 9000)}
            connection.execute("BEGIN IMMEDIATE")
            for statement in wanted:
                connection.execute(statement, values).fetchall()
            connection.execute("COMMIT")
            done += 1
        return done / (perf_counter() - started)


def loop_apart(file: Path, shop_id: int, sku: str, first: int, seconds: float) -> float:
    words = [sys.executable, "-m", "bench._limits", str(file), str(shop_id), sku, str(first), str(seconds)]
    return float(subprocess.run(words, capture_output=True, text=True, check=True).stdout)


if __name__ == "__main__":
    print(loop(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3], int(sys.argv[4]), float(sys.argv[5])))
