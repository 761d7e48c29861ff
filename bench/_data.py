"""The databases that benchmarks measure in: made once with a fixed seed by the server itself, kept between runs.

    database = open_database("postgresql", 1_000_000)     # before anything of Django is imported
    ... measure ...
    database.close()

They lie in $GHOSTCART_BENCH, or in a folder of the temporary one, and are made anew when the tables or this module
change. The clock of the process stands where the data ends. All draws are numbers made from a row's id, so a size
always has the same rows.

Of N carts over 365 days: two shops (70 and 30 %), N/3 customers, 60 % of the carts with one (one has 500), 30 %
ordered, 4 % of suspected bots, 1 % merged, 1 % deleted; two lines and two entries of the log each; every seventh had a
mail, and reminders wait: those of one cart in 80 are due, those of one in 80 will be.
"""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter
from typing import Any

FOLDER = Path(os.environ.get("GHOSTCART_BENCH", Path(tempfile.gettempdir()) / "ghostcart-bench"))
EMAIL = "bench@example.org"
DAYS = 365
CHUNK = 200_000
WORKERS = 2
POSTGRES = (
    "-c shared_buffers=2GB -c max_wal_size=8GB -c checkpoint_timeout=30min -c wal_compression=lz4"
    " -c random_page_cost=1.1"
)
FILLING = "-c wal_level=minimal -c max_wal_senders=0 -c maintenance_work_mem=1GB -c autovacuum=off"
VARIANTS = 60
FIRST = (
    "Anna", "Luca", "Marie", "Jan", "Sofia", "Peter", "Lucía", "Émile", "Greta", "Bram", "Chiara", "Noah", "Ines",
    "Tom", "Elif", "Zoë", "Max", "Nora", "Paul", "Ada",
)  # fmt: skip
LAST = (
    "Rossi", "Müller", "Dubois", "García", "Smith", "Jansen", "Bianchi", "Schmidt", "Moreau", "Fox", "López", "Vries",
    "Ferrari", "Weber", "Petit", "Jones",
)  # fmt: skip
TABLES = (
    "customers_person", "customers_customer", "carts_cart", "carts_cartline", "carts_cartevent", "orders_order",
    "orders_orderline", "mail_message", "recovery_enrolment", "recovery_reminder",
)  # fmt: skip


def size_of(text: str) -> int:
    """`100k`, `1m`, `10m` or a number."""
    factor = {"k": 1_000, "m": 1_000_000}.get(text[-1:].lower(), 1)
    return int(text.rstrip("kKmM")) * factor


@dataclass(frozen=True)
class Database:
    carts: int
    vendor: str
    url: str
    close: Callable[[], None]


def open_database(vendor: str, carts: int) -> Database:
    """Start it, with Django on it; filled if it was not yet. Commits reach the disk before they are acknowledged."""
    folder = FOLDER / f"{vendor}-{carts}"
    if not (folder / "filled").exists() or (folder / "filled").read_text().split()[0] != _mark():
        shutil.rmtree(folder, ignore_errors=True)
        _make(folder, vendor, carts)
    url, close = _start(folder, vendor, durable=True)
    _prepare(url, folder)
    filled_at = datetime.fromisoformat((folder / "filled").read_text().split()[1])
    clock = folder / "clock"
    clock.write_text(str((filled_at - datetime.now(UTC)).total_seconds()))
    os.environ["GHOSTCART_CLOCK"] = str(clock)
    return Database(carts, vendor, url, close)


def _start(folder: Path, vendor: str, *, durable: bool) -> tuple[str, Callable[[], None]]:
    if vendor == "sqlite":
        return f"sqlite:///{folder}/ghostcart.sqlite3", lambda: None
    from tests import postgres

    settings = POSTGRES if durable else f"{POSTGRES} {FILLING}"
    server = postgres.start(durable=durable, settings=settings, keep=folder / "server")
    return server.url, server.stop


def _prepare(url: str, folder: Path) -> None:
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "ghostcart.config.settings", "DATABASE_URL": url, "GHOSTCART_DATA": str(folder),
        "ALLOWED_HOSTS": "testserver,127.0.0.1", "LOG_LEVEL": "WARNING",
    }  # fmt: skip
    import django
    from django.conf import settings

    if settings.configured:
        from django.db import connections

        connections.close_all()
        return
    django.setup()


def _mark() -> str:
    """Changes with the tables and with how they are filled."""
    migrations = sorted((Path(__file__).parent.parent / "ghostcart").glob("*/migrations/*.py"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in [Path(__file__), *migrations])).hexdigest()[:16]


# -- making it ---------------------------------------------------------------------------------------


def _make(folder: Path, vendor: str, carts: int) -> None:
    folder.mkdir(parents=True)
    url, close = _start(folder, vendor, durable=False)
    try:
        _prepare(url, folder)
        started = perf_counter()
        print(f"filling {vendor} with {carts:,} carts", flush=True)
        now = datetime.now(UTC).replace(microsecond=0)
        filling = _Filling(vendor, carts, now)
        filling.run(lambda text: print(f"  {perf_counter() - started:5.0f} s  {text}", flush=True))
    finally:
        from django.db import connections

        connections.close_all()
        close()
    (folder / "filled").write_text(f"{_mark()} {now.isoformat()}")


def draw(of: str, number: int) -> str:
    """SQL: a number from 0 to 999,982 that looks drawn, made from an integer. The same on both databases."""
    one, two = 1_103_515_245 + 2_654_435 * number, 662_608_297 + 40_503 * number
    return f"(((({of}) * {one} + {number}) % 2147483647) * ((({of}) * {two} + 7) % 2147483629) % 999983)"


def pick(values: Iterable[str], number: str) -> str:
    """SQL: one of some texts, by a number."""
    names = list(values)
    cases = " ".join(f"WHEN {place} THEN '{value}'" for place, value in enumerate(names))
    return f"(CASE ({number}) % {len(names)} {cases} END)"


class _Filling:
    """The statements, and what they need to know."""

    def __init__(self, vendor: str, carts: int, now: datetime) -> None:
        self.vendor, self.carts, self.now = vendor, carts, now
        self.customers = max(20, carts // 3)
        self.is_postgres = vendor == "postgresql"

    # -- the dialect -----------------------------------------------------------------------------

    def at(self, seconds_ago: str) -> str:
        epoch = int(self.now.timestamp())
        if self.is_postgres:
            return f"to_timestamp({epoch} - ({seconds_ago}))"
        return f"datetime({epoch} - ({seconds_ago}), 'unixepoch')"

    def padded(self, number: str, length: int) -> str:
        return f"lpad(({number})::text, {length}, '0')" if self.is_postgres else f"printf('%0{length}d', {number})"

    def least(self, one: str, other: str) -> str:
        return f"{'LEAST' if self.is_postgres else 'min'}({one}, {other})"

    def as_json(self, text: str) -> str:
        return f"({text})::jsonb" if self.is_postgres else f"({text})"

    def numbers(self, first: int, last: int) -> str:
        if self.is_postgres:
            return f"generate_series({first}::bigint, {last}::bigint) AS numbers(i)"
        return (
            f"(WITH RECURSIVE n(i) AS (SELECT {first} UNION ALL SELECT i + 1 FROM n WHERE i < {last})"
            " SELECT i FROM n) AS numbers"
        )

    # -- the steps -------------------------------------------------------------------------------

    def run(self, tell: Callable[[str], None]) -> None:
        from django.core.management import call_command
        from django.db import connection

        call_command("migrate", verbosity=0)
        self.surroundings()
        indexes = self.drop_indexes() if self.is_postgres else []
        self.in_chunks(self.people, self.customers, lambda done: tell(f"{done:,} customers"))
        self.in_chunks(self.shopping, self.carts, lambda done: tell(f"{done:,} carts"))
        if self.is_postgres:
            self.each(indexes, lambda text: tell(text.split(" ON ")[0].replace("CREATE ", "")))
            with connection.cursor() as cursor:
                for table in TABLES:
                    cursor.execute(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), max(id)) FROM {table}")
                cursor.execute("VACUUM ANALYZE")
            tell("vacuum and statistics")
        else:  # a shop's SQLite has no statistics, and plans otherwise with them
            with connection.cursor() as cursor:
                cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def surroundings(self) -> None:
        """Two shops with their products, one who may see all of it, a campaign that runs."""
        from ghostcart.backoffice.models import User
        from ghostcart.catalog.models import Price, Product, Variant
        from ghostcart.recovery import campaigns
        from ghostcart.recovery.models import Campaign, CampaignState, Step
        from ghostcart.shops.models import Shop

        User.objects.create_superuser(EMAIL, None, name="Bench")
        for name, currency in (("Fern", "EUR"), ("Gale", "GBP")):
            shop = Shop.objects.create(
                slug=name.lower(), name=name, currency=currency, currencies=[currency, "CHF"], created_at=self.now,
                consent_basis="customer", quiet_from=0, quiet_until=0,
            )  # fmt: skip
            for number in range(VARIANTS):
                product = Product.objects.create(shop=shop, slug=f"product-{number}", names={"en": f"Product {number}"})
                variant = Variant.objects.create(
                    shop=shop, product=product, sku=f"{name[:3].lower()}-{number}", stock=1_000_000_000
                )
                for one in shop.currencies:
                    Price.objects.create(variant=variant, currency=one, price_micros=1_000_000 * (number + 2))
            campaign = campaigns.create(shop, "abandoned", "Ghosts", self.now)
            Campaign.objects.filter(pk=campaign.pk).update(
                state=CampaignState.RUNNING, started_at=self.now - timedelta(days=DAYS), looked_until=self.now,
                holdout_bp=0,
            )  # fmt: skip
        self.steps = {step.campaign.shop_id: step.pk for step in Step.objects.filter(position=1)}
        self.campaigns = {one.shop_id: one.pk for one in Campaign.objects.all()}

    def in_chunks(self, work: Callable[[int, int], list[str]], count: int, tell: Callable[[int], None]) -> None:
        """The server does the work; two connections let it use both cores."""
        chunks = [(start, min(start + CHUNK - 1, count)) for start in range(1, count + 1, CHUNK)]
        done = 0
        with ThreadPoolExecutor(WORKERS if self.is_postgres else 1) as pool:
            for size in pool.map(lambda chunk: self.execute(work(*chunk), chunk[1] - chunk[0] + 1), chunks):
                done += size
                tell(done)

    def execute(self, statements: list[str], size: int = 0) -> int:
        from django.db import connection, transaction

        if self.is_postgres:
            with connection.cursor() as cursor:
                cursor.execute("SET session_replication_role = replica")  # no foreign keys are checked
        else:
            connection.cursor().execute("PRAGMA synchronous = OFF")
            connection.disable_constraint_checking()
        with transaction.atomic(), connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
        connection.close()
        return size

    def each(self, statements: list[str], tell: Callable[[str], None]) -> None:
        with ThreadPoolExecutor(WORKERS) as pool:
            for statement, _ in zip(statements, pool.map(lambda one: self.execute([one]), statements), strict=True):
                tell(statement)

    def drop_indexes(self) -> list[str]:
        """Of the large tables, all that are no constraints; how to make them again when the rows are in."""
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = ANY(%s) AND NOT EXISTS"
                " (SELECT FROM pg_constraint WHERE conname = indexname)",
                [list(TABLES)],
            )
            found = cursor.fetchall()
            for name, _definition in found:
                cursor.execute(f'DROP INDEX "{name}"')
        return [definition.replace(" ON ONLY ", " ON ") for _name, definition in found]  # with those of its parts

    # -- the rows --------------------------------------------------------------------------------

    def insert(self, model: Any, source: str, **values: str) -> str:
        """A statement that fills a table from rows; columns that are not named get their default."""
        from django.db import connection

        names, expressions = [], []
        for field in model._meta.local_fields:
            if field.generated or (field.primary_key and field.attname not in values):
                continue
            names.append(f'"{field.column}"')
            is_given = field.attname in values
            expressions.append(values.pop(field.attname) if is_given else self.default(field, connection))
        assert not values, f"{model.__name__} has no {', '.join(values)}"
        return f"INSERT INTO {model._meta.db_table} ({', '.join(names)}) SELECT {', '.join(expressions)} FROM {source}"

    def default(self, field: Any, connection: Any) -> str:
        value = field.get_default()
        if value is None:
            return "NULL"
        if isinstance(value, bool):
            return str(value).lower()
        if isinstance(value, int):
            return str(value)
        return self.as_json(f"'{'[]' if value == [] else '{}'}'") if isinstance(value, list | dict) else f"'{value}'"

    def first_name(self, customer: str) -> str:
        return pick(FIRST, draw(customer, 1))

    def last_name(self, customer: str) -> str:
        return pick(LAST, draw(customer, 2))

    @staticmethod
    def shop_of(number: str) -> str:
        return f"(CASE WHEN ({number}) % 10 < 7 THEN 1 ELSE 2 END)"

    def people(self, first: int, last: int) -> list[str]:
        from ghostcart.customers.models import Customer, Person
        from ghostcart.lib.texts import fold

        long_ago = self.at(f"{draw('i', 3)} * {DAYS * 86_400 // 1_000_000}")
        given, family = pick(map(fold, FIRST), draw("i", 1)), pick(map(fold, LAST), draw("i", 2))
        email = f"({given} || '.' || {family} || '.' || i || '@example.org')"
        search = f"{given} || ' ' || {family} || ' ' || {email}"
        source = self.numbers(first, last)
        return [
            self.insert(Person, source, id="i", shop_id=self.shop_of("i"), created_at=long_ago),
            self.insert(
                Customer, source, id="i", shop_id=self.shop_of("i"), person_id="i", email=email, email_key=email,
                first_name=self.first_name("i"), last_name=self.last_name("i"), search_text=search,
                is_guest=f"{draw('i', 4)} % 2 = 0", registered_at=long_ago,
            ),
        ]  # fmt: skip

    def variant(self, cart: str, place: int) -> str:
        """The number of a line's variant within its shop: never the same in both lines."""
        one = f"{draw(cart, 11)} % {VARIANTS}"
        return f"({one})" if place == 1 else f"(({one} + 1 + {draw(cart, 12)} % {VARIANTS - 1}) % {VARIANTS})"

    def cents(self, cart: str, place: int) -> str:
        return f"(190 + ({self.variant(cart, place)}) * 7919 % 9800)"

    @staticmethod
    def quantity(cart: str, place: int) -> str:
        return f"(1 + {draw(cart, 12 + place)} % 3)"

    def shopping(self, first: int, last: int) -> list[str]:
        """Carts with all that belongs to them."""
        return [
            self.heads(first, last), *self.lines(first, last), *self.log(first, last), *self.orders(first, last),
            *self.reminders(first, last),
        ]  # fmt: skip

    def heads(self, first: int, last: int) -> str:
        from ghostcart.carts.models import Cart

        known = max(2, self.carts // 510)  # some of them are waiters' carts
        drawn = f"""(SELECT i, ({self.carts} - i) * {DAYS * 86_400} / {self.carts} + 60 + {draw("i", 5)} % 3600 AS age,
            {draw("i", 6)} % 100 AS fate, {draw("i", 7)} AS luck,
            CASE WHEN i % 40 = 0 THEN 2 + (i / 40 * 7919) % {self.customers - 1}
              WHEN i % {known} = 1 THEN 1
              WHEN {draw("i", 6)} % 100 < 30 OR {draw("i", 8)} % 100 < 43 THEN 1 + {draw("i", 9)} % {self.customers}
            END AS customer FROM {self.numbers(first, last)}) AS drawn"""
        aged = f"""(SELECT i, age, {self.least("age", "luck % 5400")} AS busy, fate, luck, customer,
            {self.shop_of(f"COALESCE(customer, {draw('i', 10)})")} AS shop,
            {self.cents("i", 1)} * {self.quantity("i", 1)} + {self.cents("i", 2)} * {self.quantity("i", 2)} AS total
            FROM {drawn}) AS aged"""
        is_ordered, is_merged, is_deleted = "fate < 30", "fate = 30 AND customer IS NULL", "fate = 31"
        active = self.at("age - busy")
        label = f"COALESCE({self.first_name('customer')} || ' ' || {self.last_name('customer')}, '')"
        number = f"{pick(['FER', 'GAL'], 'shop - 1')} || {self.padded('i', 9)}"
        return self.insert(
            Cart, aged, id="i", shop_id="shop", customer_id="customer", customer_label=label, version="3",
            currency=f"CASE WHEN luck % 10 = 0 THEN 'CHF' ELSE {pick(['EUR', 'GBP'], 'shop - 1')} END",
            line_count="2", item_count=f"{self.quantity('i', 1)} + {self.quantity('i', 2)}", products_minor="total",
            total_minor="total", shipping_name=pick(["Standard", "Express", "Pick-up", ""], "luck / 7"),
            created_at=self.at("age"), last_activity_at=active, seen_at=active,
            abandon_after=self.at("age - busy - 86400"),
            ordered_at=f"CASE WHEN {is_ordered} THEN {active} END", order_id=f"CASE WHEN {is_ordered} THEN i END",
            order_number=f"CASE WHEN {is_ordered} THEN {number} ELSE '' END",
            merged_at=f"CASE WHEN {is_merged} THEN {active} END",
            deleted_at=f"CASE WHEN {is_deleted} THEN {active} END",
            bot_score="CASE WHEN luck % 25 = 1 THEN 80 ELSE 0 END",
        )  # fmt: skip

    def carts_between(self, first: int, last: int, more: str = "") -> str:
        return f"carts_cart AS c WHERE c.id BETWEEN {first} AND {last} {more}"

    def sku(self, place: int) -> str:
        return f"{pick(['fer-', 'gal-'], 'c.shop_id - 1')} || {self.variant('c.id', place)}"

    def lines(self, first: int, last: int) -> list[str]:
        from ghostcart.carts.models import CartLine

        def statement(place: int) -> str:
            number, cents, quantity = (of("c.id", place) for of in (self.variant, self.cents, self.quantity))
            variant = f"(c.shop_id - 1) * {VARIANTS} + {number} + 1"
            return self.insert(
                CartLine, self.carts_between(first, last), cart_id="c.id", shop_id="c.shop_id", key=self.sku(place),
                position=str(place), product_id=variant, variant_id=variant, sku=self.sku(place),
                name=f"'Product ' || {number}", unit_price_micros=f"{cents} * 10000", quantity=quantity,
                added_at="c.created_at", total_minor=f"{cents} * {quantity}",
            )  # fmt: skip

        return [statement(1), statement(2)]

    def log(self, first: int, last: int) -> list[str]:
        from ghostcart.carts.models import CartEvent

        def statement(place: int) -> str:
            number, cents, quantity = (of("c.id", place) for of in (self.variant, self.cents, self.quantity))
            told = f"""'{{"line": {{"key": "' || {self.sku(place)} || '", "sku": "' || {self.sku(place)} || '", "name":
                "Product ' || {number} || '", "option": "", "picture": "", "unit_price_micros": ' || ({cents} * 10000)
                || ', "quantity": ' || {quantity} || ', "was": 0, "is_gift": false}}, "total_minor": '
                || c.total_minor || ', "item_count": ' || c.item_count || ', "currency": "' || c.currency || '"}}'"""
            return self.insert(
                CartEvent, self.carts_between(first, last), cart_id="c.id", shop_id="c.shop_id",
                cart_version=str(place), kind="'line_added'", actor="'shopper'", at="c.created_at",
                data=self.as_json(told),
            )  # fmt: skip

        return [statement(1), statement(2)]

    def orders(self, first: int, last: int) -> list[str]:
        from ghostcart.orders.models import Order, OrderLine, OrderStatus, PaymentMethod

        ordered = self.carts_between(first, last, "AND c.ordered_at IS NOT NULL")
        return [
            self.insert(
                Order, ordered, id="c.id", shop_id="c.shop_id", number="c.order_number", token="'bench' || c.id",
                cart_id="c.id", customer_id="c.customer_id", customer_label="c.customer_label",
                status=pick(OrderStatus.values, draw("c.id", 21)), payment=pick(PaymentMethod.values, draw("c.id", 22)),
                shipping_name="c.shipping_name", currency="c.currency", products_minor="c.total_minor",
                total_minor="c.total_minor", placed_at="c.ordered_at",
            ),
            self.insert(
                OrderLine, ordered, order_id="c.id", sku=self.sku(1), name=f"'Product ' || {self.variant('c.id', 1)}",
                product_id=f"(c.shop_id - 1) * {VARIANTS} + {self.variant('c.id', 1)} + 1",
                unit_price_micros=f"{self.cents('c.id', 1)} * 10000", quantity=self.quantity("c.id", 1),
                total_minor=f"{self.cents('c.id', 1)} * {self.quantity('c.id', 1)}",
            ),
        ]  # fmt: skip

    def reminders(self, first: int, last: int) -> list[str]:
        """Mails of every seventh cart with a customer, sent a day after; and those that wait, one for each person."""
        from ghostcart.mail.models import Message
        from ghostcart.recovery.models import Enrolment, Reminder

        waits, sent = "c.id % 40 = 0", "c.abandon_after"
        is_ghost = "c.customer_id > 1 AND c.ordered_at IS NULL AND c.deleted_at IS NULL AND c.bot_score = 0"
        was_written_to = f"c.id % 7 = 0 AND c.abandon_after < {self.at('0')}"
        wanted = self.carts_between(first, last, f"AND {is_ghost} AND ({waits} OR {was_written_to})")
        email = "(SELECT email FROM customers_customer k WHERE k.id = c.customer_id)"
        was_due, will_be = self.at(f"{draw('c.id', 23)} % 86400"), self.at(f"-60 - {draw('c.id', 23)} % 604800")
        step, campaign = (
            f"(CASE c.shop_id {' '.join(f'WHEN {shop} THEN {pk}' for shop, pk in of.items())} END)"
            for of in (self.steps, self.campaigns)
        )

        def depends(if_waiting: str, else_: str) -> str:
            return f"CASE WHEN {waits} THEN {if_waiting} ELSE {else_} END"

        return [
            self.insert(
                Message, wanted, id="c.id", shop_id="c.shop_id", customer_id="c.customer_id", kind="'reminder'",
                address=email, address_hash="'bench' || c.customer_id", subject=depends("''", "'Still there?'"),
                state=depends("'due'", "'sent'"), created_at="c.last_activity_at", sent_at=depends("NULL", sent),
                due_at=depends(f"CASE WHEN c.id % 80 = 0 THEN {was_due} ELSE {will_be} END", sent),
                message_id=depends("''", "'<' || c.id || '@bench>'"),
            ),
            self.insert(
                Enrolment, wanted, id="c.id", campaign_id=campaign, shop_id="c.shop_id", person_id="c.customer_id",
                customer_id="c.customer_id", cart_id="c.id", trigger="'cart:' || c.id || '@0'", arm="'contacted'",
                activity_at="c.last_activity_at", value_minor="c.total_minor", currency="c.currency",
                at="c.last_activity_at", ended_at=depends("NULL", sent), reason=depends("''", "'completed'"),
            ),
            self.insert(
                Reminder, wanted, id="c.id", enrolment_id="c.id", step_id=step, shop_id="c.shop_id", message_id="c.id",
                planned_at="c.last_activity_at",
            ),
        ]  # fmt: skip
