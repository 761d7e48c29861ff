"""API keys of a shop, for its owners: the list, a new one, a new token for one, the end of one."""

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from ghostcart.backoffice.access import StaffRequest, owned, require, staff
from ghostcart.backoffice.key_forms import KeyForm, RotateForm
from ghostcart.backoffice.models import Role
from ghostcart.backoffice.queries import actor_names
from ghostcart.connectors import keys
from ghostcart.connectors.errors import BadKey
from ghostcart.connectors.models import ApiKey, Scope
from ghostcart.lib import clock
from ghostcart.lib.errors import GhostcartError
from ghostcart.shops.models import Shop


def _shop(request: StaffRequest, shop_id: int) -> Shop:
    shop = get_object_or_404(Shop, pk=shop_id)
    require(request.user, shop.pk, Role.OWNER)
    return shop


def _key(shop: Shop, key_id: int) -> ApiKey:
    found = keys.of_shops([shop.pk]).filter(pk=key_id).first()
    if found is None:
        raise Http404
    return found


@require_safe
@staff(Role.OWNER)
def key_list(request: StaffRequest, shop_id: int) -> HttpResponse:
    shop, now = _shop(request, shop_id), clock.now()
    rows = [(key, key.is_good(now)) for key in keys.of_shops([shop.pk])]
    context = {"shop": shop, "shops": owned(request), "rows": rows}
    return render(request, "backoffice/key_list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@staff(Role.OWNER)
def key_new(request: StaffRequest, shop_id: int) -> HttpResponse:
    shop = _shop(request, shop_id)
    form = KeyForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        values = form.cleaned_data
        try:
            key, token = keys.create(
                shop,
                name=values["name"],
                scopes=values["scopes"],
                actor=request.user.actor,
                now=clock.now(),
                expires_at=form.expires_at(shop),
                per_minute=values["per_minute"],
            )
        except GhostcartError as error:
            form.add_error(None, str(error))
        else:
            return _told(request, shop, key, token)
    return render(request, "backoffice/key_new.html", {"shop": shop, "form": form})


def _told(request: StaffRequest, shop: Shop, key: ApiKey, token: str) -> HttpResponse:
    """The token is in this answer and nowhere else."""
    return render(request, "backoffice/key_token.html", {"shop": shop, "key": key, "token": token})


@require_safe
@staff(Role.OWNER)
def key_page(request: StaffRequest, shop_id: int, key_id: int) -> HttpResponse:
    shop = _shop(request, shop_id)
    key, now = _key(shop, key_id), clock.now()
    context = {
        "shop": shop,
        "key": key,
        "is_good": key.is_good(now),
        "is_old_good": key.old_until is not None and key.old_until > now,
        "scopes": [(scope, Scope(scope).label) for scope in key.scopes if scope in Scope.values],
        "created_by": actor_names([key.created_by]).get(key.created_by, ""),
        "form": RotateForm(),
    }
    return render(request, "backoffice/key.html", context)


@require_POST
@staff(Role.OWNER)
def key_rotate(request: StaffRequest, shop_id: int, key_id: int) -> HttpResponse:
    shop = _shop(request, shop_id)
    key, form = _key(shop, key_id), RotateForm(request.POST)
    try:
        if not form.is_valid():
            raise BadKey(field="overlap")
        token = keys.rotate(key, clock.now(), form.chosen())
    except GhostcartError as error:
        messages.error(request, str(error))
        return redirect("backoffice:key", shop_id=shop.pk, key_id=key.pk)
    return _told(request, shop, key, token)


@require_POST
@staff(Role.OWNER)
def key_revoke(request: StaffRequest, shop_id: int, key_id: int) -> HttpResponse:
    shop = _shop(request, shop_id)
    key = _key(shop, key_id)
    keys.revoke(key, clock.now())
    messages.success(request, _("The key “%(name)s” is revoked.") % {"name": key.name})
    return redirect("backoffice:keys", shop_id=shop.pk)


urlpatterns = [
    path("settings/<int:shop_id>/keys/", key_list, name="keys"),
    path("settings/<int:shop_id>/keys/new/", key_new, name="key-new"),
    path("settings/<int:shop_id>/keys/<int:key_id>/", key_page, name="key"),
    path("settings/<int:shop_id>/keys/<int:key_id>/rotate/", key_rotate, name="key-rotate"),
    path("settings/<int:shop_id>/keys/<int:key_id>/revoke/", key_revoke, name="key-revoke"),
]
