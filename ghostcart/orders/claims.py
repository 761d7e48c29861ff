"""What a browser says of an order: it counts until the shop itself tells of it, and touches nothing but its own cart.

A claimed order stands beside the shop's numbers, never on one of them, and carries no vouchers: whoever can claim could
otherwise block the next number, or use up codes.
"""

from datetime import datetime

from django.db import transaction
from msgspec import structs

from ghostcart.carts import ingest
from ghostcart.carts.kinds import EventKind
from ghostcart.carts.models import Cart
from ghostcart.lib.snapshots import Taken
from ghostcart.orders.intake import take
from ghostcart.orders.models import Order
from ghostcart.orders.snapshots import CLAIMED, OrderSnapshot


def claim(shop_id: int, told: OrderSnapshot, now: datetime) -> Taken:
    """Note an order that a browser told of. Where the shop has told of it before, only the browser's cart is closed."""
    told = structs.replace(told, vouchers=())
    if not Order.objects.filter(shop_id=shop_id, number=told.number).exclude(source=CLAIMED).exists():
        return take(shop_id, CLAIMED, [told], now)[told.external_id]
    with transaction.atomic():
        carts = Cart.objects.select_for_update().filter(shop_id=shop_id, source=CLAIMED, external_id=told.cart)
        cart = carts.first()
        if cart is None or cart.ordered_at is not None:
            return Taken.UNCHANGED
        cart.ordered_at, cart.order_number, cart.version = told.placed_at, told.number, cart.version + 1
        cart.deleted_at, cart.deleted_by = None, ""
        cart.save(update_fields=["ordered_at", "order_number", "version", "deleted_at", "deleted_by"])
        ingest.append_event(
            shop_id=shop_id, cart_id=cart.pk, version=cart.version, kind=EventKind.ORDERED, actor="shopper",
            at=told.placed_at,
            data={"order": {"number": told.number}, **cart.told()},
        )  # fmt: skip
    return Taken.CHANGED
