"""The outbox: every message on its way out, in honest states, sent at most once and never lost in silence.

    due -> claimed -> committing -> sent | failed_temp | failed_perm | in_doubt
    due | failed_temp -> cancelled, with a reason; a claimed one too, if its address is suppressed before the commit

Every arrow is a conditional update that must touch one row. How `send_due` works:
1. It claims some due messages (`claiming`), has what they speak of put in place (`Prepare`), and draws them all.
2. One after the other goes down one connection. After the body and before the final dot, one commit marks the message
   before as sent and this one as committing. So at any moment a worker has one message of which nobody would know.
3. A worker that dies leaves claimed messages, which become due again when their lease ends, and at most one committing,
   which becomes in_doubt: it is never sent again by itself, and staff are shown it.
4. Refusals: this message later (failed_temp, see `backoff`) or never (failed_perm); the server not now, or not with
   these settings: the queue rests (`relay`), and what was not tried is due as before.
Never twice rests on the rows alone, not on the clock: a lease that ends too early costs a connection.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import idna
import structlog
from django.db import connection, transaction
from django.db.models import F, QuerySet

from ghostcart.customers import keys
from ghostcart.lib import sql
from ghostcart.lib.planning import OneOf
from ghostcart.mail import backoff, relay, suppression, transports
from ghostcart.mail.claiming import (
    LEASE,
    SQL,
    WAITING,
    Claim,
    Decide,
    Go,
    Hold,
    Later,
    LinkWish,
    No,
    Prepare,
    claim,
    put_off,
)
from ghostcart.mail.compose import Mail
from ghostcart.mail.errors import BadEmailUrl, NotInDoubt
from ghostcart.mail.handover import (
    Connection,
    Letter,
    Misset,
    NotTaken,
    Receipt,
    Refused,
    Transport,
    Unanswered,
    Unreachable,
)
from ghostcart.mail.models import By, EventKind, Message, MessageEvent, State
from ghostcart.mail.writing import Write, write_mail

__all__ = [
    "Decide", "Go", "Hold", "Later", "LinkWish", "No", "Prepare", "cancel", "enqueue", "recover", "send_due", "settle",
]  # fmt: skip

TIME_FOR_ONE = timedelta(seconds=160)
"""What must be left of the lease before a message is begun: `smtp` takes no longer for one."""

log = structlog.get_logger()

# -- in and out --------------------------------------------------------------------------------------


def enqueue(
    *,
    shop_id: int,
    kind: str,
    address: str,
    language: str,
    due_at: datetime,
    now: datetime,
    customer_id: int | None = None,
    template: dict[str, Any] | None = None,
    facts: dict[str, Any] | None = None,
    stale_at: datetime | None = None,
    is_demo: bool = False,
) -> Message:
    """Put a message into the outbox. Raises BadAddress."""
    return Message.objects.create(
        shop_id=shop_id,
        customer_id=customer_id,
        kind=kind,
        address=address.strip(),
        address_hash=keys.address_hash(address),
        language=language,
        due_at=due_at,
        stale_at=stale_at,
        template=template or {},
        facts=facts or {},
        created_at=now,
        is_demo=is_demo,
    )


def cancel(messages: QuerySet[Message] | Sequence[int], reason: str) -> int:
    """Take messages back that wait to be sent; how many. Claimed and later ones are left alone."""
    chosen = messages if isinstance(messages, QuerySet) else Message.objects.filter(pk__in=messages)
    waiting = chosen.filter(state__in=(State.DUE, State.FAILED_TEMP))
    return waiting.order_by().update(state=State.CANCELLED, reason=reason)


def settle(message: Message, *, as_sent: bool, actor: str, now: datetime) -> None:
    """End a doubt: somebody knows that it was sent, or that it was not, and then it is sent. Raises NotInDoubt."""
    changes: dict[str, Any] = {"reason": f"settled by {actor}"[:40], "claimed_until": None}
    changes |= {"state": State.SENT, "sent_at": now} if as_sent else {"state": State.DUE, "due_at": now}
    if not as_sent:
        changes["claimed_by"] = ""  # the worker that may still be waiting for an answer has no say any more
    if not Message.objects.filter(pk=message.pk, state=State.IN_DOUBT).update(**changes):
        raise NotInDoubt


def recover(now: datetime) -> int:
    """Take care of what dead workers left: claimed messages are due again, committing ones in doubt; how many."""
    # A lease too long to be true was given by a clock that has been set back since. Each condition has its own
    # statements: an index leads to either, not to both.
    taken = Message.objects.filter(OneOf("state", (State.CLAIMED, State.COMMITTING)))
    claimed = committing = 0
    for over in (taken.filter(claimed_until__lt=now), taken.filter(claimed_until__gt=now + 2 * LEASE)):
        claimed += over.filter(state=State.CLAIMED).update(state=State.DUE, claimed_by="", claimed_until=None)
        committing += over.filter(state=State.COMMITTING).update(
            state=State.IN_DOUBT, reason="worker_died", claimed_until=None
        )
    if committing:
        log.warning("mail in doubt: its worker died", messages=committing)
    waiting = Message.objects.filter(OneOf("state", WAITING))
    too_late = waiting.filter(state=State.FAILED_TEMP, due_at__gt=now + 2 * max(backoff.WAITS))
    too_late.update(due_at=now)
    return claimed + committing


# -- sending -----------------------------------------------------------------------------------------


def send_due(
    now: Callable[[], datetime],
    *,
    worker: str,
    decide: Mapping[str, Decide],
    prepare: Mapping[str, Prepare] | None = None,
    transport: Transport | None = None,
    limit: int = 20,
    write: Write = write_mail,
    stopping: Callable[[], bool] = lambda: False,
) -> int:
    """Send some due messages; how many were looked at. 0: nothing is due, or nothing can be sent now.

    `decide` has the deciders of kinds of messages; the others go out as they are. `prepare` has what some kinds need
    to be done elsewhere first. With `stopping`, the message in hand is finished and the others are given back.
    """
    transport = transport or _way_out()
    if transport is None or relay.is_resting(transport, now()):
        return 0
    taken = claim(now(), worker=worker, decide=decide, limit=limit)
    if taken.letters:
        round_ = _Round(taken, transport, now, stopping)
        round_.put_in_place(prepare or {})
        round_.run(write)
    return taken.handled


def _way_out() -> Transport | None:
    try:
        return transports.current()
    except BadEmailUrl:
        return None  # `relay.trouble` says so


@dataclass(frozen=True, slots=True)
class _Sent:
    message: Message
    receipt: Receipt
    at: datetime


@dataclass(frozen=True, slots=True)
class _Other:
    """Any outcome but sent, as changes to the row."""

    message: Message
    changes: dict[str, Any]
    is_bounce: bool = False


class _Round:
    """The way of one claim: its connection, and the outcome that the next commit will write."""

    def __init__(
        self, taken: Claim, transport: Transport, now: Callable[[], datetime], stopping: Callable[[], bool]
    ) -> None:
        self.taken, self.transport, self.now, self.stopping = taken, transport, now, stopping
        self.connection: Connection | None = None
        self.outcome: _Sent | _Other | None = None
        self.is_well = False

    def put_in_place(self, prepare: Mapping[str, Prepare]) -> None:
        """What these mails speak of; those for which that failed leave the round."""
        for kind, put in prepare.items():
            group = [message for message, _urls in self.taken.letters if message.kind == kind]
            if not group:
                continue
            try:
                held = put(group, self.now())
            except Exception as error:
                log.exception("messages could not be prepared", kind=kind)
                held = {message.pk: Hold("error", f"{type(error).__name__}: {error}") for message in group}
            for message in group:
                if hold := held.get(message.pk):
                    changes = put_off(message, hold.reason, hold.answer, self.now())
                    self._mine(message, State.CLAIMED).update(**changes)
            self.taken.letters = [one for one in self.taken.letters if one[0].pk not in held]

    def run(self, write: Write) -> None:
        try:
            for message, letter in self._drawn(write):
                if self.stopping() or self.taken.until - self.now() < TIME_FOR_ONE:
                    break
                self._send(message, letter)
        except (Unreachable, Misset) as trouble:
            log.warning("mail cannot be handed over", reason=trouble.reason, answer=trouble.answer)
            relay.note_trouble(self.transport, trouble, self.now())
        finally:
            if self.connection is not None:
                self.connection.leave()
            self._write_outcome()
            self._give_back()

    def _drawn(self, write: Write) -> list[tuple[Message, Letter]]:
        """All letters, before anybody waits for us at the other end of a line."""
        drawn = []
        for message, urls in self.taken.letters:
            try:
                mail = write(message, urls)
                drawn.append((message, Letter(mail, envelope(message.address), f"{message.pk}.{message.claims}")))
            except Exception as error:
                log.exception("a message could not be drawn", message=message.pk)
                changes = {"state": State.FAILED_PERM, "reason": "drawing", "answer": f"{error}"[:300]}
                self._mine(message, State.CLAIMED).update(**changes)
        return drawn

    def _send(self, message: Message, letter: Letter) -> None:
        try:
            receipt = self._line().hand_over(letter, lambda: self._commit(message, letter.mail))
        except _ClaimLost:
            log.warning("a claim was lost", message=message.pk)
        except Misset:
            self._outcome(message, {"state": State.DUE, "claimed_by": "", "claimed_until": None})
            raise
        except Unanswered as error:
            log.warning("mail in doubt: no answer", message=message.pk, answer=error.answer)
            self._outcome(message, {"state": State.IN_DOUBT, "reason": "unanswered", "answer": error.answer[:300]})
            raise Unreachable("silent", error.answer) from error  # before more of them come into doubt
        except Refused as error:
            changes = {"state": State.FAILED_PERM, "reason": error.reason, "attempts": F("attempts") + 1}
            self._outcome(message, changes | {"answer": error.answer[:300]}, is_bounce=error.blames_address)
        except NotTaken as error:
            self._outcome(message, put_off(message, error.reason, error.answer, self.now()))
            if isinstance(error, Unreachable):
                raise
        else:
            self._write_outcome()
            self.outcome = _Sent(message, receipt, self.now())
            if not self.is_well:
                self.is_well = True
                relay.note_well(self.transport)

    def _line(self) -> Connection:
        """The connection, opened when it is first needed, and again after it broke."""
        if self.connection is None or not self.connection.is_open:
            self.connection = self.transport.open()
        return self.connection

    # -- writing down ----------------------------------------------------------------------------

    def _commit(self, message: Message, mail: Mail) -> None:
        """The point of no return. Raises _ClaimLost if the message is not ours any more."""
        with transaction.atomic():
            self._write_outcome()
            touched = self._execute(
                "to_committing",
                message,
                until_at=sql.to_db(self.now() + TIME_FOR_ONE),
                subject=mail.subject[:300],
                message_id=mail.message_id[:200],
            )
        if not touched:
            raise _ClaimLost

    def _outcome(self, message: Message, changes: dict[str, Any], is_bounce: bool = False) -> None:
        self._write_outcome()
        self.outcome = _Other(message, {"claimed_until": None, **changes}, is_bounce)

    def _write_outcome(self) -> None:
        outcome = self.outcome
        if outcome is None:
            return
        with transaction.atomic():
            if isinstance(outcome, _Sent):
                touched = self._execute(
                    "to_sent",
                    outcome.message,
                    at=sql.to_db(outcome.at),
                    answer=outcome.receipt.answer[:300],
                    given_id=outcome.receipt.message_id[:200],
                )
            else:
                ours = self._mine(outcome.message, State.CLAIMED, State.COMMITTING, State.IN_DOUBT)
                touched = ours.update(**outcome.changes)
                if outcome.is_bounce:
                    self._bounce(outcome.message, outcome.changes["answer"])
            if not touched:
                log.warning("an outcome came too late", message=outcome.message.pk)
        self.outcome = None

    def _execute(self, statement: str, message: Message, **values: Any) -> int:
        """How many rows one of our statements touched. (The ORM takes longer to write it than to run it.)"""
        with connection.cursor() as cursor:
            cursor.execute(
                sql.statement(SQL, statement, connection.vendor),
                {"id": message.pk, "claimed_by": self.taken.token, **values},
            )
            return cursor.rowcount

    def _bounce(self, message: Message, answer: str) -> None:
        now = self.now()
        MessageEvent.objects.create(
            message=message, shop_id=message.shop_id, kind=EventKind.BOUNCED, by=By.MACHINE, cause=answer[:200], at=now
        )
        suppression.suppress(message.shop_id, message.address, reason="bounced", source="smtp", now=now)

    def _give_back(self) -> None:
        """What was not tried is due as before."""
        left = Message.objects.filter(
            pk__in=[message.pk for message, _urls in self.taken.letters],
            claimed_by=self.taken.token,
            state=State.CLAIMED,
        )
        left.update(state=State.DUE, claimed_by="", claimed_until=None)

    def _mine(self, message: Message, *states: State) -> QuerySet[Message]:
        return Message.objects.filter(pk=message.pk, claimed_by=self.taken.token, state__in=states)


class _ClaimLost(Exception):
    """Somebody else decided about the message meanwhile: it was cancelled, or the lease ended."""


def envelope(address: str) -> str:
    """The address as SMTP takes it: the domain as it stands in DNS."""
    name, _at, domain = address.rpartition("@")
    return address if domain.isascii() else f"{name}@{idna.encode(domain, uts46=True).decode()}"
