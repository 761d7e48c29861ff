"""What another shop tells, in short: for the tests of the intakes."""

from datetime import datetime, timedelta
from typing import Any

from ghostcart.carts.snapshots import CartSnapshot, LineSnapshot, Sums
from ghostcart.catalog.intake import PriceSnapshot, ProductSnapshot, VariantSnapshot
from ghostcart.customers.intake import CustomerSnapshot
from ghostcart.orders.snapshots import OrderSnapshot
from tests.factories import NOON

SOURCE = "elsewhere"


def line(key: str, quantity: int = 1, price: int = 10, **more: Any) -> LineSnapshot:
    """`price` in whole units of the currency."""
    values = {"variant": key, "name": key.title(), "unit_price_micros": price * 1_000_000,
              "total_minor": price * quantity * 100}  # fmt: skip
    return LineSnapshot(key=key, quantity=quantity, **{**values, **more})


def cart(external_id: str = "1", *lines: LineSnapshot, version: int = 1, at: datetime = NOON, **more: Any):
    total = sum(one.total_minor for one in lines)
    values: dict[str, Any] = {"created_at": NOON, "updated_at": at, "currency": "EUR", "language": "it"}
    sums = Sums(products_minor=total, total_minor=total)
    return CartSnapshot(external_id=external_id, version=version, lines=lines, **{**values, "sums": sums, **more})


def order(external_id: str = "9", cart: str = "1", *lines: LineSnapshot, version: int = 1, **more: Any):
    total = sum(one.total_minor for one in lines)
    values: dict[str, Any] = {"number": f"N{external_id}", "placed_at": NOON + timedelta(hours=1), "currency": "EUR"}
    sums = Sums(products_minor=total, total_minor=total)
    return OrderSnapshot(
        external_id=external_id, cart=cart, version=version, lines=lines, **{**values, "sums": sums, **more}
    )


def customer(external_id: str = "7", email: str = "ada@example.com", version: int = 1, **more: Any):
    values = {"first_name": "Ada", "last_name": "Byron", "language": "it", "registered_at": NOON}
    return CustomerSnapshot(external_id=external_id, email=email, version=version, **{**values, **more})


def product(external_id: str = "mug", price: int = 10, version: int = 1, **more: Any):
    prices = {"EUR": PriceSnapshot(price * 1_000_000)}
    variants = [VariantSnapshot(external_id=external_id, stock=5, prices=prices)]
    values = {"names": {"en": external_id.title()}, "variants": variants}
    return ProductSnapshot(external_id=external_id, version=version, **{**values, **more})
