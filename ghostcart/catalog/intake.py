"""Products that another shop tells us of."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from django.db import transaction
from django.utils.text import slugify
from django.utils.translation import gettext_lazy as _

from ghostcart.catalog.models import Price, Product, Variant
from ghostcart.lib.errors import GhostcartError
from ghostcart.lib.planning import Among
from ghostcart.lib.snapshots import Taken, newest

LONGEST_PICTURE = 200


class SkuTaken(GhostcartError):
    code, status = "sku_taken", 422
    sentence = _("The article number %(sku)s belongs to another product.")


class VariantTaken(GhostcartError):
    code, status = "variant_taken", 422
    sentence = _("The variant %(variant)s belongs to another product.")


@dataclass(frozen=True, slots=True)
class PriceSnapshot:
    """In micros, in the shop's tax mode. `regular_micros`: before a reduction; `cost_micros`: without tax."""

    micros: int
    regular_micros: int | None = None
    cost_micros: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class VariantSnapshot:
    """What is really sold. Without a `sku` its external id serves; `stock` None: not counted."""

    external_id: str
    sku: str = ""
    options: Mapping[str, str] = field(default_factory=dict)
    picture: str = ""
    stock: int | None = None
    is_active: bool = True
    prices: Mapping[str, PriceSnapshot] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductSnapshot:
    """A product with all its variants, of which there is at least one. Names by language."""

    external_id: str
    version: int = 0
    names: Mapping[str, str]
    descriptions: Mapping[str, str] = field(default_factory=dict)
    reference: str = ""
    url: str = ""
    tax_rate_ppm: int = 0
    is_active: bool = True
    variants: Sequence[VariantSnapshot] = ()


UNCOUNTED = 1_000_000
"""The stock of what is not counted."""


def take(shop_id: int, source: str, told: Iterable[ProductSnapshot]) -> dict[str, Taken]:
    """Store products as they are told; says of each external id what became of it.

    Raises SkuTaken and VariantTaken.
    """
    products = {str(name): one for name, one in newest(told, lambda p: p.external_id, lambda p: p.version).items()}
    with transaction.atomic():
        theirs = Product.objects.select_for_update().filter(shop_id=shop_id, source=source)
        known = {one.external_id: one for one in theirs.filter(external_id__in=list(products)).order_by("pk")}
        return {name: _take(shop_id, source, one, known.get(name)) for name, one in products.items()}


def _take(shop_id: int, source: str, told: ProductSnapshot, known: Product | None) -> Taken:
    if known is not None and told.version < known.external_version:
        return Taken.STALE
    values = {
        "names": dict(told.names),
        "descriptions": dict(told.descriptions),
        "reference": told.reference[:64],
        "url": told.url[:500],
        "tax_rate_ppm": told.tax_rate_ppm,
        "is_active": told.is_active,
        "external_version": told.version,
    }
    if known is None:
        mark = sha256(f"{source}\n{told.external_id}".encode()).hexdigest()[:8]
        slug = f"{slugify(source)}-{slugify(told.external_id)}"[:110].strip("-") + f"-{mark}"
        known = Product.objects.create(
            shop_id=shop_id, source=source, external_id=told.external_id, slug=slug, **values
        )
        _take_variants(known, told)
        return Taken.CREATED
    changed = [name for name, value in values.items() if getattr(known, name) != value]
    for name in changed:
        setattr(known, name, values[name])
    if changed:
        known.save(update_fields=changed)
    return Taken.CHANGED if _take_variants(known, told) or changed else Taken.UNCHANGED


def _take_variants(product: Product, told: ProductSnapshot) -> bool:
    """Write the variants and their prices; those no longer told are switched off. Says whether anything changed."""
    known = {one.external_id: one for one in product.variants.all()}
    has_changed = False
    for place, variant in enumerate(told.variants):
        values = {
            "sku": (variant.sku or variant.external_id)[:64],
            "options": dict(variant.options),
            "picture": variant.picture if len(variant.picture) <= LONGEST_PICTURE else "",
            "stock": UNCOUNTED if variant.stock is None else max(0, variant.stock),
            "is_active": variant.is_active,
            "position": min(place, 32_767),
        }
        ours = known.pop(variant.external_id, None)
        if ours is None:
            ours = Variant(shop_id=product.shop_id, product=product, source=product.source,
                           external_id=variant.external_id, **values)  # fmt: skip
            _check_id(ours)
            _check_sku(ours)
            ours.save(force_insert=True)
            has_changed = True
        elif changed := [name for name, value in values.items() if getattr(ours, name) != value]:
            for name in changed:
                setattr(ours, name, values[name])
            _check_sku(ours)
            ours.save(update_fields=changed)
            has_changed = True
        has_changed |= _take_prices(ours, variant.prices)
    gone = [one.pk for one in known.values() if one.is_active]
    if gone:
        Variant.objects.filter(pk__in=gone).update(is_active=False)
    return has_changed or bool(gone)


def _check_id(variant: Variant) -> None:
    place = {"shop_id": variant.shop_id, "source": variant.source, "external_id": variant.external_id}
    if Variant.objects.filter(**place).exists():
        raise VariantTaken(variant=variant.external_id)


def _check_sku(variant: Variant) -> None:
    others = Variant.objects.filter(shop_id=variant.shop_id, sku=variant.sku).exclude(pk=variant.pk)
    if others.exists():
        raise SkuTaken(sku=variant.sku)


def _take_prices(variant: Variant, told: Mapping[str, PriceSnapshot]) -> bool:
    known = {one.currency: one for one in variant.prices.all()}
    has_changed = False
    for currency, price in told.items():
        values = {
            "price_micros": price.micros, "regular_micros": price.regular_micros, "cost_micros": price.cost_micros
        }  # fmt: skip
        ours = known.pop(currency, None)
        if ours is None or any(getattr(ours, name) != value for name, value in values.items()):
            Price.objects.update_or_create(variant=variant, currency=currency, defaults=values)
            has_changed = True
    if known:
        Price.objects.filter(pk__in=[one.pk for one in known.values()]).delete()
    return has_changed or bool(known)


def known_variants(shop_id: int, source: str, external_ids: Collection[str]) -> dict[str, tuple[int, int]]:
    """Our variant and product for what another shop calls its variants, as far as they were told."""
    if not external_ids:
        return {}
    rows = Variant.objects.filter(Among("external_id", external_ids), shop_id=shop_id, source=source)
    return {str(name): (pk, product) for name, pk, product in rows.values_list("external_id", "pk", "product_id")}
