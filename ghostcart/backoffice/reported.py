"""What of the report is asked for: the shop, the period, and the row whose mails or orders are to be seen.

Read from the query string by the pages and by the exports alike.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from ghostcart.backoffice.campaign_forms import language_name
from ghostcart.backoffice.forms import FIRST_DAY, LAST_DAY
from ghostcart.backoffice.lists import whole
from ghostcart.lib.money import minor_digits
from ghostcart.lib.texts import LANGUAGES
from ghostcart.recovery import attributed
from ghostcart.recovery.attributed import MAILS, Figures, Group, Period
from ghostcart.recovery.models import Campaign, LedgerLine, Reminder, Step
from ghostcart.shops.models import Shop

PERIODS = (7, 30, 90, 365)
USUAL = 30


@dataclass(frozen=True, slots=True)
class Asked:
    """One shop's figures of the last days, or what is behind one of them."""

    shop: Shop
    days: int
    group: Group
    what: str
    now: datetime

    @property
    def period(self) -> Period:
        """Whole local days, today among them."""
        return Period.of_days(self.shop, self.days, self.now)

    @property
    def campaigns(self) -> list[int]:
        return list(Campaign.objects.filter(shop=self.shop, started_at__isnull=False).values_list("pk", flat=True))

    def mails(self) -> QuerySet[Reminder]:
        return attributed.mails(self.campaigns, self.period, self.what, self.group)

    def lines(self) -> QuerySet[LedgerLine]:
        return attributed.lines(self.campaigns, self.period, self.group)

    def figures(self, by: str) -> dict[Any, Figures]:
        return attributed.figures(self.campaigns, self.period, by)

    def steps(self) -> list[tuple[Step, Figures]]:
        found = self.figures("step")
        known = Step.objects.filter(pk__in=[key for key in found if key]).select_related("campaign")
        return [(step, found[step.pk]) for step in known]

    def languages(self) -> list[tuple[str, Figures]]:
        found = self.figures("language").items()
        return sorted((code, figures) for code, figures in found if code)

    def each_day(self) -> list[tuple[date, Figures]]:
        """The days on which something happened, the newest first."""
        found = self.figures("day").items()
        return sorted(((day, figures) for day, figures in found if day), key=lambda one: one[0], reverse=True)


def asked(values: Mapping[str, str], shops: Iterable[Shop], now: datetime) -> Asked | None:
    """None where no shop within reach is asked for. What makes no sense is not asked."""
    shop = next((shop for shop in shops if str(shop.pk) == values.get("shop")), None)
    if shop is None:
        return None
    group = Group(step=whole(values.get("step")), language=_language(values), day=_day(values.get("day")))
    what = values.get("what", "")
    return Asked(shop, days_of(values), group, what if what in MAILS else MAILS[0], now)


def days_of(values: Mapping[str, str]) -> int:
    asked = values.get("days", "")
    return int(asked) if asked in map(str, PERIODS) else USUAL


def _language(values: Mapping[str, str]) -> str:
    asked = values.get("language", "")
    return asked if asked in LANGUAGES else ""


def _day(text: str | None) -> date | None:
    try:
        day = date.fromisoformat(text or "")
    except ValueError:
        return None
    return day if FIRST_DAY <= day <= LAST_DAY else None


def query(days: int, **more: object) -> str:
    """The query string of the rows behind a figure."""
    return urlencode({"days": days, **{name: value for name, value in more.items() if value}})


def names() -> dict[str, str]:
    """What the figures that count mails are called."""
    return {
        "sent": _("Sent"), "delivered": _("Delivered"), "opened": _("Opened"), "clicked": _("Clicked"),
        "by_machines": _("Machines"), "restored": _("Restored"), "unsubscribed": _("Unsubscribed"),
        "bounced": _("Bounced"),
    }  # fmt: skip


# -- as a table for other programs -------------------------------------------------------------------

Cell = str | int | Decimal | None


def header() -> list[str]:
    counted = names()
    return [_("Shop"), _("Kind"), _("Group"), *(counted[what] for what in MAILS), _("Ordered"), _("Currency"),
            _("Revenue"), _("Margin"), _("Vouchers")]  # fmt: skip


def table(found: Asked) -> list[list[Cell]]:
    """The figures by step, by language and by day: a row each, and one for each further currency."""
    groups: list[tuple[str, str, Figures]] = [
        *((_("Step"), f"{step.campaign.name} · {step.position}", figures) for step, figures in found.steps()),
        *((_("Language"), language_name(code), figures) for code, figures in found.languages()),
        *((_("Day"), day.isoformat(), figures) for day, figures in found.each_day()),
    ]
    return [row for by, name, figures in groups for row in _rows([found.shop.name, by, name], figures)]


def _rows(group: Sequence[str], figures: Figures) -> list[list[Cell]]:
    counts = [getattr(figures, what) for what in MAILS] + [figures.ordered]
    rows: list[list[Cell]] = []
    for currency in sorted(figures.revenue) or [""]:
        money = [
            Decimal(amounts[currency]).scaleb(-minor_digits(currency)) if currency in amounts else None
            for amounts in (figures.revenue, figures.margin, figures.vouchers)
        ]
        rows.append([*group, *(counts if not rows else [None] * len(counts)), currency, *money])
    return rows
