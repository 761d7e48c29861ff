"""The live page: who is in the shop now and what they put in their carts."""

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils import timezone
from django.views.decorators.http import require_safe

from ghostcart.backoffice.access import StaffRequest, staff
from ghostcart.backoffice.models import Role
from ghostcart.carts import log, watching
from ghostcart.carts.timeline import sentence
from ghostcart.lib import clock


@require_safe
@staff(Role.VIEWER)
def live(request: StaffRequest) -> HttpResponse:
    """The first paint; before there is any shop, the first steps.

    The place in the log is read before the state, so that the stream can only repeat.
    """
    if not request.shops and request.user.is_superuser:
        return redirect("backoffice:set-up")
    place = log.position()
    now = clock.now()
    shop_ids = [shop.pk for shop in request.scope]
    entries = [
        {"entry": event, "cart": event.cart, "sentence": sentence(event, event.cart.customer_label)}
        for event in watching.last_entries(shop_ids)
    ]
    context = {
        "place": place,
        "now": now,
        "zone": timezone.get_current_timezone_name(),
        "most": watching.MOST_ENTRIES,
        "keeps_seconds": int(watching.ACTIVE.total_seconds()),
        "shop_ids": shop_ids,
        "carts": watching.active_carts(shop_ids, now),
        "entries": entries,
        "figures": watching.figures(shop_ids, now),
        "shows_shops": len(request.shops) > 1,
    }
    return render(request, "backoffice/live.html", context)


urlpatterns = [path("", live, name="live")]
