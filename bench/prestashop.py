"""Reading a PrestaShop of 1,000,000 carts from its database: the import, its memory, and what following costs.

    python -m bench prestashop

A private MariaDB with a PrestaShop 8 (3 lines a cart, 30 % ordered, a customer for 60 %), a private PostgreSQL for us
(commits reach the disk, settings as in the other benchmarks). Client, worker and both servers share the machine. The
importing process is one of its own, with the one that reads beside it.
"""

import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
from datetime import timedelta
from pathlib import Path
from time import perf_counter
from typing import Any

from bench._figures import Figure, Goal, median, show

CARTS = int(os.environ.get("BENCH_PRESTASHOP_CARTS", "1000000"))
LOOKS = 50
RATE, MEMORY, QUERY = Goal(5_000, 20_000, is_most=False), Goal(300, 300), Goal(10, 10)


def main() -> None:
    if len(sys.argv) > 1:
        _prepare_django()
        print(json.dumps({"import": run_import, "follow": run_follow}[sys.argv[1]](sys.argv[2])))
        return
    from bench._data import POSTGRES
    from tests import mariadb, postgres

    folder = tempfile.mkdtemp(prefix="ghostcart-bench-")
    theirs, ours = mariadb.start(), postgres.start(durable=True, settings=POSTGRES)
    try:
        os.environ |= {"DATABASE_URL": ours.url, "GHOSTCART_DATA": folder, "LOG_LEVEL": "WARNING"}
        url = make(theirs)
        _prepare_django()
        from django.core.management import call_command

        call_command("migrate", verbosity=0)
        figures = [*_imported(_run("import", url)), *_followed(_run("follow", url))]
    finally:
        theirs.stop()
        ours.stop()
        shutil.rmtree(folder, ignore_errors=True)
    show(f"PrestaShop 8, {CARTS:,} carts", figures)


def _imported(told: dict[str, Any]) -> list[Figure]:
    assert told["taken"]["carts"] == CARTS, f"carts were lost or doubled: {told['taken']}"
    return [
        Figure("first import", told["rate"], "carts/s", RATE),
        *(Figure(f"first import: {stage}", seconds, "s") for stage, seconds in told["stages"].items()),
        Figure("memory of the importing processes", told["mib"], "MiB", MEMORY),
    ]


def _followed(told: dict[str, Any]) -> list[Figure]:
    return [
        median("the query for changed carts", told["queries"], "ms", QUERY),
        Figure("rows that this query reads", told["rows"], ""),
        median("one look when nothing changed", told["looks"], "ms"),
        Figure("statements of such a look", told["statements"], ""),
        median("a changed cart, from the look's begin to its commit here", told["changes"], "ms"),
    ]


def _run(what: str, url: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "bench.prestashop", what, url]
    done = subprocess.run(command, cwd=Path(__file__).resolve().parent.parent, stdout=subprocess.PIPE, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _prepare_django() -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "ghostcart.config.settings"
    import django

    django.setup()


# -- the shop ----------------------------------------------------------------------------------------


def make(server: Any) -> str:
    """The shop's database, filled by the server itself."""
    from tests.connectors.prestashop.shopmaker import Maker

    maker = Maker(server, "bench", "8")
    maker.surroundings()
    maker.catalogue()
    sequence = f"seq_1_to_{CARTS}"
    people = max(1, CARTS // 3)
    maker.run(
        f"""INSERT INTO {{p}}customer (id_customer, id_shop_group, id_shop, id_default_group, id_lang, firstname,
              lastname, email, active, date_add, date_upd)
            SELECT seq, 1, 1, 3, 2, CONCAT('First', seq), CONCAT('Last', seq), CONCAT('c', seq, '@example.com'), 1,
              NOW() - INTERVAL seq MOD 900 DAY, NOW() FROM seq_1_to_{people}"""
    )
    maker.run(
        f"""INSERT INTO {{p}}cart (id_cart, id_shop_group, id_shop, id_carrier, id_lang, id_currency, id_customer,
              id_guest, secure_key, date_add, date_upd)
            SELECT seq, 1, 1, 2, 2, 1 + (seq MOD 20 = 0), IF(seq MOD 10 < 6, 1 + seq MOD {people}, 0), seq, '-1',
              NOW() - INTERVAL ({CARTS} - seq) * 30 SECOND, NOW() - INTERVAL ({CARTS} - seq) * 30 SECOND
            FROM {sequence}"""
    )
    for line in range(3):
        maker.run(
            f"""INSERT INTO {{p}}cart_product (id_cart, id_product, id_product_attribute, quantity, id_shop, date_add)
                SELECT seq, p, IF(p MOD 2, p * 10 + seq MOD 3, 0), 1 + seq MOD 2, 1, NOW()
                FROM (SELECT seq, 1 + (seq + {line * 4}) MOD 12 AS p FROM {sequence}) x"""
        )
    maker.run(
        """INSERT INTO {p}orders (reference, id_shop_group, id_shop, id_carrier, id_lang, id_customer, id_cart,
             id_currency, current_state, payment, total_products, total_products_wt, total_paid, total_paid_tax_incl,
             total_paid_tax_excl, valid, date_add, date_upd)
           SELECT LPAD(id_cart, 9, 'R'), 1, 1, 2, 2, id_customer, id_cart, 1, 2, 'Card', 30, 36.60, 36.60, 36.60, 30, 1,
             date_upd, date_upd FROM {p}cart WHERE id_cart MOD 10 < 3"""
    )
    maker.run(
        """INSERT INTO {p}order_detail (id_order, id_shop, product_id, product_attribute_id, product_name,
             product_quantity, product_reference, unit_price_tax_incl, unit_price_tax_excl, total_price_tax_incl,
             total_price_tax_excl)
           SELECT o.id_order, 1, l.id_product, l.id_product_attribute, 'Sold', l.quantity, 'R', 12.2, 10, 12.2, 10
           FROM {p}orders o JOIN {p}cart_product l ON l.id_cart = o.id_cart"""
    )
    maker.run(
        """INSERT INTO {p}order_history (id_order, id_order_state, date_add)
           SELECT id_order, 2, date_add FROM {p}orders"""
    )
    return maker.url


# -- measured in a process of its own ----------------------------------------------------------------


def run_import(url: str) -> dict[str, Any]:
    from ghostcart.carts.models import Cart, CartLine
    from ghostcart.connectors import reading, services
    from ghostcart.connectors.models import State
    from ghostcart.customers.models import Customer
    from ghostcart.lib import clock
    from ghostcart.orders.models import Order

    connection = services.attach(kind="prestashop", url=url, options={}, now=clock.now())
    stages: dict[str, float] = {}
    while connection.state == State.IMPORTING:
        stage, start = connection.cursor.get("stage", "products"), perf_counter()
        reading.read_due(clock.now())
        stages[stage] = stages.get(stage, 0) + perf_counter() - start
        connection.refresh_from_db()
        if connection.trouble:
            raise RuntimeError(connection.trouble)
    taken = {"carts": Cart.objects.count(), "lines": CartLine.objects.count(), "customers": Customer.objects.count(),
             "orders": Order.objects.count()}  # fmt: skip
    beside = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss  # the process that read ahead
    mib = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss + beside) / 1024
    return {"rate": CARTS / sum(stages.values()), "stages": stages, "mib": mib, "taken": taken}


def run_follow(url: str) -> dict[str, Any]:
    import pymysql

    from ghostcart.carts.models import Cart
    from ghostcart.connectors import reading
    from ghostcart.connectors.models import Connection
    from ghostcart.connectors.prestashop.database import Database, _arguments
    from ghostcart.lib import clock

    values, _place = _arguments(url)
    shop = pymysql.connect(**values, autocommit=True)
    now = clock.now()
    count, queries = 0, []
    Connection.objects.update(claimed_by="", claimed_until=None)  # of the process that imported
    asked = Database.tuples

    def tuples(self: Database, sql: str, params: Any = None) -> Any:
        nonlocal count
        count += 1
        start = perf_counter()
        found = asked(self, sql, params)
        if "ORDER BY date_upd, id_cart" in sql:
            queries.append(((perf_counter() - start) * 1000, len(found)))
        return found

    def look() -> float:
        nonlocal now
        now += timedelta(seconds=1)
        start = perf_counter()
        while reading.read_due(now):
            now += timedelta(milliseconds=1)
        return (perf_counter() - start) * 1000

    look()
    Database.tuples = tuples  # type: ignore[method-assign]
    looks, counts = [], []
    for _turn in range(LOOKS):
        count = 0
        looks.append(look())
        counts.append(count)
    changes = []
    for number in range(1, 21):
        with shop.cursor() as cursor:
            cursor.execute("UPDATE ps_cart_product SET quantity = 7 WHERE id_cart = %s", [number * 10])
            local = clock.now().astimezone(Connection.objects.get().shop.zone)
            cursor.execute(
                "UPDATE ps_cart SET date_upd = %s WHERE id_cart = %s", [f"{local:%Y-%m-%d %H:%M:%S}", number * 10]
            )
        changes.append(look())
        cart = Cart.objects.get(external_id=str(number * 10))
        assert cart.lines.filter(quantity=7).exists(), "a change was not seen"
    return {
        "queries": [ms for ms, _rows in queries],
        "rows": statistics.median(rows for _ms, rows in queries),
        "looks": looks,
        "statements": statistics.mean(counts),
        "changes": changes,
    }


if __name__ == "__main__":
    main()
