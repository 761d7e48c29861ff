"""What pages show of endpoints and deliveries."""

from collections import Counter, defaultdict
from collections.abc import Collection
from dataclasses import dataclass

from django.db.models import Count, QuerySet

from ghostcart.connectors.webhooks.models import UNDER_WAY, Delivery, State, WebhookEndpoint
from ghostcart.lib import paging
from ghostcart.lib.paging import Page


@dataclass(frozen=True, slots=True)
class DeliveryFilter:
    """Conditions that all must hold; what is empty is not asked."""

    endpoint_id: int
    state: str = ""
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Standing:
    """How many deliveries of an endpoint are under way, and how many failed for good."""

    waiting: int = 0
    failed: int = 0


def endpoints(shop_ids: Collection[int]) -> list[tuple[WebhookEndpoint, Standing]]:
    found = list(WebhookEndpoint.objects.filter(shop__in=shop_ids).select_related("shop"))
    standings = _standings([one.pk for one in found])
    return [(one, standings.get(one.pk, Standing())) for one in found]


def standing(endpoint: WebhookEndpoint) -> Standing:
    return _standings([endpoint.pk]).get(endpoint.pk, Standing())


def _standings(endpoint_ids: Collection[int]) -> dict[int, Standing]:
    counted: dict[int, Counter[str]] = defaultdict(Counter)
    of_interest = Delivery.objects.filter(endpoint__in=endpoint_ids, state__in=[*UNDER_WAY, State.FAILED]).order_by()
    for endpoint_id, state, count in of_interest.values_list("endpoint", "state").annotate(Count("pk")):
        counted[endpoint_id][State.FAILED if state == State.FAILED else State.DUE] += count
    return {pk: Standing(count[State.DUE], count[State.FAILED]) for pk, count in counted.items()}


def matching(wanted: DeliveryFilter) -> QuerySet[Delivery]:
    asked = {name: value for name, value in (("state", wanted.state), ("kind", wanted.kind)) if value}
    return Delivery.objects.filter(endpoint=wanted.endpoint_id, **asked)


def page(wanted: DeliveryFilter, size: int, after: str | None, before: str | None) -> Page[Delivery]:
    """One page of deliveries, newest first."""
    return paging.page(matching(wanted).prefetch_related("calls"), "-id", size, after, before)


def count(wanted: DeliveryFilter) -> int:
    return paging.counted(matching(wanted))


def find(delivery_id: int) -> Delivery | None:
    found = Delivery.objects.select_related("endpoint__shop", "event__cart")
    return found.filter(pk=delivery_id).first()
