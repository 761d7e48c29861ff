"""The addresses of all pages. The wire (`/api/`) has its own: see `api.app`."""

from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse
from django.template.loader import select_template
from django.urls import include, path
from django.utils import translation

from ghostcart.mail import webhooks
from ghostcart.storefront.views import entrance

urlpatterns = [
    path("", include("ghostcart.config.health")),
    path("", include("ghostcart.config.media")),
    path("backoffice/", include("ghostcart.backoffice.urls")),
    path(webhooks.PATH.removeprefix("/"), include("ghostcart.mail.webhooks")),
    path("", include("ghostcart.storefront.urls")),
]


def refusal(request: HttpRequest, status: int) -> HttpResponse:
    """An error in the look of the door that it was met at."""
    own = [] if request.path.startswith("/backoffice/") else [f"storefront/{status}.html"]
    context = {"language": (translation.get_language() or "en")[:2]}
    return HttpResponse(select_template([*own, f"{status}.html"]).render(context, request), status=status)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    if isinstance(exception, DisallowedHost):  # met before anything has settled the language
        with translation.override(translation.get_language_from_request(request)):
            return refusal(request, 400)
    return refusal(request, 400)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    return refusal(request, 403)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    if request.path.startswith("/backoffice/"):
        return refusal(request, 404)
    return entrance.not_found(request, exception)


def broken(request: HttpRequest) -> HttpResponse:
    return refusal(request, 500)


handler400 = bad_request
handler403 = forbidden
handler404 = not_found
handler500 = broken
