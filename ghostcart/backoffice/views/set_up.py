"""The first morning: what there is to do before the first cart comes back, and how far it is."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from ghostcart.backoffice import set_up as first_steps
from ghostcart.backoffice.access import StaffRequest, owned, staff
from ghostcart.backoffice.models import Role
from ghostcart.lib import clock
from ghostcart.mail import relay
from ghostcart.shops import services
from ghostcart.shops.errors import NotConfirmed
from ghostcart.shops.models import Shop


def _shop(request: StaffRequest) -> Shop | None:
    """The one in view if it is theirs, else the first that is."""
    shops = owned(request)
    return request.shop if request.shop in shops else next(iter(shops), None)


@require_http_methods(["GET", "HEAD", "POST"])
@staff(Role.OWNER)
def set_up(request: StaffRequest) -> HttpResponse:
    """The steps; a POST makes the first shop. There a superuser comes before anybody owns one."""
    shop = _shop(request)
    form = None
    if request.user.is_superuser and (shop is None or "another" in request.GET):
        form = first_steps.ShopForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            now = clock.now()
            try:
                made = services.create(**form.settings(), chosen=form.chosen(request.user.actor, now), now=now)
            except NotConfirmed as error:
                form.ask_for_the_tick(error)
            else:
                messages.success(request, _("%(shop)s is open.") % {"shop": made.name})
                return redirect("backoffice:set-up")
    steps = first_steps.steps(shop, request.user)
    context = {"shop": shop, "steps": steps, "form": form, "is_open": first_steps.is_open(steps)}
    return render(request, "backoffice/set_up.html", context)


@require_POST
@staff(Role.OWNER)
def set_up_test(request: StaffRequest) -> HttpResponse:
    shop = _shop(request)
    if shop is not None:
        sent = first_steps.send_test(shop, request.user, (get_language() or "en")[:2], clock.now())
        if trouble := relay.trouble():
            messages.warning(request, trouble)
        else:
            messages.success(request, _("A test mail to %(address)s is on its way.") % {"address": sent.address})
    return redirect("backoffice:set-up")


urlpatterns = [
    path("set-up/", set_up, name="set-up"),
    path("set-up/test/", set_up_test, name="set-up-test"),
]
