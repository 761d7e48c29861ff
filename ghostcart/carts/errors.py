"""Why a change to a cart is refused."""

from typing import Any

from django.utils.translation import gettext_lazy as _

from ghostcart.lib.errors import GhostcartError


class BadCartToken(GhostcartError):
    code, status = "bad_cart_token", 401
    sentence = _("This cart cannot be opened. Reload the page to start a new one.")


class CartChanged(GhostcartError):
    """The change was made against an older version; `cart` is the current one."""

    code, status = "cart_changed", 409
    sentence = _("The cart was changed elsewhere in the meantime. This is how it is now.")

    def __init__(self, cart: Any = None) -> None:
        super().__init__()
        self.cart = cart


class CartClosed(GhostcartError):
    code, status = "cart_closed", 409
    sentence = _("This cart was already ordered, merged or deleted and cannot be changed.")


class CartElsewhere(GhostcartError):
    code, status = "cart_elsewhere", 409
    sentence = _("This cart is kept in another shop and can only be changed or ordered there.")


class IdempotencyConflict(GhostcartError):
    code, status = "idempotency_conflict", 409
    sentence = _("This Idempotency-Key was already used for another request.")


class UnknownProduct(GhostcartError):
    code = "unknown_product"
    sentence = _("This product is not sold here.")


class SoldOut(GhostcartError):
    code = "sold_out"
    sentence = _("Only %(stock)s of %(name)s are left.")


class UnknownLine(GhostcartError):
    code, status = "unknown_line", 404
    sentence = _("This product is not in the cart.")


class QuantityOutOfRange(GhostcartError):
    code = "quantity_out_of_range"
    sentence = _("The quantity must be between %(least)s and %(most)s.")


class TooManyLines(GhostcartError):
    code = "too_many_lines"
    sentence = _("A cart holds at most %(most)s different products.")


class CartEmpty(GhostcartError):
    code = "cart_empty"
    sentence = _("The cart is empty.")


class UnknownShippingMethod(GhostcartError):
    code = "unknown_shipping_method"
    sentence = _("This shipping method is not offered.")


class UnknownCurrency(GhostcartError):
    code = "unknown_currency"
    sentence = _("This shop does not sell in %(currency)s.")
