"""What a mail may speak of, taken from rows: plain values that are kept with the message and draw it again at any time.

Names of products are those that the cart was filled with, in its language. Addresses are absolute, on the shop's own
host. Whatever is not passed in, the mail doesn't mention.
"""

from typing import Any
from urllib.parse import quote

from django.conf import settings
from django.urls import reverse

from ghostcart.carts.models import Cart, CartLine
from ghostcart.customers.models import Customer
from ghostcart.lib.texts import LANGUAGES
from ghostcart.mail.drawing import LINES_SHOWN
from ghostcart.mail.kinds import CAMPAIGNS
from ghostcart.orders.models import Order
from ghostcart.recovery.models import Kind
from ghostcart.shops.models import Shop
from ghostcart.vouchers.models import Voucher

Facts = dict[str, Any]


def facts_of(
    shop: Shop,
    *,
    language: str,
    customer: Customer | None = None,
    cart: Cart | None = None,
    order: Order | None = None,
    voucher: Voucher | None = None,
    kind: str = Kind.MANUAL,
) -> Facts:
    """The facts of a mail of this kind, for `mail.drawing.draw`."""
    about = CAMPAIGNS[kind]
    return {
        "shop": shop_facts(shop, language),
        "customer": customer_facts(customer),
        "cart": cart_facts(cart, language) if cart is not None and about == "cart" else None,
        "order": order_facts(order) if order is not None and about == "order" else None,
        "voucher": voucher_facts(voucher, shop) if voucher is not None else None,
    }


def shop_facts(shop: Shop, language: str) -> Facts:
    return {
        "name": shop.name,
        "url": shop.address or _page(shop, language, "home"),
        "accent": shop.accent,
        "imprint": shop.mail_imprint,
    }


def customer_facts(customer: Customer | None) -> Facts:
    if customer is None:
        return {"first_name": "", "last_name": "", "name": ""}
    return {"first_name": customer.first_name, "last_name": customer.last_name, "name": customer.name}


def cart_facts(cart: Cart, language: str) -> Facts:
    """The cart with as many lines as a mail shows; `more` says how many it has besides."""
    lines = list(cart.lines.all()[:LINES_SHOWN])  # by position; perhaps read already, for many, with their products
    return {
        "currency": cart.currency,
        "item_count": cart.item_count,
        "total_minor": cart.total_minor,
        "products_minor": cart.products_minor,
        "discount_minor": cart.discount_minor,
        "shipping_minor": cart.shipping_minor,
        "tax_minor": 0 if cart.prices_include_tax else cart.tax_minor,
        "lines": [_line(line, cart.shop, language) for line in lines],
        "more": max(0, cart.line_count - len(lines)),
    }


def order_facts(order: Order) -> Facts:
    return {
        "number": order.number,
        "placed_at": order.placed_at.astimezone(order.shop.zone).isoformat(),
        "total_minor": order.total_minor,
        "currency": order.currency,
    }


def voucher_facts(voucher: Voucher, shop: Shop) -> Facts:
    """`valid_until` is the first moment it no longer counts, by the shop's clocks."""
    return {
        "code": voucher.code,
        "kind": voucher.kind,
        "percent_bp": voucher.percent_bp,
        "amount_minor": voucher.amount_minor,
        "currency": voucher.currency,
        "minimum_minor": voucher.minimum_minor,
        "valid_until": voucher.valid_until.astimezone(shop.zone).isoformat() if voucher.valid_until else "",
    }


def _line(line: CartLine, shop: Shop, language: str) -> Facts:
    return {
        "name": line.name,
        "option": line.option,
        "quantity": line.quantity,
        "unit_price_micros": line.unit_price_micros,
        "total_minor": line.total_minor,
        "picture": _picture(line.picture),
        "url": _product(line, shop, language),
        "is_gift": line.is_gift,
    }


def _product(line: CartLine, shop: Shop, language: str) -> str:
    """The page of a product: its own in another shop, ours where it is ours; "" if it has none."""
    if line.product is None or line.product.url or shop.address:
        return line.product.url if line.product else ""
    return _page(shop, language, "sku", line.sku)


def _page(shop: Shop, language: str, name: str, *more: str) -> str:
    """A page of the shop. By name: what lies above this room is not imported."""
    language = language if language in LANGUAGES else shop.language
    return settings.SITE_URL + reverse(f"storefront:{name}", args=[shop.slug, language, *more])


def _picture(path: str) -> str:
    """Connected shops tell whole addresses, our own a path below the media."""
    if not path or path.startswith(("https://", "http://")):
        return path
    return f"{settings.SITE_URL}{settings.MEDIA_URL}{quote(path)}"
