"""What the voucher of a step is for one cart: its amount, from which minimum on, and the most that it can cost."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from django.db.models import Max

from ghostcart.carts.models import Cart
from ghostcart.orders.models import Order
from ghostcart.orders.queries import VALID
from ghostcart.recovery.history import Who
from ghostcart.recovery.models import Reminder, Step, VoucherKind
from ghostcart.shops.models import ShippingMethod

WHOLE_BP = 10_000
ORDERS_SEEN = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Worth:
    """Amounts are minor units of `currency`. `products_minor` and `shipping_minor` are what it can take from."""

    currency: str
    products_minor: int
    percent_bp: int = 0
    amount_minor: int = 0
    shipping_minor: int = 0
    minimum_minor: int = 0

    @property
    def cost_minor(self) -> int:
        """The most that it can take: a percentage however it is rounded, never more than there is."""
        if self.percent_bp:
            return -(-self.products_minor * self.percent_bp // WHOLE_BP)
        return min(self.amount_minor, self.products_minor) or self.shipping_minor

    @property
    def problem(self) -> str:
        """Why there can be no such voucher (see `guard.REASONS`); empty if there can."""
        if self.products_minor < self.minimum_minor:
            return "below_minimum"
        return "" if self.cost_minor else "nothing_to_give"


def of(step: Step, cart: Cart | None, reminder: Reminder, who: Who) -> Worth:
    """The voucher held against the cart; without a cart, against the most they ever ordered."""
    shop = step.campaign.shop
    currency = cart.currency if cart else (reminder.enrolment.currency or step.campaign.currency or shop.currency)
    products = cart.products_minor if cart else _largest_order(who, currency)
    return against(step, currency, products, has_cart=cart is not None, dearest=lambda: shipping(shop.pk, currency))


def against(step: Step, currency: str, products_minor: int, *, has_cart: bool, dearest: Callable[[], int]) -> Worth:
    """The voucher as the step has it, held against the products of a cart or of an order; `dearest` tells the shipping
    that it can spare."""
    amount = int(step.amounts_minor.get(currency, 0)) if step.voucher == VoucherKind.AMOUNT else 0
    minimum = minimum_of(step, currency, amount, products_minor if has_cart else None)
    return Worth(
        currency=currency,
        products_minor=products_minor if has_cart else max(products_minor, amount, minimum),
        percent_bp=step.percent_bp if step.voucher == VoucherKind.PERCENT else 0,
        amount_minor=amount,
        shipping_minor=dearest() if step.voucher == VoucherKind.FREE_SHIPPING else 0,
        minimum_minor=minimum,
    )


def halved(whole: Worth) -> Worth:
    """Half as much, rounded down; free shipping cannot be halved and stays."""
    return replace(whole, percent_bp=whole.percent_bp // 2, amount_minor=whole.amount_minor // 2)


def minimum_of(step: Step, currency: str, amount_minor: int, products_minor: int | None) -> int:
    """What the step asks for; where it asks for nothing, half of the products of this cart (None: there is no cart), so
    that it is not spent on a trifle."""
    if currency in step.minimums_minor:
        return int(step.minimums_minor[currency])
    return amount_minor if products_minor is None else products_minor // 2


def _largest_order(who: Who, currency: str) -> int:
    theirs = Order.objects.filter(customer__person_id__in=who.family, currency=currency, status__in=VALID)
    return theirs.aggregate(most=Max("products_minor"))["most"] or 0


def shipping(shop_id: int, currency: str) -> int:
    """The dearest way to deliver that the shop offers: the shopper may still choose it. Of another shop's ways only the
    orders tell."""
    methods = ShippingMethod.objects.filter(shop=shop_id, is_active=True)
    offered = [int(method.prices_minor.get(currency, 0)) for method in methods]
    if not offered:
        latest = Order.objects.filter(shop=shop_id, currency=currency).order_by("-id")
        offered = list(latest.values_list("shipping_minor", flat=True)[:ORDERS_SEEN])
    return max(offered, default=0)
