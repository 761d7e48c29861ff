"""A person's data: all of it as a file, and all of it gone. Each room forgets its own; here it is done in one go."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Model, Q

from ghostcart.carts import erasing as cart_erasing
from ghostcart.carts.models import Cart, CartEvent, CartLine, Device
from ghostcart.customers import erasing as customer_erasing
from ghostcart.customers import identity
from ghostcart.customers.models import Customer
from ghostcart.mail import erasing as mail_erasing
from ghostcart.mail.models import Message, MessageEvent, Suppression
from ghostcart.orders import erasing as order_erasing
from ghostcart.orders.models import Order
from ghostcart.recovery import enrolments, facts
from ghostcart.recovery.models import Call, Decision, Enrolment
from ghostcart.vouchers import services as voucher_services
from ghostcart.vouchers.models import Voucher

LATE = timedelta(days=1)
"""For so long after an erasure `tidy` looks for what was under way then."""


@dataclass(frozen=True, slots=True)
class Erased:
    """What an erasure reached. `orders_kept` still hold name and address, as the law may want it."""

    carts: int
    orders_kept: int


@dataclass(frozen=True, slots=True)
class Reach:
    """What an erasure would reach, for the page that asks before it."""

    carts: int
    messages: int
    vouchers: int
    orders_kept: int
    kept_until: datetime | None


def reach(customer: Customer, now: datetime) -> Reach:
    kept = Order.objects.filter(customer=customer).order_by("-placed_at")
    still = [order for order in kept.only("placed_at") if order_erasing.kept_until(order) > now]
    return Reach(
        carts=Cart.objects.filter(customer=customer).count(),
        messages=Message.objects.filter(customer=customer).count(),
        vouchers=Voucher.objects.filter(_vouchers_of(customer), is_active=True).count(),
        orders_kept=len(still),
        kept_until=order_erasing.kept_until(still[0]) if still else None,
    )


# -- erasing -----------------------------------------------------------------------------------------


@transaction.atomic
def erase(customer: Customer, actor: str, now: datetime) -> Erased:
    """Forget a customer everywhere, in one transaction; for an erased one it changes nothing more.

    1. Lock their waiting messages and the person, as a claim does: nothing is sent to them meanwhile.
    2. End what they are in, switch their vouchers off, empty their messages and call back the links.
    3. Take their name off carts, devices and the log; off orders that need not keep it.
    4. Empty the customer's row; the hash of the address stays, so that nothing that comes late brings them back.
    """
    customer = Customer.objects.select_related("shop").get(pk=customer.pk)
    if customer.erased_at is not None:
        return Erased(0, 0)
    mail_erasing.lock(customer)
    if customer.person_id is not None:
        identity.hold([customer.person_id])
    names = {name for name in (customer.label, customer.name, customer.email) if name}
    running = Enrolment.objects.filter(customer=customer, ended_at=None).values_list("pk", flat=True)
    enrolments.end(list(running), "erased", now, actor=actor)
    _switch_off_vouchers(customer)
    mail_erasing.forget(customer, names, now)
    carts = cart_erasing.forget(customer, names)
    Call.objects.filter(cart__in=carts).update(note="", again_at=None)
    orders_kept = order_erasing.forget(customer, now)
    customer_erasing.forget(customer, now)
    return Erased(len(carts), orders_kept)


def _switch_off_vouchers(customer: Customer) -> None:
    mine = Voucher.objects.filter(_vouchers_of(customer))
    for voucher_id in mine.filter(is_active=True).values_list("pk", flat=True):
        voucher_services.switch_off(voucher_id)
    mine.update(names={})


def _vouchers_of(customer: Customer) -> Q:
    """Those bound to the customer; those of the person only if nobody else is that person."""
    mine = Q(customer=customer)
    if customer.person_id is None:
        return mine
    family = identity.family(customer.person_id)
    others = Customer.objects.filter(person__in=family, erased_at=None).exclude(pk=customer.pk)
    return mine if others.exists() else mine | Q(person__in=family)


def tidy(now: datetime) -> bool:
    """What was under way when somebody was erased, and orders that need not keep a name any longer."""
    for customer in Customer.objects.filter(erased_at__gt=now - LATE):
        mail_erasing.forget(customer, (), now)
        cart_erasing.forget(customer, ())
    return order_erasing.forget_due(now)


# -- a person's data as a file -----------------------------------------------------------------------


def export(customer: Customer, now: datetime, since: datetime | None = None) -> dict[str, Any]:
    """Everything that is kept of a customer, as plain values for JSON; with `since` only what happened from then on."""
    carts = Cart.objects.filter(customer=customer)
    orders = Order.objects.filter(customer=customer)
    messages = Message.objects.filter(shop=customer.shop_id, customer=customer)
    if since is not None:
        carts, orders = carts.filter(created_at__gte=since), orders.filter(placed_at__gte=since)
        messages = messages.filter(created_at__gte=since)
    addresses = customer.addresses.filter(created_at__gte=since) if since else customer.addresses.all()
    return {
        "exported_at": now.isoformat(),
        "shop": customer.shop.name,
        "customer": _values(customer, leave=("password", "email_key", "search_text", "is_demo")),
        "addresses": _rows(addresses),
        "consents": _rows(customer.consents.all()),
        "carts": [_cart(cart) for cart in carts.order_by("pk")],
        "devices": _rows(Device.objects.filter(Q(customer=customer) | Q(cart__in=carts)), leave=("token_hash",)),
        "orders": [
            {**_values(order, leave=("token", "is_demo")), "lines": _rows(order.lines.all())}
            for order in orders.order_by("pk")
        ],
        "vouchers": _rows(_vouchers(customer), leave=("is_demo",)),
        "messages": [_message(message) for message in messages.order_by("pk")],
        "not_written_to": _rows(
            Suppression.objects.filter(shop=customer.shop_id, address_hash=facts.hash_of(customer)),
            leave=("address_hash",),
        ),
        "campaigns": [
            {**_values(one), "campaign_name": one.campaign.name}
            for one in Enrolment.objects.filter(customer=customer).select_related("campaign")
        ],
        "decisions": _rows(Decision.objects.filter(Q(cart__in=carts) | Q(reminder__enrolment__customer=customer))),
        "calls": _rows(Call.objects.filter(cart__in=carts)),
    }


def _vouchers(customer: Customer) -> Iterable[Voucher]:
    mine = Q(customer=customer)
    if customer.person_id is not None:
        mine |= Q(person__in=identity.family(customer.person_id))
    return Voucher.objects.filter(mine).order_by("pk")


def _cart(cart: Cart) -> dict[str, Any]:
    return {
        **_values(cart, leave=("is_demo", "bot_score", "bot_reasons")),
        "lines": _rows(CartLine.objects.filter(cart=cart)),
        "events": _rows(CartEvent.objects.filter(cart=cart).order_by("pk")),
    }


def _message(message: Message) -> dict[str, Any]:
    leave = ("address_hash", "claimed_by", "claimed_until", "claims", "is_demo")
    return {**_values(message, leave), "events": _rows(MessageEvent.objects.filter(message=message))}


def _rows(rows: Iterable[Model], leave: Iterable[str] = ()) -> list[dict[str, Any]]:
    return [_values(row, leave) for row in rows]


def _values(row: Model, leave: Iterable[str] = ()) -> dict[str, Any]:
    """A row's own columns by name; moments as ISO texts."""
    values = {}
    for field in row._meta.concrete_fields:
        if field.name not in leave:
            value = getattr(row, field.attname)
            values[field.attname] = value.isoformat() if hasattr(value, "isoformat") else value
    return values
