"""Deliveries on their way: claimed, called in threads, settled. At least once each, in order per cart.

    due | retrying -> sending -> delivered | retrying | failed

1. A delivery may go if it is due and no earlier one of the same cart and endpoint is unfinished. Other carts go on.
2. A conditional update makes it this worker's, with a lease; what is signed and sent is made then.
3. Threads do nothing but call. An endpoint gets few of them, a failing one a single one: a slow receiver holds up
   nobody else, and the worker's loop never waits for any of them.
4. The loop settles what came back: delivered; or again later, by the schedule; or failed for good.
A worker that dies leaves a lease. When it ends the delivery is due again under the same id: a receiver that had taken
it before sees that it is a repetition.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import random, shuffle
from time import monotonic

import structlog
from django.db import connection, transaction
from django.db.models import Exists, F, OuterRef, Q, Subquery

from ghostcart.carts.models import CartEvent
from ghostcart.connectors.webhooks import following, payload, schedule, signing
from ghostcart.connectors.webhooks.models import (
    UNDER_WAY,
    WAITING,
    Attempt,
    Delivery,
    Off,
    State,
    WebhookEndpoint,
)
from ghostcart.lib import clock, outbound, sealing

LEASE = timedelta(minutes=1)
"""Longer than a call may take, and what may come before and after it."""
THREADS = 32
PER_ENDPOINT = 4
PATIENCE_SECONDS = 0.05
"""How long the loop waits for an answer when there is nothing else to do."""
PARKED = 10_000
KEPT = timedelta(days=30)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Call:
    """A claimed delivery and what is sent for it; without headers it cannot be signed."""

    delivery: Delivery
    endpoint: WebhookEndpoint
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a call ended: with an answer, or with the code of an error. Times in milliseconds."""

    status: int | None = None
    answer: str = ""
    error: str = ""
    detail: str = ""
    milliseconds: int = 0
    asked: timedelta | None = None

    @property
    def is_good(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


@dataclass(slots=True)
class Courier:
    """Follows the log and delivers, a bit at each `deliver`. One for each worker; only its threads call out."""

    worker: str
    _pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(THREADS, "webhooks"))
    _in_hand: dict[Future[Outcome], Call] = field(default_factory=dict)

    def deliver(self, now: datetime) -> bool:
        """Settle what came back, follow the log, send what is due; whether there is anything under way."""
        settled = self._settle(now)
        followed = following.follow(now)
        sent = self._send(now)
        if self._in_hand and not (settled or followed or sent):
            wait(self._in_hand, timeout=PATIENCE_SECONDS, return_when=FIRST_COMPLETED)
        return bool(settled or followed or sent or self._in_hand)

    def close(self, now: datetime) -> None:
        """Wait for the calls in hand and settle them."""
        self._pool.shutdown(cancel_futures=False)
        self._settle(now)

    def _send(self, now: datetime) -> int:
        in_hand = Counter(call.endpoint.pk for call in self._in_hand.values())
        calls = claim(now, worker=self.worker, room=THREADS - len(self._in_hand), in_hand=in_hand)
        for one in calls:
            self._in_hand[self._pool.submit(call, one)] = one
        return len(calls)

    def _settle(self, now: datetime) -> int:
        done = [future for future in self._in_hand if future.done()]
        ended = [(self._in_hand.pop(future), future.result()) for future in done]
        if ended:
            settle(ended, now)
        return len(ended)


# -- claiming ----------------------------------------------------------------------------------------


def claim(now: datetime, *, worker: str, room: int, in_hand: Mapping[int, int]) -> list[Call]:
    """Take up to `room` deliveries that may go; `in_hand` are the calls under way by endpoint."""
    if room <= 0:
        return []
    picked: list[int] = []
    for endpoint in _ready(now):
        most = 1 if endpoint.failing_since else PER_ENDPOINT
        free = min(most - in_hand.get(endpoint.pk, 0), room - len(picked))
        if free > 0:
            found = _next(endpoint, now, free)
            if not found:
                _park(endpoint, now)
            picked += found
    if not picked:
        return []
    token = f"{worker[:40]} {following.new_message_id()[4:24]}"
    _take(picked, token, now)
    mine = Delivery.objects.filter(pk__in=picked, state=State.SENDING, claimed_by=token)
    return _written(list(mine.select_related("endpoint__shop").order_by("pk")), now)


@transaction.atomic
def _take(picked: Sequence[int], token: str, now: datetime) -> None:
    """Make those this claim's that still wait; those that another worker is taking are passed by."""
    waiting = Delivery.objects.filter(pk__in=picked, state__in=WAITING)
    if connection.features.has_select_for_update_skip_locked:
        picked = list(waiting.select_for_update(skip_locked=True).order_by("pk").values_list("pk", flat=True))
    waiting.filter(pk__in=picked).update(state=State.SENDING, claimed_by=token, claimed_until=now + LEASE)


def _ready(now: datetime) -> list[WebhookEndpoint]:
    """Endpoints that have something due, in no order: none of them is always served last."""
    due = Delivery.objects.filter(endpoint=OuterRef("pk"), state__in=WAITING, due_at__lte=now)
    found = list(WebhookEndpoint.objects.filter(Exists(due), off=""))
    shuffle(found)
    return found


def _next(endpoint: WebhookEndpoint, now: datetime, most: int) -> list[int]:
    """What may go to an endpoint. Each state is asked alone: an index has its rows in order."""
    earlier = Delivery.objects.filter(
        endpoint=endpoint, cart_id=OuterRef("cart_id"), pk__lt=OuterRef("pk"), state__in=UNDER_WAY
    )
    found: list[int] = []
    for state in (State.RETRYING, State.DUE):
        due = Delivery.objects.filter(~Exists(earlier), endpoint=endpoint, state=state, due_at__lte=now)
        found += due.order_by("due_at", "pk").values_list("pk", flat=True)[: most - len(found)]
    return found


def _park(endpoint: WebhookEndpoint, now: datetime) -> None:
    """What waits behind one that is tried again later is not looked at before: some of it at a time."""
    first = Delivery.objects.filter(
        endpoint=endpoint, cart_id=OuterRef("cart_id"), pk__lt=OuterRef("pk"), state=State.RETRYING, due_at__gt=now
    )
    behind = Delivery.objects.filter(Exists(first), endpoint=endpoint, state=State.DUE, due_at__lte=now)
    some = list(behind.order_by("due_at", "pk").values_list("pk", flat=True)[:PARKED])
    until = Subquery(first.order_by("due_at").values("due_at")[:1])
    still = Delivery.objects.filter(Exists(first), pk__in=some, state=State.DUE)  # both may have changed since
    still.update(due_at=until)


def _written(mine: Sequence[Delivery], now: datetime) -> list[Call]:
    events = CartEvent.objects.select_related("cart").in_bulk([one.event_id for one in mine if one.event_id])
    return [_call(one, events.get(one.event_id or 0), now) for one in mine]


def _call(delivery: Delivery, event: CartEvent | None, now: datetime) -> Call:
    endpoint = delivery.endpoint
    body = payload.body(delivery, endpoint, event)
    stamp = now - clock.offset()  # the receiver's clock is the real one, also where ours was moved
    try:
        signed = signing.headers(endpoint, delivery.message_id, body, now, stamp)
    except sealing.Unreadable:
        signed = {}
    return Call(delivery, endpoint, signed, body.encode())


# -- calling -----------------------------------------------------------------------------------------


def call(one: Call) -> Outcome:
    """Make the call, in a thread, without the database. Raises nothing."""
    if not one.headers:
        return Outcome(error="secret_unreadable")
    begun = monotonic()
    try:
        headers = {"Content-Type": "application/json", **one.headers}
        answer = outbound.send("POST", one.endpoint.url, headers=headers, content=one.body)
    except outbound.TargetError as error:
        detail = str(next(iter(error.params.values()), ""))
        return Outcome(error=error.code, detail=detail, milliseconds=_since(begun))
    except Exception as error:
        log.exception("a webhook could not be called", endpoint=one.endpoint.pk)
        return Outcome(error="target_failed", detail=type(error).__name__, milliseconds=_since(begun))
    text = answer.body.decode(errors="replace").replace("\x00", "\ufffd")
    return Outcome(answer.status, text, milliseconds=_since(begun), asked=_asked(answer))


def _since(begun: float) -> int:
    return round((monotonic() - begun) * 1000)


def _asked(answer: outbound.Answer) -> timedelta | None:
    """How long a busy receiver wants to be left alone; given as a date it is not looked at."""
    seconds = answer.headers.get("retry-after", "")
    is_busy = answer.status in (429, 502, 503, 504)
    return timedelta(seconds=int(seconds[:9])) if is_busy and seconds.isascii() and seconds.isdecimal() else None


# -- settling ----------------------------------------------------------------------------------------


@transaction.atomic
def settle(ended: Sequence[tuple[Call, Outcome]], now: datetime) -> None:
    """Write down how calls ended, except those whose lease was over so that somebody else has the delivery.

    Endpoints are locked first and in order: workers that settle at once wait for each other in no circle.
    """
    endpoints = WebhookEndpoint.objects.filter(pk__in={one.endpoint.pk for one, _ in ended}).order_by("pk")
    endpoints_now = {row.pk: row for row in endpoints.select_for_update()}
    sending = Delivery.objects.filter(pk__in=[one.delivery.pk for one, _ in ended], state=State.SENDING)
    holders = dict(sending.order_by("pk").select_for_update().values_list("pk", "claimed_by"))
    mine = [(one, outcome) for one, outcome in ended if holders.get(one.delivery.pk) == one.delivery.claimed_by]
    Attempt.objects.bulk_create(_attempt(one, outcome, now) for one, outcome in mine)
    _delivered([one for one, outcome in mine if outcome.is_good], now)
    for one, outcome in mine:
        if outcome.is_good:
            endpoints_now[one.endpoint.pk].failing_since = None
    for one, outcome in mine:
        if not outcome.is_good:
            _failed(one, outcome, now)
            _judge(endpoints_now[one.endpoint.pk], outcome, now)


def _attempt(one: Call, outcome: Outcome, now: datetime) -> Attempt:
    return Attempt(
        delivery=one.delivery,
        at=now,
        milliseconds=outcome.milliseconds,
        status=outcome.status,
        answer=outcome.answer[:1024],
        error=outcome.error,
        detail=outcome.detail[:200],
    )


def _delivered(calls: Sequence[Call], now: datetime) -> None:
    Delivery.objects.filter(pk__in=[one.delivery.pk for one in calls]).update(
        state=State.DELIVERED, attempts=F("attempts") + 1, claimed_by="", claimed_until=None, finished_at=now
    )
    working = WebhookEndpoint.objects.filter(pk__in={one.endpoint.pk for one in calls})
    working.update(delivered_at=now, failing_since=None, failed_at=None)


def _failed(one: Call, outcome: Outcome, now: datetime) -> None:
    """Again later; or never, after the last try and for a receiver that is gone."""
    delivery, attempts = one.delivery, one.delivery.attempts + 1
    again_at = None if outcome.status == 410 else schedule.next_try(attempts, now, random(), outcome.asked)
    then = {"state": State.RETRYING, "due_at": again_at} if again_at else {"state": State.FAILED, "finished_at": now}
    row = Delivery.objects.filter(pk=delivery.pk)
    row.update(attempts=attempts, claimed_by="", claimed_until=None, **then)
    if again_at:  # later ones of the cart cannot go before it
        behind = Delivery.objects.filter(endpoint=delivery.endpoint_id, cart_id=delivery.cart_id, pk__gt=delivery.pk)
        behind.filter(state=State.DUE, due_at__lt=again_at).update(due_at=again_at)


def _judge(endpoint: WebhookEndpoint, outcome: Outcome, now: datetime) -> None:
    """What a failure means for the endpoint: it fails since then, or is switched off."""
    endpoint.failing_since = schedule.failing_since(endpoint.failing_since, endpoint.failed_at, now)
    endpoint.failed_at = now
    gives_up = now - endpoint.failing_since >= schedule.GIVEN_UP_AFTER
    reason = Off.GONE if outcome.status == 410 else Off.FAILING if gives_up else None
    if reason and endpoint.is_on:
        endpoint.off, endpoint.off_at = reason, now
        log.warning("a webhook endpoint is switched off", endpoint=endpoint.pk, reason=reason.value)
    endpoint.save(update_fields=["failing_since", "failed_at", "off", "off_at"])


# -- tidying -----------------------------------------------------------------------------------------


def recover(now: datetime) -> bool:
    """Deliveries of workers that died are due again. A lease too long to be true is of a clock set back since."""
    over = Q(claimed_until__lt=now) | Q(claimed_until__gt=now + 2 * LEASE)
    found = 0
    for delivery in Delivery.objects.filter(over).order_by("claimed_until", "pk")[:1000]:
        free = {"state": State.RETRYING if delivery.attempts else State.DUE, "due_at": now, "claimed_until": None}
        mine = Delivery.objects.filter(pk=delivery.pk, state=State.SENDING, claimed_by=delivery.claimed_by)
        with transaction.atomic():
            if mine.update(claimed_by="", **free):
                Attempt.objects.create(delivery=delivery, at=now, error="interrupted")
                found += 1
    return bool(found)


def forget(now: datetime) -> bool:
    """Deliveries after 30 days, some at a time; and old secrets that sign no more."""
    spent = WebhookEndpoint.objects.filter(old_secret_until__lt=now)
    spent.update(old_secret="", old_secret_until=None)
    old = Delivery.objects.filter(created_at__lt=now - KEPT).order_by("created_at", "pk")
    return bool(Delivery.objects.filter(pk__in=list(old.values_list("pk", flat=True)[:1000])).delete()[0])
