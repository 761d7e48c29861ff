"""Where simulated shoppers go: the demo's shops, from this database or from a catalogue file."""

from dataclasses import dataclass
from typing import Any

from ghostcart.config.demo import shops
from ghostcart.shops.models import Shop


@dataclass(frozen=True, slots=True)
class Goods:
    sku: str
    page: str


@dataclass(frozen=True, slots=True)
class Place:
    """A shop as a shopper finds it."""

    slug: str
    key: str
    languages: tuple[str, ...]
    currencies: tuple[str, ...]
    goods: tuple[Goods, ...]
    categories: tuple[str, ...]


def places_at_hand() -> list[Place]:
    """The demo shops in this installation's database."""
    found = []
    for shop in Shop.objects.filter(is_demo=True):
        sold = shop.variants.filter(is_active=True, product__is_active=True).order_by("pk")
        goods = [Goods(sku, slug) for sku, slug in sold.values_list("sku", "product__slug")]
        categories = tuple(shop.categories.values_list("slug", flat=True))
        key, currencies = shop.public_key, tuple(shop.currencies)
        found.append(Place(shop.slug, key, tuple(shop.languages), currencies, tuple(goods), categories))
    return [place for place in found if place.goods]


def places_of(catalogue: list[dict[str, Any]]) -> list[Place]:
    """The shops of a catalogue file."""
    return [
        Place(
            slug=shop["slug"],
            key=shop.get("public_key") or shops.public_key(shop["slug"]),
            languages=tuple(shop["tagline"]),
            currencies=tuple(shop["currencies"]),
            goods=tuple(Goods(v["sku"], product["slug"]) for product in shop["products"] for v in product["variants"]),
            categories=tuple(category["slug"] for category in shop["categories"]),
        )
        for shop in catalogue
    ]
