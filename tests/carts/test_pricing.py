"""What a cart costs: worked out by hand, by an independent model, and rule by rule."""

from collections import Counter
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ghostcart.carts import pricing
from ghostcart.carts.pricing import PricingLine, RoundingType, Rules, Shipping, price
from ghostcart.lib.money import Rounding, parse_decimal_to_micros
from ghostcart.vouchers.terms import AppliesTo, Kind, Refusal, Terms
from tests.carts.pricing_model import DIGITS, RATES, Case, broken_promises, differences, random_case

RANDOM_CARTS = 10_000
EURO = Rules("EUR", prices_include_tax=True, rounding=Rounding.HALF_UP, rounding_type=RoundingType.LINE)


NO_SHIPPING = Shipping()


def line(unit_price: str, quantity: int = 1, *, tax: int = 0, **what) -> PricingLine:
    key = what.pop("key", f"{quantity} at {unit_price}")
    return PricingLine(key, parse_decimal_to_micros(unit_price), quantity, tax, **what)


def rules(**what) -> Rules:
    known = {
        "currency": "EUR",
        "prices_include_tax": True,
        "rounding": Rounding.HALF_UP,
        "rounding_type": RoundingType.LINE,
    }
    return Rules(**(known | what))


def percent(percent_bp: int, number: int = 1, **what) -> Terms:
    return Terms(id=number, code=f"PERCENT{number}", kind=Kind.PERCENT, percent_bp=percent_bp, **what)


def amount(amount_minor: int, number: int = 2, **what) -> Terms:
    what = {"currency": "EUR"} | what
    return Terms(id=number, code=f"AMOUNT{number}", kind=Kind.AMOUNT, amount_minor=amount_minor, **what)


def free_shipping(number: int = 3, **what) -> Terms:
    return Terms(id=number, code=f"FREE{number}", kind=Kind.FREE_SHIPPING, **what)


def gift(number: int = 4, gift_variant_id: int | None = 77, **what) -> Terms:
    return Terms(id=number, code=f"GIFT{number}", kind=Kind.GIFT, gift_variant_id=gift_variant_id, **what)


def priced(lines, vouchers=(), shipping=NO_SHIPPING, what=EURO):
    """Price a cart; the sums that must always agree are checked on the way."""
    totals = price(lines, vouchers, shipping, what)
    assert broken_promises(Case(tuple(lines), tuple(vouchers), shipping, what), totals) == []
    return totals


def discounts(totals) -> list[int]:
    return [total.discount_minor for total in totals.lines]


# -- lines and rounding ------------------------------------------------------------------------------

# By hand: 3 at 1.005, 1 at 2.335, 1 at 0.005. Cents: 100.5 x 3 = 301.5; 233.5; 0.5; together 535.5.
HALVES = [line("1.005", 3), line("2.335"), line("0.005")]
# By hand: 3 at 1.002, 1 at 0.507. Cents: 100.2 x 3 = 300.6; 50.7; together 351.3.
TENTHS = [line("1.002", 3), line("0.507")]

GOLDEN = [
    # cart, rounding, item, line, total
    (HALVES, Rounding.HALF_UP, 303 + 234 + 1, 302 + 234 + 1, 536),
    (HALVES, Rounding.HALF_DOWN, 300 + 233 + 0, 301 + 233 + 0, 535),
    (HALVES, Rounding.HALF_EVEN, 300 + 234 + 0, 302 + 234 + 0, 536),
    (HALVES, Rounding.HALF_ODD, 303 + 233 + 1, 301 + 233 + 1, 535),
    (HALVES, Rounding.UP, 303 + 234 + 1, 302 + 234 + 1, 536),
    (HALVES, Rounding.DOWN, 300 + 233 + 0, 301 + 233 + 0, 535),
    (TENTHS, Rounding.HALF_UP, 300 + 51, 301 + 51, 351),
    (TENTHS, Rounding.HALF_DOWN, 300 + 51, 301 + 51, 351),
    (TENTHS, Rounding.HALF_EVEN, 300 + 51, 301 + 51, 351),
    (TENTHS, Rounding.HALF_ODD, 300 + 51, 301 + 51, 351),
    (TENTHS, Rounding.UP, 303 + 51, 301 + 51, 352),
    (TENTHS, Rounding.DOWN, 300 + 50, 300 + 50, 351),
]


@pytest.mark.parametrize(("lines", "rounding", "item", "per_line", "total"), GOLDEN)
def test_each_rounding_and_type_agree_with_the_sum_done_by_hand(lines, rounding, item, per_line, total):
    found = [priced(lines, what=rules(rounding=rounding, rounding_type=kind)).products_minor for kind in RoundingType]
    assert found == [item, per_line, total]


def test_an_empty_cart_costs_nothing():
    totals = priced([])
    assert (totals.total_minor, totals.items, totals.lines, totals.vouchers) == (0, 0, (), ())


def test_lines_keep_their_order_and_show_unit_and_total():
    totals = priced([line("10.00", 3, key="b"), line("2.50", key="a")])
    assert [(shown.key, shown.unit_minor, shown.total_minor) for shown in totals.lines] == [
        ("b", 1000, 3000),
        ("a", 250, 250),
    ]
    assert (totals.items, totals.products_minor) == (4, 3250)


def test_with_rounding_at_the_end_lines_are_shown_rounded_on_their_own():
    totals = priced([line("0.334")] * 3, what=rules(rounding_type=RoundingType.TOTAL))
    assert [shown.total_minor for shown in totals.lines] == [33, 33, 33]
    assert totals.products_minor == 100  # 1.002, not 0.99


def test_with_rounding_at_the_end_a_full_discount_still_leaves_nothing():
    totals = priced([line("0.334")] * 3, [percent(10_000)], what=rules(rounding_type=RoundingType.TOTAL))
    assert totals.total_minor == 0
    assert discounts(totals) == [34, 33, 33]


def test_a_yen_has_no_decimals():
    totals = priced([line("1980", 2, tax=100_000)], [percent(333)], what=rules(currency="JPY"))
    assert (totals.products_minor, totals.discount_minor) == (3960, 132)  # 131.868
    assert totals.tax_minor == 348  # 3828 / 11


def test_a_dinar_has_three_decimals():
    totals = priced([line("1.2345", 2)], [percent(1000)], what=rules(currency="KWD"))
    assert (totals.products_minor, totals.discount_minor, totals.total_minor) == (2469, 247, 2222)


def test_very_large_carts_stay_exact():
    totals = priced([line("999999999999.99", 9999)] * 200)
    assert totals.total_minor == 99_999_999_999_999 * 9999 * 200


def test_ten_percent_of_a_cent_is_nothing_and_half_a_cent_is_one():
    assert priced([line("0.01")], [percent(1000)]).discount_minor == 0
    assert priced([line("0.01")], [percent(5000)]).discount_minor == 1


# -- tax and shipping --------------------------------------------------------------------------------


def test_tax_is_contained_where_prices_include_it():
    totals = priced([line("100.00", tax=220_000)])
    assert (totals.tax_minor, totals.total_minor) == (1803, 10_000)  # 10000 x 22 / 122 = 1803.28


def test_tax_is_added_where_prices_do_not_include_it():
    totals = priced([line("100.00", tax=220_000)], what=rules(prices_include_tax=False))
    assert (totals.tax_minor, totals.total_minor) == (2200, 12_200)


def test_shipping_is_paid_and_taxed():
    shipping = Shipping(price_minor=490, tax_rate_ppm=220_000)
    included = priced([line("10.00", tax=220_000)], shipping=shipping)
    assert (included.shipping_minor, included.total_minor) == (490, 1490)
    assert included.tax_minor == 180 + 88  # 1000 x 22 / 122 = 180.3; 490 x 22 / 122 = 88.4
    added = priced([line("10.00", tax=220_000)], shipping=shipping, what=rules(prices_include_tax=False))
    assert (added.tax_minor, added.total_minor) == (220 + 108, 1490 + 328)  # 107.8


def test_tax_is_of_what_is_left_after_discounts():
    totals = priced([line("100.00", tax=220_000), line("100.00", tax=100_000)], [amount(10_000)])
    assert [shown.tax_minor for shown in totals.lines] == [902, 455]  # 5000 x 22 / 122; 5000 x 10 / 110
    assert totals.tax_minor == 1357


def test_tax_is_rounded_per_line_or_once_per_rate():
    lines = [line("0.08", tax=220_000)] * 3  # 1.44 cents in each, 4.33 in all
    assert priced(lines).tax_minor == 3
    at_end = priced(lines, what=rules(rounding_type=RoundingType.TOTAL))
    assert at_end.tax_minor == 4
    assert [shown.tax_minor for shown in at_end.lines] == [2, 1, 1]


# -- percent and amount vouchers ---------------------------------------------------------------------


def test_a_percent_voucher_takes_from_products_and_not_from_shipping():
    totals = priced([line("100.00")], [percent(1000)], Shipping(500))
    assert (totals.discount_minor, totals.shipping_minor, totals.total_minor) == (1000, 500, 9500)


def test_an_amount_voucher_takes_its_amount():
    totals = priced([line("100.00")], [amount(1500)])
    assert (totals.discount_minor, totals.total_minor) == (1500, 8500)


def test_an_amount_voucher_never_takes_more_than_is_left():
    totals = priced([line("10.00")], [amount(700), amount(700, 5)], Shipping(490))
    assert [effect.amount_minor for effect in totals.vouchers] == [700, 300]
    assert totals.total_minor == 490


def test_a_second_percentage_takes_from_what_the_first_left():
    totals = priced([line("100.00")], [percent(1000), percent(1000, 2)])
    assert [effect.amount_minor for effect in totals.vouchers] == [1000, 900]


def test_smaller_priorities_go_first():
    first_amount = priced([line("100.00")], [percent(1000, priority=2), amount(1000, priority=1)])
    assert [effect.amount_minor for effect in first_amount.vouchers] == [1000, 900]
    first_percent = priced([line("100.00")], [percent(1000, priority=1), amount(1000, priority=2)])
    assert [effect.amount_minor for effect in first_percent.vouchers] == [1000, 1000]


def test_of_one_priority_gifts_percentages_amounts_and_free_shipping_go_in_that_order():
    totals = priced([line("100.00")], [free_shipping(1), amount(1000, 2), percent(1000, 4), percent(500, 3), gift(5)])
    assert [effect.code for effect in totals.vouchers] == [
        "GIFT5",
        "PERCENT3",
        "PERCENT4",
        "AMOUNT2",
        "FREE1",
    ]


def test_the_order_in_which_vouchers_were_applied_does_not_matter():
    vouchers = [free_shipping(1), amount(1000, 2), percent(1000, 4), percent(500, 3), gift(5)]
    cart = [line("33.33", 3), line("7.77")]
    assert price(cart, vouchers, Shipping(5), EURO) == price(cart, vouchers[::-1], Shipping(5), EURO)


def test_a_discount_is_spread_by_weight_to_the_last_cent():
    assert discounts(priced([line("10.00"), line("20.00"), line("30.00")], [amount(1000)])) == [167, 333, 500]
    assert discounts(priced([line("10.00")] * 3, [amount(1000)])) == [334, 333, 333]


def test_a_voucher_for_products_takes_from_those_products_only():
    cart = [line("10.00", product_id=1), line("20.00", product_id=2), line("30.00", product_id=None)]
    chosen = {"applies_to": AppliesTo.PRODUCTS, "product_ids": frozenset({2, 9})}
    assert discounts(priced(cart, [percent(5000, **chosen)])) == [0, 1000, 0]
    assert discounts(priced(cart, [amount(5000, **chosen)])) == [0, 2000, 0]


def test_a_voucher_for_products_does_nothing_without_them():
    chosen = percent(5000, applies_to=AppliesTo.PRODUCTS, product_ids=frozenset({2}))
    totals = priced([line("10.00", product_id=1)], [chosen])
    assert (totals.discount_minor, totals.vouchers[0].refusal) == (0, Refusal.NO_MATCHING_PRODUCT)


def test_a_voucher_for_no_products_is_not_a_voucher_for_all():
    totals = priced([line("10.00", product_id=1)], [percent(5000, applies_to=AppliesTo.PRODUCTS)])
    assert totals.vouchers[0].refusal == Refusal.NO_MATCHING_PRODUCT


def test_the_cheapest_product_is_discounted_once():
    cart = [line("10.00", 2), line("4.00", 3), line("4.00", 1)]
    assert discounts(priced(cart, [percent(10_000, applies_to=AppliesTo.CHEAPEST)])) == [0, 400, 0]
    assert discounts(priced(cart, [percent(2500, applies_to=AppliesTo.CHEAPEST)])) == [0, 100, 0]


def test_an_amount_on_the_cheapest_product_ends_at_its_price():
    cart = [line("10.00", 2), line("4.00", 3)]
    assert discounts(priced(cart, [amount(900, applies_to=AppliesTo.CHEAPEST)])) == [0, 400]


def test_the_cheapest_product_is_seen_as_earlier_vouchers_left_it():
    totals = priced([line("4.00", 3)], [percent(5000), percent(10_000, 2, applies_to=AppliesTo.CHEAPEST)])
    assert [effect.amount_minor for effect in totals.vouchers] == [600, 200]


def test_a_gift_is_never_the_cheapest_product():
    totals = priced([line("0"), line("4.00")], [percent(10_000, applies_to=AppliesTo.CHEAPEST)])
    assert discounts(totals) == [0, 400]


def test_discounted_products_can_be_left_alone():
    cart = [line("10.00", is_discounted=True), line("20.00")]
    assert discounts(priced(cart, [percent(1000, exclude_discounted=True)])) == [0, 200]
    assert discounts(priced(cart, [amount(5000, exclude_discounted=True)])) == [0, 2000]
    cheapest = percent(1000, exclude_discounted=True, applies_to=AppliesTo.CHEAPEST)
    assert discounts(priced(cart, [cheapest])) == [0, 200]


@pytest.mark.parametrize("make", [lambda **what: percent(1000, **what), free_shipping, gift])
def test_a_cart_of_discounted_products_only_has_nothing_for_such_a_voucher(make):
    totals = priced([line("10.00", is_discounted=True)], [make(exclude_discounted=True)], Shipping(490))
    assert totals.vouchers[0].refusal == Refusal.NO_MATCHING_PRODUCT
    assert totals.total_minor == 1490


def test_the_minimum_is_reached_by_products_before_vouchers_and_without_shipping():
    asked = percent(1000, minimum_minor=5000, currency="EUR")
    below = priced([line("49.99")], [asked], Shipping(490))
    assert (below.discount_minor, below.vouchers[0].refusal) == (0, Refusal.BELOW_MINIMUM)
    reached = priced([line("50.00")], [amount(1000, priority=0), asked])
    assert [effect.amount_minor for effect in reached.vouchers] == [1000, 400]


def test_a_voucher_of_another_currency_takes_nothing():
    totals = priced([line("1980")], [amount(1000, currency="EUR")], what=rules(currency="JPY"))
    assert (totals.discount_minor, totals.vouchers[0].refusal) == (0, Refusal.OTHER_CURRENCY)


@pytest.mark.parametrize("make", [lambda: percent(1000), lambda: amount(100), free_shipping, gift])
def test_an_empty_cart_or_one_of_gifts_only_has_nothing_for_a_voucher(make):
    for cart in ([], [line("0")]):
        totals = priced(cart, [make()], Shipping(490))
        assert totals.vouchers[0].refusal == Refusal.NO_MATCHING_PRODUCT
        assert totals.total_minor == 490


# -- free shipping and gifts -------------------------------------------------------------------------


def test_free_shipping_makes_the_shipping_nothing_once():
    shipping = Shipping(490, 220_000)
    for vouchers in ([free_shipping()], [free_shipping(), free_shipping(6)]):
        totals = priced([line("10.00", tax=220_000)], vouchers, shipping)
        assert (totals.shipping_minor, totals.discount_minor, totals.total_minor) == (0, 0, 1000)
        assert totals.tax_minor == 180  # none for the shipping
        assert all(effect.free_shipping and not effect.amount_minor for effect in totals.vouchers)


def test_free_shipping_below_its_minimum_is_not_free():
    totals = priced([line("10.00")], [free_shipping(minimum_minor=1001, currency="EUR")], Shipping(490))
    assert totals.total_minor == 1490
    assert not totals.vouchers[0].free_shipping


def test_a_gift_voucher_names_its_gift_and_takes_nothing():
    totals = priced([line("10.00")], [gift()])
    assert (totals.vouchers[0].gift_variant_id, totals.discount_minor) == (77, 0)


def test_a_gift_voucher_below_its_minimum_names_no_gift():
    totals = priced([line("10.00")], [gift(minimum_minor=1001, currency="EUR")])
    assert (totals.vouchers[0].gift_variant_id, totals.vouchers[0].refusal) == (None, Refusal.BELOW_MINIMUM)


def test_a_gift_that_is_gone_is_told():
    assert priced([line("10.00")], [gift(gift_variant_id=None)]).vouchers[0].refusal == Refusal.GIFT_UNAVAILABLE


def test_the_line_of_a_gift_costs_nothing_and_does_not_help_to_reach_the_minimum():
    cart = [line("10.00", key="a"), line("0", key="gift:77", tax=220_000, variant_id=77)]
    totals = priced(cart, [gift(minimum_minor=1000, currency="EUR"), percent(1000)])
    assert totals.total_minor == 900
    assert totals.items == 2
    assert totals.lines[1] == pricing.LineTotal("gift:77", 0, 0, 0, 0)


# -- mistakes of the caller --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "nonsense",
    [
        ([PricingLine("a", 100, -1, 0)], [], Shipping()),
        ([PricingLine("a", -100, 1, 0)], [], Shipping()),
        ([PricingLine("a", 100, 1, -1)], [], Shipping()),
        ([], [], Shipping(-1)),
        ([], [], Shipping(1, -1)),
        ([line("10.00")], [percent(-1)], Shipping()),
        ([line("10.00")], [amount(-1)], Shipping()),
    ],
)
def test_negative_values_are_programmers_errors(nonsense):
    with pytest.raises(ValueError, match="negative"):
        price(*nonsense, EURO)


def test_a_percentage_above_a_hundred_takes_all_and_no_more():
    assert priced([line("10.00")], [percent(20_000)]).total_minor == 0


# -- the independent model ---------------------------------------------------------------------------


def test_random_carts_agree_with_the_model(capsys):
    chance = Random(20260329)
    seen, wrong = Counter(), []
    for number in range(RANDOM_CARTS):
        case = random_case(chance)
        seen[case.rules.currency] += 1
        found = differences(case) + broken_promises(case, price(case.lines, case.vouchers, case.shipping, case.rules))
        if found:
            wrong.append((number, found, case))
    with capsys.disabled():
        print(f"\n{RANDOM_CARTS:,} random carts in {len(seen)} currencies: {len(wrong)} differences")
    assert set(seen) == set(DIGITS)
    assert wrong == []


@st.composite
def cases(draw) -> Case:
    """Carts that hypothesis can make smaller until only the cause of a difference is left."""
    currency = draw(st.sampled_from(sorted(DIGITS)))
    prices = st.one_of(st.integers(0, 10**8), st.integers(0, 20_000).map(lambda cents: cents * 5000))
    lines = st.builds(
        PricingLine,
        key=st.just("line"),
        unit_price_micros=prices,
        quantity=st.integers(0, 9999),
        tax_rate_ppm=st.sampled_from(RATES),
        product_id=st.sampled_from([None, 1, 2]),
        is_discounted=st.booleans(),
    )
    vouchers = st.builds(
        Terms,
        id=st.integers(1, 9),
        code=st.just("CODE"),
        kind=st.sampled_from(Kind),
        percent_bp=st.integers(0, 10_000),
        amount_minor=st.integers(0, 10**6),
        currency=st.sampled_from([currency, None, "XTS"]),
        gift_variant_id=st.sampled_from([None, 11]),
        priority=st.integers(0, 2),
        minimum_minor=st.integers(0, 10**6),
        applies_to=st.sampled_from(AppliesTo),
        product_ids=st.frozensets(st.sampled_from([1, 2])),
        exclude_discounted=st.booleans(),
    )
    return Case(
        lines=tuple(draw(st.lists(lines, max_size=5))),
        vouchers=tuple(draw(st.lists(vouchers, max_size=4, unique_by=lambda terms: terms.id))),
        shipping=draw(st.builds(Shipping, st.integers(0, 5000), st.sampled_from(RATES))),
        rules=draw(
            st.builds(
                Rules,
                st.just(currency),
                st.booleans(),
                st.sampled_from(Rounding),
                st.sampled_from(RoundingType),
            )
        ),
    )


@settings(max_examples=400, deadline=None)
@given(cases())
def test_any_cart_agrees_with_the_model(case):
    assert differences(case) == []
    assert broken_promises(case, price(case.lines, case.vouchers, case.shipping, case.rules)) == []


# -- guards: with a rule broken on purpose, the model must object -------------------------------------


def _spread_without_remainders(total, numerators, denominator):
    return [numerator // denominator for numerator in numerators]


def _spread_to_the_first(total, numerators, denominator):
    parts = _spread_without_remainders(total, numerators, denominator)
    return [parts[0] + total - sum(parts), *parts[1:]] if parts else parts


def _floating_divider(rounding):
    return lambda numerator, denominator: round(numerator / denominator)


def _without_cap(terms, available, quantity, divide):
    return terms.amount_minor if terms.kind == Kind.AMOUNT else divide(available * terms.percent_bp, 10_000)


SABOTAGE = {
    "remainders are lost": ("_adding_up_to", _spread_without_remainders),
    "remainders go to the first line": ("_adding_up_to", _spread_to_the_first),
    "division is done with floats": ("divider", _floating_divider),
    "amounts are not capped": ("_amount_taken", _without_cap),
    "vouchers go in the order of their numbers": ("_turn", lambda terms: terms.id),
    "vouchers have no conditions": ("_refusal", lambda *_anything: None),
}


@pytest.mark.parametrize("sabotage", SABOTAGE)
def test_guard_the_model_finds_a_broken_rule(monkeypatch, sabotage):
    name, replacement = SABOTAGE[sabotage]
    monkeypatch.setattr(pricing, name, replacement)
    chance = Random(7)
    objections = 0
    for _number in range(300):
        try:
            objections += bool(differences(random_case(chance)))
        except (IndexError, OverflowError, ZeroDivisionError):
            objections += 1
    assert objections > 0
