"""An endpoint with a past, for looking at its pages. Its address leads nowhere: a worker beside it calls nobody."""

from datetime import timedelta

from ghostcart.carts import log
from ghostcart.carts.models import CartEvent
from ghostcart.connectors.webhooks import following, signing
from ghostcart.connectors.webhooks.models import Attempt, Delivery, State, WebhookEndpoint
from ghostcart.lib import clock
from ghostcart.shops.models import Shop

PASTS = (
    (State.DELIVERED, [(200, "ok", "")]),
    (State.DELIVERED, [(None, "", "target_timeout"), (503, "<h1>busy</h1>", ""), (204, "", "")]),
    (State.RETRYING, [(500, "<script>alert(1)</script> ${7*7}", "")]),
    (State.FAILED, [(None, "", "target_private"), (404, '{"error": "' + "long " * 150 + '"}', "")]),
)


def some(shop: Shop) -> tuple[int, int]:
    """The numbers of the endpoint and of its most telling delivery."""
    now, place = clock.now(), log.position()
    endpoint = WebhookEndpoint.objects.create(
        shop=shop, url="https://127.0.0.1:9/a/rather/long/address/of/a/receiver?with=parameters&and=more",
        description="Stock and loyalty <b>points</b>", kinds=["line_added", "ordered"],
        secret=signing.seal(signing.new_secret()), failing_since=now - timedelta(hours=5), failed_at=now,
        delivered_at=now - timedelta(hours=6), place_transaction=place.transaction, place_id=place.id,
        created_at=now - timedelta(days=3),
    )  # fmt: skip
    for event, (state, calls) in zip(CartEvent.objects.filter(shop=shop).order_by("-pk"), PASTS, strict=False):
        delivery = Delivery.objects.create(
            endpoint=endpoint, event=event, cart_id=event.cart_id, kind=event.kind, state=state, attempts=len(calls),
            message_id=following.new_message_id(), due_at=now + timedelta(days=20), created_at=now,
        )  # fmt: skip
        for status, answer, error in calls:
            Attempt.objects.create(
                delivery=delivery, at=now, milliseconds=1234, status=status, answer=answer, error=error
            )
    return endpoint.pk, delivery.pk
