"""Exports: asking for one, and the page that shows how far it is."""

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from ghostcart.backoffice import exports, lists
from ghostcart.backoffice.access import StaffRequest, managed, staff
from ghostcart.backoffice.models import Export, Role
from ghostcart.backoffice.views.profile import back
from ghostcart.lib import clock

LISTS = {
    "carts": ("backoffice:cart-list", gettext_lazy("Shopping carts")),
    "report": ("backoffice:report", gettext_lazy("Report")),
    "ledger": ("backoffice:ledger", gettext_lazy("Ledger")),
}
"""The page from which each is asked for."""


@require_POST
@staff(Role.MANAGER)
def export_create(request: StaffRequest) -> HttpResponse:
    page, query, format = (request.POST.get(name, "") for name in ("page", "query", "format"))
    shops = [shop.pk for shop in managed(request, request.scope)]
    is_known = page in exports.SHEETS and format in Export.Format.values
    if not (is_known and shops) or len(query) > lists.LONGEST_QUERY or "\x00" in query:
        messages.error(request, _("This list cannot be exported."))
        return back(request)
    language = (get_language() or "en")[:2]
    export = exports.ask(
        request.user, page=page, query=query, shop_ids=shops, format=format, language=language, now=clock.now()
    )
    return redirect("backoffice:export", token=export.token)


def _shown(request: StaffRequest, token: str) -> dict[str, object]:
    """Nobody sees another's exports, nor their own of a shop that they manage no longer."""
    export = Export.objects.filter(token=token, user=request.user).first()
    if export is None or not export.is_open:
        raise Http404
    url_name, name = LISTS[export.page]
    return {"export": export, "list_url": reverse(url_name), "list_name": name}


@require_safe
@staff(Role.MANAGER)
def export(request: StaffRequest, token: str) -> HttpResponse:
    return render(request, "backoffice/export.html", _shown(request, token))


@require_safe
@staff(Role.MANAGER)
def export_progress(request: StaffRequest, token: str) -> HttpResponse:
    return render(request, "backoffice/_export_progress.html", _shown(request, token))


urlpatterns = [
    path("exports/", export_create, name="export-create"),
    path("exports/<str:token>/", export, name="export"),
    path("exports/<str:token>/progress/", export_progress, name="export-progress"),
]
