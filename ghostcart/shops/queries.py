"""Everything that others read about shops (the hot path asks `rules`)."""

from ghostcart.shops.models import ShippingMethod, Shop


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


def shipping_methods(shop: Shop) -> list[ShippingMethod]:
    """The ways to deliver that a shop offers now."""
    return [method for method in shop.shipping_methods.all() if method.is_active]
