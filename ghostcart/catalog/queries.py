"""What pages read of the catalogue: cards for grids, and a product with all its variants."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db.models import Exists, F, OuterRef, Prefetch, QuerySet

from ghostcart.catalog.models import Category, Price, Product, Variant
from ghostcart.lib.texts import fold, pick

SORTS = ("shop", "price", "-price", "name")
"""How a grid can be sorted: as the shop wants it, cheapest first, dearest first, by name."""

MIXED_FROM = 8  # so many times as many new products are looked at as are shown


@dataclass(frozen=True, slots=True)
class Choice:
    """A variant as a page offers it. Prices are micros of the page's currency, in the shop's tax mode."""

    sku: str
    options: dict[str, str]
    picture: str
    stock: int
    price_micros: int
    regular_micros: int | None

    @property
    def is_reduced(self) -> bool:
        return self.regular_micros is not None and self.regular_micros > self.price_micros

    @property
    def reduction(self) -> int:
        """By how many percent the price is reduced, rounded down: nobody is promised more than there is."""
        if not self.is_reduced:
            return 0
        return (self.regular_micros - self.price_micros) * 100 // self.regular_micros  # type: ignore[operator]


@dataclass(frozen=True, slots=True)
class Card:
    """A product in a grid. It shows one of its variants: see `_shown`."""

    product_id: int
    slug: str
    names: dict[str, str]
    picture: str
    shown: Choice
    has_price_range: bool
    is_in_stock: bool
    choice_count: int


@dataclass(frozen=True, slots=True)
class Item:
    """A product with everything that its page shows."""

    product: Product
    choices: tuple[Choice, ...]

    @property
    def pictures(self) -> list[str]:
        return list(dict.fromkeys(choice.picture for choice in self.choices if choice.picture))

    @property
    def first_choice(self) -> Choice:
        """What the page starts with: the first variant that can be had."""
        return next((choice for choice in self.choices if choice.stock), self.choices[0])


# -- categories --------------------------------------------------------------------------------------


def categories(shop_id: int) -> list[Category]:
    return list(Category.objects.filter(shop_id=shop_id))


def category_by_slug(shop_id: int, slug: str) -> Category | None:
    return Category.objects.filter(shop_id=shop_id, slug=slug).first()


# -- cards -------------------------------------------------------------------------------------------


def of_category(category: Category, currency: str) -> list[Card]:
    return _cards(_on_sale(category.shop_id).filter(category=category), currency)


def newest(shop_id: int, currency: str, most: int) -> list[Card]:
    """The products added last, the categories taking turns: a whole new department does not hide the rest."""
    rows = _on_sale(shop_id).order_by("-id").values_list("pk", "category_id")[: most * MIXED_FROM]
    turns: dict[int | None, int] = {}
    ranked = []
    for pk, category_id in rows:
        turns[category_id] = turns.get(category_id, 0) + 1
        ranked.append((turns[category_id], -pk, pk))
    chosen = [pk for _turn, _newness, pk in sorted(ranked)[:most]]
    cards = _cards(_on_sale(shop_id).filter(pk__in=chosen), currency)
    return sorted(cards, key=lambda card: chosen.index(card.product_id))


def reduced(shop_id: int, currency: str, most: int) -> list[Card]:
    """Products of which some variant costs less than it used to; that variant is shown."""
    prices = Price.objects.filter(
        variant__product=OuterRef("pk"),
        variant__is_active=True,
        currency=currency,
        regular_micros__gt=F("price_micros"),
    )
    return _cards(_on_sale(shop_id).filter(Exists(prices))[:most], currency, show_reduced=True)


def first_of_categories(shop_id: int, currency: str) -> dict[int, Card]:
    """For each category, by its id, the card of its first product: the picture that stands for it."""
    firsts = _on_sale(shop_id).filter(
        pk=_on_sale(shop_id).filter(category=OuterRef("category")).order_by("position", "id").values("pk")[:1]
    )
    owners = dict(firsts.values_list("pk", "category_id"))
    return {owners[card.product_id]: card for card in _cards(firsts, currency) if card.product_id in owners}


def named(shop_id: int, currency: str, words: str, language: str, most: int) -> list[Card]:
    """Products whose name or description in `language` has all the words, in any case and without accents."""
    found = _with_words(_on_sale(shop_id), words, language)
    return _cards(_on_sale(shop_id).filter(pk__in=found[:most]), currency)


def _with_words(products: QuerySet[Product], words: str, language: str) -> list[int]:
    wanted = fold(words).split()
    if not wanted:
        return []
    return [
        pk
        for pk, names, descriptions, reference in products.values_list("pk", "names", "descriptions", "reference")
        for text in [fold(f"{pick(names, language)} {pick(descriptions, language)} {reference}")]
        if all(word in text for word in wanted)
    ]


# -- for staff ---------------------------------------------------------------------------------------

LISTED = ("id", "position")
"""How the list of the back office can be sorted."""


def listed(shop_ids: Sequence[int], words: str, language: str) -> QuerySet[Product]:
    """Products of these shops, on sale or not, with their variants; those with all the words, or an article number."""
    found = Product.objects.filter(shop_id__in=shop_ids)
    if words:
        numbers = Variant.objects.filter(shop_id__in=shop_ids, sku__iexact=words).values_list("product_id", flat=True)
        found = found.filter(pk__in={*_with_words(found, words, language), *numbers})
    return found.select_related("shop", "category").prefetch_related("variants__prices")


def beside(product: Product, currency: str, most: int) -> list[Card]:
    """Others of the same category, those that follow first."""
    others = _on_sale(product.shop_id).filter(category=product.category_id).exclude(pk=product.pk)
    after = others.filter(position__gte=product.position)[:most]
    cards = _cards(after, currency)
    if len(cards) < most:
        cards += _cards(others.filter(position__lt=product.position)[: most - len(cards)], currency)
    return cards


def sorted_cards(cards: Iterable[Card], sort: str, language: str) -> list[Card]:
    """Cards in one of the orders of SORTS; an unknown one leaves them as they are."""
    if sort == "name":
        return sorted(cards, key=lambda card: fold(pick(card.names, language)))
    if sort in ("price", "-price"):
        return sorted(cards, key=lambda card: card.shown.price_micros, reverse=sort == "-price")
    return list(cards)


def _on_sale(shop_id: int) -> QuerySet[Product]:
    return Product.objects.filter(shop_id=shop_id, is_active=True)


def _cards(products: QuerySet[Product], currency: str, *, show_reduced: bool = False) -> list[Card]:
    cards = (_card(product, show_reduced) for product in products.prefetch_related(*_with_choices(currency)))
    return [card for card in cards if card]


def _card(product: Product, show_reduced: bool) -> Card | None:
    choices = _choices(product)
    if not choices:
        return None
    shown = _shown(choices, show_reduced)
    return Card(
        product_id=product.pk,
        slug=product.slug,
        names=product.names,
        picture=shown.picture or next((choice.picture for choice in choices if choice.picture), ""),
        shown=shown,
        has_price_range=len({choice.price_micros for choice in choices}) > 1,
        is_in_stock=any(choice.stock for choice in choices),
        choice_count=len(choices),
    )


def _shown(choices: Sequence[Choice], show_reduced: bool) -> Choice:
    """The variant that stands for its product: of those in stock the cheapest, of equal ones the reduced, then the
    first; where reductions are what is looked for, the cheapest reduced one."""
    candidates = [choice for choice in choices if choice.is_reduced] if show_reduced else []
    candidates = candidates or [choice for choice in choices if choice.stock] or list(choices)
    return min(candidates, key=lambda choice: (not choice.stock, choice.price_micros, not choice.is_reduced))


# -- one product -------------------------------------------------------------------------------------


def item(shop_id: int, slug: str, currency: str) -> Item | None:
    """A product as its page shows it; None if it is not sold, or not in this currency."""
    products = _on_sale(shop_id).filter(slug=slug).select_related("category")
    product = products.prefetch_related(*_with_choices(currency)).first()
    choices = _choices(product) if product else ()
    return Item(product, choices) if product and choices else None


def slug_of_sku(shop_id: int, sku: str) -> str | None:
    """Which product a variant is one of; None if it is sold no longer."""
    found = Variant.objects.filter(shop_id=shop_id, sku=sku, is_active=True, product__is_active=True)
    return found.values_list("product__slug", flat=True).first()


def _with_choices(currency: str) -> Sequence[Prefetch]:
    prices = Price.objects.filter(currency=currency)
    return (
        Prefetch("variants", Variant.objects.filter(is_active=True), to_attr="active_variants"),
        Prefetch("active_variants__prices", prices, to_attr="prices_now"),
    )


def _choices(product: Product) -> tuple[Choice, ...]:
    """The product's active variants that have a price in the currency asked for."""
    return tuple(
        Choice(
            sku=variant.sku,
            options=variant.options,
            picture=variant.picture,
            stock=variant.stock,
            price_micros=price.price_micros,
            regular_micros=price.regular_micros,
        )
        for variant in product.active_variants  # type: ignore[attr-defined]
        for price in variant.prices_now
    )


def costs(variant_ids: Iterable[int | None], currency: str) -> dict[int | None, int | None]:
    """What one piece of each variant costs the shop, in micros of `currency` without tax; None where nobody said."""
    known = Price.objects.filter(variant_id__in=[one for one in variant_ids if one], currency=currency)
    return dict(known.values_list("variant_id", "cost_micros"))
