"""What a list of campaigns says of each: who is in it now, and what it did lately. One query a figure for all."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, F, QuerySet

from ghostcart.mail.models import By, EventKind, MessageEvent, State
from ghostcart.orders.queries import VALID
from ghostcart.recovery.models import Arm, Campaign, Enrolment, Grade, LedgerLine, Reminder

RECENT = timedelta(days=30)


@dataclass(slots=True)
class Counts:
    """`inside` is of now; the others are of the last 30 days."""

    inside: int = 0
    contacted: int = 0
    held_out: int = 0
    sent: int = 0
    restored: int = 0
    ordered: int = 0


def of(campaigns: Collection[Campaign], now: datetime) -> dict[int, Counts]:
    """The counts of each campaign, by its id."""
    found = {campaign.pk: Counts() for campaign in campaigns}
    if not found:
        return {}
    shops = {campaign.shop_id for campaign in campaigns}
    for name, rows in _figures(list(found), shops, now - RECENT).items():
        for campaign_id, count in rows:
            setattr(found[campaign_id], name, count)
    return found


def _figures(campaigns: list[int], shops: Collection[int], since: datetime) -> dict[str, QuerySet]:
    """For each figure (campaign id, count); each bounded by an index: on time, or on who is inside."""
    enrolled = Enrolment.objects.filter(campaign__in=campaigns)
    lately = enrolled.filter(at__gte=since)
    inside = enrolled.filter(shop__in=shops, ended_at=None, arm=Arm.CONTACTED)
    sent = Reminder.objects.filter(
        enrolment__campaign__in=campaigns, enrolment__at__gte=since, message__state=State.SENT
    )
    restored = MessageEvent.objects.filter(
        shop__in=shops, kind=EventKind.RESTORED, at__gte=since, message__reminder__enrolment__campaign__in=campaigns
    ).exclude(by=By.MACHINE)
    ordered = LedgerLine.objects.filter(campaign__in=campaigns, at__gte=since, reverses=None, order__status__in=VALID)
    return {
        "inside": _count(inside, "campaign_id", "person"),
        "contacted": _count(lately.filter(arm=Arm.CONTACTED), "campaign_id", "pk"),
        "held_out": _count(lately.filter(arm=Arm.HELD_OUT), "campaign_id", "pk"),
        "sent": _count(sent, "enrolment__campaign_id", "pk"),
        "restored": _count(restored, "message__reminder__enrolment__campaign_id", "message"),
        "ordered": _count(ordered.exclude(grade=Grade.COINCIDENCE), "campaign_id", "order"),
    }


def _count(rows: QuerySet, campaign: str, thing: str) -> QuerySet:
    """(campaign id, how many different things)."""
    grouped = rows.order_by().values(of_campaign=F(campaign))
    return grouped.annotate(things=Count(thing, distinct=True)).values_list("of_campaign", "things")
