"""The way back into another shop: what was in a cart, and where in that shop it is to be had.

The shop's own recovery link signs whoever opens it in as the customer. It is used only where staff switched it on
(`options["recovery_link"]`, with the shop's cookie key), and never stands in a page: a button leads to it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import md5
from urllib.parse import urlencode, urlsplit

from ghostcart.carts.models import Cart, CartLine
from ghostcart.connectors.models import Connection, Kind
from ghostcart.connectors.options import SEALED, change_options
from ghostcart.lib import sealing
from ghostcart.lib.texts import pick
from ghostcart.shops.models import Shop

PRESTASHOPS = (Kind.PRESTASHOP, Kind.PRESTASHOP_API)


@dataclass(frozen=True, slots=True)
class Piece:
    """A product of the cart, as it was in it. `url` is its page in the shop; "" if that is not known."""

    name: str
    option: str
    picture: str
    quantity: int
    price_micros: int
    url: str


@dataclass(frozen=True, slots=True)
class WayBack:
    """`cart_url` is the shop's own cart; "" if its address is not known."""

    cart: Cart
    pieces: tuple[Piece, ...]
    cart_url: str


def of_cart(shop_id: int, cart_id: int, language: str) -> WayBack | None:
    """The way back to a cart that another shop holds; None for one of ours, and for one that was deleted."""
    carts = Cart.objects.select_related("shop").filter(shop=shop_id, external_id__isnull=False, deleted_at=None)
    cart = carts.filter(pk=cart_id).first()
    if cart is None:
        return None
    lines = cart.lines.select_related("product", "variant").filter(is_gift=False).order_by("position")
    return WayBack(cart, tuple(_pieces(lines, language)), cart_url(cart.shop))


def _pieces(lines: Iterable[CartLine], language: str) -> Iterable[Piece]:
    for line in lines:
        names = line.product.names if line.product else {}
        options = line.variant.options if line.variant else {}
        yield Piece(
            name=pick(names, language) or line.name,
            option=pick(options, language) or line.option,
            picture=line.picture,
            quantity=line.quantity,
            price_micros=line.unit_price_micros,
            url=web(line.product.url) if line.product else "",
        )


def web(address: str) -> str:
    """An address that a link may lead to: of the web, with a host; else nothing."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return ""
    return address if parts.scheme in ("https", "http") and parts.hostname and address.isprintable() else ""


def cart_url(shop: Shop) -> str:
    """The page of the shop's cart, as every version of it knows it."""
    home = web(shop.address)
    connection = _prestashop(shop.pk)
    if not home or connection is None:
        return home
    return f"{home}index.php?{'controller=order' if _is_old(connection) else 'controller=cart&action=show'}"


def recovery_url(cart: Cart) -> str:
    """The shop's own link that brings the cart back and signs its customer in; "" unless staff switched it on."""
    connection = _prestashop(cart.shop_id)
    home = web(cart.shop.address)
    if connection is None or not home or not connection.options.get("recovery_link") or cart.ordered_at is not None:
        return ""
    try:
        key = sealing.unseal(str(connection.options.get("cookie_key", "")), SEALED)
    except sealing.Unreadable:
        return ""
    token = md5(f"{key}recover_cart_{cart.external_id}".encode(), usedforsecurity=False).hexdigest()
    page = "order" if _is_old(connection) else "cart"
    asked = {"controller": page, "recover_cart": cart.external_id, "token_cart": token}
    return f"{home}index.php?{urlencode(asked)}"


def use_recovery_link(connection: Connection, cookie_key: str) -> None:
    """Staff switch the shop's own link on, with the shop's `cookie_key`, kept sealed; off with an empty one."""
    sealed = sealing.seal(cookie_key, SEALED) if cookie_key else ""
    change_options(connection, recovery_link=bool(cookie_key), cookie_key=sealed)


def _prestashop(shop_id: int) -> Connection | None:
    return Connection.objects.filter(shop=shop_id, kind__in=PRESTASHOPS).order_by("pk").first()


def _is_old(connection: Connection) -> bool:
    """1.6, whose cart page speaks to scripts only."""
    return str(connection.found.get("version", "")).startswith("1.6")
