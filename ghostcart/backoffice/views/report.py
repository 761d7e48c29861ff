"""The report: what the follow-ups caused, what is attributed to them, and the ledger that every figure opens into."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_safe

from ghostcart.backoffice import lists, reported
from ghostcart.backoffice.access import StaffRequest, may, staff
from ghostcart.backoffice.campaign_forms import language_name
from ghostcart.backoffice.campaign_words import day_name
from ghostcart.backoffice.models import Role
from ghostcart.backoffice.reported import Asked
from ghostcart.customers.models import Customer
from ghostcart.lib import clock, paging
from ghostcart.lib.money import format_minor
from ghostcart.lib.template_tags import language, number
from ghostcart.recovery import attributed, report
from ghostcart.recovery.attributed import MAILS, Figures, Group, Period
from ghostcart.recovery.models import Arm, Campaign, LedgerLine, Step
from ghostcart.recovery.report import Caused
from ghostcart.recovery.statistics import Effect, together
from ghostcart.shops.models import Shop

WIDTH, HEIGHT = 720, 120
BEFORE = ("sent", "delivered", "opened", "clicked", "by_machines", "restored")
"""The columns of the tables before the orders."""
PEOPLE = 50


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
    now, days = clock.now(), reported.days_of(request.GET)
    with lists.from_copy(request):
        shops = [_shop(Asked(shop, days, Group(), MAILS[0], now)) for shop in request.scope]
    context = {
        "shops": [one for one in shops if one["rows"]],
        "days": days,
        "periods": reported.PERIODS,
        "size": {"width": WIDTH, "height": HEIGHT, "base": HEIGHT - 18},
        "followed": report.FOLLOWED.days,
        "managed": [shop.pk for shop in request.scope if may(request.user, shop.pk, Role.MANAGER)],
    }
    return render(request, "backoffice/report.html", context)


def _shop(asked: Asked) -> dict[str, Any]:
    shop, days = asked.shop, asked.days
    campaigns = list(Campaign.objects.filter(shop=shop, started_at__isnull=False))
    total = asked.figures("all").get("all", Figures())
    each_day = asked.each_day()
    rows = [_row(campaign, asked.period, asked.now) for campaign in campaigns]
    return {
        "shop": shop,
        "key": str(shop.pk),
        "rows": rows,
        "headline": headline(rows, total, shop),
        "total": total,
        "query": reported.query(days),
        "shop_query": reported.query(days, shop=shop.pk),
        "tables": [
            ("step", [_line(asked, figures, step, step=step.pk) for step, figures in asked.steps()]),
            ("language", [_line(asked, figures, language_name(code), language=code)
                          for code, figures in asked.languages()]),
            ("day", [_line(asked, figures, day_name(day), day=day.isoformat()) for day, figures in each_day]),
        ],
        "bars": list(_bars(dict(each_day), asked.period, days)),
        "most": max((figures.sent for _day, figures in each_day), default=0),
        "since": asked.period.since,
        "until": asked.now,
    }  # fmt: skip


def _line(asked: Asked, figures: Figures, name: object, **group: object) -> dict[str, Any]:
    """A row of a table: its figures, each that counts mails with what opens it."""
    return {
        "name": name,
        "figures": figures,
        "query": reported.query(asked.days, **group),
        "before": [(what, getattr(figures, what)) for what in BEFORE],
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


def headline(rows: list[CampaignRow], total: Figures, shop: Shop) -> dict[str, str]:
    """The one number: what all campaigns caused; what followed them as long as that cannot be told."""

    def money(minor: float) -> str:
        return format_minor(round(minor), shop.currency, language())

    in_all = together(row.caused.revenue.get(shop.currency) for row in rows)
    followed = ngettext("%(count)s order", "%(count)s orders", total.ordered) % {"count": number(total.ordered)}
    after = _("%(amount)s from %(orders)s followed the mails in this period.") % {
        "amount": money(total.revenue.get(shop.currency, 0)),
        "orders": followed,
    }
    if in_all is None:
        return {"value": _("Too early to say"), "note": after}
    limits = {"guess": money(in_all.estimate), "low": money(in_all.low), "high": money(in_all.high)}
    if in_all.is_gain or in_all.is_loss:
        value, note = _("about %(guess)s") % limits, _("Between %(low)s and %(high)s.") % limits
    else:
        value, note = _("Not certain yet"), _("Best guess %(guess)s, between %(low)s and %(high)s.") % limits
    return {"value": value, "note": f"{note} {after}"}


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
                "day": day_name(day),
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
def mails(request: StaffRequest, shop_id: int) -> HttpResponse:
    """The mails that one of the figures counts."""
    asked = reported.asked({**request.GET.dict(), "shop": str(shop_id)}, request.scope, clock.now())
    if asked is None:
        raise Http404
    rows, place = asked.mails(), lists.asked(request, {"id"})
    found = rows.select_related("message__customer", "step__campaign", "enrolment").prefetch_related("message__events")
    context = {
        "page": paging.page(found, "-id", place.size, place.after, place.before),
        "count": rows.count(),
        "size": place.size,
        "asked": asked,
        "name": reported.names()[asked.what],
        "group": _group_name(asked),
    }
    return render(request, "backoffice/report_mails.html", context)


def _group_name(asked: Asked) -> str:
    """Which row of the figures it is, in words; empty for all together."""
    group = asked.group
    if group.day:
        return day_name(group.day)
    if group.language:
        return language_name(group.language)
    steps = Step.objects.filter(pk=group.step or 0, campaign__shop=asked.shop).select_related("campaign")
    return "".join(f"{step.campaign.name} · {step.position}" for step in steps)


@require_safe
@staff(Role.VIEWER)
def people(request: StaffRequest, campaign_id: int) -> HttpResponse:
    """Everybody whom the comparison counts: in which group, since when, and what they ordered in their time."""
    campaign = get_object_or_404(Campaign, pk=campaign_id, shop__in=request.scope)
    arm = request.GET.get("arm", "")
    only_buyers = "bought" in request.GET
    found = [
        one
        for one in report.followed(campaign, clock.now())
        if arm in ("", one.arm) and (one.orders or not only_buyers)
    ]
    pages = Paginator(found, PEOPLE)
    page = pages.get_page(request.GET.get("page"))
    known = Customer.objects.in_bulk([one.customer_id for one in page.object_list if one.customer_id])
    context = {
        "campaign": campaign,
        "rows": [(one, known.get(one.customer_id or 0)) for one in page.object_list],
        "page": page,
        "count": pages.count,
        "arm": str(Arm(arm).label) if arm in Arm.values else "",
        "only_buyers": only_buyers,
        "followed": report.FOLLOWED.days,
    }
    return render(request, "backoffice/report_people.html", context)


@require_safe
@staff(Role.VIEWER)
def ledger(request: StaffRequest) -> HttpResponse:
    """All lines, or those that a figure of the report counts."""
    place = lists.asked(request, {"id"})
    asked = reported.asked(request.GET.dict(), request.scope, clock.now())
    found = asked.lines() if asked else LedgerLine.objects.filter(shop__in=request.scope)
    campaign = _campaign(request)
    if campaign is not None:
        found = found.filter(campaign=campaign)
    rows = found.select_related("shop", "campaign", "order", "enrolment__cart", "reminder__step")
    context = {
        "page": paging.page(rows, "-id", place.size, place.after, place.before),
        "count": found.count(),
        "size": place.size,
        "shows_shops": len(request.scope) > 1 and asked is None,
        "campaign": campaign,
        "asked": asked,
        "group": _group_name(asked) if asked else "",
        "export_query": lists.lasting(request.GET) if asked and may(request.user, asked.shop.pk, Role.MANAGER) else "",
    }
    return render(request, "backoffice/ledger.html", context)


def _campaign(request: StaffRequest) -> Campaign | None:
    asked = lists.whole(request.GET.get("campaign"))
    return Campaign.objects.filter(pk=asked, shop__in=request.scope).first() if asked else None


urlpatterns = [
    path("report/", overview, name="report"),
    path("report/<int:shop_id>/mails/", mails, name="report-mails"),
    path("report/<int:campaign_id>/people/", people, name="report-people"),
    path("report/ledger/", ledger, name="ledger"),
]
