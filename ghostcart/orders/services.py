"""Making an order from a cart, and what becomes of it."""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import F

from ghostcart.carts import changes, ingest
from ghostcart.carts.errors import CartEmpty, SoldOut
from ghostcart.carts.models import Cart
from ghostcart.carts.opencart import OpenCart
from ghostcart.catalog import queries as catalog_queries
from ghostcart.catalog.models import Variant
from ghostcart.customers import identity
from ghostcart.customers import services as customer_services
from ghostcart.customers.models import Customer
from ghostcart.orders.errors import (
    AddressIncomplete,
    CardDeclined,
    EmailNeeded,
    OrderElsewhere,
    RefundedMeanwhile,
    RefundRefused,
    UnknownPayment,
    WrongStatus,
)
from ghostcart.orders.models import Order, OrderLine, OrderStatus, PaymentMethod
from ghostcart.orders.queries import VOID
from ghostcart.shops import rules as shop_rules
from ghostcart.shops.models import Shop
from ghostcart.vouchers import queries as voucher_queries
from ghostcart.vouchers import services as voucher_services
from ghostcart.vouchers.errors import VoucherRefused
from ghostcart.vouchers.terms import refusal as refusal_of

ADDRESS_FIELDS = ("first_name", "last_name", "street", "postcode", "city", "country")

NEXT = {
    OrderStatus.PENDING: {OrderStatus.PAID, OrderStatus.CANCELLED},
    OrderStatus.PAID: {OrderStatus.REFUNDED, OrderStatus.CANCELLED},
}
"""Which status may follow which; the others are ends."""
BY_HAND = (PaymentMethod.BY_PHONE, PaymentMethod.TRANSFER, PaymentMethod.ON_DELIVERY)
"""How an order that staff take can be paid."""


@dataclass(frozen=True, slots=True)
class Payment:
    """How the order is paid. `card` is what the demo card shall do: succeed, pending or fail."""

    method: str
    card: str = "succeed"

    def status(self) -> OrderStatus:
        """Raises CardDeclined or UnknownPayment."""
        if self.method not in PaymentMethod.values or self.method == PaymentMethod.OUTSIDE:
            raise UnknownPayment
        if self.method != PaymentMethod.DEMO_CARD:
            return OrderStatus.PENDING
        if self.card == "fail":
            raise CardDeclined
        return OrderStatus.PAID if self.card == "succeed" else OrderStatus.PENDING


def place(
    what: changes.Change,
    *,
    customer: Customer,
    address: dict[str, str],
    payment: Payment,
    shipping_method: str,
) -> Order:
    """Make an order of a cart: all or nothing, in one transaction.

    `what` names the cart (by device or number), the version the buyer saw, who acts and when. Steps: lock the person
    with their relatives, so that no reminder is claimed for them beside this; lock the cart; choose the delivery;
    check each voucher again; take the stock; number the order; redeem the vouchers; close the cart. The same
    Idempotency-Key gives the same order. Raises CartEmpty, CartChanged, SoldOut, VoucherRefused,
    CardDeclined, UnknownPayment, AddressIncomplete.
    """
    missing = [name for name in ADDRESS_FIELDS if not address.get(name, "").strip()]
    if missing:
        raise AddressIncomplete(fields=", ".join(missing))
    status = payment.status()
    if payment.method == PaymentMethod.DEMO_CARD and not shop_rules.of(what.shop_id).is_demo:
        raise UnknownPayment  # nothing would be paid
    base = {name: getattr(what, name) for name in ("shop_id", "at", "seen", "cart_id", "actor")}
    with transaction.atomic():
        _lock_person(customer, address, what)
        earlier = ingest.record(changes.BeginOrder(**base, idempotency=what.idempotency)).answer
        if earlier is not None:
            return Order.objects.get(token=earlier)
        known = changes.Identify(
            **base, expected_version=what.expected_version, customer_id=customer.pk, label=customer.label
        )
        ingest.record(known)
        ingest.record(changes.StartCheckout(**base))
        cart = ingest.record(changes.ChooseShipping(**base, method=shipping_method)).cart
        if cart is None or not cart.lines:
            raise CartEmpty
        _check_vouchers(cart, customer, what.at)
        _take_stock(cart)
        order = _write(cart, customer, address, payment.method, status, what)
        customer_services.keep_address(customer, address, what.at)
        used = [applied for applied in cart.vouchers.values() if not applied.refusal]
        for applied in sorted(used, key=lambda one: one.voucher_id):  # one order of locks for all
            voucher_services.redeem(
                applied.voucher_id,
                order_id=order.pk,
                customer_id=customer.pk,
                amount_minor=applied.amount_minor,
                currency=cart.currency,
                now=what.at,
            )
        closed = changes.Order(**base, order_id=order.pk, number=order.number, idempotency=what.idempotency)
        ingest.record(closed, encode=lambda change, cart: order.token)
    return order


@transaction.atomic
def take(
    cart: Cart,
    *,
    version: int,
    address: dict[str, str],
    payment: str,
    shipping_method: str,
    actor: str,
    now: datetime,
    email: str = "",
) -> Order:
    """Make an order of a cart for its customer, on the phone say. `version` is what who takes it saw of the cart.

    Of a cart without a customer `email` says whose it is. Raises what `place` and `identify` do, and EmailNeeded.
    """
    if payment not in BY_HAND:
        raise UnknownPayment
    customer = cart.customer
    if customer is None:
        if not email:
            raise EmailNeeded
        customer = customer_services.identify(
            cart.shop_id,
            email=email,
            first_name=address.get("first_name", ""),
            last_name=address.get("last_name", ""),
            phone=address.get("phone", ""),
            language=cart.language,
            now=now,
        )
    return place(
        changes.Touch(shop_id=cart.shop_id, at=now, cart_id=cart.pk, actor=actor, expected_version=version),
        customer=customer,
        address=address,
        payment=Payment(payment),
        shipping_method=shipping_method,
    )


def _lock_person(customer: Customer, address: dict[str, str], what: changes.Change) -> None:
    """Note the address, the number and the device with their person, and lock everybody whom that concerns."""
    device = what.seen.token_hash if what.seen else ""
    person = identity.recognise(customer, what.at, phone=address.get("phone", ""), address=address, device=device)
    identity.hold([person.pk])


def _check_vouchers(cart: OpenCart, customer: Customer, now: datetime) -> None:
    """A voucher that was good when it was put on may have ended since. Raises VoucherRefused."""
    used = voucher_queries.uses_by_customer([applied.terms for applied in cart.vouchers.values()], customer.pk)
    for applied in cart.vouchers.values():
        others = [other.terms for other in cart.vouchers.values() if other is not applied]
        refused = refusal_of(
            applied.terms,
            now=now,
            currency=cart.currency,
            customer_id=customer.pk,
            used_by_customer=used.get(applied.voucher_id, 0),
            others=others,
            is_final=True,
        )
        if refused:
            raise VoucherRefused(refused)


def _take_stock(cart: OpenCart) -> None:
    """Lower the stock, never below zero. Raises SoldOut."""
    wanted: dict[int, int] = {}
    for line in cart.lines.values():
        if line.variant_id is not None:
            wanted[line.variant_id] = wanted.get(line.variant_id, 0) + line.quantity
    for variant_id in sorted(wanted):
        quantity = wanted[variant_id]
        left = Variant.objects.filter(pk=variant_id, stock__gte=quantity).update(stock=F("stock") - quantity)
        if not left:
            name = next(line.name for line in cart.lines.values() if line.variant_id == variant_id)
            stock = Variant.objects.filter(pk=variant_id).values_list("stock", flat=True).first() or 0
            raise SoldOut(stock=stock, name=name)


def _next_number(shop_id: int) -> str:
    """The next one that no order has: other shops tell of theirs by their own numbers."""
    while True:
        Shop.objects.filter(pk=shop_id).update(next_order_number=F("next_order_number") + 1)
        shop = Shop.objects.only("order_prefix", "next_order_number").get(pk=shop_id)
        number = f"{shop.order_prefix}{shop.next_order_number - 1:06d}"
        if not Order.objects.filter(shop_id=shop_id, number=number).exists():
            return number


def _write(
    cart: OpenCart,
    customer: Customer,
    address: dict[str, str],
    payment: str,
    status: str,
    what: changes.Change,
) -> Order:
    totals = cart.totals
    assert totals is not None
    assert cart.id is not None
    order = Order.objects.create(
        shop_id=cart.shop.id,
        number=_next_number(cart.shop.id),
        cart_id=cart.id,
        customer=customer,
        customer_label=customer.label,
        email=customer.email,
        phone=address.get("phone", "") or customer.phone,
        address={name: address.get(name, "").strip() for name in ADDRESS_FIELDS},
        language=cart.language,
        status=status,
        payment=payment,
        shipping_name=cart.shipping.name(cart.language) if cart.shipping else "",
        currency=cart.currency,
        prices_include_tax=cart.shop.prices_include_tax,
        products_minor=totals.products_minor,
        discount_minor=totals.discount_minor,
        shipping_minor=totals.shipping_minor,
        tax_minor=totals.tax_minor,
        total_minor=totals.total_minor,
        vouchers=[
            {"code": applied.code, "name": applied.name, "amount_minor": applied.amount_minor}
            for applied in cart.vouchers.values()
        ],
        placed_at=what.at,
        placed_by=what.actor,
        is_demo=cart.shop.is_demo,
    )
    copied = ("product_id", "variant_id", "sku", "name", "option", "picture", "unit_price_micros", "tax_rate_ppm",
              "quantity", "total_minor", "is_gift")  # fmt: skip
    costs = catalog_queries.costs([line.variant_id for line in cart.lines.values()], cart.currency)
    OrderLine.objects.bulk_create(
        OrderLine(
            order=order,
            cost_micros=costs.get(line.variant_id),
            **{name: getattr(line, name) for name in copied},
        )
        for line in cart.lines.values()
    )
    return order


def set_status(order: Order, status: str, actor: str, now: datetime) -> None:
    """Move an order on. Cancelling gives stock and vouchers back, refunding the vouchers. Raises WrongStatus, and
    OrderElsewhere for one of another shop.

    Locks are taken in the order of `place`: variants by number, then vouchers.
    """
    if order.is_outside:
        raise OrderElsewhere
    with transaction.atomic():
        allowed = [before for before, after in NEXT.items() if status in after]
        if not Order.objects.filter(pk=order.pk, status__in=allowed).update(status=status, settled_at=now):
            raise WrongStatus(status=status)
        if status == OrderStatus.CANCELLED:
            for line in order.lines.exclude(variant__isnull=True).order_by("variant_id"):
                Variant.objects.filter(pk=line.variant_id or 0).update(stock=F("stock") + line.quantity)
        if status in VOID:
            voucher_services.release(order.pk, now=now)
    order.status = status


def refund(order: Order, amount_minor: int, *, seen_minor: int, now: datetime) -> None:
    """Note that a part of what a paid order's products cost was given back. The order stands, and so do its vouchers.

    Amounts are minor units of its currency. `seen_minor`: what had been given back, as whoever does it saw it, so that
    a refund that is sent twice counts once. Raises RefundRefused, RefundedMeanwhile, and OrderElsewhere for an order of
    another shop.
    """
    if order.is_outside:
        raise OrderElsewhere
    with transaction.atomic():
        held = Order.objects.select_for_update().get(pk=order.pk)
        if held.refunded_minor != seen_minor:
            raise RefundedMeanwhile
        if not 0 < amount_minor <= held.refundable_minor:
            raise RefundRefused
        held.refunded_minor += amount_minor
        held.settled_at = now
        held.save(update_fields=["refunded_minor", "settled_at"])
