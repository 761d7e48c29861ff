"""A customer is forgotten: their carts become those of a visitor, with everything that was in them."""

from collections.abc import Collection
from typing import Any

from django.db import transaction
from django.db.models import F, Q, QuerySet

from ghostcart.carts.kinds import EventKind
from ghostcart.carts.models import Cart, CartEvent, Device, IdempotencyKey
from ghostcart.customers.models import Customer

BATCH = 1000


@transaction.atomic
def forget(customer: Customer, labels: Collection[str]) -> list[int]:
    """Take the customer off their carts, devices and the log; returns the carts' numbers.

    `labels` are what they were called: a cart that somebody else took over since may still tell it in its log.
    """
    theirs = Cart.objects.filter(customer=customer).order_by("pk").select_for_update()  # as `ingest` locks
    numbers = list(theirs.values_list("pk", flat=True))
    devices = Device.objects.filter(Q(customer=customer) | Q(cart__in=numbers))
    IdempotencyKey.objects.filter(shop=customer.shop_id, scope__in=devices.values("token_hash")).delete()
    devices.update(customer=None, user_agent="", page="")
    identified = CartEvent.objects.filter(shop=customer.shop_id, kind=EventKind.CUSTOMER_IDENTIFIED)
    _unname(CartEvent.objects.filter(cart__in=numbers, kind=EventKind.CUSTOMER_IDENTIFIED))
    for label in labels:
        _unname(identified.filter(at__gte=customer.registered_at, data__customer__label=label))
    Cart.objects.filter(pk__in=numbers).update(
        customer=None, customer_label="", external_customer="", version=F("version") + 1
    )
    return numbers


def _unname(events: QuerySet[CartEvent]) -> None:
    named = []
    for event in events.iterator(BATCH):
        data: dict[str, Any] = {**event.data, "customer": {"label": ""}}
        event.data = data
        named.append(event)
    CartEvent.objects.bulk_update(named, ["data"], batch_size=BATCH)
