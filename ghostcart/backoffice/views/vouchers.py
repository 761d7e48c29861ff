"""Vouchers: the list, the page of one with its uses, making one by hand, switching one off; and whom staff trust."""

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from ghostcart.backoffice import lists, voucher_page
from ghostcart.backoffice.access import StaffRequest, managed, may, may_anywhere, require, staff
from ghostcart.backoffice.models import Role
from ghostcart.backoffice.views.profile import back
from ghostcart.backoffice.voucher_forms import VoucherFilters, VoucherForm
from ghostcart.customers import identity
from ghostcart.customers.models import Customer
from ghostcart.lib import clock
from ghostcart.lib.errors import GhostcartError
from ghostcart.recovery import guard
from ghostcart.recovery.models import Decision
from ghostcart.shops.models import Shop
from ghostcart.vouchers import filters, issuing, services
from ghostcart.vouchers.filters import VoucherFilter
from ghostcart.vouchers.models import Voucher

PAGE = "vouchers"


@require_safe
@staff(Role.VIEWER)
def voucher_list(request: StaffRequest) -> HttpResponse:
    if elsewhere := lists.recalled(request, PAGE):
        return elsewhere
    form = VoucherFilters(request.GET)
    now = clock.now()
    wanted = _wanted(request, form.asked())
    asked = lists.asked(request, filters.SORTS)
    page = filters.page(wanted, asked.sort, asked.size, asked.after, asked.before)
    context = {
        "form": form,
        "page": page,
        "rows": voucher_page.rows(page.rows, now),
        "count": filters.count(wanted),
        "sort": asked.sort,
        "size": asked.size,
        "is_filtered": bool(form.asked()),
        "shows_shops": len(request.scope) > 1,
        "may_create": may_anywhere(request, Role.MANAGER),
        **lists.saved_views(request, PAGE),
    }
    return render(request, "backoffice/voucher_list.html", context)


def _wanted(request: StaffRequest, asked: dict) -> VoucherFilter:
    return VoucherFilter(
        shop_ids=tuple(shop.pk for shop in request.scope),
        now=clock.now(),
        text=asked.get("q", "").replace("\x00", ""),
        status=asked.get("status", ""),
        kind=asked.get("kind", ""),
        is_recovery={"campaign": True, "staff": False}.get(asked.get("origin", "")),
    )


def _voucher(request: StaffRequest, voucher_id: int, least: Role) -> Voucher:
    found = Voucher.objects.select_related("shop", "customer", "person", "gift_variant__product")
    voucher = get_object_or_404(found, pk=voucher_id)
    require(request.user, voucher.shop_id, least)
    return voucher


@require_safe
@staff(Role.VIEWER)
def voucher(request: StaffRequest, voucher_id: int) -> HttpResponse:
    found = _voucher(request, voucher_id, Role.VIEWER)
    now = clock.now()
    context = {
        "voucher": found,
        "status": found.status(now),
        "data": voucher_page.of(found, request.GET.get("after"), request.GET.get("before")),
        "may_switch_off": found.is_active and may(request.user, found.shop_id, Role.MANAGER),
    }
    return render(request, "backoffice/voucher.html", context)


@require_safe
@staff(Role.MANAGER)
def voucher_new(request: StaffRequest) -> HttpResponse:
    """To the form of the shop in view, if they manage it; else of the first that they manage."""
    shops = managed(request)
    if not shops:  # a superuser, before there is one
        return redirect("backoffice:set-up")
    chosen = request.shop if request.shop in shops else shops[0]
    return redirect("backoffice:voucher-create", shop_id=chosen.pk)


@require_http_methods(["GET", "HEAD", "POST"])
@staff(Role.MANAGER)
def voucher_create(request: StaffRequest, shop_id: int) -> HttpResponse:
    shop = get_object_or_404(Shop, pk=shop_id)
    require(request.user, shop.pk, Role.MANAGER)
    form = VoucherForm(request.POST or None, shop=shop)
    if request.method == "POST" and form.is_valid():
        try:
            made = issuing.issue(shop, now=clock.now(), **form.values())
        except GhostcartError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, _("The voucher %(code)s can be used.") % {"code": made.code})
            return redirect("backoffice:voucher", voucher_id=made.pk)
    context = {"form": form, "shop": shop, "shops": managed(request)}
    return render(request, "backoffice/voucher_new.html", context)


@require_POST
@staff(Role.MANAGER)
def voucher_off(request: StaffRequest, voucher_id: int) -> HttpResponse:
    found = _voucher(request, voucher_id, Role.MANAGER)
    services.switch_off(found.pk)
    messages.success(request, _("The voucher %(code)s is switched off.") % {"code": found.code})
    return redirect("backoffice:voucher", voucher_id=found.pk)


@require_POST
@staff(Role.MANAGER)
def customer_trust(request: StaffRequest, customer_id: int) -> HttpResponse:
    """Say that the score of the voucher guard is not for this customer, or is again."""
    customer = Customer.objects.select_related("shop").filter(pk=customer_id).first()
    if customer is None:
        raise Http404
    require(request.user, customer.shop_id, Role.MANAGER)
    now = clock.now()
    is_trusted = request.POST.get("trusted") == "1"
    guard.trust(identity.recognise(customer, now), is_trusted, request.user.actor, now)
    if is_trusted:
        messages.success(request, _("The voucher guard trusts %(name)s from now on.") % {"name": customer.label})
    else:
        messages.success(request, _("The voucher guard looks at %(name)s again.") % {"name": customer.label})
    return redirect("backoffice:customer", customer_id=customer.pk)


@require_POST
@staff(Role.MANAGER)
def decision_overrule(request: StaffRequest, decision_id: int) -> HttpResponse:
    """Let somebody have a voucher that the score kept from them."""
    decision = get_object_or_404(Decision.objects.select_related("campaign", "person", "cart"), pk=decision_id)
    require(request.user, decision.shop_id, Role.MANAGER)
    if decision.campaign and decision.person and guard.can_be_overruled(decision):
        guard.overrule(decision.campaign, decision.person, decision.cart, request.user.actor, clock.now())
        messages.success(request, _("The score does not count here. The next mail to them may carry the voucher."))
    else:
        messages.error(request, _("There is nothing to overrule any more."))
    return back(request)


urlpatterns = [
    path("vouchers/", voucher_list, name="vouchers"),
    path("vouchers/new/", voucher_new, name="voucher-new"),
    path("vouchers/new/<int:shop_id>/", voucher_create, name="voucher-create"),
    path("vouchers/<int:voucher_id>/", voucher, name="voucher"),
    path("vouchers/<int:voucher_id>/off/", voucher_off, name="voucher-off"),
    path("customers/<int:customer_id>/trust/", customer_trust, name="customer-trust"),
    path("decisions/<int:decision_id>/overrule/", decision_overrule, name="decision-overrule"),
]
