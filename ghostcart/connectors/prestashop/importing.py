"""The first reading of a whole shop, in slices by number: products, customers, carts with their orders, other orders.

Each slice is read at one moment of the shop and taken in one transaction with the place it reached, so whoever goes on
after a kill goes on exactly there. What changes meanwhile is found by following, from the time the import began.
"""

from collections.abc import Callable, Sequence
from datetime import datetime

from ghostcart.connectors.portions import Cursor, Portion, Slice
from ghostcart.connectors.prestashop import following, people
from ghostcart.connectors.prestashop.reader import Reader

STAGES = ("products", "customers", "carts", "orders")
PRODUCTS, ORDERS = 200, 500


def begin(reader: Reader, now: datetime) -> tuple[Cursor, int]:
    """Where an import starts, and how much there is to read."""
    cursor = {"stage": STAGES[0], "after": 0, "follow": following.begin(reader, now)}
    shop, ask = reader.number, reader.database.value
    total = sum(int(ask(f"SELECT COUNT(*) FROM {{p}}{table} WHERE id_shop = %s", [shop]) or 0)
                for table in ("product_shop", "customer", "cart"))  # fmt: skip
    return cursor, total


def next_slice(reader: Reader, cursor: Cursor, now: datetime) -> Slice:
    """Read the slice at the cursor."""
    stage = cursor["stage"]
    portion, numbers = _READING[stage](reader, int(cursor["after"]), now)
    if numbers:
        size = 0 if stage == "orders" else len(numbers)  # nobody counted orders without a cart
        return Slice(portion, {**cursor, "after": numbers[-1]}, size)
    place = STAGES.index(stage) + 1
    if place == len(STAGES):
        return Slice(portion, {"follow": cursor["follow"]}, 0, is_last=True)
    return Slice(portion, {**cursor, "stage": STAGES[place], "after": 0}, 0)


_Read = tuple[Portion, Sequence[int]]
"""What was read, and its numbers in the shop; none: nothing was left."""


def _products(reader: Reader, after: int, now: datetime) -> _Read:
    sql = """SELECT p.id_product FROM {p}product p JOIN {p}product_shop s
             ON s.id_product = p.id_product AND s.id_shop = %s WHERE p.id_product > %s ORDER BY p.id_product LIMIT %s"""
    numbers = [row[0] for row in reader.database.tuples(sql, (reader.number, after, PRODUCTS))]
    return reader.read_products(numbers, now), numbers


def _customers(reader: Reader, after: int, now: datetime) -> _Read:
    numbers = people.numbers_after(reader.database, reader.basics, after, reader.slice_size)
    return reader.read_people(numbers), numbers


def _carts(reader: Reader, after: int, now: datetime) -> _Read:
    portion = reader.read_carts("c.id_cart > %s", [after], reader.slice_size)
    return portion, list(portion.changed)


def _orders(reader: Reader, after: int, now: datetime) -> _Read:
    """Orders without a cart in this shop: those with one came with it."""
    sql = """SELECT o.id_order FROM {p}orders o
             LEFT JOIN {p}cart c ON c.id_cart = o.id_cart AND c.id_shop = o.id_shop
             WHERE o.id_order > %s AND o.id_shop = %s AND c.id_cart IS NULL ORDER BY o.id_order LIMIT %s"""
    numbers = [row[0] for row in reader.database.tuples(sql, (after, reader.number, ORDERS))]
    if not numbers:
        return Portion(), numbers
    return reader.read_orders(f"o.id_order IN ({', '.join(map(str, numbers))})", []), numbers


_READING: dict[str, Callable[[Reader, int, datetime], _Read]] = {
    "products": _products, "customers": _customers, "carts": _carts, "orders": _orders
}  # fmt: skip
