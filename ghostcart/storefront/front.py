"""What every page of a shop stands in: the shop, its language and currency, the header's links, the cart's cookie."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import Resolver404, ResolverMatch, resolve, reverse
from django.utils import timezone, translation
from django.utils.cache import patch_cache_control, patch_vary_headers
from django.utils.translation.trans_real import parse_accept_lang_header
from django.views.decorators.http import conditional_page

from ghostcart.carts import tokens
from ghostcart.carts.errors import BadCartToken
from ghostcart.catalog import queries as catalog
from ghostcart.lib.texts import LANGUAGE_NAMES
from ghostcart.shops import queries as shops
from ghostcart.shops.models import PageKind, Shop
from ghostcart.storefront.texts import script_texts

YEAR = 365 * 24 * 3600
STORE_API = "/api/v1/store"

View = Callable[..., HttpResponse]


@dataclass(frozen=True, slots=True)
class Front:
    """The shop as this request sees it."""

    shop: Shop
    language: str
    currency: str

    def url(self, name: str, **names: str) -> str:
        """The address of one of the shop's pages in the language of this one."""
        return reverse(f"storefront:{name}", kwargs={"slug": self.shop.slug, "language": self.language, **names})

    @property
    def cart_cookie(self) -> str:
        return f"cart_{self.shop.slug}"

    @property
    def currency_cookie(self) -> str:
        return f"currency_{self.shop.slug}"


def page(*, is_private: bool = False) -> Callable[[View], View]:
    """A view of a shop's page: called as `view(request, front, …)`, in the shop's language and time zone.

    What is private (account, checkout, a placed order) is kept by no cache; the rest is the same for everybody who
    shares the cookies, and answered with 304 where nothing changed.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def wrapper(request: HttpRequest, slug: str, language: str, **names: Any) -> HttpResponse:
            shop = shops.by_slug(slug)
            if shop is None or language not in shop.languages:
                return absent(request, shop)
            if shop.address:  # it is another shop: its pages are there
                return HttpResponseRedirect(shop.address)
            front = Front(shop, language, _currency(request, shop))
            with translation.override(language), timezone.override(shop.zone):
                try:
                    if any("\x00" in name for name in names.values()):  # no text of PostgreSQL can hold it
                        raise Http404
                    response = view(request, front, **names)
                except Http404:
                    response = show(request, front, "404.html", status=404)
            keep_token(request, response, front)
            response["Content-Language"] = language
            if is_private:
                patch_cache_control(response, private=True, no_store=True)
            else:
                patch_cache_control(response, private=True, no_cache=True)
                patch_vary_headers(response, ["Cookie"])
            return response

        return wrapper if is_private else conditional_page(wrapper)

    return decorate


def _currency(request: HttpRequest, shop: Shop) -> str:
    wanted = request.COOKIES.get(f"currency_{shop.slug}", "")
    return wanted if wanted in shops.currencies(shop) else shop.currency


# -- the cart's token --------------------------------------------------------------------------------


def token(request: HttpRequest, front: Front) -> str:
    """The cart token that the browser holds, or an empty string if it holds none that this shop gave out."""
    held = request.COOKIES.get(front.cart_cookie, "")
    try:
        tokens.digest(front.shop.pk, held)
    except BadCartToken:
        return ""
    return held


def keep_token(request: HttpRequest, response: HttpResponse, front: Front) -> None:
    """Give the browser a cart token, if it has none. Nothing is stored here: a cart begins with its first line."""
    if front.cart_cookie not in response.cookies and not token(request, front):
        give_token(response, front, tokens.issue(front.shop.pk))


def give_token(response: HttpResponse, front: Front, new: str) -> None:
    """Make the browser hold this cart token. Scripts read it: it opens a cart, and is no sign-in."""
    response.set_cookie(front.cart_cookie, new, max_age=YEAR, samesite="Lax", secure=settings.IS_HTTPS)


# -- showing -----------------------------------------------------------------------------------------


def show(
    request: HttpRequest, front: Front, template: str, context: dict[str, Any] | None = None, status: int = 200
) -> HttpResponse:
    """A template of the storefront, with what its frame needs."""
    return render(request, f"storefront/{template}", {**_frame(request, front), **(context or {})}, status=status)


def absent(request: HttpRequest, shop: Shop | None = None) -> HttpResponse:
    """The page for an address that leads nowhere, in the look of the shop it was asked of, else of the first one."""
    shop = shop or shops.first()
    if shop is None:
        return render(request, "storefront/no_shop.html", status=404)
    language = preferred_language(request, shop)
    with translation.override(language):
        return show(request, Front(shop, language, shop.currency), "404.html", status=404)


def preferred_language(request: HttpRequest, shop: Shop) -> str:
    """The language of the address or else of the browser, if the shop speaks it; else the shop's own."""
    parts = request.path_info.split("/")
    if len(parts) > 2 and parts[2] in shop.languages:
        return parts[2]
    accepted = parse_accept_lang_header(request.headers.get("Accept-Language", ""))
    for code, _ in accepted:
        if code[:2] in shop.languages:
            return code[:2]
    return shop.language


def _frame(request: HttpRequest, front: Front) -> dict[str, Any]:
    all_shops = shops.all_shops()
    return {
        "shop": front.shop,
        "language": front.language,
        "currency": front.currency,
        "currencies": shops.currencies(front.shop),
        "tagline": front.shop.tagline(front.language),
        "categories": catalog.categories(front.shop.pk),
        "languages": _languages(request, front),
        "infos": {
            kind.value: {"name": kind.label, "url": front.url("info", kind=kind.value)}
            for kind in PageKind
            if front.shop.page_text(kind, front.language)
        },
        "shops": [(other, _home(other, front.language)) for other in all_shops],
        "url": {
            **{name.replace("-", "_"): front.url(name) for name in _LINKED},
            "home": _home(front.shop, front.language),
        },
        "theme_mark": front.shop.accent.removeprefix("#"),
        "script_config": _script_config(front),
    }


_LINKED = (
    "home", "search", "cart", "checkout", "account", "sign-in", "register", "details", "password", "data",
    "erase", "forgotten", "sign-out",
)  # fmt: skip


def _home(shop: Shop, language: str) -> str:
    if shop.address:
        return shop.address
    language = language if language in shop.languages else shop.language
    return reverse("storefront:home", kwargs={"slug": shop.slug, "language": language})


def _languages(request: HttpRequest, front: Front) -> list[dict[str, Any]]:
    """The same page in each of the shop's languages."""
    match = _match(request)
    links = []
    for code in front.shop.languages:
        names = {"slug": front.shop.slug, **(match.kwargs if match else {}), "language": code}
        address = reverse(f"storefront:{match.url_name if match else 'home'}", kwargs=names)
        links.append({"code": code, "name": LANGUAGE_NAMES.get(code, code), "url": address})
    return links


def _match(request: HttpRequest) -> ResolverMatch | None:
    """Which of our pages was asked for; None where none was."""
    try:
        match = resolve(request.path_info)
    except Resolver404:
        return None
    is_page = match.namespace == "storefront" and "language" in match.kwargs
    return match if is_page and match.kwargs["slug"] else None


def _script_config(front: Front) -> dict[str, Any]:
    return {
        "api": STORE_API,
        "shop": front.shop.slug,
        "key": front.shop.public_key,
        "language": front.language,
        "currency": front.currency,
        "cookie": front.cart_cookie,
        "currencyCookie": front.currency_cookie,
        "isSecure": settings.IS_HTTPS,
        "media": settings.MEDIA_URL,
        "bySku": front.url("sku", sku="SKU"),
        "thanks": front.url("thanks", token="TOKEN"),
        "noPicture": f"{settings.STATIC_URL}storefront/no-picture.svg",
        "texts": script_texts(),
    }
