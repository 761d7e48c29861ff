"""Tags and filters that every template may use: money, numbers and times by CLDR, icons and built assets."""

import json
from collections.abc import Mapping
from copy import copy
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlencode

from babel import Locale
from babel.dates import (
    DateTimePattern,
    format_date,
    format_timedelta,
    get_date_format,
    get_datetime_format,
    get_time_format,
    parse_pattern,
)
from babel.numbers import NumberPattern, format_decimal, format_percent
from django import template
from django.conf import settings
from django.contrib.staticfiles import finders
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language

from ghostcart.lib import clock, paging, pictures
from ghostcart.lib import money as amounts
from ghostcart.lib.texts import pick

register = template.Library()

KEPT = 8192
"""How many amounts, numbers and moments are kept as written, per kind: lists write the same ones again and again."""


def language() -> str:
    return (get_language() or "en")[:2]


@cache
def cldr(language: str) -> Locale:
    """How a language writes numbers and times. Kept: reading it anew for each number of a list is slow."""
    return Locale.parse(language)


@register.simple_tag
def money(minor: int | None, currency: str) -> str:
    """An amount in minor units: `{% money cart.total_minor cart.currency %}`."""
    return "" if minor is None else _money(minor, currency, language())


@lru_cache(KEPT)
def _money(minor: int, currency: str, language: str) -> SafeString:
    return conditional_escape(amounts.format_minor(minor, currency, language))


@register.simple_tag
def major(minor: int, currency: str) -> str:
    """An amount as a plain number for scripts and inputs: 1234.50."""
    digits = amounts.minor_digits(currency)
    return str(Decimal(minor).scaleb(-digits))


@register.filter
def status_at(thing: Any, now: datetime) -> str:
    """The status of something that has one at any moment: `cart|status_at:now`."""
    return str(thing.status(now).value)


@register.simple_tag
def price(micros: int | None, currency: str) -> str:
    """A unit price in micros, with as many decimals as it has."""
    return "" if micros is None else amounts.format_micros(micros, currency, language())


@register.filter
def number(value: float) -> str:
    return _number(value, language())


@lru_cache(KEPT)
def _number(value: float, language: str) -> SafeString:
    return conditional_escape(format_decimal(value, locale=cldr(language)))


@register.filter
def is_cut(count: int | None) -> bool:
    """Whether `paging.counted` stopped counting."""
    return count == paging.MOST_COUNTED


@register.filter
def percent(value: float | None, digits: int = 1) -> str:
    """A share of one: 0.123 is 12.3%."""
    if value is None:
        return "–"
    return format_percent(value, format=percent_pattern(language(), digits, digits), locale=cldr(language()))


@cache
def percent_pattern(language: str, least_digits: int, most_digits: int) -> NumberPattern:
    """How a language writes percent, whether with a space or without, but with so many decimals."""
    pattern: NumberPattern = copy(cldr(language).percent_formats[None])
    pattern.frac_prec = (least_digits, most_digits)
    return pattern


@register.filter
def language_name(code: str) -> str:
    """What a language is called in the reader's own: "French"; a code that nobody knows stays one."""
    name: str = cldr(language()).languages.get(code) or code.upper()
    return name[:1].upper() + name[1:]


@register.filter
def country_name(code: str) -> str:
    """A country's name in the reader's language; what is no country's code is given back as it is."""
    return str(cldr(language()).territories.get(code, code))


@register.filter
def moment(value: datetime | None, form: str = "medium") -> str:
    """Date and time in the active time zone."""
    if value is None:
        return "–"
    read = timezone.localtime(value)
    if form == "short":
        return _moment(read.replace(second=0, microsecond=0, tzinfo=None), "short", language())
    return _moment(read.replace(microsecond=0, tzinfo=None), "medium", language())


@lru_cache(KEPT)
def _moment(read: datetime, form: Literal["short", "medium"], language: str) -> SafeString:
    """Of what the clock on the wall reads: as a key, an aware moment would be the same in every time zone."""
    return conditional_escape(_moment_pattern(form, language).apply(read, cldr(language)))


@cache
def _moment_pattern(form: Literal["short", "medium"], language: str) -> DateTimePattern:
    """What `babel.dates.format_datetime` puts together anew for each moment."""
    locale = cldr(language)
    frame = str(get_datetime_format(form, locale=locale))
    time, day = get_time_format(form, locale=locale).pattern, get_date_format(form, locale=locale).pattern
    return parse_pattern(frame.replace("{0}", time).replace("{1}", day))


@register.filter
def day(value: datetime | None) -> str:
    return "–" if value is None else format_date(timezone.localtime(value), "medium", locale=cldr(language()))


def _distance(time: timedelta) -> str:
    """As in "3 hours ago", in the reader's language; in steps so small that they are never seen, so that a list says
    the same words again and again."""
    seconds = int(time.total_seconds())
    step = 1 if abs(seconds) < 60 else 30 if abs(seconds) < 172_800 else 1_800
    return _distance_in_words(seconds // step * step + step // 2, language())


@lru_cache(KEPT)
def _distance_in_words(seconds: int, language: str) -> SafeString:
    return conditional_escape(format_timedelta(timedelta(seconds=seconds), add_direction=True, locale=cldr(language)))


@register.simple_tag
def when(value: datetime | None, now: datetime | None = None) -> SafeString | str:
    """A moment said relatively, with the exact time on hover and for machines."""
    if value is None:
        return "–"
    distance = _distance(value - (now or clock.now()))
    return format_html('<time datetime="{}" title="{}">{}</time>', value.isoformat(), moment(value), distance)


@register.filter
def text(texts: Mapping[str, str] | None) -> str:
    """One of {language: text} in the reader's language."""
    return pick(texts, language())


@register.filter
def media(path: str) -> str:
    """The address of a picture: one of ours, or one in another shop, through us."""
    if pictures.is_outside(path):
        return pictures.address(path)
    return settings.MEDIA_URL + path if path else static("storefront/no-picture.svg")


@cache
def manifest(door: str) -> dict[str, str]:
    """The built files of a door, by plain name."""
    path = finders.find(f"{door}/dist/manifest.json")
    if not path:
        raise FileNotFoundError(f"the front end of '{door}' is not built: run 'make assets'")
    names: dict[str, str] = json.loads(Path(path).read_text())
    return names


@register.simple_tag
@cache  # lists ask for the icons hundreds of times; like the manifest it changes with the program only
def asset(door: str, name: str) -> str:
    """The address of a built file: `{% asset "backoffice" "backoffice.js" %}`."""
    return static(f"{door}/dist/{manifest(door)[name]}")


@register.simple_tag
def icon(name: str, label: str = "", door: str = "backoffice") -> SafeString:
    """An icon of the sprite; hidden from screen readers unless it has a label."""
    if label:
        return format_html(
            '<svg class="icon" role="img" aria-label="{}"><use href="{}#{}"/></svg>',
            label, asset(door, "icons.svg"), name,
        )  # fmt: skip
    return _icon(name, door)


@cache
def _icon(name: str, door: str) -> SafeString:
    return format_html('<svg class="icon" aria-hidden="true"><use href="{}#{}"/></svg>', asset(door, "icons.svg"), name)


@register.simple_tag(takes_context=True)
def query(context: template.Context, **changes: object) -> SafeString:
    """The page's query string with some parameters changed; None removes one."""
    values = dict(context["request"].GET.lists())
    for name, value in changes.items():
        if value in (None, ""):
            values.pop(name, None)
        else:
            values[name] = [value]
    return SafeString(f"?{urlencode(values, doseq=True)}".replace("&", "&amp;").replace("'", "%27"))


@register.simple_tag(takes_context=True)
def sort_head(context: template.Context, label: str, column: str, first: str = "", number: bool = False) -> SafeString:
    """The header of a column that sorts: `{% sort_head _("Total") "total" first="-" number=True %}`; `first="-"` begins
    downwards. Needs `sort`, the sorting in use."""
    sort, down = context["sort"], f"-{column}"
    turned = down if sort == column or (first and sort != down) else column
    sorted_so = {column: "ascending", down: "descending"}.get(sort)
    return format_html(
        '<th scope="col"{}{}><a class="sort" href="{}">{}{}</a></th>',
        SafeString(' class="number"' if number else ""),
        SafeString(f' aria-sort="{sorted_so}"' if sorted_so else ""),
        query(context, sort=turned, after=None, before=None),
        label,
        icon("arrow-down" if sort == down else "arrow-up"),
    )
