"""Who leaves carts in order to be paid for coming back: a score from 0 to 100, each point with its reason.

Facts that speak against somebody are taken from all their relatives: that can only cost a voucher, never service. What
speaks for them must be their own. The weights are a starting point: a shop's own data must fit them anew.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

MOST = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known of a person when a voucher would be issued; `history.of` reads it."""

    vouchers_lately: int = 0
    """Recovery vouchers in the last 90 days."""
    vouchers_before: int = 0
    """Recovery vouchers in the year, before those 90 days."""
    orders: int = 0
    discounted_orders: int = 0
    hasty_carts: int = 0
    """Carts of 60 days that were left within a minute of typing the address."""
    quick_returns: int = 0
    """Voucher mails of 180 days that were followed within ten minutes."""
    plain_returns: int = 0
    """Reminders without voucher of 180 days that were followed at all."""
    has_left_same_cart: bool = False
    """Another cart of 30 days held at least four fifths of the same products."""
    new_addresses: int = 0
    """E-mail addresses that came up in the last 30 days."""
    is_disposable: bool = False
    aliases: int = 1
    """The most spellings of one mailbox."""
    wrong_codes: int = 0
    leaked_codes: int = 0
    """Their vouchers whose codes others have tried."""
    is_new: bool = False
    """Known for less than an hour when the cart was left."""
    carts_at_minimum: int = 0
    """Carts of 180 days at most 2 % above the voucher's minimum."""
    full_price_orders: int = 0
    """In the last twelve months."""
    days_known: int = 0


WEIGHTS: Mapping[str, int] = {
    "voucher_lately": 30,
    "vouchers_before": 15,
    "mostly_discounted": 15,
    "hasty": 20,
    "waits_for_vouchers": 15,
    "same_cart_again": 10,
    "many_addresses": 25,
    "disposable": 15,
    "aliases": 10,
    "codes": 15,
    "new": 10,
    "at_minimum": 10,
    "full_price": -20,
    "long_known": -10,
}
"""Points for each signal, for each time it holds."""

_TIMES: Mapping[str, Callable[[Facts], int]] = {
    "voucher_lately": lambda facts: facts.vouchers_lately >= 1,
    "vouchers_before": lambda facts: min(facts.vouchers_before, 2),
    "mostly_discounted": lambda facts: facts.discounted_orders >= 2 and 2 * facts.discounted_orders >= facts.orders,
    "hasty": lambda facts: facts.hasty_carts >= 2,
    "waits_for_vouchers": lambda facts: facts.quick_returns >= 2 and facts.plain_returns == 0,
    "same_cart_again": lambda facts: facts.has_left_same_cart,
    "many_addresses": lambda facts: facts.new_addresses >= 3,
    "disposable": lambda facts: facts.is_disposable,
    "aliases": lambda facts: facts.aliases >= 2,
    "codes": lambda facts: facts.wrong_codes >= 5 or facts.leaked_codes >= 1,
    "new": lambda facts: facts.is_new,
    "at_minimum": lambda facts: facts.carts_at_minimum >= 2,
    "full_price": lambda facts: facts.full_price_orders >= 3,
    "long_known": lambda facts: facts.days_known > 365,
}

SENTENCES: Mapping[str, str | Promise] = {
    "voucher_lately": _("Got a recovery voucher in the last 90 days."),
    "vouchers_before": _("Got recovery vouchers earlier this year."),
    "mostly_discounted": _("At least half of the orders were placed with a discount."),
    "hasty": _("Left several times within a minute of typing the e-mail address."),
    "waits_for_vouchers": _("Ignores reminders without a voucher, and comes at once when there is one."),
    "same_cart_again": _("Left nearly the same products not long ago."),
    "many_addresses": _("Three or more e-mail addresses in a month."),
    "disposable": _("Uses a throw-away e-mail address."),
    "aliases": _("Uses several spellings of one mailbox."),
    "codes": _("Tried many codes, or others tried theirs."),
    "new": _("Was known for less than an hour when the cart was left."),
    "at_minimum": _("Several carts just above the minimum amount of the voucher."),
    "full_price": _("Bought at full price at least three times this year."),
    "long_known": _("Has been a customer for more than a year."),
}


@dataclass(frozen=True, slots=True)
class Score:
    """0 (nothing against them) to 100, and what it is made of: [{code, points}]."""

    points: int
    reasons: list[dict[str, Any]]


def score(facts: Facts, weights: Mapping[str, int] = WEIGHTS) -> Score:
    """Weigh the facts. Below 0 and above 100 nothing is gained or lost any more."""
    counted = {code: int(times(facts)) * weights.get(code, 0) for code, times in _TIMES.items()}
    reasons = [{"code": code, "points": points} for code, points in counted.items() if points]
    return Score(max(0, min(MOST, sum(counted.values()))), reasons)


def sentences(reasons: object) -> list[tuple[str | Promise, int]]:
    """Kept reasons of a score, each as what staff read and its points. What an older version kept is left out."""
    return [
        (SENTENCES[one["code"]], one["points"])
        for one in (reasons if isinstance(reasons, list) else [])
        if isinstance(one, dict) and one.get("code") in SENTENCES and isinstance(one.get("points"), int)
    ]


class Rung(StrEnum):
    """What a score leads to."""

    NORMAL = "normal"
    LATE = "late"
    """A voucher only in the last mail, and half as much."""
    PLAIN = "plain"
    """Reminders without a voucher."""
    PERSON = "person"
    """No reminder: somebody of the staff decides."""


LADDER = ((80, Rung.PERSON), (50, Rung.PLAIN), (30, Rung.LATE), (0, Rung.NORMAL))


def ladder(points: int) -> Rung:
    return next(rung for least, rung in LADDER if points >= least)
