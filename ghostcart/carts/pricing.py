"""What a cart costs: lines, vouchers, shipping and tax rules in; totals out. No database, no clock, no float.

All amounts are whole minor units in the tax mode of the shop: with tax where its prices include it, without
where they don't. The steps:

1. Lines. Each becomes a whole amount, its share of the products total. Rounding type `item` rounds the unit
   price and multiplies; `line` multiplies and rounds; `total` rounds only the sum of all lines and gives each
   line a share of it, while `LineTotal.total_minor` is the line rounded on its own.
2. Vouchers, in turn (`_turn`). Each sees what the ones before it left on the lines it concerns, takes a whole
   amount, rounded once, and spreads it over those lines by what is left on them. A line that costs
   nothing (a gift) concerns no voucher.
3. Shipping, unless a voucher makes it free.
4. Tax, of what is left on each line and of the shipping. Rounding types `item` and `line` round it per line,
   `total` per tax rate.

Where a whole amount is spread, the largest remainders get the odd units, and of equal ones the first: so the
parts always add up.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from ghostcart.lib.money import Divide, Rounding, divider, minor_micros
from ghostcart.vouchers.terms import AppliesTo, Kind, Refusal, Terms, is_other_currency

WHOLE_PPM = 1_000_000  # a tax rate of 100 %
WHOLE_BP = 10_000  # a percentage of 100 %

_TURN_OF_KIND = {Kind.GIFT: 0, Kind.PERCENT: 1, Kind.AMOUNT: 2, Kind.FREE_SHIPPING: 3}


class RoundingType(StrEnum):
    """When prices are rounded to the minor unit."""

    ITEM = "item"
    LINE = "line"
    TOTAL = "total"


@dataclass(frozen=True, slots=True)
class PricingLine:
    """A line to price. A gift is a line of its own with price 0."""

    key: str
    unit_price_micros: int
    quantity: int
    tax_rate_ppm: int
    product_id: int | None = None
    is_discounted: bool = False
    variant_id: int | None = None


@dataclass(frozen=True, slots=True)
class Shipping:
    """What delivery costs before vouchers, in minor units, in the shop's tax mode."""

    price_minor: int = 0
    tax_rate_ppm: int = 0


@dataclass(frozen=True, slots=True)
class Rules:
    """How the shop counts."""

    currency: str
    prices_include_tax: bool
    rounding: Rounding
    rounding_type: RoundingType


@dataclass(frozen=True, slots=True)
class VoucherEffect:
    """What one voucher does to the cart now, or why it does nothing.

    `amount_minor` is what it took from the products; the amounts of all vouchers add up to the discount. A
    voucher for free shipping takes nothing from them: the shipping is 0 instead.
    """

    code: str
    amount_minor: int = 0
    free_shipping: bool = False
    gift_variant_id: int | None = None
    refusal: Refusal | None = None


@dataclass(frozen=True, slots=True)
class LineTotal:
    """A priced line: `total_minor` before discounts, `tax_minor` in (or on) what is left after them."""

    key: str
    unit_minor: int
    total_minor: int
    discount_minor: int
    tax_minor: int


@dataclass(frozen=True, slots=True)
class Totals:
    """What the cart comes to.

    products - discount + shipping is the total where prices include tax, and the total less tax where they
    don't. `tax_minor` is part of the total in both cases; the lines' taxes and the shipping's add up to it.
    """

    currency: str
    products_minor: int
    discount_minor: int
    shipping_minor: int
    tax_minor: int
    total_minor: int
    items: int
    lines: tuple[LineTotal, ...]
    vouchers: tuple[VoucherEffect, ...]


def price(lines: Sequence[PricingLine], vouchers: Sequence[Terms], shipping: Shipping, rules: Rules) -> Totals:
    """The totals of a cart, and what each voucher does to it, in the order in which they take their turn.

    Whether a voucher may be used at all (time, quantity, customer, combination) is asked before, by
    `vouchers.terms.refusal`. ValueError for what no door lets in: a negative quantity, price, rate or amount.
    """
    _refuse_nonsense(lines, shipping)
    divide = divider(rules.rounding)
    units, shown, shares = _line_amounts(lines, rules, divide)
    products = sum(shares)
    left = shares.copy()
    effects = [_use(terms, lines, left, products, rules, divide) for terms in sorted(vouchers, key=_turn)]
    discount = products - sum(left)
    is_shipping_free = any(effect.free_shipping for effect in effects)
    shipping_minor = 0 if is_shipping_free else shipping.price_minor
    taxes, tax = _taxes(lines, left, shipping_minor, shipping.tax_rate_ppm, rules, divide)
    total = products - discount + shipping_minor
    return Totals(
        rules.currency,
        products,
        discount,
        shipping_minor,
        tax,
        total if rules.prices_include_tax else total + tax,
        sum([line.quantity for line in lines]),
        tuple(
            [
                LineTotal(line.key, unit, total, share - rest, line_tax)
                for line, unit, total, share, rest, line_tax in zip(
                    lines, units, shown, shares, left, taxes, strict=True
                )
            ]
        ),
        tuple(effects),
    )


def _refuse_nonsense(lines: Sequence[PricingLine], shipping: Shipping) -> None:
    for line in lines:
        if line.quantity < 0 or line.unit_price_micros < 0 or line.tax_rate_ppm < 0:
            raise ValueError(f"line {line.key!r} has a negative quantity, price or tax rate")
    if shipping.price_minor < 0 or shipping.tax_rate_ppm < 0:
        raise ValueError("the shipping has a negative price or tax rate")


def _line_amounts(lines: Sequence[PricingLine], rules: Rules, divide: Divide) -> tuple[list[int], list[int], list[int]]:
    """For each line its unit price, its total as shown, and its share of the products total."""
    minor = minor_micros(rules.currency)
    units = [divide(line.unit_price_micros, minor) for line in lines]
    if rules.rounding_type == RoundingType.ITEM:
        shown = [unit * line.quantity for unit, line in zip(units, lines, strict=True)]
        return units, shown, shown
    exact = [line.unit_price_micros * line.quantity for line in lines]
    shown = [divide(micros, minor) for micros in exact]
    if rules.rounding_type == RoundingType.LINE:
        return units, shown, shown
    return units, shown, _adding_up_to(divide(sum(exact), minor), exact, minor)


def _adding_up_to(total: int, numerators: Sequence[int], denominator: int) -> list[int]:
    """Each numerator / denominator as one of the two whole numbers around it; together they make `total`.

    `total` must be their exact sum, rounded somehow. Largest remainders are lifted, of equal ones the first.
    """
    parts = [numerator // denominator for numerator in numerators]
    missing = total - sum(parts)
    if missing:
        remainders = [numerator % denominator for numerator in numerators]
        by_remainder = sorted(range(len(parts)), key=remainders.__getitem__, reverse=True)
        for i in by_remainder[:missing]:
            parts[i] += 1
    return parts


# -- vouchers ----------------------------------------------------------------------------------------


def _turn(terms: Terms) -> tuple[int, int, int]:
    """Smaller priority first; then gifts, percentages, amounts, free shipping; then the older voucher."""
    return terms.priority, _TURN_OF_KIND[terms.kind], terms.id


def _use(
    terms: Terms, lines: Sequence[PricingLine], left: list[int], products: int, rules: Rules, divide: Divide
) -> VoucherEffect:
    """Let a voucher take its part from `left`, and tell what it did."""
    concerned = _concerned(terms, lines)
    reason = _refusal(terms, concerned, products, rules.currency)
    if reason is not None:
        return VoucherEffect(terms.code, refusal=reason)
    if terms.kind == Kind.FREE_SHIPPING:
        return VoucherEffect(terms.code, free_shipping=True)
    if terms.kind == Kind.GIFT:
        return VoucherEffect(terms.code, gift_variant_id=terms.gift_variant_id)
    available = sum([left[i] for i in concerned])
    amount = _amount_taken(terms, available, lines[concerned[0]].quantity, divide)
    if amount:
        parts = _adding_up_to(amount, [amount * left[i] for i in concerned], available)
        for i, part in zip(concerned, parts, strict=True):
            left[i] -= part
    return VoucherEffect(terms.code, amount_minor=amount)


def _concerned(terms: Terms, lines: Sequence[PricingLine]) -> list[int]:
    """Which lines the voucher is for, as positions; one at most for the cheapest product."""
    found = [
        i
        for i, line in enumerate(lines)
        if line.unit_price_micros and line.quantity and not (terms.exclude_discounted and line.is_discounted)
    ]
    if terms.applies_to == AppliesTo.PRODUCTS:
        return [i for i in found if lines[i].product_id in terms.product_ids]
    if terms.applies_to == AppliesTo.CHEAPEST and found:
        return [min(found, key=lambda i: lines[i].unit_price_micros)]
    return found


def _refusal(terms: Terms, concerned: Sequence[int], products: int, currency: str) -> Refusal | None:
    """Why the voucher does nothing on these lines; first what one more product cannot mend."""
    if is_other_currency(terms, currency):
        return Refusal.OTHER_CURRENCY
    if terms.kind == Kind.GIFT and terms.gift_variant_id is None:
        return Refusal.GIFT_UNAVAILABLE
    if not concerned:
        return Refusal.NO_MATCHING_PRODUCT
    if products < terms.minimum_minor:
        return Refusal.BELOW_MINIMUM
    return None


def _amount_taken(terms: Terms, available: int, quantity: int, divide: Divide) -> int:
    """What a percent or amount voucher takes of what is available on the lines it concerns.

    Of the cheapest product it sees one unit: one part in `quantity` of what is left on that line.
    """
    if terms.percent_bp < 0 or terms.amount_minor < 0:
        raise ValueError(f"voucher {terms.code!r} has a negative percentage or amount")
    units = quantity if terms.applies_to == AppliesTo.CHEAPEST else 1
    most = divide(available, units)
    if terms.kind == Kind.PERCENT:
        return min(divide(available * terms.percent_bp, WHOLE_BP * units), most)
    return min(terms.amount_minor, most)


# -- tax ---------------------------------------------------------------------------------------------


def _taxes(
    lines: Sequence[PricingLine],
    left: Sequence[int],
    shipping_minor: int,
    shipping_rate_ppm: int,
    rules: Rules,
    divide: Divide,
) -> tuple[list[int], int]:
    """The tax of each line, and of all lines and the shipping together."""
    amounts = [*left, shipping_minor]
    rates = [line.tax_rate_ppm for line in lines]
    rates.append(shipping_rate_ppm)
    # A tax is a part of a price that includes it, or comes on top.
    part = 1 if rules.prices_include_tax else 0
    if rules.rounding_type == RoundingType.TOTAL:
        taxes = _taxes_per_rate(amounts, rates, part, divide)
    else:
        taxes = [divide(amount * rate, WHOLE_PPM + part * rate) for amount, rate in zip(amounts, rates, strict=True)]
    tax = sum(taxes)
    taxes.pop()  # the shipping's
    return taxes, tax


def _taxes_per_rate(amounts: Sequence[int], rates: Sequence[int], part: int, divide: Divide) -> list[int]:
    """Tax rounded once for each rate, as an invoice does it, then spread over the amounts at that rate."""
    members: dict[int, list[int]] = {}
    for i, rate in enumerate(rates):
        members.setdefault(rate, []).append(i)
    taxes = [0] * len(amounts)
    for rate, positions in members.items():
        if not rate:
            continue
        denominator = WHOLE_PPM + part * rate
        if len(positions) == 1:
            taxes[positions[0]] = divide(amounts[positions[0]] * rate, denominator)
            continue
        numerators = [amounts[i] * rate for i in positions]
        whole = divide(sum(numerators), denominator)
        for i, tax in zip(positions, _adding_up_to(whole, numerators, denominator), strict=True):
            taxes[i] = tax
    return taxes
