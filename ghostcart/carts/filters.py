"""What a list of carts is asked for, as a value: read from a query string, written back into one."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.db import models
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from ghostcart.carts.kinds import OURS
from ghostcart.carts.models import Status
from ghostcart.lib.money import MICROS, minor_digits, parse_decimal_to_micros
from ghostcart.shops.models import Shop

LONGEST_TEXT = 100
MOST_IDS = 100
_LARGEST = 2**63 - 2
_YEARS = range(1970, 3000)
_NUMBERS = re.compile(r"[\s,;#]+")
_OTHER_NUMBERS = re.compile(r"[\s,;]+")
"""With a "#" it is a number of ours alone."""


class Bots(models.TextChoices):
    """Whether carts suspected to be a machine's are listed."""

    WITHOUT = "without", _("Without suspected bots")
    WITH = "with", _("With suspected bots")
    ONLY = "only", _("Only suspected bots")


class Listed(models.TextChoices):
    """What the list can be narrowed to: the statuses, and two groups of them."""

    OPEN = Status.OPEN.value, _("Open")
    ABANDONED = Status.ABANDONED.value, _("Abandoned")
    ORDERED = Status.ORDERED.value, _("Ordered")
    MERGED = Status.MERGED.value, _("Merged")
    WITHOUT_ORDER = "without_order", _("Without an order")
    NOT_MERGED = "not_merged", _("All but merged")


@dataclass(frozen=True, slots=True, kw_only=True)
class CartFilter:
    """Conditions that all must hold; what is None or empty is not asked.

    `*_from` is the first that counts. `items_to` and `total_to` (minor units) are the last that count, the ends of
    time ranges the first moments that don't.
    """

    shop_ids: tuple[int, ...]
    ids: tuple[int, ...] = ()
    external_ids: tuple[str, ...] = ()
    """What another shop calls its carts: these count beside `ids`."""
    source: str = ""
    order: str = ""
    status: str = ""
    """One of `Listed`."""
    customer: str = ""
    items_from: int | None = None
    items_to: int | None = None
    currency: str = ""
    total_from: int | None = None
    total_to: int | None = None
    shipping: str = ""
    created_from: datetime | None = None
    created_to: datetime | None = None
    activity_from: datetime | None = None
    activity_to: datetime | None = None
    ordered_from: datetime | None = None
    ordered_to: datetime | None = None
    abandoned_from: datetime | None = None
    """Abandoned carts alone, by the moment at which they became so."""
    abandoned_to: datetime | None = None
    online: bool | None = None
    bots: str = Bots.WITH

    @property
    def is_recent(self) -> bool:
        """Whether it asks for what happened since some moment: as a rule few carts, which an index finds."""
        starts = (self.created_from, self.activity_from, self.ordered_from, self.abandoned_from)
        return bool(self.online or any(starts))


TIME_RANGES = ("created", "activity", "ordered", "abandoned")
NAMES = (
    "shop", "source", "id", "order", "status", "customer", "items_from", "items_to", "currency", "total_from",
    "total_to", "shipping",
    *(f"{name}_{end}" for name in TIME_RANGES for end in ("from", "to")),
    "online", "bots",
)  # fmt: skip
"""The parameters of the query string."""


# -- reading -----------------------------------------------------------------------------------------


def from_query(
    values: Mapping[str, str],
    shops: Sequence[Shop],
    zone: ZoneInfo,
    bots: Bots = Bots.WITH,
    sources: Collection[str] = OURS,
) -> tuple[CartFilter, list[str]]:
    """The filter that a query string asks for among these shops, and a sentence for each value it could not read.

    Days are days in `zone`; a range of days includes both of its ends. `bots` is what holds if nothing is said.
    `sources` are those of the carts there are: where some are of another shop, its numbers are looked for too.
    """
    reader = _Reader(values)
    has_outside = bool(set(sources) - set(OURS))
    chosen = reader.one_of("shop", {str(shop.pk) for shop in shops}, _("There is no such shop."))
    shops = [shop for shop in shops if not chosen or str(shop.pk) == chosen]
    currency = reader.currency()
    digits = _digits(currency, shops)
    times = {
        f"{name}_{end}": reader.moment(f"{name}_{end}", zone, is_end=end == "to")
        for name in TIME_RANGES
        for end in ("from", "to")
    }
    wanted = CartFilter(
        shop_ids=tuple(shop.pk for shop in shops),
        ids=reader.ids(is_strict=not has_outside),
        external_ids=reader.external_ids() if has_outside else (),
        source=reader.one_of("source", sources, _("No cart comes from there.")),
        order=reader.text("order"),
        status=reader.one_of("status", set(Listed.values), _("There is no such status.")),
        customer=reader.text("customer"),
        items_from=reader.whole("items_from"),
        items_to=reader.whole("items_to"),
        currency=currency,
        total_from=reader.amount("total_from", digits),
        total_to=reader.amount("total_to", digits),
        shipping=reader.text("shipping"),
        online={"yes": True, "no": False}.get(reader.one_of("online", {"yes", "no"}, _("Online is yes or no."))),
        bots=reader.one_of("bots", set(Bots.values), _("There is no such choice about suspected bots.")) or bots,
        **times,
    )
    return wanted, reader.problems


def _digits(currency: str, shops: Sequence[Shop]) -> int | None:
    """The decimals of the amounts that a filter speaks of; None where the shops' currencies differ in them."""
    codes = {currency} if currency else {code for shop in shops for code in (shop.currency, *shop.currencies)}
    digits = {minor_digits(code) for code in codes}
    return digits.pop() if len(digits) == 1 else None


class _Reader:
    """Takes values out of a query string; what cannot be read is left out and told."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self.values = values
        self.problems: list[str] = []

    def text(self, name: str) -> str:
        text = self.values.get(name, "")
        clean = "".join(letter if letter.isprintable() else " " for letter in text)
        return " ".join(clean.split())[:LONGEST_TEXT].rstrip()

    def one_of(self, name: str, known: Collection[str], problem: Any) -> str:
        text = self.text(name)
        if text and text not in known:
            self.problems.append(str(problem))
            return ""
        return text

    def ids(self, *, is_strict: bool) -> tuple[int, ...]:
        texts = [text for text in _NUMBERS.split(self.text("id")) if text]
        numbers = [int(text) for text in texts if text.isascii() and text.isdigit() and int(text) <= _LARGEST]
        if is_strict and len(numbers) < len(texts):
            self._tell(_("“%(value)s” is not a cart number."), "id")
        return tuple(dict.fromkeys(numbers))[:MOST_IDS]

    def external_ids(self) -> tuple[str, ...]:
        texts = [text for text in _OTHER_NUMBERS.split(self.text("id")) if text and not text.startswith("#")]
        return tuple(dict.fromkeys(texts))[:MOST_IDS]

    def whole(self, name: str) -> int | None:
        text = self.text(name)
        if not text:
            return None
        if not (text.isascii() and text.isdigit() and len(text) < 10):
            self._tell(_("“%(value)s” is not a whole number."), name)
            return None
        return int(text)

    def currency(self) -> str:
        text = self.text("currency").upper()
        if text and not (len(text) == 3 and text.isascii() and text.isalpha()):
            self._tell(_("“%(value)s” is not a currency."), "currency")
            return ""
        return text

    def amount(self, name: str, digits: int | None) -> int | None:
        """An amount as typed, "12.50" or "12,50", in minor units of that many decimals; more are cut off inwards."""
        text = self.text(name).replace(" ", "").replace(",", ".")
        if not text:
            return None
        if digits is None:
            problem = gettext("Choose a currency first: the shops' currencies have different decimals.")
            self.problems.extend([problem] if problem not in self.problems else [])
            return None
        try:
            micros = parse_decimal_to_micros(text)
        except ValueError:
            self._tell(_("“%(value)s” is not an amount."), name)
            return None
        unit: int = MICROS // 10**digits
        minor = -(-micros // unit) if name.endswith("_from") else micros // unit
        return max(-1, min(minor, _LARGEST))

    def moment(self, name: str, zone: ZoneInfo, *, is_end: bool) -> datetime | None:
        """A day ("2026-11-22") or an exact moment ("2026-11-22T03:00:00Z"); the end of a range of days is the next."""
        text = self.text(name)
        if not text:
            return None
        try:
            moment = read_moment(text, zone, is_end)
        except (ValueError, OverflowError):
            self._tell(_("“%(value)s” is not a date."), name)
            return None
        return moment

    def _tell(self, sentence: Any, name: str) -> None:
        self.problems.append(str(sentence) % {"value": self.text(name)})


def read_moment(text: str, zone: ZoneInfo, is_end: bool) -> datetime:
    """A day in `zone` (its start, or as an end the start of the next) or an exact moment. Raises ValueError."""
    if len(text) == len("2026-11-22"):
        day = date.fromisoformat(text)
        if day.year not in _YEARS:
            raise ValueError
        return start_of_day(day + timedelta(days=1) if is_end else day, zone)
    moment = datetime.fromisoformat(text)
    if moment.year not in _YEARS:
        raise ValueError
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)


def start_of_day(day: date, zone: ZoneInfo) -> datetime:
    """The first moment of a day in a time zone."""
    return datetime.combine(day, time.min, zone).astimezone(UTC)


# -- writing -----------------------------------------------------------------------------------------


def to_query(wanted: CartFilter, shops: Sequence[Shop], zone: ZoneInfo) -> str:
    """The query string that `from_query` reads as this filter, among the same shops and in the same time zone."""
    values: dict[str, str] = {}
    if len(wanted.shop_ids) == 1 and len(shops) > 1:
        values["shop"] = str(wanted.shop_ids[0])
    if wanted.ids or wanted.external_ids:
        ours = [f"#{number}" for number in wanted.ids if str(number) not in wanted.external_ids]
        values["id"] = ",".join([*ours, *wanted.external_ids])
    for name in ("source", "order", "status", "customer", "currency", "shipping"):
        values[name] = getattr(wanted, name)
    for name in ("items_from", "items_to"):
        values[name] = _text(getattr(wanted, name))
    digits = _digits(wanted.currency, [shop for shop in shops if shop.pk in wanted.shop_ids]) or 0
    for name in ("total_from", "total_to"):
        minor = getattr(wanted, name)
        values[name] = "" if minor is None else _decimal(minor, digits)
    for name in TIME_RANGES:
        for end in ("from", "to"):
            values[f"{name}_{end}"] = day_or_moment(getattr(wanted, f"{name}_{end}"), zone, is_end=end == "to")
    values["online"] = {True: "yes", False: "no", None: ""}[wanted.online]
    values["bots"] = str(wanted.bots)
    return urlencode({name: value for name, value in values.items() if value})


def day_or_moment(moment: datetime | None, zone: ZoneInfo, *, is_end: bool) -> str:
    """A boundary as people chose it: a day where it is one's boundary, else the exact moment."""
    if moment is None:
        return ""
    day = moment.astimezone(zone).date()
    if start_of_day(day, zone) == moment:
        return (day - timedelta(days=1) if is_end else day).isoformat()
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _text(number: int | None) -> str:
    return "" if number is None else str(number)


def _decimal(minor: int, digits: int) -> str:
    sign, text = "-" if minor < 0 else "", str(abs(minor)).rjust(digits + 1, "0")
    return sign + (f"{text[:-digits]}.{text[-digits:]}" if digits else text)
