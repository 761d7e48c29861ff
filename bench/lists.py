"""How long the server takes for each list page of the back office, on SQLite with 100,000 carts.

    python -m bench lists

Measured through Django's test client (middleware, session, templates; no network), signed in, all shops in scope,
warm: median and worst of 15 calls. The database is filled once with a fixed seed and kept between runs, in
$GHOSTCART_BENCH or the temporary folder; it is filled anew when the tables change.
"""

# ruff: noqa: E402  (the database is chosen before Django is loaded)

import hashlib
import os
import random
import statistics
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import repeat
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

CARTS = int(os.environ.get("BENCH_CARTS", "100000"))
CUSTOMERS = CARTS * 2 // 5
CALLS = 15
GOAL_MS = 100
FOLDER = Path(os.environ.get("GHOSTCART_BENCH", Path(tempfile.gettempdir()) / "ghostcart-bench"))
DATABASE = FOLDER / f"lists-{CARTS}.sqlite3"
EMAIL = "bench@example.org"

FOLDER.mkdir(parents=True, exist_ok=True)
os.environ |= {
    "DJANGO_SETTINGS_MODULE": "ghostcart.config.settings",
    "DATABASE_URL": f"sqlite:///{DATABASE}",
    "GHOSTCART_DATA": str(FOLDER),
    "ALLOWED_HOSTS": "testserver",
    "LOG_LEVEL": "WARNING",
}

import django

django.setup()

from django.core.management import call_command
from django.db import DEFAULT_DB_ALIAS, connection, connections, transaction
from django.db.models import DateTimeField, Field, JSONField, Model
from django.test import Client
from django.urls import NoReverseMatch, reverse

from ghostcart.backoffice.models import User
from ghostcart.carts.models import Cart, CartEvent, CartLine
from ghostcart.catalog.models import Product, Variant
from ghostcart.customers.models import Customer
from ghostcart.customers.services import fold
from ghostcart.orders.models import Order, OrderLine, OrderStatus, PaymentMethod
from ghostcart.shops.models import Shop

Row = dict[str, Any]

# -- filling -----------------------------------------------------------------------------------------

FIRST = [
    "Anna",
    "Luca",
    "Marie",
    "Jan",
    "Sofia",
    "Peter",
    "Lucía",
    "Émile",
    "Greta",
    "Bram",
    "Chiara",
    "Noah",
    "Ines",
    "Tom",
    "Elif",
    "Zoë",
    "Max",
    "Nora",
    "Paul",
    "Ada",
]
LAST = [
    "Rossi",
    "Müller",
    "Dubois",
    "García",
    "Smith",
    "Jansen",
    "Bianchi",
    "Schmidt",
    "Moreau",
    "Fox",
    "López",
    "Vries",
    "Ferrari",
    "Weber",
    "Petit",
    "Jones",
]
SHIPPING = ["Standard", "Express", "Pick-up", ""]
ORDERED = ("sku", "name", "unit_price_micros", "quantity", "total_minor")
CHUNK = 20_000


def fill() -> None:
    """Two shops (70 and 30 %), 3 lines a cart, 60 % with a customer, 30 % ordered, over 90 days.

    Without ANALYZE at the end: a shop's database has none, and SQLite plans otherwise with it.
    """
    started = perf_counter()
    print(f"filling {DATABASE} with {CARTS:,} carts ...", flush=True)
    for path in (DATABASE, Path(f"{DATABASE}-wal"), Path(f"{DATABASE}-shm")):
        path.unlink(missing_ok=True)
    connection.close()
    call_command("migrate", run_syncdb=True, verbosity=0)
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA synchronous=OFF")
    connection.disable_constraint_checking()
    choose = random.Random(1)
    now = datetime.now(UTC)
    shops = [
        Shop.objects.create(
            slug=name.lower(), name=name, currency=currency, currencies=[currency, "CHF"], created_at=now
        )
        for name, currency in (("Fern", "EUR"), ("Gale", "GBP"))
    ]
    User.objects.create_superuser(EMAIL, None, name="Bench")
    variants = {shop.pk: list(_variants(shop)) for shop in shops}
    customers = _customers(choose, shops, now)
    for start in range(0, CARTS, CHUNK):
        size = min(CHUNK, CARTS - start)
        with transaction.atomic():
            _carts(choose, shops, variants, customers, now, range(start + 1, start + size + 1))
        print(f"  {start + size:,} carts, {perf_counter() - started:.0f} s", flush=True)
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    (FOLDER / f"{DATABASE.stem}.tables").write_text(tables())


def _put(model: type[Model], rows: Sequence[Row]) -> None:
    """Insert rows that all name the same columns; a model object for each of a million would take minutes."""
    fields = [field for field in model._meta.concrete_fields if not field.generated]
    columns = ", ".join(connection.ops.quote_name(field.column) for field in fields)
    marks = ", ".join(["%s"] * len(fields))
    by_field = [_column(field, rows) for field in fields]
    statement = f"INSERT INTO {model._meta.db_table} ({columns}) VALUES ({marks})"
    with connection.cursor() as cursor:
        cursor.executemany(statement, list(zip(*by_field, strict=False)))


def _column(field: "Field[Any, Any]", rows: Sequence[Row]) -> Iterable[Any]:
    """What the rows hold in a column, as the database takes it."""
    database = connections[DEFAULT_DB_ALIAS]  # `connection` would look for it again at each value
    if field.attname not in rows[0] and not callable(field.default):
        return repeat(field.get_db_prep_save(field.get_default(), database))
    values = [row[field.attname] if field.attname in row else field.get_default() for row in rows]
    if isinstance(field, DateTimeField | JSONField):
        return [field.get_db_prep_save(value, database) for value in values]
    return values


def _variants(shop: Shop) -> Iterator[Variant]:
    for number in range(60):
        product = Product.objects.create(shop=shop, slug=f"product-{number}", names={"en": f"Product {number}"})
        yield Variant.objects.create(shop=shop, product=product, sku=f"{shop.slug[:3]}-{number}", stock=number)


def _customers(choose: random.Random, shops: list[Shop], now: datetime) -> dict[int, list[tuple[int, str]]]:
    """(id, label) of the customers of each shop."""
    rows: list[Row] = []
    for number in range(1, CUSTOMERS + 1):
        first, last = choose.choice(FIRST), choose.choice(LAST)
        email = f"{fold(first)}.{fold(last)}.{number}@example.org"
        rows.append({
            "id": number, "shop_id": choose.choices(shops, (7, 3))[0].pk, "email": email, "email_key": email,
            "first_name": first, "last_name": last, "is_guest": choose.random() < 0.5,
            "search_text": fold(f"{first} {last} {email}"),
            "registered_at": now - timedelta(days=choose.uniform(0, 400)),
        })  # fmt: skip
    with transaction.atomic():
        _put(Customer, rows)
    return {
        shop.pk: [(row["id"], f"{row['first_name']} {row['last_name']}") for row in rows if row["shop_id"] == shop.pk]
        for shop in shops
    }


def _carts(
    choose: random.Random, shops: list[Shop], variants: Any, customers: Any, now: datetime, numbers: range
) -> None:
    carts, lines, events, orders, order_lines = [], [], [], [], []
    for number in numbers:
        shop = choose.choices(shops, (7, 3))[0]
        cart = _cart(choose, shop, customers[shop.pk], now, number)
        carts.append(cart)
        chosen = [_line(choose, cart, one, place) for place, one in enumerate(choose.sample(variants[shop.pk], 3), 1)]
        lines += chosen
        events += [_event(cart, line) for line in chosen]
        cart |= {"line_count": 3, "item_count": sum(line["quantity"] for line in chosen)}
        cart["products_minor"] = cart["total_minor"] = sum(line["total_minor"] for line in chosen)
        if cart["ordered_at"]:
            orders.append(_order(choose, cart))
            order_lines += [{"order_id": number} | {name: line[name] for name in ORDERED} for line in chosen]
    for model, rows in (
        (Cart, carts), (CartLine, lines), (CartEvent, events), (Order, orders), (OrderLine, order_lines)
    ):  # fmt: skip
        _put(model, rows)


def _cart(choose: random.Random, shop: Shop, customers: list[tuple[int, str]], now: datetime, number: int) -> Row:
    created = now - timedelta(days=90 * (1 - number / CARTS), minutes=choose.uniform(0, 60))
    active = min(now, created + timedelta(hours=choose.expovariate(1)))
    is_ordered = choose.random() < 0.3
    known = is_ordered or choose.random() < 0.43  # 60 % of all
    customer, label = choose.choice(customers) if known else (None, "")
    return {
        "id": number,
        "shop_id": shop.pk,
        "customer_id": customer,
        "customer_label": label,
        "version": 3,
        "currency": choose.choices([shop.currency, "CHF"], (9, 1))[0],
        "shipping_name": choose.choice(SHIPPING),
        "created_at": created,
        "last_activity_at": active,
        "seen_at": active,
        "abandon_after": active + shop.abandoned_after,
        "ordered_at": active if is_ordered else None,
        "order_number": f"{shop.slug[:3].upper()}{number:06}" if is_ordered else "",
        "order_id": number if is_ordered else None,
        "bot_score": 80 if choose.random() < 0.04 else 0,
        "bot_reasons": ["crawler"],
    }


def _line(choose: random.Random, cart: Row, variant: Variant, position: int) -> Row:
    cents, quantity = choose.randrange(190, 9_990), choose.choice((1, 1, 1, 2, 3))
    return {
        "cart_id": cart["id"], "shop_id": cart["shop_id"], "key": variant.sku, "position": position,
        "product_id": variant.product_id, "variant_id": variant.pk, "sku": variant.sku,
        "name": f"Product {variant.sku}", "unit_price_micros": cents * 10_000, "quantity": quantity,
        "total_minor": cents * quantity, "added_at": cart["created_at"],
    }  # fmt: skip


def _event(cart: Row, line: Row) -> Row:
    told = {name: line[name] for name in ("key", "sku", "name", "unit_price_micros", "quantity")}
    told |= {"option": "", "picture": "", "is_gift": False, "was": 0}
    sums = {"total_minor": line["total_minor"], "item_count": line["position"], "currency": cart["currency"]}
    return {
        "cart_id": cart["id"], "shop_id": cart["shop_id"], "cart_version": line["position"], "kind": "line_added",
        "actor": "shopper", "at": cart["created_at"], "data": {"line": told, **sums},
    }  # fmt: skip


def _order(choose: random.Random, cart: Row) -> Row:
    same = ("shop_id", "customer_id", "customer_label", "shipping_name", "currency", "products_minor", "total_minor")
    return {name: cart[name] for name in same} | {
        "id": cart["id"], "number": cart["order_number"], "cart_id": cart["id"],
        "status": choose.choice(OrderStatus.values), "payment": choose.choice(PaymentMethod.values),
        "placed_at": cart["ordered_at"],
    }  # fmt: skip


def tables() -> str:
    """A mark of the columns that the benchmark filled: another one means to fill again."""
    models = (Shop, User, Customer, Product, Variant, Cart, CartLine, CartEvent, Order, OrderLine)
    columns = [[(field.column, field.db_type(connection)) for field in model._meta.local_fields] for model in models]
    indexes = [[str(index) for index in model._meta.indexes] for model in models]
    filling = Path(__file__).read_text().split("# -- filling")[1].split("# -- measuring")[0]
    return hashlib.sha256(repr((columns, indexes, filling)).encode()).hexdigest()


# -- measuring ---------------------------------------------------------------------------------------


def pages() -> Iterator[tuple[str, str]]:
    """What is measured: a name and an address."""
    now = datetime.now(UTC)
    recent = (now - timedelta(days=2)).date().isoformat()
    carts = reverse("backoffice:cart-list")
    yield "carts", f"{carts}?sort=-id"
    yield "carts, 300 rows", f"{carts}?size=300"
    for sort in ("id", "order", "status", "customer", "items", "total", "shipping", "created", "activity", "online"):
        yield f"carts, sorted by {sort}", f"{carts}?sort={sort}"
        yield f"carts, sorted by {sort}, descending", f"{carts}?sort=-{sort}"
    for query in (
        f"id={CARTS // 2}", "order=FER0123", "status=open", "status=abandoned", "status=ordered", "status=merged",
        "status=without_order", "customer=fox", "customer=anna+fox", "customer=zo", "customer=nobody",
        "items_from=3", "items_to=3", "items_from=8",
        "currency=CHF", "total_from=200", "total_to=10", "shipping=Express", f"created_from={recent}",
        f"created_to={recent}", f"activity_from={recent}", "online=yes", "online=no", "bots=only",
        "bots=without", "shop=2",
        "status=abandoned&customer=fox", "total_from=200&currency=CHF", "status=ordered&sort=-total",
    ):  # fmt: skip
        yield f"carts, {query}", f"{carts}?{query}"
    yield "carts, deep page", f"{carts}?{_deep(carts)}"
    yield "carts, deep page by total", f"{carts}?{_deep(carts, '-total')}"
    yield "carts, figures", reverse("backoffice:cart-figures")
    yield "cart view", reverse("backoffice:cart", args=[CARTS - 7])
    for name in ("customer-list", "order-list", "live"):
        try:
            yield name, f"{reverse(f'backoffice:{name}')}?size=50"
        except NoReverseMatch:
            print(f"no page '{name}' yet")


def _deep(address: str, sort: str = "-id") -> str:
    """The query of a page in the middle of the list."""
    from ghostcart.carts.queries import SORTS
    from ghostcart.lib import paging

    column = SORTS[sort.removeprefix("-")]
    name = f"-{column}" if sort.startswith("-") else column
    middle = Cart.objects.order_by(name, "-id")[CARTS // 2 : CARTS // 2 + 1].get()
    return f"sort={sort}&after={paging.cursor(middle, name)}"


@dataclass(frozen=True)
class Measured:
    """Milliseconds of each call: on the clock, and of the processor (the same on a machine with nothing else to do)."""

    clock: list[float]
    processor: list[float]
    status: int


def measure(client: Client, address: str) -> Measured:
    """Three calls to warm up, then CALLS that count."""
    clock, processor, status = [], [], 0
    for _ in range(CALLS + 3):
        started, worked = perf_counter(), process_time()
        status = client.get(address).status_code
        clock.append((perf_counter() - started) * 1000)
        processor.append((process_time() - worked) * 1000)
    return Measured(clock[3:], processor[3:], status)


def main() -> None:
    mark = FOLDER / f"{DATABASE.stem}.tables"
    if not DATABASE.exists() or not mark.exists() or mark.read_text() != tables():
        fill()
    client = Client()
    client.force_login(User.objects.get(email=EMAIL))
    words = sys.argv[1:]
    print(
        f"\nServer time of list pages, SQLite, {CARTS:,} carts, ms, {CALLS} warm calls (goal: median under {GOAL_MS})\n"
    )
    print(f"{'page':44} {'median':>8} {'worst':>8} {'processor':>10}")
    over = 0
    for name, address in pages():
        if words and not any(word in name for word in words):
            continue
        found = measure(client, address)
        median, worked = statistics.median(found.clock), statistics.median(found.processor)
        note = f"  answered {found.status}" if found.status != 200 else "  over the goal" if median >= GOAL_MS else ""
        over += bool(note)
        print(f"{name:44} {median:8.1f} {max(found.clock):8.1f} {worked:10.1f}{note}", flush=True)
    print(f"\n{over} over the goal" if over else "\nall under the goal")


if __name__ == "__main__":
    main()
