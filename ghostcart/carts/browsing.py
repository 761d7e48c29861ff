"""What a shopper sees of their cart, and of one that a mailed link would bring back: reading only."""

from dataclasses import dataclass
from datetime import datetime

from ghostcart.carts import restoring, storage
from ghostcart.carts.opencart import OpenCart
from ghostcart.catalog import offers
from ghostcart.shops import rules as shop_rules
from ghostcart.vouchers import queries as voucher_queries
from ghostcart.vouchers.terms import Refusal, Terms
from ghostcart.vouchers.terms import refusal as refusal_of


def cart_of(shop_id: int, token_hash: str) -> OpenCart | None:
    """The live cart of a device, with its totals; None if it has none."""
    number = storage.device_cart(shop_id, token_hash)
    cart = storage.read_carts([number], lock=False).get(number) if number else None
    if cart is None or not cart.is_live:
        return None
    cart.work_out()
    return cart


@dataclass(frozen=True, slots=True)
class Preview:
    """What a device's cart would be after a restore. `others` counts the products that are in it besides."""

    items: tuple[restoring.Item, ...]
    cart: OpenCart
    source: OpenCart
    is_own: bool
    others: int
    voucher: Terms | None = None
    refusal: Refusal | None = None

    @property
    def has_any(self) -> bool:
        """Whether anything can be had, now or already."""
        return any(item.quantity for item in self.items)


def preview(
    shop_id: int, source_id: int, token_hash: str, *, voucher_id: int | None, language: str, now: datetime
) -> Preview | None:
    """What `changes.Restore` would do for this device, and the voucher after it; None without such a cart."""
    source = storage.read_carts([source_id], lock=False).get(source_id)
    if source is None or source.shop.id != shop_id or source.deleted_at is not None:
        return None
    held = cart_of(shop_id, token_hash) if token_hash else None
    cart = held or _blank(source, language, now)
    if not cart.lines and source.currency in cart.shop.currencies:
        cart.switch_currency(source.currency)
    others = sum(not line.is_gift and line.sku not in _skus(source) for line in cart.lines.values())
    cart.language = language
    today = offers.by_sku(shop_id, cart.currency, sorted(_skus(source)))
    _drafts, items = restoring.restore(cart, source, today, now)
    voucher, refused = _with_voucher(cart, voucher_id, now)
    gifts = [one.terms.gift_variant_id for one in cart.vouchers.values() if one.terms.gift_variant_id is not None]
    cart.price(offers.by_variant(shop_id, cart.currency, gifts), now)
    if voucher and not refused:
        told = cart.vouchers[voucher.id].refusal
        refused = Refusal(told) if told else None
    is_own = held is not None and held.id in (source.id, source.merged_into_id)
    return Preview(items, cart, source, is_own, others, voucher, refused)


def _skus(source: OpenCart) -> set[str]:
    return {line.sku for line in source.lines.values() if not line.is_gift}


def _blank(source: OpenCart, language: str, now: datetime) -> OpenCart:
    """The cart that a restore would begin, never stored."""
    shop = shop_rules.of(source.shop.id)
    currency = source.currency if source.currency in shop.currencies else shop.currency
    shipping = next((method for method in shop.shipping if currency in method.prices_minor), None)
    return OpenCart(shop, None, currency, language, now, now, now, now, shipping=shipping)


def _with_voucher(cart: OpenCart, voucher_id: int | None, now: datetime) -> tuple[Terms | None, Refusal | None]:
    """Put the voucher on, or say why not."""
    terms = next(iter(voucher_queries.terms_of([voucher_id], cart.language)), None) if voucher_id else None
    if terms is None or terms.id in cart.vouchers:
        return terms, None
    refused = refusal(terms, cart, cart.currency, now)
    if not refused:
        cart.apply_voucher(terms, now)
    return terms, refused


def refusal(terms: Terms, cart: OpenCart | None, currency: str, now: datetime) -> Refusal | None:
    """Why a voucher that we mailed cannot be on this cart now; `currency` counts where there is none yet."""
    customer_id = cart.customer_id if cart else None
    others = [applied.terms for applied in cart.vouchers.values() if applied.terms.id != terms.id] if cart else []
    return refusal_of(
        terms,
        now=now,
        currency=cart.currency if cart else currency,
        customer_id=customer_id,
        used_by_customer=voucher_queries.uses_by_customer([terms], customer_id).get(terms.id, 0),
        others=others,
    )
