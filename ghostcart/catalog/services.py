"""What staff do to the products of their own shop. What another shop tells of its products comes by `intake`."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace

from django.db import transaction
from django.db.models import F, Max, prefetch_related_objects
from django.db.models.functions import Greatest
from django.utils.text import slugify
from django.utils.translation import gettext_lazy as _

from ghostcart.catalog.intake import SkuTaken
from ghostcart.catalog.models import Category, Price, Product, Variant
from ghostcart.lib.errors import GhostcartError, SavedMeanwhile
from ghostcart.lib.marks import mark


class ProductElsewhere(GhostcartError):
    code, status = "product_elsewhere", 409
    sentence = _("This product is kept in another shop and can only be changed there.")


@dataclass(frozen=True, slots=True, kw_only=True)
class VariantDraft:
    """What is really sold. `prices` are (price, price before a reduction or None) in micros by currency, in the shop's
    tax mode. `stock_change` is what is added to the stock, as shoppers may buy while somebody types."""

    sku: str
    id: int | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    stock_change: int = 0
    is_active: bool = True
    prices: Mapping[str, tuple[int, int | None]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductDraft:
    """A product as staff want it. Names and descriptions by language; a category that there is not yet is made, called
    `category` in `language`; `picture` is a path below the media, None to keep what there is."""

    names: Mapping[str, str]
    language: str
    descriptions: Mapping[str, str] = field(default_factory=dict)
    reference: str = ""
    category: str = ""
    tax_rate_ppm: int = 0
    is_active: bool = True
    picture: str | None = None
    variants: Sequence[VariantDraft] = ()


def product_mark(product: Product, language: str) -> str:
    """The mark of all that `save` may change, for `shown`; without the stock, which shoppers change. `language` as in a
    draft. Variants and prices are read once for `product`: what a form shows of it is what the mark is of."""
    return mark(asdict(_as_it_stands(product, language)))


def _as_it_stands(product: Product, language: str) -> ProductDraft:
    """The draft that changes nothing."""
    prefetch_related_objects([product], "variants__prices")
    variants = list(product.variants.all())
    return ProductDraft(
        names=product.names,
        language=language,
        descriptions=product.descriptions,
        reference=product.reference,
        category=product.category.name(language) if product.category else "",
        tax_rate_ppm=product.tax_rate_ppm,
        is_active=product.is_active,
        picture=variants[0].picture if variants else "",
        variants=[
            VariantDraft(
                id=one.pk,
                sku=one.sku,
                options=one.options,
                is_active=one.is_active,
                prices={price.currency: (price.price_micros, price.regular_micros) for price in one.prices.all()},
            )
            for one in variants
        ],
    )


@transaction.atomic
def save(shop_id: int, draft: ProductDraft, product: Product | None = None, *, shown: str | None = None) -> Product:
    """Make a product, or change it, with all of its variants. Carts keep the price that their lines were given until
    they change.

    `shown` is the `product_mark` of what the writer saw; None: it counts whatever stands there. Raises SkuTaken for an
    article number of another product, ProductElsewhere and SavedMeanwhile: `product` is then what stands there.
    """
    if product is None:
        name = draft.names.get(draft.language) or next(iter(draft.names.values()), "")
        last = Product.objects.filter(shop_id=shop_id).aggregate(last=Max("position"))["last"]
        product = Product(shop_id=shop_id, slug=_free_slug(Product, shop_id, name), position=(last or 0) + 1)
    else:
        product.refresh_from_db(from_queryset=Product.objects.select_for_update(no_key=True))
        if product.source:
            raise ProductElsewhere
        there = _as_it_stands(product, draft.language)
        if shown not in (None, mark(asdict(there))) and replace(draft, picture=draft.picture or there.picture) != there:
            raise SavedMeanwhile
    product.names, product.descriptions = dict(draft.names), dict(draft.descriptions)
    product.reference, product.tax_rate_ppm, product.is_active = draft.reference, draft.tax_rate_ppm, draft.is_active
    product.category = _category(shop_id, draft.category, draft.language)
    product.save()
    known = {one.pk: one for one in product.variants.select_for_update().order_by("pk")}
    for place, told in enumerate(draft.variants):
        _save_variant(product, known.get(told.id or 0), told, place)
    if draft.picture is not None:
        product.variants.update(picture=draft.picture)
    return product


def _save_variant(product: Product, variant: Variant | None, told: VariantDraft, place: int) -> None:
    if Variant.objects.filter(shop_id=product.shop_id, sku=told.sku).exclude(pk=variant.pk if variant else 0).exists():
        raise SkuTaken(sku=told.sku)
    if variant is None:
        variant = Variant(shop_id=product.shop_id, product=product, stock=max(0, told.stock_change))
        variant.picture = product.variants.values_list("picture", flat=True).first() or ""
    elif told.stock_change:
        stock = Greatest(F("stock") + told.stock_change, 0)
        Variant.objects.filter(pk=variant.pk).update(stock=stock)
        variant.refresh_from_db(fields=["stock"])
    variant.sku, variant.options = told.sku, dict(told.options)
    variant.is_active, variant.position = told.is_active, place
    variant.save()
    for currency, (micros, regular) in told.prices.items():
        values = {"price_micros": micros, "regular_micros": regular}
        Price.objects.update_or_create(variant=variant, currency=currency, defaults=values)


def _category(shop_id: int, name: str, language: str) -> Category | None:
    if not name:
        return None
    for one in Category.objects.filter(shop_id=shop_id):
        if name in (one.name(language), *one.names.values()):
            return one
    last = Category.objects.filter(shop_id=shop_id).aggregate(last=Max("position"))["last"]
    slug = _free_slug(Category, shop_id, name)
    return Category.objects.create(shop_id=shop_id, slug=slug, names={language: name}, position=(last or 0) + 1)


def _free_slug(model: type[Product] | type[Category], shop_id: int, name: str) -> str:
    """A name for addresses that no other of the shop has; made from its name, if addresses know its letters."""
    base = slugify(name)[:40].strip("-") or model._meta.model_name or ""
    return next(slug for slug in _slugs(base) if not model.objects.filter(shop_id=shop_id, slug=slug).exists())


def _slugs(base: str) -> Iterator[str]:
    yield base
    number = 2
    while True:
        yield f"{base}-{number}"
        number += 1
