"""The replay of a campaign: what it would have done in the past days."""

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import path
from django.views.decorators.http import require_safe

from ghostcart.backoffice.access import StaffRequest, staff
from ghostcart.backoffice.models import Role
from ghostcart.backoffice.views.campaigns import found, shown
from ghostcart.lib import clock
from ghostcart.recovery import replay

PERIODS = (7, 30, 90)
"""Days that can be asked for."""


@require_safe
@staff(Role.VIEWER)
def campaign_replay(request: StaffRequest, campaign_id: int) -> HttpResponse:
    """What the campaign would have done, by the same rules as live; nothing is sent. Runs when asked by `days`."""
    one = found(request, campaign_id, Role.VIEWER)
    asked = request.GET.get("days", "")
    context = shown(request, one, days=int(asked) if asked in map(str, PERIODS) else None, choices=PERIODS)
    if context["days"]:
        context["replay"] = replay.run(one, now=clock.now(), days=context["days"])
    name = "_campaign_replay" if request.headers.get("HX-Request") else "campaign_replay"
    return render(request, f"backoffice/{name}.html", context)


urlpatterns = [
    path("campaigns/<int:campaign_id>/replay/", campaign_replay, name="campaign-replay"),
]
