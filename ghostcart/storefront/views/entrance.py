"""How shoppers come in: the bare address, a shop without a language, and what is not there."""

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.cache import patch_cache_control, patch_vary_headers
from django.views.decorators.http import require_safe

from ghostcart.shops import queries as shops
from ghostcart.storefront import theme as themes
from ghostcart.storefront.front import absent, preferred_language


@require_safe
def first_shop(request: HttpRequest) -> HttpResponse:
    """The bare address leads to the first shop."""
    found = shops.first()
    if found is None:
        return absent(request)
    return HttpResponseRedirect(reverse("storefront:shop", kwargs={"slug": found.slug}))


@require_safe
def shop(request: HttpRequest, slug: str) -> HttpResponse:
    """A shop's address without a language leads to the one that the browser prefers."""
    found = shops.by_slug(slug)
    if found is None:
        return absent(request)
    names = {"slug": slug, "language": preferred_language(request, found)}
    response = HttpResponseRedirect(reverse("storefront:home", kwargs=names))
    patch_vary_headers(response, ["Accept-Language"])
    return response


@require_safe
def theme(request: HttpRequest, slug: str) -> HttpResponse:
    """The shop's colours as a stylesheet: the policy of our pages forbids styles within them."""
    found = shops.by_slug(slug)
    if found is None:
        return HttpResponse(status=404, content_type="text/css")
    response = HttpResponse(themes.stylesheet(found.accent), content_type="text/css")
    patch_cache_control(response, public=True, max_age=365 * 24 * 3600 if request.GET.get("v") else 300)
    return response


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """The handler of addresses that lead nowhere (`handler404`): the page in the look of the shop, if one is named."""
    slug = request.path_info.split("/")[1] if "/" in request.path_info else ""
    return absent(request, shops.by_slug(slug))
