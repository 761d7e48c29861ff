"""Customers: the list, and the page of one customer."""

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from ghostcart.backoffice import lists, queries
from ghostcart.backoffice.access import StaffRequest, may, require, staff
from ghostcart.backoffice.forms import CustomerFilters, NoteForm
from ghostcart.backoffice.models import Role
from ghostcart.customers import filters, services
from ghostcart.customers.filters import CustomerFilter
from ghostcart.customers.models import Customer
from ghostcart.lib import clock
from ghostcart.lib.errors import SavedMeanwhile
from ghostcart.lib.marks import mark

PAGE = "customers"


@require_safe
@staff(Role.VIEWER)
def customer_list(request: StaffRequest) -> HttpResponse:
    if elsewhere := lists.recalled(request, PAGE):
        return elsewhere
    form = CustomerFilters(request.GET)
    wanted = _wanted(request, form.asked())
    asked = lists.asked(request, filters.SORTS)
    with lists.from_copy(request):
        page = filters.page(wanted, asked.sort, asked.size, asked.after, asked.before)
        rows, count = queries.customer_rows(page.rows), filters.count(wanted)
    context = {
        "form": form,
        "page": page,
        "rows": rows,
        "count": count,
        "sort": asked.sort,
        "size": asked.size,
        "is_filtered": bool(form.asked()),
        "shows_shops": len(request.scope) > 1,
        **lists.saved_views(request, PAGE),
    }
    return render(request, "backoffice/customer_list.html", context)


def _wanted(request: StaffRequest, asked: dict) -> CustomerFilter:
    return CustomerFilter(
        shop_ids=tuple(shop.pk for shop in request.scope),
        text=asked.get("q", ""),
        is_guest={"guest": True, "account": False}.get(asked.get("kind", "")),
        language=asked.get("language", ""),
        has_consent={"yes": True, "no": False}.get(asked.get("consent", "")),
        registered_from=lists.first_moment(asked.get("registered_from")),
        registered_to=lists.moment_after(asked.get("registered_to")),
    )


def the_customer(request: StaffRequest, customer_id: int, least: Role) -> Customer:
    """The customer of a page, for those who have at least this role in the shop."""
    customer = queries.find_customer(customer_id)
    if customer is None:
        raise Http404
    require(request.user, customer.shop_id, least)
    return customer


@require_safe
@staff(Role.VIEWER)
def customer(request: StaffRequest, customer_id: int) -> HttpResponse:
    found = the_customer(request, customer_id, Role.VIEWER)
    return _page(request, found, NoteForm(initial={"note": found.note, "mark": mark(found.note)}))


def _page(request: StaffRequest, found: Customer, note_form: NoteForm) -> HttpResponse:
    context = {
        "data": queries.customer_page(found, request.GET.get("after"), request.GET.get("before"), clock.now()),
        "customer": found,
        "note_form": note_form,
        "may_note": may(request.user, found.shop_id, Role.AGENT),
        "may_trust": may(request.user, found.shop_id, Role.MANAGER),
        "may_overrule": may(request.user, found.shop_id, Role.MANAGER),
        "may_erase": may(request.user, found.shop_id, Role.MANAGER),
    }
    return render(request, "backoffice/customer.html", context)


@require_POST
@staff(Role.AGENT)
def customer_note(request: StaffRequest, customer_id: int) -> HttpResponse:
    found = the_customer(request, customer_id, Role.AGENT)
    form = NoteForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("The note is too long; it was not saved."))
        return redirect("backoffice:customer", customer_id=found.pk)
    try:
        services.save_note(found, form.cleaned_data["note"], shown=form.cleaned_data["mark"])
    except SavedMeanwhile as error:
        found.refresh_from_db(fields=["note"])
        form.overtake(error, mark(found.note))
        return _page(request, found, form)
    messages.success(request, _("The note is saved."))
    return redirect("backoffice:customer", customer_id=found.pk)


urlpatterns = [
    path("customers/", customer_list, name="customer-list"),
    path("customers/<int:customer_id>/", customer, name="customer"),
    path("customers/<int:customer_id>/note/", customer_note, name="customer-note"),
]
