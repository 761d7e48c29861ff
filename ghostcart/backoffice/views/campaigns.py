"""Campaigns: the list, a new one, its page with all that starts and stops it, whom it is for, settings."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from ghostcart.backoffice import campaign_words as words
from ghostcart.backoffice import looks
from ghostcart.backoffice.access import StaffRequest, managed, may, may_anywhere, require, staff
from ghostcart.backoffice.campaign_forms import AudienceForm, CampaignForm, NewCampaignForm
from ghostcart.backoffice.models import Role
from ghostcart.lib import clock
from ghostcart.lib.errors import GhostcartError
from ghostcart.recovery import campaigns, counts, queries
from ghostcart.recovery.kinds import TRAITS
from ghostcart.recovery.models import Campaign, CampaignState, Kind

SAMPLE = 20


def found(request: StaffRequest, campaign_id: int, least: Role) -> Campaign:
    """The campaign; 404 if it is none of theirs."""
    campaign = Campaign.objects.select_related("shop").filter(pk=campaign_id).first()
    if campaign is None:
        raise Http404
    require(request.user, campaign.shop_id, least)
    return campaign


def shown(request: StaffRequest, campaign: Campaign, **more: Any) -> dict[str, Any]:
    """What every page of a campaign shows."""
    look, icon = words.STATE_LOOKS[CampaignState(campaign.state)]
    return {
        "campaign": campaign,
        "kind": words.KINDS[campaign.kind],
        "traits": TRAITS[campaign.kind],
        "state_look": look,
        "state_icon": icon,
        "may_edit": may(request.user, campaign.shop_id, Role.MANAGER) and campaign.state != CampaignState.ENDED,
        **more,
    }


# -- the list -----------------------------------------------------------------------------------------


@require_safe
@staff(Role.VIEWER)
def campaign_list(request: StaffRequest) -> HttpResponse:
    listed = list(
        Campaign.objects.filter(shop__in=request.scope)
        .select_related("shop")
        .prefetch_related("steps")
        .order_by("shop_id", "priority", "pk")
    )
    figures = counts.of(listed, clock.now())
    rows = [
        shown(
            request,
            campaign,
            counts=figures[campaign.pk],
            step_count=sum(step.removed_at is None for step in campaign.steps.all()),
        )
        for campaign in listed
    ]
    context = {
        "rows": rows,
        "kinds": words.kinds(),
        "shows_shops": len(request.scope) > 1,
        "may_add": may_anywhere(request, Role.MANAGER) and bool(managed(request, request.scope)),
    }
    return render(request, "backoffice/campaign_list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@staff(Role.MANAGER)
def campaign_new(request: StaffRequest) -> HttpResponse:
    shops = managed(request, request.scope) or managed(request)
    if not shops:
        return redirect("backoffice:set-up")
    asked = request.GET.get("kind", "")
    kind = Kind(asked) if asked in Kind.values else Kind.ABANDONED
    initial = {"kind": kind, "shop": shops[0].pk, "name": str(kind.label)}
    form = NewCampaignForm(request.POST or None, shops=shops, initial=initial)
    if request.method == "POST" and form.is_valid():
        values = form.cleaned_data
        made = campaigns.create(values["shop"], values["kind"], values["name"], clock.now())
        messages.success(request, _("The campaign is made. Nobody gets anything before you start it."))
        return redirect("backoffice:campaign", campaign_id=made.pk)
    return render(request, "backoffice/campaign_new.html", {"form": form, "kinds": words.kinds()})


# -- one campaign -------------------------------------------------------------------------------------


@require_safe
@staff(Role.VIEWER)
def campaign(request: StaffRequest, campaign_id: int) -> HttpResponse:
    one = found(request, campaign_id, Role.VIEWER)
    steps = [
        {
            "step": step,
            "number": place,
            "goes_out": words.goes_out(step, one.kind),
            "voucher": words.voucher(step),
            "missing": words.missing(step, one.shop),
            "subject": looks.subject(step),
        }
        for place, step in enumerate(campaigns.steps(one), start=1)
    ]
    context = shown(
        request,
        one,
        steps=steps,
        counts=counts.of([one], clock.now())[one.pk],
        audience=words.audience(one),
        holdout=one.holdout_bp / 10_000,
        stopped=queries.stopped(one),
        paused_for=words.PAUSED_FOR.get(one.paused_for, ""),
    )
    return render(request, "backoffice/campaign.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@staff(Role.MANAGER)
def campaign_start(request: StaffRequest, campaign_id: int) -> HttpResponse:
    """Says what starting does, and how many a back-fill would reach; only the right number starts one."""
    one = found(request, campaign_id, Role.MANAGER)
    if one.state != CampaignState.DRAFT:
        return redirect("backoffice:campaign", campaign_id=one.pk)
    now = clock.now()
    error, typed = "", request.POST.get("backfill_count", "").strip()
    wants_backfill = request.POST.get("backfill") == "yes"
    if request.method == "POST":
        number = int(typed) if typed.isascii() and typed.isdecimal() and len(typed) < 10 else -1
        try:
            campaigns.start(one, now, number if wants_backfill else None)
        except GhostcartError as refused:
            error = str(refused)
        else:
            messages.success(request, _("The campaign is running."))
            return redirect("backoffice:campaign", campaign_id=one.pk)
    context = shown(
        request,
        one,
        holdout=one.holdout_bp / 10_000,
        backfill_count=queries.backfill_count(one, now),
        wants_backfill=wants_backfill,
        typed=typed,
        error=error,
        problems=campaigns.problems(one),
    )
    return render(request, "backoffice/campaign_start.html", context)


@require_POST
@staff(Role.MANAGER)
def campaign_state(request: StaffRequest, campaign_id: int) -> HttpResponse:
    """Pause, resume, end, or let an unusually large run through."""
    one = found(request, campaign_id, Role.MANAGER)
    now, action = clock.now(), request.POST.get("action", "")
    size = request.POST.get("size", "")
    try:
        if action == "pause":
            campaigns.pause(one, "staff")
            messages.success(request, _("The campaign is paused. What was planned waits."))
        elif action == "resume":
            campaigns.resume(one, now)
            messages.success(request, _("The campaign goes on."))
        elif action == "end":
            campaigns.end(one, now)
            messages.success(request, _("The campaign has ended."))
        elif action == "let_through" and size.isascii() and size.isdecimal() and len(size) < 10:
            campaigns.let_through(one, int(size), now)
            messages.success(request, _("This run may go on. A still larger one stops again."))
    except GhostcartError as error:
        messages.error(request, str(error))
    return redirect("backoffice:campaign", campaign_id=one.pk)


# -- whom it is for -----------------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
@staff(Role.MANAGER)
def campaign_audience(request: StaffRequest, campaign_id: int) -> HttpResponse:
    one = found(request, campaign_id, Role.MANAGER)
    form = AudienceForm(request.POST or None, shop=one.shop, audience=one.audience)
    if request.method == "POST" and form.is_valid():
        try:
            campaigns.save(one, audience=form.audience())
        except GhostcartError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, _("Whom the campaign is for is saved."))
            return redirect("backoffice:campaign", campaign_id=one.pk)
    return render(request, "backoffice/campaign_audience.html", shown(request, one, form=form))


@require_POST
@staff(Role.MANAGER)
def campaign_meet(request: StaffRequest, campaign_id: int) -> HttpResponse:
    """Who would be met now by the audience as it stands in the form. Nothing is saved."""
    one = found(request, campaign_id, Role.MANAGER)
    form = AudienceForm(request.POST, shop=one.shop, audience=one.audience)
    context = shown(request, one, form=form, is_asked=True, is_valid=form.is_valid())
    if context["is_valid"]:
        one.audience = form.audience()
        context["count"], context["sample"] = queries.would_meet(one, clock.now(), limit=SAMPLE)
    name = "_campaign_meet" if request.headers.get("HX-Request") else "campaign_audience"
    return render(request, f"backoffice/{name}.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@staff(Role.MANAGER)
def campaign_settings(request: StaffRequest, campaign_id: int) -> HttpResponse:
    one = found(request, campaign_id, Role.MANAGER)
    form = CampaignForm(request.POST or None, campaign=one)
    if request.method == "POST" and form.is_valid():
        try:
            campaigns.save(one, **form.values())
        except GhostcartError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, _("The settings of the campaign are saved."))
            return redirect("backoffice:campaign", campaign_id=one.pk)
    return render(request, "backoffice/campaign_settings.html", shown(request, one, form=form))


urlpatterns = [
    path("campaigns/", campaign_list, name="campaigns"),
    path("campaigns/new/", campaign_new, name="campaign-new"),
    path("campaigns/<int:campaign_id>/", campaign, name="campaign"),
    path("campaigns/<int:campaign_id>/start/", campaign_start, name="campaign-start"),
    path("campaigns/<int:campaign_id>/state/", campaign_state, name="campaign-state"),
    path("campaigns/<int:campaign_id>/audience/", campaign_audience, name="campaign-audience"),
    path("campaigns/<int:campaign_id>/audience/meet/", campaign_meet, name="campaign-meet"),
    path("campaigns/<int:campaign_id>/settings/", campaign_settings, name="campaign-settings"),
]
