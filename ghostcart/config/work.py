"""What the worker does: looks for due rows and does one after the other. Several may run; each row is claimed.

A loop around small tasks. Each task says whether it found something to do; when none did, the worker rests.
"""

import logging
import os
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from threading import Event

from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import DatabaseError, close_old_connections
from django.utils import timezone

from ghostcart.backoffice import exports, summaries
from ghostcart.backoffice.models import Worker
from ghostcart.carts import log
from ghostcart.carts import services as cart_services
from ghostcart.carts.models import Device, IdempotencyKey
from ghostcart.connectors import reading
from ghostcart.connectors import vouchers as shop_vouchers
from ghostcart.connectors.desks import open_desk
from ghostcart.connectors.webhooks import sending
from ghostcart.customers import identity
from ghostcart.lib import clock, pictures
from ghostcart.mail import home, mailbox, outbox
from ghostcart.mail.models import Message
from ghostcart.mail.outbox import Hold
from ghostcart.recovery import claims, grants, ledger, passwords, privacy, scan, tidying
from ghostcart.recovery import queries as recovery_queries
from ghostcart.vouchers import limits
from ghostcart.vouchers import services as voucher_services

IDLE_SECONDS = 0.5
HEARTBEAT = timedelta(seconds=10)
ANSWERS_KEPT = timedelta(hours=48)
DEVICES_KEPT = timedelta(days=180)

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Task:
    """Something to look after: how, and how long to wait after a look that found nothing."""

    name: str
    do: Callable[[datetime], bool]
    rest: timedelta = timedelta()
    reaches_out: bool = False
    """Whether it writes to people, or in other shops: not from a copy of the database (`mail.home`)."""
    next_at: datetime | None = None
    looked_at: datetime | None = None
    has_failed: bool = False

    def is_due(self, now: datetime) -> bool:
        """Whether it has rested. A clock that is put back, at once or bit by bit, does not make it rest for longer."""
        if self.next_at is None or self.looked_at is None:
            return True
        return abs(now - self.looked_at) >= self.next_at - self.looked_at


def forget_log(now: datetime) -> bool:
    """Old entries of the cart log; and, on PostgreSQL, the months ahead are made."""
    return log.forget(now, timedelta(days=settings.LOG_KEPT_DAYS))


def forget_answers(now: datetime) -> bool:
    """Answers kept for repeated requests, after two days."""
    old = IdempotencyKey.objects.filter(at__lt=now - ANSWERS_KEPT).order_by("at").values("pk")[:1000]
    return bool(IdempotencyKey.objects.filter(pk__in=old).delete()[0])


def forget_devices(now: datetime) -> bool:
    """Devices not heard of for half a year that hold no cart."""
    old = Device.objects.filter(seen_at__lt=now - DEVICES_KEPT, cart=None).order_by("seen_at").values("pk")[:1000]
    return bool(Device.objects.filter(pk__in=old).delete()[0])


def forget_sessions(now: datetime) -> bool:
    """Django dates them by the system's clock, which cannot be moved: so do we."""
    old = Session.objects.filter(expire_date__lt=timezone.now()).values("pk")[:1000]
    return bool(Session.objects.filter(pk__in=old).delete()[0])


DECIDE = {"reminder": claims.decide, passwords.KIND: passwords.decide}
"""Who has the last word on messages of a kind, in the transaction that claims them."""


def vouchers_in_place(messages: Sequence[Message], now: datetime) -> dict[int, Hold]:
    """The vouchers of these reminders exist in the shops that they are for, or their mails wait."""
    vouchers = recovery_queries.vouchers_of(messages)
    troubles = shop_vouchers.make(dict(vouchers.values()), now, open_desk)
    held = {number: troubles[voucher] for number, (voucher, _whom) in vouchers.items() if voucher in troubles}
    claims.note_held(held, "voucher_waits", now)
    return {number: Hold("voucher_waits", trouble) for number, trouble in held.items()}


PREPARE = {"reminder": vouchers_in_place}
"""What must be in place elsewhere before messages of a kind are handed over."""


def send_mail(now: datetime, stopping: Event) -> bool:
    """Some of the due messages; the message in hand is finished, the others are given back when told to stop."""
    return bool(
        outbox.send_due(clock.now, worker=worker_name(), decide=DECIDE, prepare=PREPARE, stopping=stopping.is_set)
    )


def worker_name() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"


def tasks(stopping: Event, courier: sending.Courier) -> list[Task]:
    hourly, now_and_then = timedelta(hours=1), timedelta(seconds=5)
    take_away = partial(shop_vouchers.take_away, open_desk=open_desk)
    return [
        Task("exports", exports.write_next),
        Task("attached shops", reading.read_due),
        Task("people", identity.catch_up, now_and_then),
        Task("campaigns", scan.enrol, now_and_then, reaches_out=True),
        Task("mail", partial(send_mail, stopping=stopping), reaches_out=True),
        Task("mail of dead workers", lambda now: bool(outbox.recover(now)), timedelta(seconds=20)),
        Task("webhooks", courier.deliver, reaches_out=True),
        Task("webhooks of dead workers", sending.recover, timedelta(seconds=20)),
        Task("ended follow-ups", tidying.tidy, timedelta(seconds=30)),
        Task("deleted carts", lambda now: bool(cart_services.purge(now)), hourly),
        Task("log", forget_log, hourly),
        Task("answers", forget_answers, hourly),
        Task("devices", forget_devices, hourly),
        Task("sessions", forget_sessions, hourly),
        Task("pictures", lambda now: bool(pictures.forget_old()), hourly),
        Task("old exports", lambda now: bool(exports.remove_old(now)), hourly),
        Task("mailbox", lambda now: bool(mailbox.forget_old()), hourly),
        Task("erased people", privacy.tidy, hourly),
        Task("ledger", ledger.write, timedelta(seconds=20)),
        Task("ledger reversals", ledger.reverse, timedelta(seconds=30)),
        Task("summaries", summaries.send_summaries, timedelta(minutes=1)),
        Task("notices", summaries.send_notices, timedelta(minutes=1)),
        Task("granted vouchers", grants.settle, timedelta(minutes=1)),
        Task("vouchers of other shops", take_away, timedelta(minutes=1), reaches_out=True),
        Task("ended vouchers", voucher_services.clean_up, hourly),
        Task("wrong codes", limits.forget, hourly),
        Task("old deliveries", sending.forget, hourly),
    ]


def run(stopping: Event, *, once: bool = False) -> None:
    """Work until told to stop; with `once`, until nothing is due. The task in hand is always finished."""
    courier = sending.Courier(worker_name())
    try:
        _run(tasks(stopping, courier), stopping, once)
    finally:
        courier.close(clock.now())
        reading.release()


def _run(all_tasks: list[Task], stopping: Event, once: bool) -> None:
    told_at: datetime | None = None
    is_here = True
    while not stopping.is_set():
        now = clock.now()
        if told_at is None or abs(now - told_at) > HEARTBEAT:
            told_at = now
            _tell(now)
            is_here = _is_here(now)
        due = [task for task in all_tasks if task.is_due(now)]
        busy = sum(_do(task, now) for task in due if is_here or not task.reaches_out)
        if once and not busy:
            return
        if not busy:
            stopping.wait(IDLE_SECONDS)


def _is_here(now: datetime) -> bool:
    try:
        return home.is_here(now)
    except (DatabaseError, OSError):
        _log.warning("it cannot be told whether this database is at home; nothing is mailed", exc_info=True)
        return False


def _do(task: Task, now: datetime) -> bool:
    task.looked_at = now
    try:
        close_old_connections()
        found = task.do(now)
    except Exception as error:
        _log.exception("the task '%s' failed; it is tried again in a minute", task.name)
        task.next_at, task.has_failed = now + timedelta(minutes=1), True
        if not isinstance(error, DatabaseError):
            _tell(now, f"{task.name}: {error}")
        return False
    task.next_at = None if found else now + task.rest
    if task.has_failed:
        task.has_failed = False
        _tell(now, "")
    return found


def _tell(now: datetime, error: str | None = None) -> None:
    """Say that this worker is alive, and what goes wrong; "" when it goes well again."""
    try:
        Worker.objects.update_or_create(
            pk=worker_name(), defaults={"seen_at": now, **({} if error is None else {"error": error[:300]})}
        )
        Worker.objects.filter(seen_at__lt=now - timedelta(days=1)).delete()
    except DatabaseError:
        _log.warning("the database cannot be reached", exc_info=True)
