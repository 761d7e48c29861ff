"""Who is at work, in which shop, in which language and time zone: settled before any back office page runs."""

from collections.abc import Callable
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone, translation

from ghostcart.backoffice.access import HOME, StaffRequest
from ghostcart.backoffice.models import Role, User
from ghostcart.lib import replica
from ghostcart.lib.texts import LANGUAGES
from ghostcart.shops.models import Shop

SHOP_IN_SESSION = "shop"


class StaffMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: StaffRequest) -> HttpResponseBase:
        if not request.path.startswith(HOME):
            return self.get_response(request)
        settle(request)
        language = language_of(request)
        with translation.override(language), timezone.override(zone_of(request)):
            response = self._password_first(request) or self.get_response(request)
        if request.method not in ("GET", "HEAD") and request.user.is_authenticated and replica.is_set_up():
            request.session[replica.WROTE] = replica.place()
        response.setdefault("Content-Language", language)
        # Pages hold personal data: nothing of them stays behind in the browser after signing out.
        response.setdefault("Cache-Control", "private, no-store")
        return response

    def _password_first(self, request: StaffRequest) -> HttpResponseBase | None:
        """Whoever came in with a one-time password chooses their own before anything else."""
        if not (request.user.is_authenticated and request.user.must_change_password):
            return None
        if request.path.startswith((reverse("account_change_password"), reverse("account_logout"))):
            return None
        if request.path in (reverse("backoffice:language"), reverse("backoffice:theme")):
            return None
        return redirect("account_change_password")


def settle(request: StaffRequest) -> None:
    """Put the person's shops, their roles there and the chosen shop on the request."""
    request.roles, request.shops, request.shop = {}, [], None
    if request.user.is_authenticated:
        request.roles, request.shops = roles_and_shops(request.user)
        chosen = request.session.get(SHOP_IN_SESSION)
        request.shop = next((shop for shop in request.shops if shop.pk == chosen), None)
        if request.shop is None and len(request.shops) == 1:
            request.shop = request.shops[0]
    request.scope = [request.shop] if request.shop else request.shops


def roles_and_shops(user: User) -> tuple[dict[int, Role], list[Shop]]:
    if user.is_superuser:
        shops = list(Shop.objects.all())
        return {shop.pk: Role.OWNER for shop in shops}, shops
    memberships = user.memberships.select_related("shop").order_by("shop_id")
    return (
        {membership.shop_id: Role(membership.role) for membership in memberships},
        [membership.shop for membership in memberships],
    )


def language_of(request: StaffRequest) -> str:
    """The person's own language; before they are known, what their browser asks for."""
    if request.user.is_authenticated and request.user.language in LANGUAGES:
        return request.user.language
    return translation.get_language_from_request(request)


def zone_of(request: StaffRequest) -> ZoneInfo:
    """The time zone of the chosen shop, else of the first; UTC where a shop names one that nobody knows."""
    shop = request.shop or (request.shops[0] if request.shops else None)
    try:
        return ZoneInfo(shop.time_zone) if shop else ZoneInfo("UTC")
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")
