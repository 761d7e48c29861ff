"""Attached shops: how each is doing, attaching one, and what its owner decides about it."""

import json
from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.core.cache import cache
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from ghostcart.backoffice import services as staff_services
from ghostcart.backoffice.access import StaffRequest, owned, require, staff
from ghostcart.backoffice.connection_forms import AddressForm, AttachForm, OptionsForm, WebserviceForm
from ghostcart.backoffice.models import Role
from ghostcart.backoffice.templatetags.connection_tags import importing_context
from ghostcart.connectors import queries, services, vouchers, way_back
from ghostcart.connectors.desks import open_desk
from ghostcart.connectors.errors import ShopTrouble
from ghostcart.connectors.models import Connection, Kind, State
from ghostcart.connectors.options import change_options
from ghostcart.connectors.prestashop import webservice_checking
from ghostcart.connectors.prestashop.access import name_webservice
from ghostcart.connectors.prestashop.webservice import Webservice
from ghostcart.lib import clock, sealing
from ghostcart.lib.errors import GhostcartError
from ghostcart.shops.models import Shop

IN_SESSION = "attaching"
PURPOSE = "attaching"
CHECKS, CHECKS_WITHIN = 20, timedelta(minutes=10)
"""More look like somebody who looks for what listens in our network."""
KEPT = timedelta(hours=1)
READER = """CREATE USER 'ghostcart'@'%'
  IDENTIFIED BY '…';
GRANT SELECT ON prestashop.* TO 'ghostcart'@'%';"""


@require_safe
@staff(Role.OWNER)
def connections(request: StaffRequest) -> HttpResponse:
    return _listed(request)


def _listed(request: StaffRequest, bound: dict[int, OptionsForm] | None = None) -> HttpResponse:
    """All connections, each with the form of its options: `bound` where it was sent and has errors."""
    found = queries.of_shops([shop.pk for shop in owned(request) if shop in request.scope])
    rows = [(one, (bound or {}).get(one.pk) or OptionsForm(connection=one)) for one in found]
    return render(request, "backoffice/connections.html", {"connections": rows})


@require_safe
@staff(Role.OWNER)
def connection_state(request: StaffRequest, connection_id: int) -> HttpResponse:
    """How it is doing: fetched again and again by the page."""
    return render(request, "backoffice/_connection_state.html", {"connection": _connection(request, connection_id)})


@require_safe
@staff(Role.VIEWER)
def importing(request: StaffRequest) -> HttpResponse:
    """How far imports are, for the pages that wait for them."""
    context = {**importing_context(request), "is_again": True}
    return render(request, "backoffice/_importing.html", context)


# -- attaching one -----------------------------------------------------------------------------------


@sensitive_post_parameters("line", "password")
@require_http_methods(["GET", "HEAD", "POST"])
@staff(Role.OWNER)
def connection_new(request: StaffRequest) -> HttpResponse:
    """Ask for the address, look at what is there, and show it before anything is attached."""
    is_service = request.POST.get("by") == "webservice"
    form = AddressForm(request.POST if request.POST and not is_service else None)
    service = WebserviceForm(request.POST if is_service else None)
    asked: AddressForm | WebserviceForm = service if is_service else form
    if request.method == "POST" and asked.is_valid():
        found = _looked_at(request, asked)
        if found is not None:
            _remember(request, asked, found)
            return redirect("backoffice:connection-found")
    shown = {"form": _shown(form), "service": service, "reader": READER}
    return render(request, "backoffice/connection_new.html", shown)


def _shown(form: AddressForm) -> AddressForm:
    return form.without_secrets() if form.is_bound else form


def _looked_at(request: StaffRequest, form: AddressForm | WebserviceForm) -> dict[str, Any] | None:
    """What is at the address of the form; None if that is on the form as an error."""
    if not _may_check(request):
        form.add_error(None, _("Too many attempts. Please wait ten minutes."))
        return None
    try:
        if isinstance(form, AddressForm):
            found = services.check(form.url(), form.cleaned_data["table_prefix"])
        else:
            found = webservice_checking.check(Webservice(form.cleaned_data["url"], form.cleaned_data["key"]))
    except ShopTrouble as trouble:
        form.add_error(None, str(trouble))
        return None
    return {**found.as_json(), "is_fit": found.is_fit}


def _may_check(request: StaffRequest) -> bool:
    key = f"connection-checks:{request.user.pk}"
    cache.add(key, 0, CHECKS_WITHIN.total_seconds())
    try:
        return cache.incr(key) <= CHECKS
    except ValueError:  # it ended at this very moment
        return True


@require_http_methods(["GET", "HEAD", "POST"])
@staff(Role.OWNER)
def connection_found(request: StaffRequest) -> HttpResponse:
    """What the check saw, and the button that attaches."""
    kept = _remembered(request)
    if kept is None:
        return redirect("backoffice:connection-new")
    free = [shop for shop in owned(request) if not queries.is_attached(shop.pk)]
    form = AttachForm(request.POST or None, found=kept["found"], targets=free)
    if request.method == "POST" and kept["found"]["is_fit"] and form.is_valid():
        target = next((shop for shop in free if str(shop.pk) == form.cleaned_data.get("target")), None)
        try:
            made = _attach(request, kept, target, form)
        except GhostcartError as error:
            form.add_error(None, str(error))
        else:
            request.session.pop(IN_SESSION, None)
            messages.success(
                request, _("%(shop)s is attached. Its history is coming in now.") % {"shop": made.shop.name}
            )
            return redirect("backoffice:connections")
    context = {"found": kept["found"], "user_name": kept["user"], "form": form}
    return render(request, "backoffice/connection_found.html", context)


def _remember(request: StaffRequest, form: AddressForm | WebserviceForm, found: dict[str, Any]) -> None:
    """Between the two pages the address stays here, sealed: it does not go through the browser again."""
    values = form.cleaned_data
    if isinstance(form, AddressForm):
        address = {"kind": Kind.PRESTASHOP, "url": form.url(), "user": values["user"],
                   "options": {"prefix": values["table_prefix"]}}  # fmt: skip
    else:
        address = {"kind": Kind.PRESTASHOP_API, "url": values["url"], "user": "", "options": {"key": values["key"]}}
    request.session[IN_SESSION] = {
        "at": clock.now().isoformat(), "found": found, "sealed": sealing.seal(json.dumps(address), PURPOSE),
    }  # fmt: skip


def _remembered(request: StaffRequest) -> dict[str, Any] | None:
    kept = request.session.get(IN_SESSION)
    if not kept or kept["at"] < (clock.now() - KEPT).isoformat():
        return None
    try:
        return {**json.loads(sealing.unseal(kept["sealed"], PURPOSE)), "found": kept["found"]}
    except sealing.Unreadable:
        return None


def _attach(request: StaffRequest, kept: dict[str, Any], target: Shop | None, form: AttachForm) -> Connection:
    """Raises GhostcartError. A shop that is made for it belongs to who made it."""
    made = services.attach(
        kind=kept["kind"], url=kept["url"], options={**form.options(), **kept["options"]}, now=clock.now(),
        shop=target,
    )  # fmt: skip
    if target is None:
        staff_services.make_owner(request.user, made.shop)
    return made


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
        services.pause(found)
        messages.success(request, _("The shop is not read any more until you go on."))
    return redirect("backoffice:connections")


@require_POST
@staff(Role.OWNER)
def connection_options(request: StaffRequest, connection_id: int) -> HttpResponse:
    found = _connection(request, connection_id)
    form = OptionsForm(request.POST, connection=found)
    if not form.is_valid():
        messages.error(request, _("These options cannot be saved."))
        return _listed(request, {found.pk: form})
    try:
        _save_options(found, form.cleaned_data)
    except ShopTrouble as trouble:
        form.add_error(None, str(trouble))
        return _listed(request, {found.pk: form})
    messages.success(request, _("The options are saved."))
    return redirect("backoffice:connections")


def _save_options(connection: Connection, values: dict[str, Any]) -> None:
    """A way for vouchers is tried before it is chosen. Raises ShopTrouble; what stands before it is saved then."""
    change_options(connection, newsletter_is_consent=values["newsletter_is_consent"], is_spared=values["is_spared"])
    if values["cookie_key"] or not values["recovery_link"]:
        way_back.use_recovery_link(connection, values["cookie_key"] if values["recovery_link"] else "")
    if values.get("webservice_key"):
        url = values["webservice_url"] or connection.options.get("webservice_url", "")
        name_webservice(connection, url, values["webservice_key"])
    before, way = vouchers.way_of(connection), vouchers.Way(values["vouchers"])
    vouchers.choose(connection, way)
    if way != vouchers.Way.NONE and (way != before or values.get("webservice_key")):
        try:
            with open_desk(connection) as desk:
                desk.check()
        except ShopTrouble:
            vouchers.choose(connection, before)
            raise


@require_POST
@staff(Role.OWNER)
def connection_retry(request: StaffRequest, connection_id: int) -> HttpResponse:
    services.retry(_connection(request, connection_id), clock.now())
    messages.success(request, _("It is tried again now."))
    return redirect("backoffice:connections")


@require_POST
@staff(Role.OWNER)
def connection_again(request: StaffRequest, connection_id: int) -> HttpResponse:
    services.import_again(_connection(request, connection_id), clock.now())
    messages.success(request, _("The whole shop is read once more."))
    return redirect("backoffice:connections")


@sensitive_post_parameters("line", "password")
@require_http_methods(["GET", "HEAD", "POST"])
@staff(Role.OWNER)
def connection_address(request: StaffRequest, connection_id: int) -> HttpResponse:
    """The same shop at another address, or with another password."""
    found = _connection(request, connection_id)
    form = AddressForm(request.POST or None, initial={"table_prefix": found.options.get("prefix", "ps_")})
    if request.method == "POST" and form.is_valid() and _is_moved(request, found, form):
        messages.success(request, _("The new address is good; the shop is read from there now."))
        return redirect("backoffice:connections")
    shown = {"form": _shown(form), "connection": found, "reader": READER}
    return render(request, "backoffice/connection_new.html", shown)


def _is_moved(request: StaffRequest, found: Connection, form: AddressForm) -> bool:
    if not _may_check(request):
        form.add_error(None, _("Too many attempts. Please wait ten minutes."))
        return False
    try:
        services.change_address(found, url=form.url(), prefix=form.cleaned_data["table_prefix"], now=clock.now())
    except ShopTrouble as trouble:
        form.add_error(None, str(trouble))
        return False
    return True


@require_http_methods(["GET", "HEAD", "POST"])
@staff(Role.OWNER)
def connection_detach(request: StaffRequest, connection_id: int) -> HttpResponse:
    found = _connection(request, connection_id)
    if request.method == "POST":
        services.detach(found)
        messages.success(request, _("%(shop)s is detached. Nothing was changed there.") % {"shop": found.shop.name})
        return redirect("backoffice:connections")
    return render(request, "backoffice/connection_detach.html", {"connection": found})


def _connection(request: StaffRequest, connection_id: int) -> Connection:
    found = queries.find(connection_id)
    if found is None:
        raise Http404
    require(request.user, found.shop_id, Role.OWNER)
    return found


urlpatterns = [
    path("connections/", connections, name="connections"),
    path("connections/importing/", importing, name="importing"),
    path("connections/attach/", connection_new, name="connection-new"),
    path("connections/attach/found/", connection_found, name="connection-found"),
    path("connections/<int:connection_id>/state/", connection_state, name="connection-state"),
    path("connections/<int:connection_id>/pause/", connection_pause, name="connection-pause"),
    path("connections/<int:connection_id>/options/", connection_options, name="connection-options"),
    path("connections/<int:connection_id>/retry/", connection_retry, name="connection-retry"),
    path("connections/<int:connection_id>/again/", connection_again, name="connection-again"),
    path("connections/<int:connection_id>/address/", connection_address, name="connection-address"),
    path("connections/<int:connection_id>/detach/", connection_detach, name="connection-detach"),
]
