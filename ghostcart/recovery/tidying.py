"""What the worker does beside enrolling and sending: ends what is over, takes back what waits for it, mends clocks.

Costs by the number of people who are in a campaign now. Nothing here is needed for safety: claims ask everything anew.
"""

from collections import defaultdict
from datetime import datetime, timedelta

from django.db.models import Exists, F, OuterRef, Q, QuerySet

from ghostcart.lib.planning import OneOf
from ghostcart.mail import outbox
from ghostcart.mail.claiming import WAITING
from ghostcart.mail.models import Message, State
from ghostcart.recovery import enrolments, rules
from ghostcart.recovery.kinds import Begins, begun_by
from ghostcart.recovery.models import Campaign, Enrolment, Reminder

BATCH = 500
PARKED = ("campaign_paused", "clock_wrong")
AHEAD = timedelta(hours=2)
"""A message parked for an hour that lies further ahead than this was parked by a clock that has gone back since."""


def tidy(now: datetime) -> bool:
    """One round; whether something was found."""
    return bool(end_over(now) + end_done(now) + take_back(now) + unpark(now))


def going_on() -> QuerySet[Enrolment]:
    """Who is in a campaign now. The part of the held-out is over from the start."""
    shops = list(Campaign.objects.order_by().values_list("shop_id", flat=True).distinct())
    return Enrolment.objects.filter(shop__in=shops, ended_at=None)


def end_over(now: datetime) -> int:
    """End the enrolments of carts that were ordered, changed, merged or deleted: the voice is free at once."""
    cart = {
        "ordered": Q(cart__ordered_at__isnull=False),
        "deleted": Q(cart__deleted_at__isnull=False),
        "merged": Q(cart__merged_at__isnull=False),
        "changed": Q(cart__last_activity_at__gt=F("activity_at")),
    }
    ended = 0
    for reason, is_over in cart.items():
        rows = going_on().filter(is_over, trigger__startswith="cart:").order_by("pk")
        ended += enrolments.end(list(rows.values_list("pk", flat=True)[:BATCH]), reason, now)
    return ended


def end_done(now: datetime) -> int:
    """End the enrolments of which no message is on its way: all were sent, or one could not be."""
    on_the_way = Reminder.objects.filter(enrolment=OuterRef("pk"), message__state__in=rules.ON_THE_WAY)
    done = list(going_on().filter(~Exists(on_the_way)).order_by("pk").values_list("pk", flat=True)[:BATCH])
    last = Reminder.objects.filter(enrolment__in=done).order_by("step__position", "pk")
    states = {pk: (state, reason) for pk, state, reason in last.values_list(
        "enrolment_id", "message__state", "message__reason"
    )}  # fmt: skip
    by_reason: dict[str, list[int]] = defaultdict(list)
    for pk in done:
        state, reason = states.get(pk, (State.SENT, ""))
        by_reason["completed" if state in (State.SENT, State.IN_DOUBT) else reason or "refused"].append(pk)
    return sum(enrolments.end(some, reason, now) for reason, some in by_reason.items())


def take_back(now: datetime) -> int:
    """Cancel what is planned for people whose enrolment has ended; what is due already, its claim stops."""
    planned = Message.objects.filter(OneOf("state", WAITING), due_at__gt=now).order_by("due_at", "id")
    over = planned.filter(reminder__enrolment__ended_at__isnull=False).exclude(
        reminder__enrolment__campaign__kind__in=begun_by(Begins.STAFF)
    )
    return outbox.cancel(list(over.values_list("pk", flat=True)[:BATCH]), "ended")


def unpark(now: datetime) -> int:
    """Messages that a clock far ahead put off: it has gone back, so they are due again."""
    parked = Message.objects.filter(OneOf("state", WAITING), reason__in=PARKED, due_at__gt=now + AHEAD)
    return parked.update(due_at=now)
