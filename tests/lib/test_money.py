"""Rounding, minor units, texts of amounts, and prices read from text."""

import ast
from fractions import Fraction
from math import floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ghostcart.lib.money import (
    Rounding,
    divide,
    divider,
    format_micros,
    format_minor,
    minor_digits,
    parse_decimal_to_micros,
    to_minor,
)

NBSP = "\N{NO-BREAK SPACE}"
NARROW = "\N{NARROW NO-BREAK SPACE}"

# Worked out by hand: tenths, and what each rounding makes of them.
ROUNDED = {
    #     half_up half_down half_even half_odd  up  down
    0: (0, 0, 0, 0, 0, 0),
    1: (0, 0, 0, 0, 1, 0),
    5: (1, 0, 0, 1, 1, 0),
    9: (1, 1, 1, 1, 1, 0),
    14: (1, 1, 1, 1, 2, 1),
    15: (2, 1, 2, 1, 2, 1),
    16: (2, 2, 2, 2, 2, 1),
    20: (2, 2, 2, 2, 2, 2),
    25: (3, 2, 2, 3, 3, 2),
    35: (4, 3, 4, 3, 4, 3),
}
ROUNDED_CASES = [
    (tenths, rounding, whole)
    for tenths, wholes in ROUNDED.items()
    for rounding, whole in zip(Rounding, wholes, strict=True)
]


@pytest.mark.parametrize(("tenths", "rounding", "whole"), ROUNDED_CASES)
def test_division_rounds_as_worked_out_by_hand(tenths, rounding, whole):
    assert divide(tenths, 10, rounding) == whole


@pytest.mark.parametrize(("tenths", "rounding", "whole"), ROUNDED_CASES)
def test_negative_numbers_mirror_positive_ones(tenths, rounding, whole):
    assert divide(-tenths, 10, rounding) == -whole


@given(st.integers(0, 10**30), st.integers(1, 10**12), st.sampled_from(Rounding))
def test_division_agrees_with_fractions_and_with_the_bare_divider(numerator, denominator, rounding):
    exact = Fraction(numerator, denominator)
    below = floor(exact)
    half = below + Fraction(1, 2)
    even, odd = (below, below + 1) if below % 2 == 0 else (below + 1, below)
    at_half = {"half_up": below + 1, "half_down": below, "half_even": even, "half_odd": odd}
    if exact == below or rounding == "down":
        wanted = below
    elif rounding == "up":
        wanted = below + 1
    elif exact == half:
        wanted = at_half[rounding]
    else:
        wanted = below if exact < half else below + 1
    assert divide(numerator, denominator, rounding) == wanted
    assert divider(rounding)(numerator, denominator) == wanted


@pytest.mark.parametrize("denominator", [0, -1])
def test_division_refuses_a_denominator_that_is_not_positive(denominator):
    with pytest.raises(ValueError, match="positive"):
        divide(1, denominator, Rounding.HALF_UP)


# Amounts are stored in these units: an update of Babel that changes one would change stored money.
DIGITS = {
    0: "JPY KRW CLP ISK VND PYG UGX XAF XOF XPF",
    2: "EUR USD GBP CHF PLN CZK HUF RON SEK NOK DKK CAD AUD NZD BRL MXN TRY CNY INR ZAR XYZ",
    3: "KWD BHD TND OMR JOD",
    4: "CLF UYW",
}


@pytest.mark.parametrize(
    ("currency", "digits"), [(code, digits) for digits, codes in DIGITS.items() for code in codes.split()]
)
def test_minor_units_stay_what_they_are(currency, digits):
    assert minor_digits(currency) == digits


def test_a_price_becomes_minor_units_of_its_currency():
    assert to_minor(19_812_500, "EUR", Rounding.HALF_UP) == 1981
    assert to_minor(19_815_000, "EUR", Rounding.HALF_UP) == 1982
    assert to_minor(19_812_500, "JPY", Rounding.HALF_UP) == 20
    assert to_minor(19_812_500, "KWD", Rounding.HALF_EVEN) == 19_812


@pytest.mark.parametrize(
    ("language", "euro", "yen", "dinar"),
    [
        ("en", "€1,234.56", "-¥1,234,567", f"KWD{NBSP}1.500"),
        ("it", f"1.234,56{NBSP}€", f"-1.234.567{NBSP}JPY", f"1,500{NBSP}KWD"),
        ("es", f"1.234,56{NBSP}€", f"-1.234.567{NBSP}JPY", f"1,500{NBSP}KWD"),
        ("de", f"1.234,56{NBSP}€", f"-1.234.567{NBSP}¥", f"1,500{NBSP}KWD"),
        ("fr", f"1{NARROW}234,56{NBSP}€", f"-1{NARROW}234{NARROW}567{NBSP}JPY", f"1,500{NBSP}KWD"),
        ("nl", f"€{NBSP}1.234,56", f"JP¥{NBSP}-1.234.567", f"KWD{NBSP}1,500"),
    ],
)
def test_amounts_are_written_as_the_reader_writes_them(language, euro, yen, dinar):
    assert format_minor(123_456, "EUR", language) == euro
    assert format_minor(-1_234_567, "JPY", language) == yen
    assert format_minor(1_500, "KWD", language) == dinar


def test_regional_languages_have_their_own_ways():
    assert format_minor(123_456, "CHF", "de-CH") == f"CHF{NBSP}1’234.56"


@pytest.mark.parametrize("currency", ["XYZ", "X", "?!", "<b>"])
def test_an_unknown_currency_is_a_number_and_its_code(currency):
    assert format_minor(123_456, currency, "en") == f"1,234.56{NBSP}{currency}"
    assert format_minor(-123_450, currency, "de") == f"-1.234,50{NBSP}{currency}"
    assert format_micros(1_000_000, currency, "en") == f"1.00{NBSP}{currency}"


def test_no_currency_at_all_is_a_bare_number():
    assert format_minor(123_456, "", "en") == "1,234.56"


@pytest.mark.parametrize("language", ["", "xx", "en_", "<b>", "klingon", "../de"])
def test_an_unknown_language_is_english(language):
    assert format_minor(123_456, "EUR", language) == "€1,234.56"


def test_a_price_shows_all_it_has_and_at_least_the_decimals_of_its_currency():
    assert format_micros(19_812_000, "EUR", "en") == "€19.812"
    assert format_micros(19_900_000, "EUR", "en") == "€19.90"
    assert format_micros(19_000_000, "JPY", "en") == "¥19"
    assert format_micros(19_500_000, "KWD", "en") == f"KWD{NBSP}19.500"


def test_very_long_amounts_keep_every_digit():
    assert format_minor(10**40 + 1, "EUR", "en").replace(",", "") == "€" + "1" + "0" * 38 + ".01"


@pytest.mark.parametrize(
    ("text", "micros"),
    [
        ("19.812", 19_812_000),
        ("0", 0),
        ("-0.01", -10_000),
        ("1.500000", 1_500_000),
        ("1.2345670000", 1_234_567),  # zeros beyond the sixth decimal lose nothing
        ("0007", 7_000_000),
        ("9223372036854.775807", 2**63 - 1),
    ],
)
def test_plain_decimals_are_read_exactly(text, micros):
    assert parse_decimal_to_micros(text) == micros


@pytest.mark.parametrize(
    "text",
    ["", " 1", "1 ", "+1", "1,99", "1.", ".5", "1.9e2", "NaN", "Infinity", "-", "--1", "1_000", "0x10", "1\n",
     "٣.٥", "१", "1.2345678", "9223372036854.775808", "1" * 5000, "1.2.3"],
)  # fmt: skip
def test_anything_else_is_refused(text):
    with pytest.raises(ValueError):  # noqa: PT011  (which sentence it is does not matter)
        parse_decimal_to_micros(text)


@given(st.integers(-(2**63) + 1, 2**63 - 1))
def test_what_is_written_plainly_is_read_back(micros):
    sign, size = ("-", -micros) if micros < 0 else ("", micros)
    assert parse_decimal_to_micros(f"{sign}{size // 10**6}.{size % 10**6:06d}") == micros


@pytest.mark.parametrize("file", ["lib/money.py", "carts/pricing.py", "vouchers/terms.py"])
def test_money_code_has_no_float(repository, file):
    tree = ast.parse((repository / "ghostcart" / file).read_text())
    assert _floats(tree) == []


def test_the_search_for_floats_finds_them():
    for text in ("x = 1.5", "x = a / b", "x /= 2", "x = float(a)", "x = round(a)"):
        assert _floats(ast.parse(text))


def _floats(tree: ast.AST) -> list[str]:
    """Whatever makes a float of a number."""
    found = []
    for node in ast.walk(tree):
        is_literal = isinstance(node, ast.Constant) and isinstance(node.value, float)
        is_division = isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.Div)
        is_call = isinstance(node, ast.Name) and node.id in ("float", "round")
        if is_literal or is_division or is_call:
            found.append(ast.unparse(node))
    return found
