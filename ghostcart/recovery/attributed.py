"""What is attributed to reminders in a period: mails by what came of them, and the ledger, by step, language or day.

A mail counts on the day it was sent, an order or its reversal on its own. Machines' openings and clicks are apart.
`mails` and `lines` give the rows behind each figure.
"""

from collections import defaultdict
from collections.abc import Collection, Hashable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.db.models import Count, F, Q, QuerySet, Sum, Value
from django.db.models.functions import TruncDate

from ghostcart.carts.filters import start_of_day
from ghostcart.mail.models import By, EventKind, MessageEvent, State
from ghostcart.orders.queries import VOID
from ghostcart.recovery import ledger
from ghostcart.recovery.models import Grade, LedgerLine, Reminder
from ghostcart.shops.models import Shop

COUNTED = [grade for grade in Grade if grade != Grade.COINCIDENCE]
BY = ("step", "language", "day", "all")
BY_PEOPLE = (EventKind.OPENED, EventKind.CLICKED, EventKind.RESTORED, EventKind.UNSUBSCRIBED)
BY_ANYBODY = (EventKind.DELIVERED, EventKind.BOUNCED)
LOOKED_AT = (EventKind.OPENED, EventKind.CLICKED)
MAILS = ("sent", *(kind.value for kind in (*BY_PEOPLE, *BY_ANYBODY)), "by_machines")
"""The figures that count mails."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """One row of the figures; what is None or empty is not asked."""

    step: int | None = None
    language: str = ""
    day: date | None = None

    def within(self, period: Period) -> Period:
        """The period, or its part on the day."""
        if self.day is None:
            return period
        start, end = (start_of_day(self.day + timedelta(days=more), period.zone) for more in (0, 1))
        return Period(max(start, period.since), min(end, period.until), period.zone)


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
    for kind in BY_PEOPLE:
        for key, count in _messages(people.filter(kind=kind), by, period):
            setattr(found[key], kind.value, count)
    for kind in BY_ANYBODY:
        for key, count in _messages(events.filter(kind=kind), by, period):
            setattr(found[key], kind.value, count)
    for key, count in _messages(_machines_only(events), by, period):
        found[key].by_machines = count
    _add_ledger(found, campaign_ids, period, by)
    return dict(found)


def mails(campaign_ids: Collection[int], period: Period, what: str, group: Group) -> QuerySet[Reminder]:
    """The mails that one of MAILS counts, of the whole or of a group."""
    part = group.within(period)
    found = sent_in(campaign_ids, part)
    if group.step is not None:
        found = found.filter(step=group.step)
    if group.language:
        found = found.filter(message__language=group.language)
    if what == "sent":
        return found
    events = events_in(campaign_ids, part)
    if what == "by_machines":
        events = _machines_only(events)
    elif what in BY_PEOPLE:
        events = events.filter(kind=what).exclude(by=By.MACHINE)
    else:
        events = events.filter(kind=what)
    return found.filter(message__in=events.order_by().values("message"))


def lines(campaign_ids: Collection[int], period: Period, group: Group) -> QuerySet[LedgerLine]:
    """The lines of the ledger that the figures count, of the whole or of a group."""
    found = lines_in(campaign_ids, group.within(period))
    if group.step is not None:
        found = found.filter(reminder__step=group.step)
    return found.filter(reminder__message__language=group.language) if group.language else found


def _machines_only(events: QuerySet[MessageEvent]) -> QuerySet[MessageEvent]:
    """Openings and clicks of mails that nobody else looked at, or came back by."""
    came = MessageEvent.objects.filter(kind__in=[*LOOKED_AT, EventKind.RESTORED]).exclude(by=By.MACHINE)
    return events.filter(kind__in=LOOKED_AT).exclude(
        message__in=came.filter(message__in=events.values("message")).values("message")
    )


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


def _mail_key(by: str, period: Period, step: str = "step_id") -> object:
    """What reminders, or events of their mails, are grouped by."""
    return {
        "step": F(step),
        "language": F("message__language"),
        "day": TruncDate("message__sent_at", tzinfo=period.zone),
        "all": None,
    }[by]


def _messages(events: QuerySet[MessageEvent], by: str, period: Period) -> list[tuple[Hashable, int]]:
    key = _mail_key(by, period, step="message__reminder__step_id")
    return _grouped(events, key, Count("message", distinct=True))


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
            orders=Count("pk", filter=Q(reverses=None) | Q(cause=ledger.AGAIN)) - Count("pk", filter=Q(cause__in=VOID)),
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
