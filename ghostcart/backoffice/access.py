"""Who may come in: the least role of every page, and of every object that a page shows."""

from collections.abc import Callable
from functools import wraps
from typing import Any, cast

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import resolve_url

from ghostcart.backoffice.models import Role, User
from ghostcart.shops.models import Shop

HOME = "/backoffice/"

View = Callable[..., HttpResponseBase]


class StaffRequest(HttpRequest):
    """A request of signed-in staff, as `StaffMiddleware` hands it on."""

    user: User
    roles: dict[int, Role]
    """What the person may do, by shop id."""
    shops: list[Shop]
    """The shops they may see."""
    shop: Shop | None
    """The one chosen in the header, None for all of them."""
    scope: list[Shop]
    """What lists and figures are about: the chosen shop, else all."""


def staff(least: Role | None = None) -> Callable[[View], View]:
    """A page for those who have at least this role in some shop; without a role, for everyone who is signed in."""

    def guard(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if not request.user.is_authenticated:
                return to_sign_in(request)
            if least and not may_anywhere(cast(StaffRequest, request), least):
                raise PermissionDenied
            return view(request, *args, **kwargs)

        guarded.least_role = least or "signed in"  # type: ignore[attr-defined]
        return guarded

    return guard


def anyone(view: View) -> View:
    """A page that needs no sign-in: the sign-in itself, and the choice of language and theme."""

    @wraps(view)
    def unguarded(*args: Any, **kwargs: Any) -> HttpResponseBase:
        return view(*args, **kwargs)

    unguarded.least_role = "anyone"  # type: ignore[attr-defined]
    return unguarded


def to_sign_in(request: HttpRequest) -> HttpResponse:
    """To the sign-in page and back; a page that fetches a part of itself is told to go there as a whole."""
    back = request.get_full_path() if request.method == "GET" else HOME
    if request.headers.get("HX-Request"):
        return HttpResponse(status=401, headers={"HX-Redirect": resolve_url("account_login")})
    return redirect_to_login(back)


def may(user: User, shop_id: int, least: Role) -> bool:
    """Whether the person has at least that role in the shop."""
    role = user.role_in(shop_id)
    return role is not None and role.rank >= least.rank


def may_anywhere(request: StaffRequest, least: Role) -> bool:
    """A superuser may, even before there is a shop: attaching the first one makes it."""
    return request.user.is_superuser or any(role.rank >= least.rank for role in request.roles.values())


def managed(request: StaffRequest, shops: list[Shop] | None = None) -> list[Shop]:
    """The shops, of these or of all, in which the person is a manager or more."""
    some = request.shops if shops is None else shops
    return [shop for shop in some if request.roles[shop.pk].rank >= Role.MANAGER.rank]


def owned(request: StaffRequest) -> list[Shop]:
    return [shop for shop in request.shops if request.roles[shop.pk] == Role.OWNER]


def require(user: User, shop_id: int, least: Role) -> None:
    """Go on only with that role in the shop: PermissionDenied with a lesser one, Http404 with none at all."""
    role = user.role_in(shop_id)
    if role is None:
        raise Http404
    if role.rank < least.rank:
        raise PermissionDenied
