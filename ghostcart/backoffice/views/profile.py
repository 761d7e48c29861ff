"""What each member of staff sets for themselves: name, language, theme, the shop they look at."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import override
from django.views.decorators.http import require_POST

from ghostcart.backoffice import services
from ghostcart.backoffice.access import HOME, StaffRequest, anyone, staff
from ghostcart.backoffice.context import THEME_COOKIE, THEMES
from ghostcart.backoffice.forms import ProfileForm
from ghostcart.backoffice.mail_forms import ToldForm
from ghostcart.backoffice.middleware import SHOP_IN_SESSION
from ghostcart.lib import clock
from ghostcart.lib.texts import LANGUAGES

A_YEAR = 365 * 24 * 60 * 60


def back(request: HttpRequest) -> HttpResponse:
    """To the page that the form stood on; never to another site."""
    target = request.POST.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(target, {request.get_host()}, require_https=request.is_secure())
    return redirect(target if is_ours else HOME)


def remember(request: HttpRequest, response: HttpResponse, cookie: str, value: str) -> HttpResponse:
    response.set_cookie(
        cookie, value, max_age=A_YEAR, path=HOME, samesite="Lax", secure=request.is_secure(), httponly=True
    )
    return response


@require_POST
@staff()
def shop(request: StaffRequest) -> HttpResponse:
    """Choose a shop to look at, or all of them."""
    chosen = next((shop for shop in request.shops if str(shop.pk) == request.POST.get("shop")), None)
    request.session[SHOP_IN_SESSION] = chosen.pk if chosen else None
    return back(request)


@require_POST
@anyone
def language(request: HttpRequest) -> HttpResponse:
    """Choose a language: kept on the person; before the sign-in in a cookie."""
    chosen = request.POST.get("language", "")
    if chosen not in LANGUAGES:
        return back(request)
    if request.user.is_authenticated:
        services.set_language(request.user, chosen)
        return back(request)
    return remember(request, back(request), "django_language", chosen)


@require_POST
@anyone
def theme(request: HttpRequest) -> HttpResponse:
    chosen = request.POST.get("theme", "")
    return remember(request, back(request), THEME_COOKIE, chosen) if chosen in THEMES else back(request)


@staff()
def profile(request: StaffRequest) -> HttpResponse:
    form = ProfileForm(request.POST or None, initial={"name": request.user.name, "language": request.user.language})
    if request.method == "POST" and form.is_valid():
        services.change_profile(request.user, **form.cleaned_data)
        with override(request.user.language):
            messages.success(request, _("Your profile is saved."))
        return redirect("backoffice:profile")
    memberships = request.user.memberships.select_related("shop").order_by("shop__name")
    context: dict[str, Any] = {"form": form, "memberships": memberships, "told_form": ToldForm(memberships=memberships)}
    return render(request, "backoffice/profile.html", context)


@require_POST
@staff()
def told(request: StaffRequest) -> HttpResponse:
    """Which mails somebody wants from their shops."""
    form = ToldForm(request.POST, memberships=request.user.memberships.select_related("shop"))
    if form.is_valid():
        services.choose_mails(request.user, form.chosen(), clock.now())
        messages.success(request, _("Your profile is saved."))
    else:
        messages.error(request, _("This could not be saved."))
    return redirect("backoffice:profile")


urlpatterns = [
    path("profile/", profile, name="profile"),
    path("profile/mails/", told, name="told"),
    path("profile/shop/", shop, name="shop"),
    path("profile/language/", language, name="language"),
    path("profile/theme/", theme, name="theme"),
]
