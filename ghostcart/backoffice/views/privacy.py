"""What a person may ask for: all that is kept of them as a file, and that it goes."""

from django.contrib import messages
from django.http import HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_safe

from ghostcart.backoffice.access import StaffRequest, staff
from ghostcart.backoffice.models import Role
from ghostcart.backoffice.views.customers import the_customer
from ghostcart.lib import clock
from ghostcart.recovery import privacy


@require_safe
@staff(Role.MANAGER)
def customer_data(request: StaffRequest, customer_id: int) -> HttpResponse:
    found = the_customer(request, customer_id, Role.MANAGER)
    options = {"ensure_ascii": False, "indent": 1}
    response = JsonResponse(privacy.export(found, clock.now()), json_dumps_params=options)
    response["Content-Disposition"] = f'attachment; filename="customer-{found.pk}.json"'
    return response


@require_http_methods(["GET", "HEAD", "POST"])
@staff(Role.MANAGER)
def customer_erase(request: StaffRequest, customer_id: int) -> HttpResponse:
    """GET says what goes and what stays, POST does it."""
    found = the_customer(request, customer_id, Role.MANAGER)
    now = clock.now()
    if request.method == "POST":
        erased = privacy.erase(found, f"staff:{request.user.pk}", now)
        messages.success(request, _("The customer is erased."))
        if erased.orders_kept:
            kept = erased.orders_kept
            told = ngettext(
                "%(number)s order keeps name and address for as long as the law wants it.",
                "%(number)s orders keep name and address for as long as the law wants it.",
                kept,
            )
            messages.info(request, told % {"number": kept})
        return redirect("backoffice:customer", customer_id=found.pk)
    context = {"customer": found, "reach": privacy.reach(found, now)}
    return render(request, "backoffice/customer_erase.html", context)


urlpatterns = [
    path("customers/<int:customer_id>/data/", customer_data, name="customer-data"),
    path("customers/<int:customer_id>/erase/", customer_erase, name="customer-erase"),
]
