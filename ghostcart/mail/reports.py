"""What providers report about messages: delivered, bounced, reported as spam. Each report counts once, in any order.

A dead address and a complaint put the address on the list of those not to write to. A report on a message in doubt
ends the doubt: the provider has it.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from anymail.signals import AnymailTrackingEvent, EventType, RejectReason
from django.db import transaction

from ghostcart.customers import keys
from ghostcart.mail import suppression
from ghostcart.mail.models import By, EventKind, Message, MessageEvent, State
from ghostcart.mail.providers import MARK

_MARK = re.compile(r"(\d{1,18})\.\d{1,9}", re.ASCII)
_OF_REJECTED = {
    RejectReason.INVALID: "bounced",
    RejectReason.BOUNCED: "bounced",
    RejectReason.SPAM: "complained",
    RejectReason.UNSUBSCRIBED: "unsubscribed",
}


@dataclass(frozen=True, slots=True)
class Report:
    """`suppress_for`: why the address must not be written to any more; empty if it may."""

    kind: EventKind
    at: datetime
    external_id: str
    detail: str = ""
    suppress_for: str = ""


def find(mark: object, message_id: object) -> Message | None:
    """The message of a report: by the mark that went out with it, else by its id."""
    if found := _MARK.fullmatch(str(mark)):
        return Message.objects.filter(pk=int(found[1])).first()
    if isinstance(message_id, str) and message_id:
        return Message.objects.filter(message_id=message_id[:200]).exclude(message_id="").first()
    return None


@transaction.atomic
def record(message: Message, report: Report, now: datetime) -> bool:
    """Note a report; False if it was known."""
    _event, is_new = MessageEvent.objects.get_or_create(
        message=message,
        kind=report.kind,
        external_id=report.external_id,
        defaults={
            "shop_id": message.shop_id,
            "by": By.MACHINE,
            "cause": keys.tidy(report.detail, 200) if message.address else "",  # of who was erased nothing is kept
            "at": min(report.at, now),
        },
    )
    if not is_new:
        return False
    Message.objects.filter(pk=message.pk, state=State.IN_DOUBT).update(
        state=State.SENT, sent_at=min(report.at, now), reason="settled by provider"
    )
    if report.suppress_for and message.address:
        suppression.suppress(message.shop_id, message.address, reason=report.suppress_for, source="webhook", now=now)
    return True


def record_all(events: list[AnymailTrackingEvent], now: datetime) -> int:
    """Note what a provider sent; how many reports were new. Messages of others, who share the account, are passed."""
    new = 0
    for event in events:
        report = understand(event, now)
        if report is None:
            continue
        message = find((event.metadata or {}).get(MARK), event.message_id)
        if message is not None:
            new += record(message, report, now)
    return new


def understand(event: AnymailTrackingEvent, now: datetime) -> Report | None:
    """What an event means here; None if nothing (openings and clicks are counted by our own links)."""
    kind, suppress_for = None, ""
    match event.event_type:
        case EventType.DELIVERED:
            kind = EventKind.DELIVERED
        case EventType.BOUNCED if not _is_soft(event.esp_event):
            kind, suppress_for = EventKind.BOUNCED, "bounced"
        case EventType.REJECTED:
            kind, suppress_for = EventKind.BOUNCED, _OF_REJECTED.get(event.reject_reason, "")
        case EventType.FAILED:
            kind = EventKind.BOUNCED
        case EventType.COMPLAINED:
            kind, suppress_for = EventKind.COMPLAINED, "complained"
        case EventType.UNSUBSCRIBED:
            kind, suppress_for = EventKind.UNSUBSCRIBED, "unsubscribed"
    if kind is None:
        return None
    detail = event.mta_response or event.description or event.reject_reason or ""
    return Report(kind, event.timestamp or now, _id(event), str(detail), suppress_for)


def _is_soft(told: Any) -> bool:
    """A full mailbox and the like, which anymail calls a bounce too."""
    if not hasattr(told, "get"):
        return False
    names = {str(told.get(name, "")).replace("_", "").lower() for name in ("Type", "event", "type")}
    return "softbounce" in names or told.get("hard_bounce") is False


def _id(event: AnymailTrackingEvent) -> str:
    """The provider's id of the event, or one made from what stays the same when it is reported again."""
    if event.event_id:
        return str(event.event_id)[:120]
    same = (event.event_type, event.timestamp, event.message_id, event.recipient)
    return sha256(repr(same).encode()).hexdigest()[:40]
