"""Everything that others read about shops (the hot path asks `rules`)."""

from ghostcart.shops.models import ConsentChoice, PageKind, ShippingMethod, Shop


def all_shops() -> list[Shop]:
    """Every shop of this installation, oldest first."""
    return list(Shop.objects.all())


def by_slug(slug: str) -> Shop | None:
    """The shop of this name; of addresses that lead nowhere any text at all may be asked for."""
    return Shop.objects.filter(slug=slug).first() if slug.isprintable() else None


def first() -> Shop | None:
    """The shop that the bare address leads to."""
    return Shop.objects.first()


def currencies(shop: Shop) -> list[str]:
    """The currencies a shop sells in, its own first."""
    return [shop.currency, *(currency for currency in shop.currencies if currency != shop.currency)]


def page_texts(shop: Shop, language: str) -> dict[str, str]:
    """The texts of all pages as their owner wrote them in this language; empty where there is none."""
    return {kind.value: shop.pages.get(kind.value, {}).get(language, "") for kind in PageKind}


def consent_choices(shop: Shop) -> list[ConsentChoice]:
    """Who chose when who may be reminded, newest first."""
    return list(ConsentChoice.objects.filter(shop=shop).order_by("-pk"))


def shipping_methods(shop: Shop) -> list[ShippingMethod]:
    """The ways to deliver that a shop offers now."""
    return [method for method in shop.shipping_methods.all() if method.is_active]
