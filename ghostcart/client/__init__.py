"""The Python client: what a program can tell Ghostcart and ask of it, typed.

    from ghostcart.client import Cart, Ghostcart, Line

    with Ghostcart("https://carts.example.com", "gck_...") as ghostcart:
        ghostcart.put_cart("cart-1", Cart(updated_at=now, currency="EUR", lines=[Line(...)]))
        for cart in ghostcart.carts(status="abandoned"):
            print(cart.id, cart.total.text)

Needs httpx and msgspec alone, nothing else of Ghostcart and no Django.
"""

from ghostcart.client.api import Ghostcart
from ghostcart.client.errors import ApiError, Unreachable
from ghostcart.client.facts import (
    Address,
    Cart,
    Consent,
    Customer,
    Fate,
    Line,
    Money,
    Order,
    Product,
    Totals,
    Trouble,
    Variant,
    Voucher,
)
from ghostcart.client.records import Event

__all__ = [
    "Address",
    "ApiError",
    "Cart",
    "Consent",
    "Customer",
    "Event",
    "Fate",
    "Ghostcart",
    "Line",
    "Money",
    "Order",
    "Product",
    "Totals",
    "Trouble",
    "Unreachable",
    "Variant",
    "Voucher",
]
