"""The carts page and the reminders beside PrestaShop's own statements, on as many carts, in one run.

    python -m bench against_prestashop [--carts 10m]

Theirs: the grid of PrestaShop 8/9 with its count, at 1,000,000 carts at most, and the selection of the follow-up module
(cancelled carts of 7 days without a mail), on a private MariaDB with the keys that PrestaShop gives its tables. Only
the statements are timed: no PHP, no page. Ours: the whole page from the server; and claiming 500 due reminders.
"""

import os
import shutil
import statistics
from pathlib import Path
from time import perf_counter
from typing import Any

from bench import _data
from bench._figures import Figure, Goal, show
from tests import mariadb

CARTS = int(os.environ.get("BENCH_CARTS", "100000"))
PAGE_CARTS = min(CARTS, 1_000_000)
SETTINGS = ("--innodb-buffer-pool-size=4G", "--innodb-log-file-size=1G", "--innodb-flush-log-at-trx-commit=0",
            "--max-statement-time=600")  # fmt: skip
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
NOW = "'2026-01-01 12:00:00'"
TABLES = (
    """CREATE TABLE cart (id_cart INT UNSIGNED AUTO_INCREMENT PRIMARY KEY, id_shop INT UNSIGNED,
       id_carrier INT UNSIGNED, id_customer INT UNSIGNED, id_guest INT UNSIGNED,
       id_currency INT UNSIGNED, date_add DATETIME, date_upd DATETIME,
       KEY cart_customer (id_customer), KEY id_carrier (id_carrier), KEY id_guest (id_guest),
       KEY id_shop_2 (id_shop, date_upd), KEY id_shop (id_shop, date_add))""",
    """CREATE TABLE orders (id_order INT UNSIGNED AUTO_INCREMENT PRIMARY KEY, id_cart INT UNSIGNED,
       id_customer INT UNSIGNED, valid INT UNSIGNED, date_add DATETIME, KEY id_cart (id_cart),
       KEY id_customer (id_customer), KEY date_add (date_add))""",
    """CREATE TABLE customer (id_customer INT UNSIGNED AUTO_INCREMENT PRIMARY KEY, id_shop INT UNSIGNED,
       firstname VARCHAR(255), lastname VARCHAR(255), email VARCHAR(255), is_guest TINYINT,
       KEY customer_email (email), KEY id_shop (id_shop))""",
    """CREATE TABLE connections (id_connections INT UNSIGNED AUTO_INCREMENT PRIMARY KEY, id_guest INT UNSIGNED,
       id_page INT UNSIGNED, date_add DATETIME, KEY id_guest (id_guest), KEY id_page (id_page))""",
    "CREATE TABLE carrier (id_carrier INT UNSIGNED PRIMARY KEY, name VARCHAR(64))",
    "CREATE TABLE shop (id_shop INT UNSIGNED PRIMARY KEY, name VARCHAR(64))",
    """CREATE TABLE log_email (id_log_email INT UNSIGNED AUTO_INCREMENT PRIMARY KEY, id_email_type INT UNSIGNED,
       id_cart_rule INT UNSIGNED, id_customer INT UNSIGNED, id_cart INT UNSIGNED, date_add DATETIME,
       KEY date_add (date_add), KEY id_cart (id_cart))""",
)
GRID = f"""FROM cart c
    LEFT JOIN carrier ca ON ca.id_carrier = c.id_carrier
    LEFT JOIN orders o ON o.id_cart = c.id_cart
    LEFT JOIN customer cu ON cu.id_customer = c.id_customer
    LEFT JOIN shop s ON s.id_shop = c.id_shop
    LEFT JOIN (SELECT DISTINCT id_guest FROM connections
               WHERE TIME_TO_SEC(TIMEDIFF({NOW}, date_add)) < 1800) onl ON onl.id_guest = c.id_guest
    WHERE s.id_shop = 1"""
PAGE = f"""SELECT c.id_cart, c.date_add, ca.name, o.id_order, s.name,
    CONCAT(LEFT(cu.firstname, 1), '. ', cu.lastname), onl.id_guest,
    IF(o.id_order IS NOT NULL, 'ordered', IF(TIME_TO_SEC(TIMEDIFF({NOW}, c.date_add)) > 86400, 'abandoned_cart',
       'not_ordered')) {GRID} ORDER BY c.id_cart DESC LIMIT 50"""
COUNT = f"SELECT COUNT(DISTINCT c.id_cart) {GRID}"
FOLLOW_UP = f"""SELECT c.id_cart, cu.id_customer, cu.firstname, cu.lastname, cu.email FROM cart c
    LEFT JOIN orders o ON o.id_cart = c.id_cart JOIN customer cu ON cu.id_customer = c.id_customer
    WHERE DATE_SUB({NOW}, INTERVAL 7 DAY) <= c.date_add AND o.id_order IS NULL
      AND c.id_cart NOT IN (SELECT id_cart FROM log_email WHERE id_email_type = 1)
    GROUP BY cu.id_customer"""


def main() -> None:
    ours = _data.open_database("postgresql", CARTS)
    theirs = _start()
    try:
        small, large = theirs.connect(f"carts_{PAGE_CARTS}"), theirs.connect(f"carts_{CARTS}")
        show(f"Beside PrestaShop's statements, {CARTS:,} carts", [*pages(small), *reminders(large)])
    finally:
        theirs.stop()
        ours.close()


def pages(theirs: Any) -> list[Figure]:
    from bench.lists import filters, signed_in, timed

    client, address = signed_in(), "/backoffice/carts/?sort=-id"  # asked for plainly, a list goes to where it was left
    rounds = [(_timed(theirs, PAGE) + _timed(theirs, COUNT), _median(timed(client, address, 9))) for _ in range(ROUNDS)]
    found = [
        _faster(
            f"carts page with its count, ours at {CARTS:,}, theirs at {PAGE_CARTS:,}", rounds, Goal(300, 1000, False)
        )
    ]
    abandoned = f"AND o.id_order IS NULL AND TIME_TO_SEC(TIMEDIFF({NOW}, c.date_add)) > 86400"
    page, count = (one.replace("WHERE s.id_shop = 1", f"WHERE s.id_shop = 1 {abandoned}") for one in (PAGE, COUNT))
    rounds = [(_timed(theirs, page) + _timed(theirs, count), _median(timed(client, f"{address}&status=abandoned", 9)))]
    found.append(_faster("... abandoned ones", rounds, Goal(300, 1000, False)))
    fox = "AND (cu.firstname LIKE '%fox%' OR cu.lastname LIKE '%fox%')"
    page, count = (one.replace("WHERE s.id_shop = 1", f"WHERE s.id_shop = 1 {fox}") for one in (PAGE, COUNT))
    rounds = [(_timed(theirs, page) + _timed(theirs, count), _median(timed(client, f"{address}&customer=fox", 9)))]
    found.append(_faster("... of somebody called fox", rounds, Goal(300, 1000, False)))
    slowest = max(_median(timed(client, f"{address}&{one}", 3)) for of in filters().values() for one in of)
    found.append(_faster("... the slowest filter of all", [(_timed(theirs, PAGE) + _timed(theirs, COUNT), slowest)],
                         Goal(300, 1000, False)))  # fmt: skip
    return found


def reminders(theirs: Any) -> list[Figure]:
    from bench.reminders import claim_500

    rounds = [(_timed(theirs, FOLLOW_UP), _median([claim_500() for _ in range(5)])) for _ in range(ROUNDS)]
    return [_faster("the next 500 reminders, beside the follow-up module's selection", rounds, Goal(500, 2000, False))]


def _faster(what: str, rounds: list[tuple[float, float]], goal: Goal) -> Figure:
    """How many times as fast; both in milliseconds."""
    theirs, ours = (statistics.median(side) for side in zip(*rounds, strict=True))
    return Figure(f"{what} (ours {ours:.1f} ms)", theirs, "ms", goal, [one[0] for one in rounds], "ours", ours)


def _median(times: list[float]) -> float:
    return statistics.median(times)


def _timed(theirs: Any, statement: str) -> float:
    with theirs.cursor() as cursor:
        started = perf_counter()
        cursor.execute(statement)
        cursor.fetchall()
        return (perf_counter() - started) * 1000


# -- their data --------------------------------------------------------------------------------------


def _start() -> mariadb.Server:
    """The server, with the carts that are asked for; kept between runs."""
    folder = _data.FOLDER / "mariadb"
    server = mariadb.start(SETTINGS, keep=folder)
    for carts in {PAGE_CARTS, CARTS}:
        name = f"carts_{carts}"
        if not (folder / f"{name}.filled").exists():
            started = perf_counter()
            print(f"filling MariaDB with {carts:,} carts ...", end=" ", flush=True)
            _fill(server, name, carts)
            print(f"{perf_counter() - started:.0f} s", flush=True)
            (folder / f"{name}.filled").touch()
    return server


def _fill(server: mariadb.Server, name: str, carts: int) -> None:
    """As many carts over 365 days as ours; two visits for each of them, a mail for every seventh."""
    server.make(name)
    second, people = 365 * 86_400 / carts, carts // 3
    at = f"{NOW} - INTERVAL FLOOR(({carts} - seq) * {second}) SECOND"
    with server.connect(name) as connection, connection.cursor() as cursor:
        for statement in (
            *TABLES,
            "INSERT INTO carrier VALUES (1, 'Standard'), (2, 'Express')",
            "INSERT INTO shop VALUES (1, 'Shop')",
            f"""INSERT INTO customer SELECT seq, 1, ELT(1 + seq MOD 8, 'Anna', 'Luca', 'Jan', 'Ada', 'Tom', 'Max',
                'Ines', 'Paul'), ELT(1 + seq MOD 16, 'Rossi', 'Smith', 'Fox', 'Jones', 'Weber', 'Petit', 'Vries',
                'Moreau', 'Jansen', 'Bianchi', 'Schmidt', 'Ferrari', 'Dubois', 'Lopez', 'Garcia', 'Muller'),
                CONCAT('c', seq, '@example.org'), 0 FROM seq_1_to_{people}""",
            f"""INSERT INTO cart SELECT seq, 1, 1 + seq MOD 2, IF(seq MOD 10 < 6, 1 + (seq * 7919) MOD {people}, 0),
                seq, 1, {at}, {at} FROM seq_1_to_{carts}""",
            """INSERT INTO orders (id_cart, id_customer, valid, date_add) SELECT id_cart, id_customer, 1, date_upd
                FROM cart WHERE id_cart MOD 10 < 3""",
            f"""INSERT INTO connections SELECT seq, 1 + (seq * 31) MOD {carts}, 1,
                {NOW} - INTERVAL FLOOR(({2 * carts} - seq) * {second / 2}) SECOND FROM seq_1_to_{2 * carts}""",
            """INSERT INTO log_email (id_email_type, id_cart_rule, id_customer, id_cart, date_add)
               SELECT 1, id_cart, id_customer, id_cart, date_add FROM cart WHERE id_cart MOD 7 = 0""",
            "ANALYZE TABLE cart, orders, customer, connections, log_email",
        ):
            cursor.execute(statement)


if __name__ == "__main__":
    if shutil.which("mariadbd") or Path("/usr/sbin/mariadbd").exists():
        main()
    else:
        print("no MariaDB here: left out (apt-get install mariadb-server)")
