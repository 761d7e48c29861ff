"""What an endpoint is told: an entry of the cart log as JSON. It is made anew at each attempt and kept nowhere else."""

from datetime import UTC, datetime
from typing import Any

import msgspec

from ghostcart.carts.models import CartEvent
from ghostcart.connectors.webhooks.models import TEST, Delivery, WebhookEndpoint


def event_type(kind: str) -> str:
    """The name that receivers know a kind by."""
    return "ghostcart.test" if kind == TEST else f"cart.{kind}"


def body(delivery: Delivery, endpoint: WebhookEndpoint, event: CartEvent | None) -> str:
    """The text that is signed and sent. `event` comes with its cart; None: a test."""
    at = event.at if event else delivery.created_at
    data = _told(event, endpoint) if event else {"shop": endpoint.shop.slug, "kind": TEST}
    told = {"type": event_type(delivery.kind), "timestamp": _written(at), "data": data}
    return msgspec.json.encode(told).decode()


def _told(event: CartEvent, endpoint: WebhookEndpoint) -> dict[str, Any]:
    return {
        "shop": endpoint.shop.slug,
        "event_id": event.pk,
        "kind": event.kind,
        "at": _written(event.at),
        "actor": event.actor.partition(":")[0],  # staff, not who of them
        "cart_id": event.cart_id,
        "cart_version": event.cart_version,
        "source": event.cart.source,
        "external_id": event.cart.external_id,
        "details": event.data,
    }


def _written(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
