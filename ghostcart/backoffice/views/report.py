"""The report: what the follow-ups caused, what is attributed to them, and the ledger that every figure opens into."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from babel.dates import format_date
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from ghostcart.backoffice import lists
from ghostcart.backoffice.access import StaffRequest, staff
from ghostcart.backoffice.campaign_forms import language_name
from ghostcart.backoffice.models import Role
from ghostcart.lib import clock, paging
from ghostcart.lib.money import format_minor
from ghostcart.lib.template_tags import cldr, language, number
from ghostcart.recovery import attributed, report
from ghostcart.recovery import queries as recovery_queries
from ghostcart.recovery.attributed import Figures, Period
from ghostcart.recovery.models import Campaign, Step
from ghostcart.recovery.report import Caused
from ghostcart.recovery.statistics import Effect
from ghostcart.shops.models import Shop

PERIODS = (7, 30, 90, 365)
WIDTH, HEIGHT = 720, 120


@dataclass(frozen=True, slots=True)
class Interval:
    """An effect as a picture: places in percent of the width."""

    effect: Effect
    low: float
    high: float
    estimate: float
    zero: float

    @classmethod
    def of(cls, effect: Effect) -> "Interval":
        least, most = min(0.0, effect.low), max(0.0, effect.high)
        width = (most - least) or 1.0

        def place(value: float) -> float:
            return round(4 + 92 * (value - least) / width, 2)

        return cls(effect, place(effect.low), place(effect.high), place(effect.estimate), place(0.0))


@dataclass(frozen=True, slots=True)
class CampaignRow:
    campaign: Campaign
    caused: Caused
    interval: Interval | None
    sentence: str
    revenue: list[str]
    margin: list[str]
    figures: Figures


@require_safe
@staff(Role.VIEWER)
def overview(request: StaffRequest) -> HttpResponse:
    now = clock.now()
    days = _days(request)
    shops = [_shop(shop, now, days) for shop in request.scope]
    context = {
        "shops": [one for one in shops if one["rows"]],
        "days": days,
        "periods": PERIODS,
        "size": {"width": WIDTH, "height": HEIGHT, "base": HEIGHT - 18},
        "followed": report.FOLLOWED.days,
    }
    return render(request, "backoffice/report.html", context)


def _days(request: StaffRequest) -> int:
    asked = request.GET.get("days", "")
    return int(asked) if asked in map(str, PERIODS) else 30


def _shop(shop: Shop, now: datetime, days: int) -> dict[str, Any]:
    period = Period.of_days(shop, days, now)
    campaigns = list(Campaign.objects.filter(shop=shop, started_at__isnull=False))
    ids = [campaign.pk for campaign in campaigns]
    steps = attributed.figures(ids, period, "step")
    return {
        "shop": shop,
        "key": str(shop.pk),
        "rows": [_row(campaign, period, now) for campaign in campaigns],
        "total": attributed.figures(ids, period).get("all", Figures()),
        "steps": [
            (step, steps[step.pk])
            for step in Step.objects.filter(pk__in=[key for key in steps if key]).select_related("campaign")
        ],
        "languages": sorted(
            (language_name(str(language)), figures)
            for language, figures in attributed.figures(ids, period, "language").items()
            if language
        ),
        "bars": list(_bars(attributed.figures(ids, period, "day"), period, days)),
        "since": period.since,
    }


def _row(campaign: Campaign, period: Period, now: datetime) -> CampaignRow:
    caused = report.caused(campaign, now)
    return CampaignRow(
        campaign=campaign,
        caused=caused,
        interval=Interval.of(caused.orders) if caused.orders else None,
        sentence=sentence(caused),
        revenue=_between(caused.revenue),
        margin=_between(caused.margin),
        figures=attributed.figures([campaign.pk], period).get("all", Figures()),
    )


def sentence(caused: Caused) -> str:
    """What can be said of it, in words."""
    if caused.orders is None:
        if caused.held_out.people + caused.contacted.people == 0:
            return _("Too early to say: nobody has been followed to the end yet.")
        if caused.held_out.people == 0 and caused.contacted.people > 0:
            return _("Nobody was held out, so nobody can say what would have happened without the mails.")
        return _("Too early to say: about %(count)s more people must pass through, to see a gain of 3 in 100.") % {
            "count": number(caused.needed)
        }
    values = {"low": round(caused.orders.low), "high": round(caused.orders.high)}
    if caused.orders.is_gain:
        return _("The mails brought orders that there would not have been: between %(low)s and %(high)s.") % values
    if caused.orders.is_loss:
        return _("With the mails there were fewer orders than without: between %(low)s and %(high)s.") % values
    return _("It cannot be told yet whether the mails bring anything: between %(low)s and %(high)s orders.") % values


def _between(effects: Mapping[str, Effect | None]) -> list[str]:
    """Amounts with their limits, for each currency in which something can be said."""
    return [
        _("about %(estimate)s, between %(low)s and %(high)s")
        % {
            name: format_minor(round(getattr(effect, name)), currency, language())
            for name in ("estimate", "low", "high")
        }
        for currency, effect in effects.items()
        if effect is not None
    ]


def _bars(days: dict, period: Period, count: int) -> Iterable[dict[str, Any]]:
    """Mails sent and orders per day, as bars of an SVG."""
    first = period.since.astimezone(period.zone).date()
    most = max((figures.sent for figures in days.values()), default=0) or 1
    wide = WIDTH / count
    for place in range(count):
        day: date = first + timedelta(days=place)
        figures = days.get(day, Figures())
        tall, ordered = ((HEIGHT - 22) * value / most for value in (figures.sent, min(figures.ordered, most)))
        yield {
            "title": _("%(day)s: %(sent)s mails, %(ordered)s orders")
            % {
                "day": format_date(day, "medium", locale=cldr(language())),
                "sent": figures.sent,
                "ordered": figures.ordered,
            },
            "ordered": figures.ordered,
            "x": f"{place * wide:.2f}",
            "width": f"{max(1.0, wide - 1):.2f}",
            "y": f"{HEIGHT - 18 - tall:.2f}",
            "height": f"{tall:.2f}",
            "ordered_y": f"{HEIGHT - 18 - ordered:.2f}",
            "ordered_height": f"{max(0.0, ordered):.2f}",
        }


# -- the rows behind the figures ---------------------------------------------------------------------


@require_safe
@staff(Role.VIEWER)
def ledger(request: StaffRequest) -> HttpResponse:
    asked = lists.asked(request, {"id"})
    campaign = _campaign(request)
    rows = recovery_queries.ledger([shop.pk for shop in request.scope], campaign.pk if campaign else None)
    context = {
        "page": paging.page(rows, "-id", asked.size, asked.after, asked.before),
        "count": rows.count(),
        "size": asked.size,
        "shows_shops": len(request.scope) > 1,
        "campaign": campaign,
    }
    return render(request, "backoffice/ledger.html", context)


def _campaign(request: StaffRequest) -> Campaign | None:
    asked = request.GET.get("campaign", "")
    if not (asked.isascii() and asked.isdecimal() and len(asked) < 19):
        return None
    return Campaign.objects.filter(pk=int(asked), shop__in=request.scope).first()


urlpatterns = [
    path("report/", overview, name="report"),
    path("report/ledger/", ledger, name="ledger"),
]
