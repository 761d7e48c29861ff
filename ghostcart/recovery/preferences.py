"""What people decide about their mail, through a link in it: less of it, none, some again, or "this is not me".

The link proves that somebody holds the mail, no more: it shows the address masked and signs nobody in.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from ghostcart.customers import identity
from ghostcart.customers import queries as customers
from ghostcart.customers import services as customer_services
from ghostcart.customers.services import Consented
from ghostcart.mail import links, suppression, tracking
from ghostcart.mail.models import EventKind, Link, Message, Suppression
from ghostcart.recovery import enrolments
from ghostcart.recovery.models import Enrolment, Kind

OWN = "unsubscribed"
"""The reason of people's own, which they may take back; a bounce or a decision of staff they may not."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What holds for the address of a message now. `kinds` says of each kind of campaign whether it is wanted."""

    address: str
    kinds: dict[Kind, bool]
    is_stopped: bool
    may_start: bool
    has_consented: bool


def wishes(link: Link) -> Wishes | None:
    """What holds for the reader of the mail; None if they were erased since."""
    message = link.message
    if message is None or not message.address:
        return None
    reasons = dict(_listed(message).values_list("scope", "reason"))
    stopped = reasons.pop(suppression.ALL, "")
    return Wishes(
        address=masked(message.address),
        kinds={kind: kind.value not in reasons for kind in Kind},
        is_stopped=bool(stopped),
        may_start=stopped == OWN,
        has_consented=message.customer is not None and customers.has_consented(message.customer),
    )


def masked(address: str) -> str:
    """An address of which only the owner knows which it is: "a***@e***.org"."""
    name, _at, domain = address.rpartition("@")
    host, _dot, end = domain.rpartition(".")
    return f"{name[:1]}***@{host[:1]}***.{end}" if host else f"{name[:1]}***@{end[:1]}***"


@transaction.atomic
def stop(link: Link, *, source: str, withdrawn: Consented, now: datetime) -> None:
    """No more mail of this shop to this address, of any cart or campaign, now or later. Again: nothing more.

    `withdrawn` is the sentence under the button; it is kept where consent had been given.
    """
    message = link.message
    if message is None or not message.address:
        return
    is_new = suppression.suppress(link.shop_id, message.address, reason=OWN, source=source, now=now)
    if message.customer is not None:
        _end(message, now)
        customer_services.record_consent(message.customer, withdrawn, now)
    if is_new:
        tracking.note_person(link, EventKind.UNSUBSCRIBED, source, now)


@transaction.atomic
def start(link: Link, *, given: Consented, now: datetime) -> None:
    """Mail again, after a stop of their own; the consent is given anew."""
    found = wishes(link)
    if found is None or not found.may_start:
        return
    assert link.message is not None
    suppression.lift(link.shop_id, link.message.address, scope=suppression.ALL)
    if link.message.customer is not None:
        customer_services.record_consent(link.message.customer, given, now)


@transaction.atomic
def choose(link: Link, *, wanted: Collection[str], consented: Consented, now: datetime) -> None:
    """Which kinds of mail are wanted, and whether reminders are agreed to."""
    found, message = wishes(link), link.message
    if found is None or message is None:
        return
    for kind, is_wanted in found.kinds.items():
        if is_wanted and kind.value not in wanted:
            suppression.suppress(
                link.shop_id, message.address, reason=OWN, source="preferences", scope=kind.value, now=now
            )
            _end(message, now, kind)
        elif not is_wanted and kind.value in wanted and _listed(message).filter(scope=kind, reason=OWN).exists():
            suppression.lift(link.shop_id, message.address, scope=kind.value)
    if message.customer is not None:
        customer_services.record_consent(message.customer, consented, now)


@transaction.atomic
def not_me(link: Link, *, withdrawn: Consented, now: datetime) -> None:
    """Somebody typed this address who does not own it: no mail, and no link in any of them opens that cart again."""
    stop(link, source="not-me", withdrawn=withdrawn, now=now)
    if link.message is not None and link.message.address_hash:
        links.revoke(now, shop=link.shop_id, message__address_hash=link.message.address_hash, purpose="restore")


def _listed(message: Message) -> QuerySet[Suppression]:
    return Suppression.objects.filter(shop=message.shop_id, address_hash=message.address_hash)


def _end(message: Message, now: datetime, kind: Kind | None = None) -> None:
    """What they are in ends at once, not only when the next step comes up. Their messages are locked already."""
    if message.customer is None:  # whose enrolments name nobody are not theirs
        return
    if message.customer.person_id is not None:
        identity.hold([message.customer.person_id])
    running = Enrolment.objects.filter(shop=message.shop_id, customer=message.customer, ended_at=None)
    if kind is not None:
        running = running.filter(campaign__kind=kind)
    enrolments.end(list(running.values_list("pk", flat=True)), OWN, now, actor="shopper")
