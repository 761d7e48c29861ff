"""A backup was restored: what was due between the backup and now was probably sent, and nobody knows to whom."""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from ghostcart.mail import outbox
from ghostcart.mail.models import Message, State
from ghostcart.recovery import enrolments
from ghostcart.recovery.models import Campaign, CampaignState, Reminder

REASON = "restored"


@dataclass(frozen=True, slots=True)
class Held:
    messages: int
    campaigns: int


@transaction.atomic
def hold_back(now: datetime) -> Held:
    """Take what is due for sent: its follow-ups end, and campaigns meet only who leaves a cart from now on."""
    taken = Message.objects.filter(state__in=(State.CLAIMED, State.COMMITTING))
    taken.update(state=State.IN_DOUBT, reason=REASON, claimed_until=None)
    due = Message.objects.filter(state__in=(State.DUE, State.FAILED_TEMP), due_at__lte=now)
    going_on = Reminder.objects.filter(message__in=due, enrolment__ended_at=None)
    enrolments.end(list(going_on.values_list("enrolment_id", flat=True)), REASON, now)
    messages = outbox.cancel(due, REASON)
    running = Campaign.objects.filter(state__in=(CampaignState.RUNNING, CampaignState.PAUSED))
    campaigns = running.exclude(looked_until=None).filter(looked_until__lt=now).update(looked_until=now)
    return Held(messages, campaigns)
