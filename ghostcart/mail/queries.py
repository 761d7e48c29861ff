"""What others read of the outbox: the filtered list of messages, one message with all that came back of it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Exists, OuterRef, Q, QuerySet

from ghostcart.customers import keys
from ghostcart.customers import queries as customer_queries
from ghostcart.customers.errors import BadAddress
from ghostcart.lib import paging
from ghostcart.lib.paging import Page
from ghostcart.mail.models import By, EventKind, Message, MessageEvent, State, Suppression

SORTS = {"id": "id", "due": "due_at"}


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageFilter:
    """Conditions that all must hold; what is None or empty is not asked. `due_to` is the first moment too late."""

    shop_ids: tuple[int, ...]
    text: str = ""
    """A whole mail address, or a part of the customer's name or address."""
    state: str = ""
    kind: str = ""
    campaign: int | None = None
    event: str = ""
    """Something came back of it that no machine did, or that was no reaction (delivered, bounced)."""
    due_from: datetime | None = None
    due_to: datetime | None = None


def matching(wanted: MessageFilter) -> QuerySet[Message]:
    found = Message.objects.filter(shop_id__in=wanted.shop_ids)
    for condition in _conditions(wanted):
        found = found.filter(condition)
    return found


def _conditions(wanted: MessageFilter) -> Iterable[Q | Exists]:
    if wanted.text:
        yield _text(wanted)
    if wanted.state:
        yield Q(state=wanted.state)
    if wanted.kind:
        yield Q(kind=wanted.kind)
    if wanted.campaign is not None:
        yield Q(reminder__enrolment__campaign=wanted.campaign)
    if wanted.event:
        yield Exists(_reactions(wanted.event))
    if wanted.due_from:
        yield Q(due_at__gte=wanted.due_from)
    if wanted.due_to:
        yield Q(due_at__lt=wanted.due_to)


def _reactions(kind: str) -> QuerySet[MessageEvent]:
    events = MessageEvent.objects.filter(message=OuterRef("pk"), kind=kind)
    is_reaction = kind not in (EventKind.DELIVERED, EventKind.BOUNCED, EventKind.COMPLAINED)
    return events.exclude(by=By.MACHINE) if is_reaction else events


def _text(wanted: MessageFilter) -> Q:
    known = customer_queries.search(wanted.shop_ids, wanted.text).order_by().values("pk")
    try:
        return Q(address_hash=keys.address_hash(wanted.text)) | Q(customer__in=known)
    except BadAddress:
        return Q(customer__in=known)


def page(wanted: MessageFilter, sort: str, size: int, after: str | None, before: str | None) -> Page[Message]:
    """One page of the list, sorted by a name of SORTS (with a minus: descending)."""
    column = SORTS.get(sort.removeprefix("-"), "id")
    return paging.page(
        matching(wanted).select_related("shop", "customer").defer("facts", "template"),
        f"-{column}" if sort.startswith("-") else column,
        size,
        after,
        before,
        shop_ids=wanted.shop_ids,
    )


def count(wanted: MessageFilter) -> int:
    return paging.counted(matching(wanted))


def in_doubt(shop_ids: Iterable[int]) -> int:
    """How many messages wait for somebody to say whether they went out."""
    return Message.objects.filter(shop_id__in=list(shop_ids), state=State.IN_DOUBT).count()


def find(message_id: int) -> Message | None:
    return Message.objects.select_related("shop", "customer").filter(pk=message_id).first()


def of_customer(customer_id: int, limit: int = 20) -> list[Message]:
    """The newest messages to a customer; `answers` counts what people did with each."""
    messages = Message.objects.filter(customer=customer_id).defer("facts", "template").order_by("-id")
    return list(messages.annotate(answers=Count("events", filter=~Q(events__by=By.MACHINE)))[:limit])


# -- addresses that are not written to ---------------------------------------------------------------


def suppressions(shop_ids: Iterable[int], text: str = "") -> QuerySet[Suppression]:
    found = Suppression.objects.filter(shop_id__in=list(shop_ids)).select_related("shop")
    if not text:
        return found
    try:
        return found.filter(address_hash=keys.address_hash(text))
    except BadAddress:
        return found.filter(address__icontains=text)
