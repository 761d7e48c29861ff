"""From the cart log to deliveries: each endpoint has its place in the log and is moved on together with its rows.

1. Endpoints stand at few places, mostly all at one: the log is read once for each place.
2. In one transaction those that still stand there are locked, get a delivery for each entry they want, and are moved.
So two workers write nothing twice, and what one of them leaves undone has not moved the place.
"""

import uuid
from datetime import datetime

from django.db import transaction

from ghostcart.carts import log
from ghostcart.connectors.webhooks.models import Delivery, WebhookEndpoint

BATCH = 500
PLACES = 20
"""Looked at in one go; the least advanced first."""


def follow(now: datetime) -> bool:
    """Write deliveries for some of what is new in the log; whether there was anything new."""
    told = WebhookEndpoint.objects.filter(off="").order_by("place_transaction", "place_id")
    places = told.values_list("place_transaction", "place_id").distinct()[:PLACES]
    went_on = [_go_on(log.Cursor(*place), now) for place in places]
    return any(went_on)


def _go_on(place: log.Cursor, now: datetime) -> bool:
    entries = log.after(place, BATCH)
    if not entries:
        return False
    to = entries[-1].cursor
    with transaction.atomic():
        here = WebhookEndpoint.objects.filter(off="", place_transaction=place.transaction, place_id=place.id)
        endpoints = list(here.order_by("pk").select_for_update())
        moved = WebhookEndpoint.objects.filter(pk__in=[one.pk for one in endpoints])
        moved.update(place_transaction=to.transaction, place_id=to.id)
        new = [
            _delivery(endpoint, entry, now)
            for entry in entries
            for endpoint in endpoints
            if endpoint.shop_id == entry.shop_id and endpoint.wants(entry.kind)
        ]
        Delivery.objects.bulk_create(new, batch_size=BATCH, ignore_conflicts=True)
    return True


def _delivery(endpoint: WebhookEndpoint, entry: log.Entry, now: datetime) -> Delivery:
    return Delivery(
        endpoint=endpoint,
        event_id=entry.pk,
        cart_id=entry.cart_id,
        kind=entry.kind,
        message_id=new_message_id(),
        due_at=now,
        created_at=now,
    )


def new_message_id() -> str:
    return f"msg_{uuid.uuid4().hex}"
