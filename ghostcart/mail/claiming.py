"""Taking due messages, so that each is one worker's at a time, and is looked at again in the transaction that takes it.

1. Due rows are picked by time; on PostgreSQL those that another worker is taking are passed by.
2. A conditional update makes them this claim's: whoever comes second touches no row.
3. Stale and suppressed ones are dropped. For its kinds, `decide` locks and looks at everything that may have changed,
   and says Go, No or Later; the text and the facts of a Go are written into the row, its links are made.
4. The commit makes the claim good until its lease ends.
If one message breaks this, each is taken alone, and the culprit is put off.
"""

import random
import secrets
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import structlog
from django.db import OperationalError, connection, transaction
from django.db.models import F, QuerySet

from ghostcart.lib import sql
from ghostcart.lib.planning import Among, OneOf
from ghostcart.mail import backoff, links, suppression
from ghostcart.mail.models import Link, Message, Purpose, State

LEASE = timedelta(minutes=5)
"""Longer than handing over one message may take, with time for a few."""
SOONEST = timedelta(minutes=1)
SQL = Path(__file__).with_name("sql")
WAITING = (State.DUE, State.FAILED_TEMP)

log = structlog.get_logger()

# -- what is decided about a message -----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LinkWish:
    """A link that a mail is to hold, under the name that its template knows it by."""

    name: str
    purpose: Purpose
    target: dict[str, Any]
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Go:
    """Send it, with this text and these facts."""

    template: dict[str, Any]
    facts: dict[str, Any]
    links: tuple[LinkWish, ...] = ()


@dataclass(frozen=True, slots=True)
class No:
    """Never send it. `reason` is a code."""

    reason: str


@dataclass(frozen=True, slots=True)
class Later:
    """Look again then."""

    at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Hold:
    """What the mail speaks of is not in place. It is tried again, as one that the mail server put off."""

    reason: str
    answer: str = ""


Verdict = Go | No | Later
Decide = Callable[[Sequence[Message], datetime], dict[int, Verdict]]
"""Runs inside the claim's transaction; has a verdict on each message that it is given, by id."""
Prepare = Callable[[Sequence[Message], datetime], Mapping[int, Hold]]
"""Runs after the claim's commit, in no transaction: puts in place, elsewhere, what these mails speak of. Must be safe
to repeat, as a claim may be lost, and must not take longer than a minute. What it has a Hold for does not go out."""

# -- claims ------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Claim:
    """What one worker took: the messages to send, each with the addresses of its links; and how many in all."""

    token: str
    until: datetime
    letters: list[tuple[Message, dict[str, str]]] = field(default_factory=list)
    handled: int = 0


def claim(now: datetime, *, worker: str, decide: Mapping[str, Decide], limit: int) -> Claim:
    """Take up to `limit` due messages."""
    taken = Claim(f"{worker[:40]} {secrets.token_hex(8)}", now + LEASE)
    if not due(now).exists():  # without a transaction: an idle worker locks nothing
        return taken
    try:
        _take(taken, due(now)[:limit], decide, now)
    except Exception:
        log.warning("a claim failed, trying each message alone", exc_info=True)
        for pk in list(due(now).values_list("pk", flat=True)[:limit]):
            _take_alone(taken, pk, decide, now)
    return taken


def due(now: datetime) -> QuerySet[Message]:
    return Message.objects.filter(OneOf("state", WAITING), due_at__lte=now).order_by("due_at", "id")


def _take_alone(taken: Claim, pk: int, decide: Mapping[str, Decide], now: datetime) -> None:
    try:
        _take(taken, due(now).filter(pk=pk), decide, now)
    except OperationalError:
        raise  # the database, not the message
    except Exception as error:
        log.exception("a message could not be claimed", message=pk)
        for message in Message.objects.filter(pk=pk, state__in=WAITING):
            changes = put_off(message, "error", f"{type(error).__name__}: {error}", now)
            Message.objects.filter(pk=pk, state__in=WAITING).update(**changes)


def _take(taken: Claim, some: QuerySet[Message], decide: Mapping[str, Decide], now: datetime) -> None:
    with transaction.atomic():
        messages = mine(some, taken.token, taken.until)
        going = []
        for message, verdict in _verdicts(messages, decide, now):
            if isinstance(verdict, Go):
                going.append((message, verdict))
            else:
                _leave(message, verdict, now)
        letters = _prepare(going, now)
    taken.letters += letters
    taken.handled += len(messages)


def mine(some: QuerySet[Message], token: str, until: datetime) -> list[Message]:
    """Those of the due messages that are this claim's from now on."""
    if connection.features.has_select_for_update_skip_locked:
        some = some.select_for_update(skip_locked=True)
    picked = Message.objects.filter(Among("pk", list(some.values_list("pk", flat=True))))
    picked.filter(state__in=WAITING).update(
        state=State.CLAIMED, claimed_by=token, claimed_until=until, claims=F("claims") + 1
    )
    taken = picked.filter(state=State.CLAIMED, claimed_by=token)
    return list(taken.prefetch_related("shop").order_by("due_at", "id"))


def _verdicts(
    messages: Sequence[Message], decide: Mapping[str, Decide], now: datetime
) -> Iterable[tuple[Message, Verdict]]:
    """What becomes of each message. Nobody decides for stale ones, and nobody decides past the suppression list."""
    verdicts: dict[int, Verdict] = {}
    by_kind: dict[str, list[Message]] = defaultdict(list)
    unwanted = _suppressed(messages)
    for message in messages:
        if message.stale_at is not None and message.stale_at <= now:
            verdicts[message.pk] = No("stale")
        else:
            by_kind[message.kind].append(message)
    for kind, group in by_kind.items():
        if kind in decide:
            verdicts |= decide[kind](group, now)
        else:
            verdicts |= {message.pk: Go(message.template, message.facts) for message in group}
    for message in messages:
        verdict = verdicts[message.pk]
        is_unwanted = isinstance(verdict, Go) and message.pk in unwanted
        yield message, No("suppressed") if is_unwanted else verdict


def _suppressed(messages: Sequence[Message]) -> set[int]:
    """Those whose address must not get mail; what somebody asks for about their own account comes all the same."""
    found: set[int] = set()
    for shop_id in {message.shop_id for message in messages}:
        asked = [message for message in messages if message.shop_id == shop_id and message.kind != "account"]
        listed = suppression.suppressed(shop_id, {message.address_hash for message in asked})
        found |= {message.pk for message in asked if message.address_hash in listed}
    return found


def _prepare(going: Sequence[tuple[Message, Go]], now: datetime) -> list[tuple[Message, dict[str, str]]]:
    """Write text and facts into the rows, and the links; their tokens are kept nowhere else than in the mails."""
    letters: list[tuple[Message, dict[str, str]]] = []
    contents: list[dict[str, Any]] = []
    made = []
    for message, go in going:
        if (message.template, message.facts) != (go.template, go.facts):
            message.template, message.facts = go.template, go.facts
            template, facts = sql.json_to_db(go.template), sql.json_to_db(go.facts)
            contents.append({"id": message.pk, "template": template, "facts": facts})
        urls = {}
        for wish in go.links:
            link, token = links.draft(
                shop_id=message.shop_id,
                message=message,
                purpose=wish.purpose,
                target=wish.target,
                expires_at=wish.expires_at,
                now=now,
            )
            made.append(link)
            urls[wish.name] = links.url(wish.purpose, token)
        letters.append((message, urls))
    Link.objects.bulk_create(made)
    if contents:
        with connection.cursor() as cursor:
            cursor.executemany(sql.statement(SQL, "write_content", connection.vendor), contents)
    return letters


def _leave(message: Message, verdict: No | Later, now: datetime) -> None:
    changes: dict[str, Any] = {"state": State.CANCELLED}
    if isinstance(verdict, Later):
        changes = {"state": State.DUE, "due_at": max(verdict.at, now + SOONEST)}
    changes |= {"reason": verdict.reason, "claimed_by": "", "claimed_until": None}
    Message.objects.filter(pk=message.pk).update(**changes)


def put_off(message: Message, reason: str, answer: str, now: datetime) -> dict[str, Any]:
    """What to write into a message that could not be sent: when it is tried again, or that this was the last time."""
    attempts = message.attempts + 1
    at = backoff.next_try(attempts, now, message.stale_at, random.random())
    changes: dict[str, Any] = {"attempts": attempts, "answer": answer[:300], "claimed_until": None}
    if at is None:
        return changes | {"state": State.FAILED_PERM, "reason": "given_up"}
    return changes | {"state": State.FAILED_TEMP, "reason": reason, "due_at": at}
