"""Openings and clicks, with machines told apart from people as far as can be: mail scanners open every link.

What speaks for a machine is kept as a code in `MessageEvent.cause`:

- head: only the head of the page was asked for;
- crawler, headless, no_user_agent, scanner: the User-Agent says so;
- fast: within ten seconds of the sending, before a person can have read it;
- all_links: every link of the mail was opened within three seconds;
- many_places: one link was opened from three networks or more within an hour.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction

from ghostcart.lib import machines
from ghostcart.mail.models import By, EventKind, Link, Message, MessageEvent, Purpose

MOST = 20
"""Events of a kind that are kept of one message; the later ones tell nothing new."""
FAST = timedelta(seconds=10)
TOGETHER = timedelta(seconds=3)
MANY_PLACES, SOON = 3, timedelta(hours=1)
SCANNERS = ("barracuda", "bitdefender", "cloudmark", "fortinet", "mimecast", "proofpoint", "safelinks", "sophos",
            "symantec", "trendmicro", "urlscan", "virustotal", "zscaler")  # fmt: skip
PROXIES = ("googleimageproxy", "yahoomailproxy", "ggpht")
_LED_ELSEWHERE = (Purpose.RESTORE, Purpose.STOP, Purpose.PREFERENCES)


@dataclass(frozen=True, slots=True)
class RequestFacts:
    """What of a request tells who made it. `place` names the network, not the person: a cut and hashed address."""

    method: str
    user_agent: str = ""
    place: str = ""


@transaction.atomic
def note(link: Link, kind: EventKind, *, seen: RequestFacts, now: datetime) -> MessageEvent | None:
    """Keep that a link was opened, and by whom; None where it belongs to no message or enough is known of that."""
    if not (message := _locked(link)) or _is_full(message, kind):
        return None
    by, cause = _judge(message, kind, seen, now)
    event = MessageEvent.objects.create(
        message=message, shop_id=link.shop_id, kind=kind, by=by, cause=cause, external_id=_mark(link, seen), at=now
    )
    if kind == EventKind.CLICKED:
        _look_again(message, link, now)
        event.refresh_from_db()
    return event


@transaction.atomic
def note_person(link: Link, kind: EventKind, cause: str, now: datetime) -> None:
    """Keep what only a person does: a button was pressed (or, of RFC 8058, the mail program's own)."""
    if (message := _locked(link)) and not _is_full(message, kind):
        MessageEvent.objects.create(message=message, shop_id=link.shop_id, kind=kind, by=By.PERSON, cause=cause, at=now)


def _locked(link: Link) -> Message | None:
    """The link's message, locked, so that the limit holds for requests that come together."""
    return Message.objects.select_for_update(of=("self",)).filter(pk=link.message_id or 0).first()


def _is_full(message: Message, kind: EventKind) -> bool:
    return message.events.filter(kind=kind).count() >= MOST


def _judge(message: Message, kind: EventKind, seen: RequestFacts, now: datetime) -> tuple[By, str]:
    """What one request tells by itself."""
    agent = seen.user_agent.lower()
    if seen.method == "HEAD":
        return By.MACHINE, "head"
    if any(sign in agent for sign in PROXIES):
        return By.UNSURE, "image_proxy"  # it fetches for people, and sometimes ahead of them
    if signs := machines.reasons(seen.user_agent):
        return By.MACHINE, signs[0]
    if any(sign in agent for sign in SCANNERS):
        return By.MACHINE, "scanner"
    if message.sent_at is None or now - message.sent_at < FAST:
        return By.MACHINE, "fast"
    return (By.UNSURE, "picture") if kind == EventKind.OPENED else (By.PERSON, "")


def _look_again(message: Message, link: Link, now: datetime) -> None:
    """What only several requests together tell; takes back what was held to be a person's before."""
    clicks = list(message.events.filter(kind=EventKind.CLICKED).exclude(external_id=""))
    links = set(message.links.filter(purpose__in=_LED_ELSEWHERE).values_list("pk", flat=True))
    lately = [one for one in clicks if now - one.at <= TOGETHER]
    if len(links) > 1 and {_link_of(one) for one in lately} >= links:
        _take_back(lately, "all_links")
    of_link = [one for one in clicks if _link_of(one) == link.pk and now - one.at <= SOON]
    if len({_place_of(one) for one in of_link}) >= MANY_PLACES:
        _take_back(of_link, "many_places")


def _take_back(events: list[MessageEvent], cause: str) -> None:
    ids = [one.pk for one in events]
    MessageEvent.objects.filter(pk__in=ids).exclude(by=By.MACHINE).update(by=By.MACHINE, cause=cause)


def _mark(link: Link, seen: RequestFacts) -> str:
    """Which link was opened, from which place, and how often before: what `_look_again` needs."""
    before = MessageEvent.objects.filter(message_id=link.message_id or 0, external_id__startswith=f"link:{link.pk}:")
    return f"link:{link.pk}:{before.count()}:{seen.place[:16]}"


def _link_of(event: MessageEvent) -> int:
    return int(event.external_id.split(":")[1])


def _place_of(event: MessageEvent) -> str:
    return event.external_id.split(":")[3]
