"""Looking around: home, a category, a product, search."""

from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.http import urlencode
from django.views.decorators.http import require_safe

from ghostcart.catalog import queries as catalog
from ghostcart.catalog.queries import Choice, Item
from ghostcart.lib.money import format_micros
from ghostcart.lib.template_tags import media
from ghostcart.lib.texts import pick
from ghostcart.shops import queries as shops
from ghostcart.shops.models import PageKind
from ghostcart.storefront import options
from ghostcart.storefront.front import Front, page, show

ROW = 4  # products in a row on a wide screen
HERO = 3
PAGE = 48
FEW = 5  # from this many on, nobody needs to know how many are left


@require_safe
@page()
def home(request: HttpRequest, front: Front) -> HttpResponse:
    shop_id, currency = front.shop.pk, front.currency
    newest = catalog.newest(shop_id, currency, HERO + 2 * ROW)
    fronts = catalog.first_of_categories(shop_id, currency)
    context = {
        "hero": newest[:HERO],
        "newest": newest[HERO:] if len(newest) > HERO + ROW else newest,
        "reduced": catalog.reduced(shop_id, currency, 2 * ROW),
        "tiles": [
            {"category": category, "picture": fronts[category.pk].picture}
            for category in catalog.categories(shop_id)
            if category.pk in fronts
        ],
    }
    return show(request, front, "home.html", context)


@require_safe
@page()
def category(request: HttpRequest, front: Front, category: str) -> HttpResponse:
    found = catalog.category_by_slug(front.shop.pk, category)
    if found is None:
        raise Http404
    sort, only_stock = request.GET.get("sort", "shop"), "stock" in request.GET
    cards = catalog.of_category(found, front.currency)
    shown = [card for card in cards if card.is_in_stock or not only_stock]
    shown = catalog.sorted_cards(shown, sort, front.language)
    context = {
        "category": found,
        "cards": Paginator(shown, PAGE).get_page(request.GET.get("page")),
        "is_empty": not cards,
        "sort": sort,
        "only_stock": only_stock,
    }
    return show(request, front, "category.html", context)


@require_safe
@page()
def product(request: HttpRequest, front: Front, product: str) -> HttpResponse:
    found = catalog.item(front.shop.pk, product, front.currency)
    if found is None:
        raise Http404
    chosen = _chosen(found, request.GET.get("sku", ""))
    context = {
        "item": found,
        "product": found.product,
        "chosen": chosen,
        "axes": options.axes(found.choices, chosen, front.language),
        "few": FEW,
        "beside": catalog.beside(found.product, front.currency, ROW),
        "shipping": _shipping(front),
        "script_choices": [_script_choice(choice, front) for choice in found.choices],
    }
    return show(request, front, "product.html", context)


@require_safe
@page()
def search(request: HttpRequest, front: Front) -> HttpResponse:
    words = request.GET.get("q", "")[:100].strip()
    cards = catalog.named(front.shop.pk, front.currency, words, front.language, PAGE)
    return show(request, front, "search.html", {"words": words, "cards": cards})


@require_safe
@page()
def by_sku(request: HttpRequest, front: Front, sku: str) -> HttpResponse:
    """A line of the cart knows only its SKU: from there to the product's page, with that variant chosen."""
    slug = catalog.slug_of_sku(front.shop.pk, sku)
    if slug is None:
        raise Http404
    return HttpResponseRedirect(f"{front.url('product', product=slug)}?{urlencode({'sku': sku})}")


def _chosen(item: Item, sku: str) -> Choice:
    """The variant that the address asks for, else the first that can be had."""
    return next((choice for choice in item.choices if choice.sku == sku), item.first_choice)


def _shipping(front: Front) -> list[tuple[str, int]]:
    """What delivery costs: names and minor units."""
    return [
        (method.name(front.language), method.prices_minor[front.currency])
        for method in shops.shipping_methods(front.shop)
        if front.currency in method.prices_minor
    ]


def _script_choice(choice: Choice, front: Front) -> dict[str, object]:
    """A variant as the page's script needs it to change picture, price and stock."""

    def text(micros: int) -> str:
        return format_micros(micros, front.currency, front.language)

    return {
        "sku": choice.sku,
        "text": pick(choice.options, front.language),
        "values": options.parts(choice.options, front.language),
        "picture": media(choice.picture) if choice.picture else "",
        "stock": choice.stock,
        "price": text(choice.price_micros),
        "regular": text(choice.regular_micros) if choice.is_reduced and choice.regular_micros else "",
        "reduction": choice.reduction,
    }


@require_safe
@page()
def info(request: HttpRequest, front: Front, kind: str) -> HttpResponse:
    """Imprint, terms and the like, as the shop's owner wrote them; those without a text are not there."""
    text = front.shop.page_text(kind, front.language)
    if kind not in PageKind or not text:
        raise Http404
    return show(request, front, "info.html", {"title": PageKind(kind).label, "text": text})
