"""Attached shops: how each is doing, attaching one, and what its owner decides about it."""

import json
from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.core.cache import cache
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from ghostcart.backoffice.access import StaffRequest, require, staff
from ghostcart.backoffice.connection_forms import AddressForm, OptionsForm
from ghostcart.backoffice.models import Role
from ghostcart.backoffice.views.settings import owned
from ghostcart.connectors import queries, services
from ghostcart.connectors.errors import NoSuchShop, ShopTrouble
from ghostcart.connectors.models import Connection, State
from ghostcart.connectors.prestashop import checking
from ghostcart.connectors.prestashop.database import Database
from ghostcart.lib import clock, sealing
from ghostcart.lib.errors import GhostcartError
from ghostcart.shops.models import Shop

IN_SESSION = "attaching"
PURPOSE = "attaching"
CHECKS, CHECKS_WITHIN = 20, timedelta(minutes=10)
"""More look like somebody who looks for what listens in our network."""
KEPT = timedelta(hours=1)


@require_safe
@staff(Role.OWNER)
def connections(request: StaffRequest) -> HttpResponse:
    shops = [shop for shop in owned(request) if shop in request.scope]
    found = queries.of_shops([shop.pk for shop in shops])
    attached = {one.shop_id for one in found}
    context = {
        "connections": [(one, OptionsForm(initial=one.options, auto_id=f"id_{one.pk}_%s")) for one in found],
        "free_shops": [shop for shop in shops if shop.pk not in attached],
    }
    return render(request, "backoffice/connections.html", context)


@require_safe
@staff(Role.OWNER)
def connection_state(request: StaffRequest, connection_id: int) -> HttpResponse:
    """How it is doing: fetched again and again by the page."""
    return render(request, "backoffice/_connection_state.html", {"connection": _connection(request, connection_id)})


@require_safe
@staff(Role.VIEWER)
def importing(request: StaffRequest) -> HttpResponse:
    """How far imports are, for the pages that wait for them."""
    found = queries.importing([shop.pk for shop in request.scope])
    context = {"connections": found, "shows_shops": len(request.scope) > 1, "is_again": True}
    return render(request, "backoffice/_importing.html", context)


# -- attaching one -----------------------------------------------------------------------------------


@sensitive_post_parameters("line", "password")
@require_http_methods(["GET", "HEAD", "POST"])
@staff(Role.OWNER)
def connection_new(request: StaffRequest, shop_id: int) -> HttpResponse:
    """Ask for the address, look at what is there, and show it before anything is attached."""
    shop = _owned_shop(request, shop_id)
    form = AddressForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        if not _may_check(request):
            form.add_error(None, _("Too many attempts. Please wait ten minutes."))
        else:
            try:
                found = _look(form.url(), form.cleaned_data["table_prefix"])
            except ShopTrouble as trouble:
                form.add_error(None, str(trouble))
            else:
                _remember(request, shop, form, found)
                return redirect("backoffice:connection-found", shop_id=shop.pk)
    return render(request, "backoffice/connection_new.html", {"shop": shop, "form": form})


@require_http_methods(["GET", "HEAD", "POST"])
@staff(Role.OWNER)
def connection_found(request: StaffRequest, shop_id: int) -> HttpResponse:
    """What the check saw, and the button that attaches."""
    shop = _owned_shop(request, shop_id)
    kept = _remembered(request, shop)
    if kept is None:
        return redirect("backoffice:connection-new", shop_id=shop.pk)
    form = OptionsForm(request.POST or None, initial={"load": "normal"})
    number = request.POST.get("shop", "")
    if request.method == "POST" and form.is_valid():
        try:
            _attach(shop, kept, number, form)
        except GhostcartError as error:
            form.add_error(None, str(error))
        else:
            request.session.pop(IN_SESSION, None)
            messages.success(request, _("%(shop)s is attached. Its history is coming in now.") % {"shop": shop.name})
            return redirect("backoffice:connections")
    context = {"shop": shop, "found": kept["found"], "user_name": kept["user"], "form": form, "number": number}
    return render(request, "backoffice/connection_found.html", context)


def _look(url: str, prefix: str) -> dict[str, Any]:
    """Raises ShopTrouble."""
    with Database.open(url, prefix) as database:
        found = checking.check(database)
    return {**found.as_json(), "is_fit": found.is_fit}


def _may_check(request: StaffRequest) -> bool:
    key = f"connection-checks:{request.user.pk}"
    cache.add(key, 0, CHECKS_WITHIN.total_seconds())
    try:
        return cache.incr(key) <= CHECKS
    except ValueError:  # it ended at this very moment
        return True


def _remember(request: StaffRequest, shop: Shop, form: AddressForm, found: dict[str, Any]) -> None:
    """Between the two pages the address stays here, sealed: it does not go through the browser again."""
    address = {"url": form.url(), "prefix": form.cleaned_data["table_prefix"], "user": form.cleaned_data["user"]}
    request.session[IN_SESSION] = {
        "shop": shop.pk, "at": clock.now().isoformat(), "found": found,
        "sealed": sealing.seal(json.dumps(address), PURPOSE),
    }  # fmt: skip


def _remembered(request: StaffRequest, shop: Shop) -> dict[str, Any] | None:
    kept = request.session.get(IN_SESSION)
    if not kept or kept["shop"] != shop.pk or kept["at"] < (clock.now() - KEPT).isoformat():
        return None
    try:
        return {**json.loads(sealing.unseal(kept["sealed"], PURPOSE)), "found": kept["found"]}
    except sealing.Unreadable:
        return None


def _attach(shop: Shop, kept: dict[str, Any], number: str, form: OptionsForm) -> Connection:
    numbers = {str(one["number"]): one["number"] for one in kept["found"]["shops"]}
    if number not in numbers:
        raise NoSuchShop(number=number[:20])
    return services.attach(
        shop, url=kept["url"], prefix=kept["prefix"], number=numbers[number], options=form.cleaned_data,
        now=clock.now(),
    )  # fmt: skip


# -- one that is there -------------------------------------------------------------------------------


@require_POST
@staff(Role.OWNER)
def connection_pause(request: StaffRequest, connection_id: int) -> HttpResponse:
    """Pause what is read, go on with what is paused."""
    found = _connection(request, connection_id)
    if found.state == State.PAUSED:
        services.resume(found, clock.now())
        messages.success(request, _("The shop is read again, from where it stopped."))
    else:
        services.pause(found, clock.now())
        messages.success(request, _("The shop is not read any more until you go on."))
    return redirect("backoffice:connections")


@require_POST
@staff(Role.OWNER)
def connection_options(request: StaffRequest, connection_id: int) -> HttpResponse:
    found = _connection(request, connection_id)
    form = OptionsForm(request.POST)
    if form.is_valid():
        services.set_options(found, form.cleaned_data)
        messages.success(request, _("The options are saved."))
    else:
        messages.error(request, _("These options cannot be saved."))
    return redirect("backoffice:connections")


@require_http_methods(["GET", "HEAD", "POST"])
@staff(Role.OWNER)
def connection_detach(request: StaffRequest, connection_id: int) -> HttpResponse:
    found = _connection(request, connection_id)
    if request.method == "POST":
        services.detach(found, clock.now())
        messages.success(request, _("%(shop)s is detached. Nothing was changed there.") % {"shop": found.shop.name})
        return redirect("backoffice:connections")
    return render(request, "backoffice/connection_detach.html", {"connection": found})


def _connection(request: StaffRequest, connection_id: int) -> Connection:
    found = queries.find(connection_id)
    if found is None:
        raise Http404
    require(request.user, found.shop_id, Role.OWNER)
    return found


def _owned_shop(request: StaffRequest, shop_id: int) -> Shop:
    shop = get_object_or_404(Shop, pk=shop_id)
    require(request.user, shop.pk, Role.OWNER)
    return shop


urlpatterns = [
    path("connections/", connections, name="connections"),
    path("connections/importing/", importing, name="importing"),
    path("connections/attach/<int:shop_id>/", connection_new, name="connection-new"),
    path("connections/attach/<int:shop_id>/found/", connection_found, name="connection-found"),
    path("connections/<int:connection_id>/state/", connection_state, name="connection-state"),
    path("connections/<int:connection_id>/pause/", connection_pause, name="connection-pause"),
    path("connections/<int:connection_id>/options/", connection_options, name="connection-options"),
    path("connections/<int:connection_id>/detach/", connection_detach, name="connection-detach"),
]
