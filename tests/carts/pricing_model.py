"""What a cart costs, worked out a second time with fractions and without looking at `carts.pricing`.

Slow and plain on purpose. Amounts are exact fractions of the minor unit until a rule says "rounded". How many
digits a currency has is written down here, not asked of Babel.
"""

from dataclasses import dataclass
from fractions import Fraction
from math import floor
from random import Random

from ghostcart.carts.pricing import PricingLine, RoundingType, Rules, Shipping, Totals, price
from ghostcart.lib.money import Rounding
from ghostcart.vouchers.terms import AppliesTo, Kind, Terms

DIGITS = {"EUR": 2, "USD": 2, "GBP": 2, "CHF": 2, "PLN": 2, "SEK": 2,
          "JPY": 0, "KRW": 0, "ISK": 0, "KWD": 3, "BHD": 3, "TND": 3}  # fmt: skip


@dataclass(frozen=True)
class Case:
    lines: tuple[PricingLine, ...]
    vouchers: tuple[Terms, ...]
    shipping: Shipping
    rules: Rules


def differences(case: Case) -> list[str]:
    """What `price` and the model disagree on."""
    told, known = price(case.lines, case.vouchers, case.shipping, case.rules), model(case)
    found = {name: (getattr(told, name), known[name]) for name in known if name not in ("lines", "vouchers")}
    found["lines"] = ([_line_values(line) for line in told.lines], known["lines"])
    found["vouchers"] = ([_effect_values(effect) for effect in told.vouchers], known["vouchers"])
    return [f"{name}: priced {ours}, model {theirs}" for name, (ours, theirs) in found.items() if ours != theirs]


def broken_promises(case: Case, told: Totals) -> list[str]:
    """Which of the sums that must always agree don't."""
    added_tax = 0 if case.rules.prices_include_tax else told.tax_minor
    kept = {
        "nothing is negative": min(
            told.total_minor, told.products_minor, told.discount_minor, told.shipping_minor, told.tax_minor
        ) >= 0,
        "the sum is the total": told.products_minor - told.discount_minor + told.shipping_minor + added_tax
        == told.total_minor,
        "never more discount than products": told.discount_minor <= told.products_minor,
        "line discounts add up": sum(line.discount_minor for line in told.lines) == told.discount_minor,
        "voucher amounts add up": sum(effect.amount_minor for effect in told.vouchers) == told.discount_minor,
        "no line takes back": all(line.discount_minor >= 0 and line.tax_minor >= 0 for line in told.lines),
        "line taxes fit in the tax": sum(line.tax_minor for line in told.lines) <= told.tax_minor,
        "refused vouchers do nothing": all(
            not (effect.amount_minor or effect.free_shipping or effect.gift_variant_id)
            for effect in told.vouchers
            if effect.refusal
        ),
        "line totals add up": case.rules.rounding_type == RoundingType.TOTAL
        or sum(line.total_minor for line in told.lines) == told.products_minor,
        "gifts cost nothing": all(
            (total.total_minor, total.discount_minor, total.tax_minor) == (0, 0, 0)
            for total, line in zip(told.lines, case.lines, strict=True)
            if not line.unit_price_micros
        ),
    }  # fmt: skip
    return [name for name, is_kept in kept.items() if not is_kept]


# -- the model ---------------------------------------------------------------------------------------


def rounded(exact: Fraction, mode: str) -> int:
    below = floor(exact)
    rest = exact - below
    if mode == "down" or rest == 0:
        return below
    if mode == "up":
        return below + 1
    if rest != Fraction(1, 2):
        return below + (rest > Fraction(1, 2))
    even = below % 2 == 0
    return below + {"half_up": True, "half_down": False, "half_even": not even, "half_odd": even}[mode]


def handed_out(total: int, exact: list[Fraction]) -> list[int]:
    """Whole parts of `total`: everybody's floor, then one each to who is furthest below what is due."""
    parts = [floor(part) for part in exact]
    while sum(parts) < total:
        owed = [due - part for due, part in zip(exact, parts, strict=True)]
        parts[owed.index(max(owed))] += 1
    return parts


def model(case: Case) -> dict[str, object]:
    rules, mode = case.rules, case.rules.rounding.value
    scale = Fraction(10 ** DIGITS[rules.currency], 10**6)
    units = [rounded(line.unit_price_micros * scale, mode) for line in case.lines]
    exact = [line.unit_price_micros * scale * line.quantity for line in case.lines]
    if rules.rounding_type.value == "item":
        shown = [unit * line.quantity for unit, line in zip(units, case.lines, strict=True)]
    else:
        shown = [rounded(amount, mode) for amount in exact]
    products = sum(shown)
    shares = shown
    if rules.rounding_type.value == "total":
        products = rounded(sum(exact, Fraction(0)), mode)
        shares = handed_out(products, exact)

    rest = list(shares)
    effects = []
    for terms in sorted(case.vouchers, key=_turn):
        effects.append(_effect(terms, case, rest, products, mode))
    is_free = any(effect[2] for effect in effects)
    shipping = 0 if is_free else case.shipping.price_minor

    taxes, tax = _tax(case, rest, shipping, mode)
    discount = products - sum(rest)
    return {
        "currency": rules.currency,
        "products_minor": products,
        "discount_minor": discount,
        "shipping_minor": shipping,
        "tax_minor": tax,
        "total_minor": products - discount + shipping + (0 if rules.prices_include_tax else tax),
        "items": sum(line.quantity for line in case.lines),
        "lines": [(line.key, units[i], shown[i], shares[i] - rest[i], taxes[i]) for i, line in enumerate(case.lines)],
        "vouchers": effects,
    }


def _turn(terms: Terms) -> tuple[int, int, int]:
    return terms.priority, ["gift", "percent", "amount", "free_shipping"].index(terms.kind.value), terms.id


def _effect(terms: Terms, case: Case, rest: list[int], products: int, mode: str) -> tuple[object, ...]:
    def nothing(why: str) -> tuple[object, ...]:
        return terms.code, 0, False, None, why

    has_money = terms.kind.value == "amount" or terms.minimum_minor > 0
    if (terms.currency or "none") != case.rules.currency and (terms.currency or has_money):
        return nothing("voucher_other_currency")
    if terms.kind.value == "gift" and terms.gift_variant_id is None:
        return nothing("voucher_gift_unavailable")
    matching = []
    for i, line in enumerate(case.lines):
        is_listed = terms.applies_to.value != "products" or line.product_id in terms.product_ids
        is_spared = terms.exclude_discounted and line.is_discounted
        if is_listed and not is_spared and line.quantity > 0 and line.unit_price_micros > 0:
            matching.append(i)
    if not matching:
        return nothing("voucher_no_matching_product")
    if products < terms.minimum_minor:
        return nothing("voucher_below_minimum")
    if terms.kind.value == "free_shipping":
        return terms.code, 0, True, None, None
    if terms.kind.value == "gift":
        return terms.code, 0, False, terms.gift_variant_id, None

    seen = Fraction(sum(rest[i] for i in matching))
    if terms.applies_to.value == "cheapest":
        lowest = min(case.lines[i].unit_price_micros for i in matching)
        matching = [next(i for i in matching if case.lines[i].unit_price_micros == lowest)]
        seen = Fraction(rest[matching[0]], case.lines[matching[0]].quantity)
    if terms.kind.value == "percent":
        amount = rounded(seen * Fraction(terms.percent_bp, 10_000), mode)
    else:
        amount = min(terms.amount_minor, rounded(seen, mode))
    whole = sum(rest[i] for i in matching)
    parts = handed_out(amount, [Fraction(amount * rest[i], whole) if whole else Fraction(0) for i in matching])
    for i, part in zip(matching, parts, strict=True):
        rest[i] -= part
    return terms.code, amount, False, None, None


def _tax(case: Case, rest: list[int], shipping: int, mode: str) -> tuple[list[int], int]:
    def contained(amount: int, ppm: int) -> Fraction:
        rate = Fraction(ppm, 10**6)
        return amount * rate / (1 + rate) if case.rules.prices_include_tax else amount * rate

    rates = [line.tax_rate_ppm for line in case.lines] + [case.shipping.tax_rate_ppm]
    exact = [contained(amount, ppm) for amount, ppm in zip([*rest, shipping], rates, strict=True)]
    taxes = [rounded(tax, mode) for tax in exact]
    if case.rules.rounding_type.value == "total":
        for ppm in set(rates):
            at_rate = [i for i, other in enumerate(rates) if other == ppm]
            due = [exact[i] for i in at_rate]
            for i, tax in zip(at_rate, handed_out(rounded(sum(due, Fraction(0)), mode), due), strict=True):
                taxes[i] = tax
    return taxes[:-1], sum(taxes)


def _line_values(line) -> tuple[object, ...]:
    return line.key, line.unit_minor, line.total_minor, line.discount_minor, line.tax_minor


def _effect_values(effect) -> tuple[object, ...]:
    refusal = effect.refusal.value if effect.refusal else None
    return effect.code, effect.amount_minor, effect.free_shipping, effect.gift_variant_id, refusal


# -- random carts ------------------------------------------------------------------------------------

RATES = (0, 40_000, 55_000, 81_000, 100_000, 210_000, 220_000, 250_000, 333_333)


def random_case(chance: Random) -> Case:
    """A cart of up to 8 lines and 4 vouchers, with the awkward values much likelier than in life."""
    currency = chance.choice(list(DIGITS))
    minor = 10 ** (6 - DIGITS[currency])
    lines = tuple(_random_line(chance, minor, position) for position in range(chance.randrange(9)))
    worth = sum(line.unit_price_micros * line.quantity for line in lines) // minor
    vouchers = tuple(_random_voucher(chance, currency, worth, number) for number in range(chance.randrange(5)))
    return Case(
        lines,
        vouchers,
        Shipping(chance.choice((0, 1, 490, chance.randrange(5000))), chance.choice(RATES)),
        Rules(currency, chance.random() < 0.5, chance.choice(list(Rounding)), chance.choice(list(RoundingType))),
    )


def _random_line(chance: Random, minor: int, position: int) -> PricingLine:
    price_micros = chance.choice(
        (
            0,
            chance.randrange(1, 500) * minor,
            chance.randrange(1, 50_000) * minor,
            chance.randrange(1, 500) * minor // 2,
            chance.randrange(1, 100_000_000),
            chance.randrange(1, 3 * minor),
            chance.randrange(1, 10**15),
        )
    )
    return PricingLine(
        key=f"line-{position}",
        unit_price_micros=price_micros,
        quantity=chance.choice((0, 1, 1, 1, 2, 3, 7, chance.randrange(1, 10_000))),
        tax_rate_ppm=chance.choice(RATES),
        product_id=chance.choice((None, 1, 2, 3, 4)),
        is_discounted=chance.random() < 0.25,
    )


def _random_voucher(chance: Random, currency: str, worth: int, number: int) -> Terms:
    return Terms(
        id=number + 1,
        code=f"CODE{number + 1}",
        kind=chance.choice((Kind.PERCENT, Kind.PERCENT, Kind.AMOUNT, Kind.AMOUNT, Kind.FREE_SHIPPING, Kind.GIFT)),
        percent_bp=chance.choice((1, 333, 1000, 5000, 9999, 10_000, chance.randrange(10_001))),
        amount_minor=chance.choice((1, 500, chance.randrange(2 * worth + 1), worth)),
        currency=chance.choice((currency, currency, currency, currency, None, "XTS")),
        gift_variant_id=chance.choice((None, 11, 12)),
        priority=chance.choice((0, 1, 1, 2)),
        minimum_minor=chance.choice((0, 0, 0, worth, worth // 2, worth + 1)),
        applies_to=chance.choice((AppliesTo.ORDER, AppliesTo.ORDER, AppliesTo.PRODUCTS, AppliesTo.CHEAPEST)),
        product_ids=frozenset(chance.sample((1, 2, 3, 4), chance.randrange(4))),
        exclude_discounted=chance.random() < 0.25,
    )
