"""What a shopper sees of their cart: reading only."""

from ghostcart.carts import storage
from ghostcart.carts.opencart import OpenCart


def cart_of(shop_id: int, token_hash: str) -> OpenCart | None:
    """The live cart of a device, with its totals; None if it has none."""
    number = storage.device_cart(shop_id, token_hash)
    cart = storage.read_carts([number], lock=False).get(number) if number else None
    if cart is None or not cart.is_live:
        return None
    cart.work_out()
    return cart
