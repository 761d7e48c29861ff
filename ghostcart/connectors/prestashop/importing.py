"""The first reading of a whole shop, in slices by number: products, customers, carts with their orders, other orders.

Each slice is read at one moment of the shop and taken in one transaction with the place it reached, so whoever goes on
after a kill goes on exactly there. What changes meanwhile is found by following, from the time the import began.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ghostcart.connectors.prestashop import following, people
from ghostcart.connectors.prestashop.reader import Reader, take_products
from ghostcart.customers import intake as customer_intake

STAGES = ("products", "customers", "carts", "orders")
PRODUCTS, CUSTOMERS, CARTS, ORDERS = 200, 2000, 2000, 500


@dataclass(frozen=True)
class Slice:
    """One slice that was read. `take` writes it; `cursor` is where the next begins; `size` counts what was read.

    `complete` reads what only our own database can tell is missing. It comes before the next slice is read ahead.
    """

    take: Callable[[], None]
    cursor: dict[str, Any]
    size: int
    is_last: bool = False
    complete: Callable[[], None] = lambda: None


def begin(reader: Reader, now: datetime) -> tuple[dict[str, Any], int]:
    """Where an import starts, and how much there is to read."""
    cursor = {"stage": STAGES[0], "after": 0, "follow": following.begin(reader, now)}
    shop, ask = reader.number, reader.database.value
    total = sum(int(ask(f"SELECT COUNT(*) FROM {{p}}{table} WHERE id_shop = %s", [shop]) or 0)
                for table in ("product_shop", "customer", "cart"))  # fmt: skip
    return cursor, total


def next_slice(reader: Reader, cursor: dict[str, Any], now: datetime) -> Slice:
    """Read the slice at the cursor."""
    stage, after = cursor["stage"], int(cursor["after"])
    found = _READING[stage](reader, after, now)
    if found.last is not None:
        return Slice(found.take, {**cursor, "after": found.last}, found.size, complete=found.complete)
    place = STAGES.index(stage) + 1
    if place == len(STAGES):
        return Slice(found.take, {"follow": cursor["follow"]}, found.size, is_last=True)
    return Slice(found.take, {**cursor, "stage": STAGES[place], "after": 0}, found.size)


@dataclass(frozen=True)
class Reading:
    """How to write it, the number it ends with (None: nothing was left), how many."""

    take: Callable[[], None]
    last: int | None
    size: int
    complete: Callable[[], None] = lambda: None


def _products(reader: Reader, after: int, now: datetime) -> Reading:
    sql = """SELECT p.id_product FROM {p}product p JOIN {p}product_shop s
             ON s.id_product = p.id_product AND s.id_shop = %s WHERE p.id_product > %s ORDER BY p.id_product LIMIT %s"""
    numbers = [row[0] for row in reader.database.tuples(sql, (reader.number, after, PRODUCTS))]
    return Reading(take_products(reader, numbers, now), numbers[-1] if numbers else None, len(numbers))


def _customers(reader: Reader, after: int, now: datetime) -> Reading:
    numbers = people.numbers_after(reader.database, reader.basics, after, CUSTOMERS)
    told = people.read(reader.database, reader.basics, numbers, newsletter_is_consent=reader.newsletter_is_consent)

    def take() -> None:
        customer_intake.take(reader.shop_id, reader.source, told, now)

    return Reading(take, numbers[-1] if numbers else None, len(numbers))


def _carts(reader: Reader, after: int, now: datetime) -> Reading:
    portion = reader.read_carts("c.id_cart > %s", [after], CARTS)
    heads = portion.batch.heads
    return Reading(
        lambda: portion.take(now, is_history=True),
        heads[-1].id if heads else None,
        len(heads),
        lambda: reader.read_strangers(portion),
    )


def _orders(reader: Reader, after: int, now: datetime) -> Reading:
    """Orders without a cart in this shop: those with one came with it."""
    sql = """SELECT o.id_order FROM {p}orders o
             LEFT JOIN {p}cart c ON c.id_cart = o.id_cart AND c.id_shop = o.id_shop
             WHERE o.id_order > %s AND o.id_shop = %s AND c.id_cart IS NULL ORDER BY o.id_order LIMIT %s"""
    numbers = [row[0] for row in reader.database.tuples(sql, (after, reader.number, ORDERS))]
    if not numbers:
        return Reading(lambda: None, None, 0)
    portion = reader.read_orders(f"o.id_order IN ({', '.join(map(str, numbers))})", [])
    return Reading(lambda: portion.take(now, is_history=True), numbers[-1], 0, lambda: reader.read_strangers(portion))


_READING: dict[str, Callable[[Reader, int, datetime], Reading]] = {
    "products": _products, "customers": _customers, "carts": _carts, "orders": _orders
}  # fmt: skip
