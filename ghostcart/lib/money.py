"""Money as integers: prices in micros (millionths), amounts in the currency's minor unit; text only to show.

Nothing here ever becomes a float. Python's integers have no upper bound, so neither has a sum.
"""

import re
from collections.abc import Callable
from decimal import Context, Decimal, localcontext
from enum import StrEnum
from functools import lru_cache

from babel import Locale, UnknownLocaleError
from babel.numbers import format_currency, format_decimal, get_currency_precision, is_currency

MICROS = 1_000_000
"""Micros in one whole unit of a currency: 19.812 EUR is 19,812,000 micros."""

_DECIMAL_TEXT = re.compile(r"(-?)([0-9]{1,13})(?:\.([0-9]{1,18}))?", re.ASCII)
_LETTER_BEFORE_DIGIT = re.compile(r"(?<=[^\W\d_])(?=\d)")
_LARGEST = 2**63 - 1  # what a BigInteger column holds
_WIDE = Context(prec=80)  # the default of 28 digits would round very long amounts


class Rounding(StrEnum):
    """What to do with what is left below the smallest unit. Negative numbers mirror the positive ones."""

    HALF_UP = "half_up"  # to the nearest; a half goes away from zero
    HALF_DOWN = "half_down"  # to the nearest; a half goes towards zero
    HALF_EVEN = "half_even"  # to the nearest; a half goes to the even neighbour
    HALF_ODD = "half_odd"  # to the nearest; a half goes to the odd neighbour
    UP = "up"  # away from zero
    DOWN = "down"  # towards zero


Divide = Callable[[int, int], int]


def _half_up(numerator: int, denominator: int) -> int:
    return (2 * numerator + denominator) // (2 * denominator)


def _half_down(numerator: int, denominator: int) -> int:
    return -((denominator - 2 * numerator) // (2 * denominator))


def _half_even(numerator: int, denominator: int) -> int:
    quotient, remainder = divmod(numerator, denominator)
    return quotient + (2 * remainder + quotient % 2 > denominator)


def _half_odd(numerator: int, denominator: int) -> int:
    quotient, remainder = divmod(numerator, denominator)
    return quotient + (2 * remainder + 1 - quotient % 2 > denominator)


def _up(numerator: int, denominator: int) -> int:
    return -(-numerator // denominator)


_DIVIDERS: dict[Rounding, Divide] = {
    Rounding.HALF_UP: _half_up,
    Rounding.HALF_DOWN: _half_down,
    Rounding.HALF_EVEN: _half_even,
    Rounding.HALF_ODD: _half_odd,
    Rounding.UP: _up,
    Rounding.DOWN: int.__floordiv__,
}


def divider(rounding: Rounding) -> Divide:
    """The bare `divide` of one rounding, for many divisions: the numerator must not be negative."""
    return _DIVIDERS[rounding]


def divide(numerator: int, denominator: int, rounding: Rounding) -> int:
    """`numerator / denominator` as a whole number, exact but for the rounding.

    ValueError unless the denominator is positive.
    """
    if denominator <= 0:
        raise ValueError("the denominator must be positive")
    whole = _DIVIDERS[rounding]
    return whole(numerator, denominator) if numerator >= 0 else -whole(-numerator, denominator)


@lru_cache(maxsize=512)
def minor_digits(currency: str) -> int:
    """Decimals of a currency's minor unit: 2 for most, 0 for JPY, 3 for KWD; 2 for a code nobody knows."""
    return get_currency_precision(currency.upper())


@lru_cache(maxsize=512)
def minor_micros(currency: str) -> int:
    """Micros in one minor unit of the currency: 10,000 for a cent, 1,000,000 for a yen."""
    micros: int = MICROS // 10 ** minor_digits(currency)
    return micros


def to_minor(micros: int, currency: str, rounding: Rounding) -> int:
    """A price in micros as a whole number of minor units."""
    return divide(micros, minor_micros(currency), rounding)


def parse_decimal_to_micros(text: str) -> int:
    """The micros of a plain decimal number such as "19.812".

    Only what machines write is accepted: ASCII digits, a point, a leading minus. ValueError for anything else
    (a comma, an exponent, NaN, other scripts' digits), for more precision than micros hold, and for what
    would not fit a 64-bit column.
    """
    match = _DECIMAL_TEXT.fullmatch(text)
    if match is None:
        raise ValueError("not a plain decimal number")
    sign, whole, fraction = match.groups(default="")
    if fraction[6:].strip("0"):
        raise ValueError("more than six decimals")
    micros = int(whole) * MICROS + int(fraction[:6].ljust(6, "0"))
    if micros > _LARGEST:
        raise ValueError("too large")
    return -micros if sign else micros


def format_minor(minor: int, currency: str, language: str) -> str:
    """An amount in minor units for people: "€1,234.56", "1.234,56 €".

    An unknown currency is shown as a number followed by its code, an unknown language as English.
    """
    return _format(_shifted(minor, minor_digits(currency)), currency, language)


def format_micros(micros: int, currency: str, language: str) -> str:
    """A price in micros for people, exact: the currency's decimals, and more only where the price has more.

    19.812 EUR is "€19.812", 19.90 EUR is "€19.90".
    """
    return _format(_shifted(micros, 6), currency, language)


def _shifted(number: int, digits: int) -> Decimal:
    return Decimal(number).scaleb(-digits, context=_WIDE)


def _format(number: Decimal, currency: str, language: str) -> str:
    locale = _locale(language)
    with localcontext(_WIDE):
        if is_known(currency):
            text = format_currency(number, currency.upper(), locale=locale, decimal_quantization=False)
            # CLDR's currency spacing, which Babel leaves out: "KWD 1.500", but "$1.50".
            return _LETTER_BEFORE_DIGIT.sub("\N{NO-BREAK SPACE}", text)
        text = format_decimal(number, "#,##0.00", locale=locale, decimal_quantization=False)
        return f"{text}\N{NO-BREAK SPACE}{currency}".rstrip()


@lru_cache(maxsize=512)
def is_known(currency: str) -> bool:
    return is_currency(currency.upper())


@lru_cache(maxsize=128)
def _locale(language: str) -> Locale:
    try:
        return Locale.parse(language.replace("-", "_"))
    except (ValueError, UnknownLocaleError):
        return Locale.parse("en")
