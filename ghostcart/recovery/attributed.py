"""What is attributed to reminders in a period: mails by what came of them, and the ledger, by step, language or day.

A mail counts on the day it was sent, an order or its reversal on its own. Machines' openings and clicks are apart.
"""

from collections import defaultdict
from collections.abc import Collection, Hashable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.db.models import Count, F, Q, QuerySet, Sum, Value
from django.db.models.functions import TruncDate

from ghostcart.carts.filters import start_of_day
from ghostcart.mail.models import By, EventKind, MessageEvent, State
from ghostcart.recovery.models import Grade, LedgerLine, Reminder
from ghostcart.shops.models import Shop

COUNTED = [grade for grade in Grade if grade != Grade.COINCIDENCE]
BY = ("step", "language", "day", "all")


@dataclass(frozen=True, slots=True)
class Period:
    """Half-open, with the zone in which its days are days."""

    since: datetime
    until: datetime
    zone: ZoneInfo

    @classmethod
    def of_days(cls, shop: Shop, days: int, now: datetime) -> "Period":
        """Whole local days of a shop, today among them."""
        first = now.astimezone(shop.zone).date() - timedelta(days=days - 1)
        return cls(start_of_day(first, shop.zone), now + timedelta(minutes=1), shop.zone)


@dataclass(slots=True)
class Figures:
    """`by_machines` are opened or clicked mails of which only machines did. Money in minor units by currency."""

    sent: int = 0
    delivered: int = 0
    opened: int = 0
    clicked: int = 0
    restored: int = 0
    unsubscribed: int = 0
    bounced: int = 0
    by_machines: int = 0
    ordered: int = 0
    revenue: dict[str, int] = field(default_factory=dict)
    margin: dict[str, int] = field(default_factory=dict)
    vouchers: dict[str, int] = field(default_factory=dict)


def figures(campaign_ids: Collection[int], period: Period, by: str = "all") -> dict[Hashable, Figures]:
    """The figures of these campaigns by one of BY: step id, language, local date, or "all" together."""
    found: dict[Hashable, Figures] = defaultdict(Figures)
    for key, sent in _grouped(sent_in(campaign_ids, period), _mail_key(by, period), Count("pk")):
        found[key].sent = sent
    events = events_in(campaign_ids, period)
    people = events.exclude(by=By.MACHINE)
    for kind in (EventKind.OPENED, EventKind.CLICKED, EventKind.RESTORED, EventKind.UNSUBSCRIBED):
        for key, count in _messages(people.filter(kind=kind), by, period):
            setattr(found[key], kind.value, count)
    for kind in (EventKind.DELIVERED, EventKind.BOUNCED):
        for key, count in _messages(events.filter(kind=kind), by, period):
            setattr(found[key], kind.value, count)
    machines = events.filter(kind__in=[EventKind.OPENED, EventKind.CLICKED]).exclude(
        message__in=people.filter(kind__in=[EventKind.OPENED, EventKind.CLICKED]).values("message")
    )
    for key, count in _messages(machines, by, period):
        found[key].by_machines = count
    _add_ledger(found, campaign_ids, period, by)
    return dict(found)


def sent_in(campaign_ids: Collection[int], period: Period) -> QuerySet[Reminder]:
    return Reminder.objects.filter(
        enrolment__campaign__in=campaign_ids,
        message__state=State.SENT,
        message__sent_at__gte=period.since,
        message__sent_at__lt=period.until,
    )


def events_in(campaign_ids: Collection[int], period: Period) -> QuerySet[MessageEvent]:
    """What came back, whenever it did, of the mails sent in the period."""
    return MessageEvent.objects.filter(
        message__reminder__enrolment__campaign__in=campaign_ids,
        message__sent_at__gte=period.since,
        message__sent_at__lt=period.until,
    )


def lines_in(campaign_ids: Collection[int], period: Period) -> QuerySet[LedgerLine]:
    """The lines of the ledger that count, reversals among them."""
    return LedgerLine.objects.filter(
        campaign__in=campaign_ids, grade__in=COUNTED, at__gte=period.since, at__lt=period.until
    )


def _mail_key(by: str, period: Period, to: str = "") -> object:
    """What reminders (`to` empty) or their events (`to` "message__reminder__") are grouped by."""
    message = "message__"
    return {
        "step": F(f"{to}step_id"),
        "language": F(f"{message}language"),
        "day": TruncDate(f"{message}sent_at", tzinfo=period.zone),
        "all": None,
    }[by]


def _messages(events: QuerySet[MessageEvent], by: str, period: Period) -> list[tuple[Hashable, int]]:
    return _grouped(events, _mail_key(by, period, "message__reminder__"), Count("message", distinct=True))


def _grouped(rows: QuerySet, key: object, figure: object) -> list[tuple[Hashable, int]]:
    if key is None:
        return [("all", rows.order_by().aggregate(figure=figure)["figure"])]
    return list(rows.order_by().values(group=key).annotate(figure=figure).values_list("group", "figure"))


def _add_ledger(found: dict[Hashable, Figures], campaign_ids: Collection[int], period: Period, by: str) -> None:
    keys = {
        "step": F("reminder__step_id"),
        "language": F("reminder__message__language"),
        "day": TruncDate("at", tzinfo=period.zone),
        "all": Value("all"),
    }
    rows = (
        lines_in(campaign_ids, period)
        .order_by()
        .values("currency", group=keys[by])
        .annotate(
            orders=Count("pk", filter=Q(reverses=None)) - Count("pk", filter=Q(reverses__isnull=False)),
            revenue=Sum("amount_minor"),
            margin=Sum("margin_minor"),
            vouchers=Sum("voucher_minor"),
        )
    )
    for row in rows:
        figures_of = found[row["group"]]
        figures_of.ordered += row["orders"]
        for name in ("revenue", "margin", "vouchers"):
            amounts = getattr(figures_of, name)
            amounts[row["currency"]] = amounts.get(row["currency"], 0) + (row[name] or 0)
