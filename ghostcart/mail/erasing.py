"""A customer is forgotten: messages to them stay as a count, without address, words or working links."""

import json
from collections.abc import Collection
from datetime import datetime

from django.db import transaction
from django.db.models import Q, QuerySet, TextField
from django.db.models.functions import Cast

from ghostcart.customers.errors import BadAddress
from ghostcart.customers.keys import address_hash
from ghostcart.customers.models import Customer
from ghostcart.mail import mailbox
from ghostcart.mail.models import Link, Message, MessageEvent, State, Suppression

_NOT_GONE = (State.DUE, State.CLAIMED, State.FAILED_TEMP)
_TO_STAFF = ("summary", "notice", "test")
_EMPTY = {
    "address": "", "address_hash": "", "subject": "", "template": {}, "facts": {}, "answer": "", "message_id": "",
}  # fmt: skip


def lock(customer: Customer) -> None:
    """Lock what waits for a customer, before anything else of them is locked."""
    waiting = Message.objects.filter(customer=customer, state__in=_NOT_GONE)
    list(waiting.order_by("pk").select_for_update().values_list("pk", flat=True))


@transaction.atomic
def forget(customer: Customer, names: Collection[str], now: datetime) -> None:
    """Empty the messages to a customer, and those to staff that tell of them; what waits is not sent.

    `names` are what the customer was called. The address is not written to again: of it the hash stays.
    """
    try:
        mark = address_hash(customer.email)
    except BadAddress:
        mark = ""
    theirs = Message.objects.filter(shop=customer.shop_id).filter(
        Q(customer=customer) | (Q(address_hash=mark) if mark else Q(pk=None))
    )
    numbers = list(theirs.values_list("pk", flat=True))
    told = _telling(customer.shop_id, names)
    Link.objects.filter(message__in=numbers, revoked_at=None).update(revoked_at=now)
    MessageEvent.objects.filter(message__in=numbers).update(cause="", external_id="")
    messages = Message.objects.filter(pk__in=numbers)
    answers = list(messages.exclude(answer="").values_list("answer", flat=True))
    transaction.on_commit(lambda: mailbox.remove(answers))
    messages.filter(state__in=_NOT_GONE).update(state=State.CANCELLED, reason="erased")
    messages.update(**_EMPTY)
    Message.objects.filter(pk__in=told).update(subject="", template={}, facts={})
    if mark:
        Suppression.objects.filter(shop=customer.shop_id, address_hash=mark).update(address="")
        Suppression.objects.update_or_create(
            shop_id=customer.shop_id, address_hash=mark, scope="all",
            defaults={"address": "", "reason": "erased", "source": "erasure", "at": now},
        )  # fmt: skip


def _telling(shop_id: int, names: Collection[str]) -> list[int]:
    """Messages to staff in which one of these names stands."""
    to_staff: QuerySet[Message] = Message.objects.filter(shop=shop_id, kind__in=_TO_STAFF)
    found = to_staff.annotate(said=Cast("facts", TextField()))
    wanted = Q(pk=None)
    for name in names:
        wanted |= Q(subject__contains=name)
        for is_ascii in (True, False):  # as SQLite keeps JSON, and as PostgreSQL does
            wanted |= Q(said__contains=json.dumps(name, ensure_ascii=is_ascii)[1:-1])
    return list(found.filter(wanted).values_list("pk", flat=True))
