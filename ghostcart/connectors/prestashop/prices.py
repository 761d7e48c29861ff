"""What a product costs somebody there: the shop's own rules, in whole numbers. No database, no clock.

In turn: the special price that fits best, the currency, the combination's surcharge, tax, the reduction, the group's
reduction. Prices are micros; each step rounds half up to a micro.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ghostcart.lib.money import MICROS

WHOLE_PPM = 1_000_000


@dataclass(frozen=True, slots=True)
class SpecialPrice:
    """A row of `specific_price`. 0 stands for all; `price_micros` below 0: the product's own."""

    id: int
    rule: int
    cart: int
    product: int
    shop: int
    currency: int
    country: int
    group: int
    customer: int
    variant: int
    price_micros: int
    from_quantity: int
    reduction_micros: int
    """An amount, or the millionths of the price."""
    is_percentage: bool
    includes_tax: bool
    since: str
    until: str
    shop_group: int = 0


@dataclass(frozen=True, slots=True)
class Occasion:
    """Who buys, where, when (as the shop writes times), and how much of it."""

    shop: int
    shop_group: int
    currency: int
    rate_micros: int
    country: int
    group: int
    group_reduction_ppm: int
    customer: int
    cart: int
    at: str
    quantity: int
    shows_tax: bool


@dataclass(frozen=True, slots=True)
class UnitPrice:
    micros: int
    regular_micros: int | None


def unit_price(
    product: int,
    variant: int,
    base_micros: int,
    surcharge_micros: int,
    tax_ppm: int,
    occasion: Occasion,
    specials: Iterable[SpecialPrice],
    priorities: Sequence[str] = (),
    category_reduction_ppm: int | None = None,
) -> UnitPrice:
    """The price of one unit, with tax if the occasion shows it; `regular_micros`: before reductions, if any."""
    special = best(product, variant, occasion, specials, priorities)
    price = _converted(base_micros, occasion)
    has_own_price = special is not None and special.price_micros >= 0
    if special is not None and has_own_price:
        price = special.price_micros if special.currency else _converted(special.price_micros, occasion)
    if variant and not (special is not None and has_own_price and special.variant):
        price += _converted(surcharge_micros, occasion)
    shown = taxed = _share(price, WHOLE_PPM + tax_ppm, WHOLE_PPM) if occasion.shows_tax else price
    if special is not None and special.reduction_micros:
        shown -= _reduction(special, taxed, tax_ppm, occasion)
    reduction = occasion.group_reduction_ppm if category_reduction_ppm is None else category_reduction_ppm
    if reduction:
        shown -= _share(shown, reduction, WHOLE_PPM)
    shown = max(0, shown)
    return UnitPrice(shown, taxed if shown < taxed else None)


def best(
    product: int, variant: int, on: Occasion, specials: Iterable[SpecialPrice], priorities: Sequence[str]
) -> SpecialPrice | None:
    """The special price that counts, if any does: the nearest to what is bought and to who buys."""
    fitting = [one for one in specials if _fits(one, product, variant, on)]
    if len(fitting) < 2:
        return fitting[0] if fitting else None
    weights = {name: 2 ** (place + 1) for place, name in enumerate(reversed(priorities))}

    def rank(one: SpecialPrice) -> tuple[int, int, int, int, int, str, str]:
        exact = {
            "id_shop": one.shop == on.shop, "id_currency": one.currency == on.currency,
            "id_country": one.country == on.country, "id_group": one.group == on.group,
            "id_customer": one.customer == on.customer,
        }  # fmt: skip
        score = sum(weights.get(name, 0) for name, is_exact in exact.items() if is_exact)
        return one.variant, one.cart, one.from_quantity, -one.rule, score, one.until, one.since

    return max(fitting, key=rank)


def _fits(one: SpecialPrice, product: int, variant: int, on: Occasion) -> bool:
    return (
        one.product in (0, product)
        and one.variant in (0, variant)
        and one.cart in (0, on.cart)
        and one.customer in (0, on.customer)
        and one.group in (0, on.group)
        and one.country in (0, on.country)
        and one.currency in (0, on.currency)
        and one.shop in (0, on.shop)
        and one.shop_group in (0, on.shop_group)
        and (one.from_quantity <= 1 or one.from_quantity <= on.quantity)
        and (one.since < "1000" or one.since <= on.at)
        and (one.until < "1000" or one.until >= on.at)
    )


def _reduction(special: SpecialPrice, taxed: int, tax_ppm: int, occasion: Occasion) -> int:
    if special.is_percentage:
        return _share(taxed, special.reduction_micros, MICROS)
    amount = special.reduction_micros if special.currency else _converted(special.reduction_micros, occasion)
    if special.includes_tax and not occasion.shows_tax:
        return _share(amount, WHOLE_PPM, WHOLE_PPM + tax_ppm)
    if not special.includes_tax and occasion.shows_tax:
        return _share(amount, WHOLE_PPM + tax_ppm, WHOLE_PPM)
    return amount


def _converted(micros: int, occasion: Occasion) -> int:
    if occasion.rate_micros == MICROS:
        return micros
    return _share(micros, occasion.rate_micros, MICROS)


def _share(number: int, numerator: int, denominator: int) -> int:
    """number * numerator / denominator, half up (of negative numbers: away from zero)."""
    product = number * numerator
    if product < 0:
        return -((2 * -product + denominator) // (2 * denominator))
    return (2 * product + denominator) // (2 * denominator)
