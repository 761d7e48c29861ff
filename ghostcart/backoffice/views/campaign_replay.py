"""The replay of a campaign: what it would have done in the past days."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from time import monotonic
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from ghostcart.backoffice import campaign_words as words
from ghostcart.backoffice import lists
from ghostcart.backoffice.access import StaffRequest, staff
from ghostcart.backoffice.models import Role
from ghostcart.backoffice.views.campaigns import found, shown
from ghostcart.customers.models import Customer
from ghostcart.lib import clock
from ghostcart.lib.template_tags import number
from ghostcart.recovery import campaigns, reasons, replay
from ghostcart.recovery.models import Campaign, VoucherKind
from ghostcart.recovery.replay import Replay, Row

PERIODS = (7, 30, 90)
"""Days that can be asked for."""
ROWS_SHOWN = 50
LONGEST = 25.0
"""Seconds. A page that takes longer is better asked for fewer days."""
WIDTH, HEIGHT, FOOT = 720, 150, 18
"""Of the chart."""


class TakesTooLong(Exception):
    """There is too much past to go through while somebody waits for the page."""


@require_safe
@staff(Role.VIEWER)
def campaign_replay(request: StaffRequest, campaign_id: int) -> HttpResponse:
    """What the campaign would have done, by the same rules as live; nothing is sent. Runs when asked by `days`."""
    one = found(request, campaign_id, Role.VIEWER)
    asked = request.GET.get("days", "")
    context = shown(request, one, days=int(asked) if asked in map(str, PERIODS) else None, choices=PERIODS)
    if context["days"]:
        try:
            with lists.from_copy(request):
                played = replay.run(one, now=clock.now(), days=context["days"], progress=until(monotonic() + LONGEST))
        except TakesTooLong:
            context["takes_too_long"] = True
        else:
            context |= told(one, played)
    name = "_campaign_replay" if request.headers.get("HX-Request") else "campaign_replay"
    return render(request, f"backoffice/{name}.html", context)


def until(end: float) -> replay.Progress:
    def progress(done: int, of: int) -> None:
        if monotonic() > end:
            raise TakesTooLong

    return progress


def told(campaign: Campaign, played: Replay) -> dict[str, Any]:
    """What the page shows of a replay: figures, a chart, why somebody got nothing, and the newest mails."""
    newest = played.rows[::-1][:ROWS_SHOWN]
    customers = Customer.objects.in_bulk({row.customer_id for row in newest})
    numbers = {step.pk: place for place, step in enumerate(campaigns.steps(campaign), start=1)}
    totals = played.totals
    return {
        "replay": played,
        "totals": totals,
        "cost": words.amounts(totals.cost_minor),
        "reasons": [(_why(reason), count) for reason, count in totals.reasons.most_common(12)],
        "chart": list(bars(played)),
        "most": max((day.mails for day in _days(played)), default=0),
        "size": {"width": WIDTH, "height": HEIGHT + FOOT, "base": HEIGHT},
        "rows": [
            {
                "row": row,
                "customer": customers.get(row.customer_id),
                "number": numbers.get(row.step_id, row.position),
                "voucher": VoucherKind(row.voucher).label if row.voucher != VoucherKind.NONE else "",
            }
            for row in newest
        ],
    }


def _why(reason: str) -> str:
    """A reason for many people at once, so without the details of one."""
    return _("The campaign is not for them.") if reason == "audience" else reasons.sentence(reason)


@dataclass(frozen=True, slots=True)
class Day:
    day: date
    mails: int
    bought: int
    """Of them to people who bought within 30 days, without any mail."""


def _days(played: Replay) -> list[Day]:
    """Each local day of the replay, with what would have gone out on it."""
    first, last = (timezone.localtime(moment).date() for moment in (played.start, played.end))
    mails: Counter[date] = Counter(_day_of(row) for row in played.rows)
    bought: Counter[date] = Counter(_day_of(row) for row in played.rows if row.bought_anyway)
    days = (first + timedelta(days=place) for place in range((last - first).days + 1))
    return [Day(day, mails[day], bought[day]) for day in days]


def _day_of(row: Row) -> date:
    return timezone.localtime(row.at).date()


def bars(played: Replay) -> Iterator[dict[str, Any]]:
    """A bar for each day, in the coordinates of the chart."""
    days = _days(played)
    most = max((day.mails for day in days), default=0)
    if not most:
        return
    width = WIDTH / len(days)
    for place, day in enumerate(days):
        tall, low = (round(HEIGHT * count / most, 1) for count in (day.mails, day.bought))
        yield {
            "x": round(place * width + width * 0.1, 1),
            "width": round(width * 0.8, 1),
            "y": HEIGHT - tall,
            "height": tall,
            "bought_y": HEIGHT - low,
            "bought_height": low,
            "title": _("%(day)s: %(mails)s mails, %(bought)s of them to people who bought anyway")
            % {"day": words.day_name(day.day), "mails": number(day.mails), "bought": number(day.bought)},
        }


urlpatterns = [
    path("campaigns/<int:campaign_id>/replay/", campaign_replay, name="campaign-replay"),
]
