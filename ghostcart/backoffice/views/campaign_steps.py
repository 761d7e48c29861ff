"""The steps of a campaign: adding, editing with a preview, moving, removing, and a test mail to staff."""

from collections.abc import Callable
from typing import Any

from csp.constants import NONE, SELF, UNSAFE_INLINE
from csp.decorators import csp, csp_update
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from ghostcart.backoffice import campaign_words as words
from ghostcart.backoffice import looks
from ghostcart.backoffice.access import StaffRequest, staff
from ghostcart.backoffice.campaign_forms import language_name
from ghostcart.backoffice.models import Role
from ghostcart.backoffice.step_form import StepForm
from ghostcart.backoffice.views.campaigns import found, shown
from ghostcart.lib import clock
from ghostcart.lib.errors import GhostcartError, SavedMeanwhile
from ghostcart.mail import outbox, samples, templates
from ghostcart.recovery import campaigns
from ghostcart.recovery.models import Campaign, Step

MAILS_OWN_POLICY = {
    "default-src": [NONE],
    "img-src": [SELF, "data:"],
    "style-src": [UNSAFE_INLINE],
    "frame-ancestors": [SELF],
    "sandbox": True,
}
"""Of the frame in which a mail is shown: merchants write what stands in it, so it may do nothing at all."""

with_frames = csp_update({"frame-src": [SELF]})


def step_of(campaign: Campaign, step_id: int) -> Step:
    step = campaigns.steps(campaign).filter(pk=step_id).first()
    if step is None:
        raise Http404
    step.campaign = campaign
    return step


def back_to(campaign: Campaign, step: Step | None = None) -> HttpResponse:
    url = reverse("backoffice:campaign", args=[campaign.pk])
    return redirect(f"{url}#step-{step.pk}" if step else url)


def _shown(request: StaffRequest, campaign: Campaign, step: Step, **more: Any) -> dict[str, Any]:
    """What both pages of a step show: the tools of the preview among it."""
    shop = campaign.shop
    asked = request.POST.get("language", "")
    return shown(
        request,
        campaign,
        step=step,
        number=[one.pk for one in campaigns.steps(campaign)].index(step.pk) + 1,
        shown_language=next((one for one in (asked, get_language()) if one in shop.languages), shop.language),
        languages=[(one, language_name(one)) for one in shop.languages],
        carts=looks.carts(shop),
        **more,
    )


# -- looking -------------------------------------------------------------------------------------------


@with_frames
@require_safe
@staff(Role.VIEWER)
def step(request: StaffRequest, campaign_id: int, step_id: int) -> HttpResponse:
    """The mail of a step, as those see it who get it."""
    campaign = found(request, campaign_id, Role.VIEWER)
    one = step_of(campaign, step_id)
    context = _shown(request, campaign, one, goes_out=words.goes_out(one, campaign.kind), voucher=words.voucher(one))
    return render(request, "backoffice/campaign_step.html", context)


@csp(MAILS_OWN_POLICY)
@xframe_options_sameorigin
@require_http_methods(["GET", "HEAD", "POST"])
@staff(Role.VIEWER)
def step_preview(request: StaffRequest, campaign_id: int, step_id: int) -> HttpResponse:
    """The mail in a frame: by POST as it stands in the form, else as it is saved. Its links lead nowhere."""
    campaign = found(request, campaign_id, Role.VIEWER)
    one = step_of(campaign, step_id)
    asked = looks.Asked.of(request.POST or request.GET, campaign.shop)
    texts = one.texts
    if f"body_{asked.language}" in request.POST:
        form = StepForm(request.POST, step=one, shop=campaign.shop)
        texts = form.texts()
        if form.is_valid():
            looks.put_voucher(one, form.values())
    look = looks.draw(one, texts, asked, clock.now())
    return render(
        request,
        "backoffice/mail_look.html",
        {"look": look, "asked": asked, "look_scheme": "dark" if asked.is_dark else "light"},
    )


# -- editing -------------------------------------------------------------------------------------------


@with_frames
@require_http_methods(["GET", "HEAD", "POST"])
@staff(Role.MANAGER)
def step_edit(request: StaffRequest, campaign_id: int, step_id: int) -> HttpResponse:
    """The form saves, copies a text into another language or sends a test; whatever happens, what was typed stays."""
    campaign = found(request, campaign_id, Role.MANAGER)
    one = step_of(campaign, step_id)
    data = request.POST or None
    action = request.POST.get("action", "")
    if data is not None and action.startswith("copy:"):
        data = _copied(request.POST, action.removeprefix("copy:"))
    form = StepForm(data, step=one, shop=campaign.shop)
    if request.method == "POST" and not action.startswith("copy:") and _is_sound(form, campaign):
        if action == "test":
            _send_test(request, campaign, one, form)
        elif _is_saved(one, form):
            messages.success(request, _("The step is saved."))
            return back_to(campaign, one)
    context = _shown(
        request,
        campaign,
        one,
        form=form,
        variables=templates.variables(campaign.kind),
        staff=looks.staff_addresses(campaign.shop, request.user),
        test_to=request.POST.get("test_to") or request.user.email,
    )
    return render(request, "backoffice/campaign_step_edit.html", context)


def _copied(typed: Any, language: str) -> Any:
    """What was typed, with the text of one language copied into another."""
    data = typed.copy()
    source = typed.get(f"copy_{language}", "")
    for name in ("subject", "body"):
        if f"{name}_{source}" in typed:
            data[f"{name}_{language}"] = typed[f"{name}_{source}"]
    return data


def _is_sound(form: StepForm, campaign: Campaign) -> bool:
    """Whether the form can be read and its texts can be drawn; what is wrong is told beside the text."""
    is_valid = form.is_valid()
    for language in campaign.shop.languages:
        for problem in looks.problems(form.typed(language), campaign.kind):
            form.add_error(f"{problem.field}_{language}", problem.sentence)
            is_valid = False
    return is_valid


def _is_saved(step: Step, form: StepForm) -> bool:
    try:
        campaigns.save_step(step, shown=form.cleaned_data["mark"], **form.values())
    except SavedMeanwhile as error:
        form.overtake(error, campaigns.step_mark(Step.objects.get(pk=step.pk)))
        return False
    except GhostcartError as error:
        form.add_error(None, str(error))
        return False
    return True


def _send_test(request: StaffRequest, campaign: Campaign, step: Step, form: StepForm) -> None:
    """A mail of what stands in the form to one of the staff. The worker sends it, unless the address is suppressed."""
    address = request.POST.get("test_to", "")
    if address not in looks.staff_addresses(campaign.shop, request.user):
        messages.error(request, _("Choose who of the staff gets the test mail."))
        return
    asked = looks.Asked.of(request.POST, campaign.shop)
    looks.put_voucher(step, form.values())
    now = clock.now()
    template, facts = looks.parts(step, form.texts(), asked, now)
    if not template["body"]:
        messages.error(request, _("There is no text in this language yet."))
        return
    outbox.enqueue(
        shop_id=campaign.shop_id,
        kind="test",
        address=address,
        language=asked.language,
        due_at=now,
        now=now,
        template=template,
        facts=facts | {"links": samples.dead_links(campaign.kind)},
        is_demo=campaign.is_demo,
    )
    messages.success(request, _("A test mail to %(address)s is on its way.") % {"address": address})


@require_POST
@staff(Role.MANAGER)
def step_add(request: StaffRequest, campaign_id: int) -> HttpResponse:
    campaign = found(request, campaign_id, Role.MANAGER)
    return _changed(request, campaign, lambda: campaigns.add_step(campaign), is_new=True)


@require_POST
@staff(Role.MANAGER)
def step_move(request: StaffRequest, campaign_id: int, step_id: int) -> HttpResponse:
    campaign = found(request, campaign_id, Role.MANAGER)
    one = step_of(campaign, step_id)
    way = -1 if request.POST.get("way") == "up" else 1
    return _changed(request, campaign, lambda: campaigns.move_step(one, way))


@require_POST
@staff(Role.MANAGER)
def step_remove(request: StaffRequest, campaign_id: int, step_id: int) -> HttpResponse:
    campaign = found(request, campaign_id, Role.MANAGER)
    one = step_of(campaign, step_id)
    return _changed(request, campaign, lambda: campaigns.remove_step(one, clock.now()))


def _changed(
    request: StaffRequest, campaign: Campaign, change: Callable[[], Step | None], *, is_new: bool = False
) -> HttpResponse:
    """Do it, tell what was refused, and go back to the steps, or on to the new one."""
    try:
        step = change()
    except GhostcartError as error:
        messages.error(request, str(error))
        return back_to(campaign)
    if is_new and step:
        return redirect("backoffice:campaign-step-edit", campaign_id=campaign.pk, step_id=step.pk)
    return back_to(campaign)


STEP = "campaigns/<int:campaign_id>/steps/<int:step_id>/"

urlpatterns = [
    path("campaigns/<int:campaign_id>/steps/", step_add, name="campaign-step-add"),
    path(STEP, step, name="campaign-step"),
    path(f"{STEP}edit/", step_edit, name="campaign-step-edit"),
    path(f"{STEP}preview/", step_preview, name="campaign-step-preview"),
    path(f"{STEP}move/", step_move, name="campaign-step-move"),
    path(f"{STEP}remove/", step_remove, name="campaign-step-remove"),
]
