"""Everything that staff do with endpoints and deliveries."""

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from ghostcart.carts import log
from ghostcart.connectors.webhooks import signing
from ghostcart.connectors.webhooks.errors import EndpointOff, StillUnderWay, TooManyEndpoints
from ghostcart.connectors.webhooks.following import new_message_id
from ghostcart.connectors.webhooks.models import FINISHED, TEST, WAITING, Delivery, Off, State, WebhookEndpoint
from ghostcart.lib import outbound
from ghostcart.shops.models import Shop

MOST = 50
"""Endpoints of one shop."""


@transaction.atomic
def create(
    shop: Shop, *, url: str, description: str, kinds: Sequence[str], now: datetime
) -> tuple[WebhookEndpoint, str]:
    """A new endpoint, told of what happens from now on, and its secret, which cannot be read again.

    Raises outbound.TargetError, TooManyEndpoints.
    """
    outbound.parse(url)
    Shop.objects.select_for_update().get(pk=shop.pk)
    if shop.webhook_endpoints.count() >= MOST:
        raise TooManyEndpoints(most=MOST)
    secret, place = signing.new_secret(), log.position()
    endpoint = WebhookEndpoint.objects.create(
        shop=shop,
        url=url,
        description=description,
        kinds=list(kinds),
        secret=signing.seal(secret),
        place_transaction=place.transaction,
        place_id=place.id,
        created_at=now,
    )
    return endpoint, secret


def change(endpoint: WebhookEndpoint, *, url: str, description: str, kinds: Sequence[str]) -> None:
    """What waits goes to the new address. Raises outbound.TargetError."""
    outbound.parse(url)
    endpoint.url, endpoint.description, endpoint.kinds = url, description, list(kinds)
    endpoint.save(update_fields=["url", "description", "kinds"])


def rotate(endpoint: WebhookEndpoint, now: datetime) -> str:
    """A new secret; the one until now signs beside it for a day."""
    secret = signing.new_secret()
    with transaction.atomic():
        locked = WebhookEndpoint.objects.select_for_update().get(pk=endpoint.pk)
        locked.old_secret, locked.old_secret_until = locked.secret, now + signing.BOTH_SIGN
        locked.secret = signing.seal(secret)
        locked.save(update_fields=["secret", "old_secret", "old_secret_until"])
    return secret


def switch_off(endpoint: WebhookEndpoint, reason: Off, now: datetime) -> bool:
    """Tell it nothing any more; what waits is kept. Whether it was on."""
    on = WebhookEndpoint.objects.filter(pk=endpoint.pk, off="")
    return bool(on.update(off=reason, off_at=now))


@transaction.atomic
def switch_on(endpoint: WebhookEndpoint, *, with_missed: bool, now: datetime) -> None:
    """Tell it again: with what happened meanwhile, or from now on (what waited then counts as failed)."""
    changes: dict[str, object] = {"off": "", "off_at": None, "failing_since": None, "failed_at": None}
    if not with_missed:
        place = log.position()
        changes |= {"place_transaction": place.transaction, "place_id": place.id}
    if not WebhookEndpoint.objects.filter(pk=endpoint.pk).exclude(off="").update(**changes):
        return
    waiting = Delivery.objects.filter(endpoint=endpoint, state__in=WAITING)
    if with_missed:
        waiting.update(state=State.DUE, attempts=0, due_at=now)
    else:
        waiting.update(state=State.FAILED, finished_at=now)


def send_test(endpoint: WebhookEndpoint, now: datetime) -> Delivery:
    """A message that tells of nothing. Raises EndpointOff."""
    if not endpoint.is_on:
        raise EndpointOff
    return Delivery.objects.create(
        endpoint=endpoint, kind=TEST, message_id=new_message_id(), due_at=now, created_at=now
    )


def replay(delivery: Delivery, now: datetime) -> None:
    """Send it once more, with the same id and a new round of attempts. Raises EndpointOff, StillUnderWay."""
    if not delivery.endpoint.is_on:
        raise EndpointOff
    finished = Delivery.objects.filter(pk=delivery.pk, state__in=FINISHED)
    if not finished.update(**_again(now)):
        raise StillUnderWay


def replay_failed(endpoint: WebhookEndpoint, since: datetime, now: datetime) -> int:
    """Send all once more that failed for good and were written at `since` or later; how many. Raises EndpointOff."""
    if not endpoint.is_on:
        raise EndpointOff
    failed = Delivery.objects.filter(endpoint=endpoint, state=State.FAILED, created_at__gte=since)
    return failed.update(**_again(now))


def _again(now: datetime) -> dict[str, object]:
    return {"state": State.DUE, "attempts": 0, "due_at": now, "finished_at": None}
