"""Facts, as programs keep them, made into variables, as a reader wants them: amounts, dates, names.

Every `x_minor` also gives an `x` with its currency, every `x_at` and `x_on` becomes a date in words. What is empty is
nil, so that `{% if customer.first_name %}` and `default:` do what merchants expect.
"""

import re
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any

from babel.dates import format_date, format_time
from babel.numbers import format_decimal, format_percent

from ghostcart.customers.keys import tidy
from ghostcart.lib.money import format_micros, format_minor
from ghostcart.mail.words import known, words

LONGEST = 140
"""Letters of a name that a mail shows."""
MOST_LINES = 200

_LOOKS_LIKE_ADDRESS = re.compile(r"://|@|\bwww\.|\w\.[a-z]{2,}\b|\d{5,}", re.IGNORECASE)

Facts = Mapping[str, Any]


@lru_cache(maxsize=4096)
def person_name(name: str) -> str:
    """A person's name to greet with, or nothing for what is none.

    Whoever types an address into the field "first name", with a stranger's e-mail, would have us send advertising.
    """
    name = tidy(name, 60)
    return "" if _LOOKS_LIKE_ADDRESS.search(name) else name


@lru_cache(maxsize=8192)
def shown(text: str) -> str:
    """A product's name and the like: one line, not endless."""
    text = tidy(text, LONGEST + 1)
    return text if len(text) <= LONGEST else text[: LONGEST - 1].rstrip() + "…"


def variables(facts: Facts, language: str) -> dict[str, Any]:
    """What a template may name, in the reader's language."""
    language = known(language)
    found: dict[str, Any] = {name: _readable(facts.get(name), language) for name in ("shop", "order", "staff")}
    customer = facts.get("customer") or {}
    names = [person_name(customer.get(part) or "") for part in ("first_name", "last_name")]
    found["customer"] = {
        "first_name": names[0] or None,
        "last_name": names[1] or None,
        "name": " ".join(filter(None, names)) or None,
    }
    found["cart"] = _cart(facts.get("cart"), language)
    found["voucher"] = _voucher(facts.get("voucher"), language)
    return found


def _cart(cart: Facts | None, language: str) -> dict[str, Any] | None:
    if not cart:
        return None
    currency = cart.get("currency") or ""
    lines = [
        {
            "name": shown(line.get("name") or "") or None,
            "option": shown(line.get("option") or "") or None,
            "quantity": line.get("quantity"),
            "price": price(line.get("unit_price_micros"), currency, language),
            "total": amount(line.get("total_minor"), currency, language),
        }
        for line in (cart.get("lines") or [])[:MOST_LINES]
    ]
    return {**_readable({name: cart.get(name) for name in cart if name != "lines"}, language), "lines": lines}


def _voucher(voucher: Facts | None, language: str) -> dict[str, Any] | None:
    if not voucher:
        return None
    found = _readable(voucher, language)
    return {
        "code": found.get("code"),
        "value": worth(voucher, language),
        "minimum": found.get("minimum") if voucher.get("minimum_minor") else None,
        "valid_until": last_day(voucher, language) or None,
    }


def _readable(facts: Facts | None, language: str) -> Any:
    if not facts:
        return None
    currency = facts.get("currency") or ""
    found: dict[str, Any] = {}
    for name, value in facts.items():
        if name.endswith("_minor"):
            found[name.removesuffix("_minor")] = amount(value, currency, language)
            found[name] = value
        elif name.endswith(("_at", "_on")):
            found[name] = day(value, language)
        elif isinstance(value, str):
            found[name] = shown(value) or None
        elif value is None or isinstance(value, int | float):
            found[name] = value
    return found


@lru_cache(maxsize=4096)
def amount(minor: int | None, currency: str, language: str) -> str | None:
    return None if minor is None else format_minor(minor, currency, language)


@lru_cache(maxsize=4096)
def price(micros: int | None, currency: str, language: str) -> str | None:
    return None if micros is None else format_micros(micros, currency, language)


@lru_cache(maxsize=1024)
def day(when: str | None, language: str) -> str | None:
    """A date in words of an ISO date or moment, as its own zone has it."""
    return format_date(datetime.fromisoformat(when), "long", locale=language) if when else None


@lru_cache(maxsize=256)
def percent(basis_points: int, language: str) -> str:
    return format_percent(Decimal(basis_points) / 10_000, locale=language, decimal_quantization=False)


@lru_cache(maxsize=1024)
def number(value: int, language: str) -> str:
    return format_decimal(value, locale=language)


def worth(voucher: Facts, language: str) -> str:
    """What a voucher gives, in words: "10% off", "free delivery"."""
    say = words(language)
    match voucher.get("kind"):
        case "percent":
            return say["off"].format(value=percent(voucher.get("percent_bp") or 0, language))
        case "amount":
            return say["off"].format(
                value=amount(voucher.get("amount_minor") or 0, voucher.get("currency") or "", language)
            )
        case "free_shipping":
            return say["free_delivery"]
        case _:
            return say["present"]


def last_day(voucher: Facts, language: str) -> str:
    """The last day a voucher counts, with the hour unless it ends with that day; empty if it does not end.

    `valid_until` is the first moment it no longer counts, in the shop's zone: midnight ends the day before.
    """
    return " ".join(filter(None, _end(voucher.get("valid_until") or "", language)))


def valid_until(voucher: Facts, language: str) -> str:
    """ "Valid until November 25, 2026", or nothing."""
    on, hour = _end(voucher.get("valid_until") or "", language)
    if not on:
        return ""
    say = words(language)
    return say["valid_until_time"].format(date=on, time=hour) if hour else say["valid_until"].format(date=on)


@lru_cache(maxsize=1024)
def _end(moment: str, language: str) -> tuple[str, str]:
    if not moment:
        return "", ""
    end = datetime.fromisoformat(moment)
    if (end.hour, end.minute, end.second) == (0, 0, 0):
        last: date = end.date() - timedelta(days=1)
        return format_date(last, "long", locale=language), ""
    return format_date(end, "long", locale=language), format_time(end.time(), "short", locale=language)
