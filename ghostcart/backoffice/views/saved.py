"""Saved views: filters of a list under a name of one's own."""

from django.contrib import messages
from django.http import HttpResponse
from django.urls import path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from ghostcart.backoffice import lists, services
from ghostcart.backoffice.access import StaffRequest, staff
from ghostcart.backoffice.views.profile import back

PAGES = ("carts", "customers", "messages", "orders", "products", "vouchers")


@require_POST
@staff()
def save_view(request: StaffRequest) -> HttpResponse:
    page, name = request.POST.get("page", ""), request.POST.get("name", "").replace("\x00", "").strip()[:60]
    query = request.POST.get("query", "")
    if page not in PAGES or not name or "\x00" in query or len(query) > lists.LONGEST_QUERY:
        messages.error(request, _("Give the view a name."))
        return back(request)
    services.save_view(request.user, page, name, query)
    messages.success(request, _("The view “%(name)s” is saved.") % {"name": name})
    return back(request)


@require_POST
@staff()
def delete_view(request: StaffRequest) -> HttpResponse:
    name = request.POST.get("name", "").replace("\x00", "")
    services.delete_view(request.user, request.POST.get("page", "").replace("\x00", ""), name)
    return back(request)


urlpatterns = [
    path("views/save/", save_view, name="view-save"),
    path("views/delete/", delete_view, name="view-delete"),
]
