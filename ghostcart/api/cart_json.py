"""A cart as the store API shows it."""

from functools import lru_cache

import msgspec
from django.utils import translation

from ghostcart.carts.changes import Change
from ghostcart.carts.opencart import Line, OpenCart
from ghostcart.lib import money
from ghostcart.lib.template_tags import media
from ghostcart.vouchers.errors import SENTENCES
from ghostcart.vouchers.terms import Refusal


class Amount(msgspec.Struct):
    """An amount in minor units of the cart's currency, and written for the reader."""

    minor: int
    text: str


class UnitPrice(msgspec.Struct):
    """A price in millionths of the currency unit, and written for the reader."""

    micros: int
    text: str


class LineOut(msgspec.Struct):
    key: str
    sku: str
    name: str
    option: str
    picture: str
    quantity: int
    unit_price: UnitPrice
    regular_price: UnitPrice | None
    total: Amount
    is_gift: bool
    stock: int | None


class VoucherOut(msgspec.Struct):
    """`refusal` says why it takes nothing at the moment."""

    code: str
    name: str
    amount: Amount
    free_shipping: bool
    refusal: str | None
    refusal_text: str | None


class ShippingOut(msgspec.Struct):
    code: str
    name: str
    price: Amount


class TotalsOut(msgspec.Struct):
    products: Amount
    discount: Amount
    shipping: Amount
    tax: Amount
    total: Amount


class CustomerOut(msgspec.Struct):
    label: str


class CartOut(msgspec.Struct):
    """A cart; version 0 and status `empty` when there is none yet."""

    version: int
    status: str
    currency: str
    items: int
    prices_include_tax: bool
    lines: list[LineOut]
    vouchers: list[VoucherOut]
    shipping_method: str | None
    shipping_methods: list[ShippingOut]
    totals: TotalsOut | None
    customer: CustomerOut | None


@lru_cache(maxsize=65536)
def _amount_text(minor: int, currency: str, language: str) -> str:
    return money.format_minor(minor, currency, language)


@lru_cache(maxsize=65536)
def _price_text(micros: int, currency: str, language: str) -> str:
    return money.format_micros(micros, currency, language)


def cart_out(cart: OpenCart | None, language: str) -> CartOut:
    """The cart for a reader of that language."""
    if cart is None:
        return CartOut(0, "empty", "", 0, True, [], [], None, [], None, None)
    currency, totals = cart.currency, cart.totals
    assert totals is not None

    def amount(minor: int) -> Amount:
        return Amount(minor, _amount_text(minor, currency, language))

    names = ("products", "discount", "shipping", "tax", "total")
    return CartOut(
        version=cart.version,
        status="ordered" if cart.ordered_at else "open",
        currency=currency,
        items=totals.items,
        prices_include_tax=cart.shop.prices_include_tax,
        lines=[_line(line, currency, language) for line in cart.lines.values()],
        vouchers=_vouchers(cart, language),
        shipping_method=cart.shipping.code if cart.shipping else None,
        shipping_methods=[
            ShippingOut(method.code, method.name(language), amount(method.prices_minor[currency]))
            for method in cart.shop.shipping
            if currency in method.prices_minor
        ],
        totals=TotalsOut(*(amount(getattr(totals, f"{name}_minor")) for name in names)),
        customer=CustomerOut(cart.customer_label) if cart.customer_id else None,
    )


def _line(line: Line, currency: str, language: str) -> LineOut:
    def price(micros: int) -> UnitPrice:
        return UnitPrice(micros, _price_text(micros, currency, language))

    return LineOut(
        key=line.key,
        sku=line.sku,
        name=line.name,
        option=line.option,
        picture=media(line.picture) if line.picture else "",
        quantity=line.quantity,
        unit_price=price(line.unit_price_micros),
        regular_price=price(line.regular_micros) if line.is_discounted and line.regular_micros else None,
        total=Amount(line.total_minor, _amount_text(line.total_minor, currency, language)),
        is_gift=line.is_gift,
        stock=line.stock,
    )


def _vouchers(cart: OpenCart, language: str) -> list[VoucherOut]:
    shown = []
    for applied in cart.vouchers.values():
        with translation.override(language):
            reason = str(SENTENCES[Refusal(applied.refusal)]) if applied.refusal else None
        taken = Amount(applied.amount_minor, _amount_text(applied.amount_minor, cart.currency, language))
        shown.append(
            VoucherOut(applied.code, applied.name, taken, applied.free_shipping, applied.refusal or None, reason)
        )
    return shown


def answer(change: Change, cart: OpenCart | None) -> str:
    """The body that answers a change, as kept with its Idempotency-Key."""
    return msgspec.json.encode(cart_out(cart, change.seen.language if change.seen else "en")).decode()
