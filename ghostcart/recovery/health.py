"""How follow-ups stand, in figures for the health page and the metrics: what waits, since when, and what is stopped."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from ghostcart.customers.models import Customer
from ghostcart.lib.planning import OneOf
from ghostcart.mail.claiming import WAITING
from ghostcart.mail.models import Message, State
from ghostcart.recovery import facts, rules
from ghostcart.recovery.kinds import Begins, begun_by
from ghostcart.recovery.models import Campaign, CampaignState

BEHIND = timedelta(minutes=10)
"""A message that waits longer than this, or a campaign not looked at for so long: no worker keeps up."""


@dataclass(frozen=True, slots=True)
class Backlog:
    """`due`: messages that could go out now; `oldest_at`: since when the first of them waits; `planned`: for later;
    `behind`: campaigns that no worker looked at lately; `stopped`: campaigns that paused themselves."""

    due: int
    oldest_at: datetime | None
    planned: int
    in_doubt: int
    people: int
    behind: int
    stopped: int

    def is_behind(self, now: datetime) -> bool:
        return self.behind > 0 or (self.oldest_at is not None and self.oldest_at < now - BEHIND)


def backlog(now: datetime) -> Backlog:
    """Costs by what waits."""
    waiting = Message.objects.filter(OneOf("state", WAITING))
    due = waiting.filter(due_at__lte=now)
    looking = Campaign.objects.filter(state=CampaignState.RUNNING, looked_until__isnull=False)
    running = list(looking.exclude(kind__in=begun_by(Begins.STAFF)).select_related("shop"))
    plans = facts.plans_of(running)
    looked = [campaign.looked_until + rules.offset(plans[campaign.pk]) for campaign in running if campaign.looked_until]
    return Backlog(
        due=due.count(),
        oldest_at=due.order_by("due_at").values_list("due_at", flat=True).first(),
        planned=waiting.filter(due_at__gt=now).count(),
        in_doubt=Message.objects.filter(state=State.IN_DOUBT).count(),
        people=Customer.objects.filter(person=None, erased_at=None).count(),
        behind=sum(at < now - BEHIND for at in looked),
        stopped=Campaign.objects.filter(state=CampaignState.PAUSED).exclude(paused_for="staff").count(),
    )
