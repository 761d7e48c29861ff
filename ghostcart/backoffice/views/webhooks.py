"""Webhooks: endpoints of the merchant's, what they were told, and how they answered. Owners set them up."""

import json
from datetime import timedelta

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from ghostcart.backoffice import lists
from ghostcart.backoffice.access import StaffRequest, managed, may, may_anywhere, owned, require, staff
from ghostcart.backoffice.models import Role
from ghostcart.backoffice.webhook_forms import DeliveryFilters, EndpointForm, ReplayForm, kind_name, why_not
from ghostcart.connectors.webhooks import endpoints, payload, queries
from ghostcart.connectors.webhooks.models import FINISHED, Delivery, Off, WebhookEndpoint
from ghostcart.connectors.webhooks.queries import DeliveryFilter
from ghostcart.lib import clock
from ghostcart.lib.errors import GhostcartError
from ghostcart.shops.models import Shop


def _endpoint(request: StaffRequest, endpoint_id: int, least: Role) -> WebhookEndpoint:
    endpoint = get_object_or_404(WebhookEndpoint.objects.select_related("shop"), pk=endpoint_id)
    require(request.user, endpoint.shop_id, least)
    return endpoint


# -- endpoints ---------------------------------------------------------------------------------------


@require_safe
@staff(Role.MANAGER)
def webhook_list(request: StaffRequest) -> HttpResponse:
    shops = managed(request, request.scope)
    context = {
        "rows": queries.endpoints([shop.pk for shop in shops]),
        "shows_shops": len(shops) > 1,
        "may_create": may_anywhere(request, Role.OWNER),
    }
    return render(request, "backoffice/webhook_list.html", context)


@require_safe
@staff(Role.OWNER)
def webhook_new(request: StaffRequest) -> HttpResponse:
    """To the form of the shop in view, if it is theirs; else of the first that is."""
    shops = owned(request)
    if not shops:
        return redirect("backoffice:set-up")
    chosen = request.shop if request.shop in shops else shops[0]
    return redirect("backoffice:webhook-create", shop_id=chosen.pk)


@require_http_methods(["GET", "HEAD", "POST"])
@staff(Role.OWNER)
def webhook_create(request: StaffRequest, shop_id: int) -> HttpResponse:
    shop = get_object_or_404(Shop, pk=shop_id)
    require(request.user, shop.pk, Role.OWNER)
    form = EndpointForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            endpoint, secret = endpoints.create(shop, now=clock.now(), **form.cleaned_data)
        except GhostcartError as error:
            form.add_error(None, str(error))
        else:
            return _secret(request, endpoint, secret)
    context = {"form": form, "shop": shop, "shops": owned(request)}
    return render(request, "backoffice/webhook_edit.html", context)


def _secret(request: StaffRequest, endpoint: WebhookEndpoint, secret: str) -> HttpResponse:
    """The secret is in this answer and nowhere else."""
    return render(request, "backoffice/webhook_secret.html", {"endpoint": endpoint, "secret": secret})


@require_http_methods(["GET", "HEAD", "POST"])
@staff(Role.OWNER)
def webhook_edit(request: StaffRequest, endpoint_id: int) -> HttpResponse:
    endpoint = _endpoint(request, endpoint_id, Role.OWNER)
    form = EndpointForm.of(endpoint, request.POST or None)
    if request.method == "POST" and form.is_valid():
        endpoints.change(endpoint, **form.cleaned_data)
        messages.success(request, _("The endpoint is saved."))
        return redirect("backoffice:webhook", endpoint_id=endpoint.pk)
    return render(request, "backoffice/webhook_edit.html", {"form": form, "shop": endpoint.shop, "endpoint": endpoint})


@require_POST
@staff(Role.OWNER)
def webhook_rotate(request: StaffRequest, endpoint_id: int) -> HttpResponse:
    endpoint = _endpoint(request, endpoint_id, Role.OWNER)
    return _secret(request, endpoint, endpoints.rotate(endpoint, clock.now()))


@require_POST
@staff(Role.OWNER)
def webhook_switch(request: StaffRequest, endpoint_id: int) -> HttpResponse:
    endpoint = _endpoint(request, endpoint_id, Role.OWNER)
    to = request.POST.get("to")
    if to == "off":
        endpoints.switch_off(endpoint, Off.STAFF, clock.now())
        messages.success(request, _("The endpoint is told nothing any more."))
    else:
        endpoints.switch_on(endpoint, with_missed=to == "missed", now=clock.now())
        messages.success(request, _("The endpoint is told again what happens."))
    return redirect("backoffice:webhook", endpoint_id=endpoint.pk)


@require_POST
@staff(Role.OWNER)
def webhook_delete(request: StaffRequest, endpoint_id: int) -> HttpResponse:
    _endpoint(request, endpoint_id, Role.OWNER).delete()
    messages.success(request, _("The endpoint is deleted."))
    return redirect("backoffice:webhooks")


@require_POST
@staff(Role.MANAGER)
def webhook_test(request: StaffRequest, endpoint_id: int) -> HttpResponse:
    endpoint = _endpoint(request, endpoint_id, Role.MANAGER)
    try:
        delivery = endpoints.send_test(endpoint, clock.now())
    except GhostcartError as error:
        messages.error(request, str(error))
        return redirect("backoffice:webhook", endpoint_id=endpoint.pk)
    messages.success(request, _("The test is on its way. Load this page again to see the answer."))
    return redirect("backoffice:webhook-delivery", delivery_id=delivery.pk)


# -- deliveries --------------------------------------------------------------------------------------


@require_safe
@staff(Role.MANAGER)
def webhook(request: StaffRequest, endpoint_id: int) -> HttpResponse:
    """An endpoint, and what it was told."""
    endpoint = _endpoint(request, endpoint_id, Role.MANAGER)
    form, now = DeliveryFilters(request.GET), clock.now()
    wanted = DeliveryFilter(endpoint.pk, **form.asked())
    asked = lists.asked(request, {"id"})
    page = queries.page(wanted, asked.size, asked.after, asked.before)
    since = endpoint.failing_since or now - timedelta(days=1)
    context = {
        "endpoint": endpoint,
        "kinds": [kind_name(kind) for kind in endpoint.kinds],
        "standing": queries.standing(endpoint),
        "old_secret_signs": bool(endpoint.old_secret_until and endpoint.old_secret_until > now),
        "form": form,
        "page": page,
        "rows": [(one, kind_name(one.kind), _last(one)) for one in page.rows],
        "count": queries.count(wanted),
        "size": asked.size,
        "is_filtered": bool(form.asked()),
        "replay_form": ReplayForm(initial={"since": since}),
        "may_change": may(request.user, endpoint.shop_id, Role.OWNER),
    }
    return render(request, "backoffice/webhook.html", context)


def _last(delivery: Delivery) -> tuple[int | None, str]:
    """The status of the last answer, or why there was none."""
    calls = list(delivery.calls.all())
    return (calls[-1].status, why_not(calls[-1])) if calls else (None, "")


@require_POST
@staff(Role.MANAGER)
def webhook_replay(request: StaffRequest, endpoint_id: int) -> HttpResponse:
    """Send everything again that failed for good since a time."""
    endpoint = _endpoint(request, endpoint_id, Role.MANAGER)
    form = ReplayForm(request.POST)
    try:
        if form.is_valid():
            count = endpoints.replay_failed(endpoint, form.cleaned_data["since"], clock.now())
            said = ngettext("%(count)s delivery is sent again.", "%(count)s deliveries are sent again.", count)
            messages.success(request, said % {"count": count})
        else:
            messages.error(request, _("This is not a time."))
    except GhostcartError as error:
        messages.error(request, str(error))
    return redirect("backoffice:webhook", endpoint_id=endpoint.pk)


def _delivery(request: StaffRequest, delivery_id: int) -> Delivery:
    delivery = queries.find(delivery_id)
    if delivery is None:
        raise Http404
    require(request.user, delivery.endpoint.shop_id, Role.MANAGER)
    return delivery


@require_safe
@staff(Role.MANAGER)
def webhook_delivery(request: StaffRequest, delivery_id: int) -> HttpResponse:
    delivery = _delivery(request, delivery_id)
    body = payload.body(delivery, delivery.endpoint, delivery.event)
    context = {
        "delivery": delivery,
        "endpoint": delivery.endpoint,
        "kind": kind_name(delivery.kind),
        "type": payload.event_type(delivery.kind),
        "body": json.dumps(json.loads(body), indent=2, ensure_ascii=False),
        "calls": [(one, why_not(one)) for one in delivery.calls.order_by("-id")],
        "may_replay": delivery.endpoint.is_on and delivery.state in FINISHED,
    }
    return render(request, "backoffice/webhook_delivery.html", context)


@require_POST
@staff(Role.MANAGER)
def webhook_again(request: StaffRequest, delivery_id: int) -> HttpResponse:
    delivery = _delivery(request, delivery_id)
    try:
        endpoints.replay(delivery, clock.now())
    except GhostcartError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, _("It is sent again. Load this page again to see the answer."))
    return redirect("backoffice:webhook-delivery", delivery_id=delivery.pk)


urlpatterns = [
    path("webhooks/", webhook_list, name="webhooks"),
    path("webhooks/new/", webhook_new, name="webhook-new"),
    path("webhooks/new/<int:shop_id>/", webhook_create, name="webhook-create"),
    path("webhooks/<int:endpoint_id>/", webhook, name="webhook"),
    path("webhooks/<int:endpoint_id>/edit/", webhook_edit, name="webhook-edit"),
    path("webhooks/<int:endpoint_id>/secret/", webhook_rotate, name="webhook-rotate"),
    path("webhooks/<int:endpoint_id>/switch/", webhook_switch, name="webhook-switch"),
    path("webhooks/<int:endpoint_id>/delete/", webhook_delete, name="webhook-delete"),
    path("webhooks/<int:endpoint_id>/test/", webhook_test, name="webhook-test"),
    path("webhooks/<int:endpoint_id>/replay/", webhook_replay, name="webhook-replay"),
    path("webhooks/deliveries/<int:delivery_id>/", webhook_delivery, name="webhook-delivery"),
    path("webhooks/deliveries/<int:delivery_id>/again/", webhook_again, name="webhook-again"),
]
