"""What the pages of vouchers say of percentages and days."""

from datetime import datetime, timedelta

from babel.dates import format_date
from babel.numbers import format_percent
from django import template
from django.utils.functional import Promise

from ghostcart.lib.template_tags import cldr, language, percent_pattern
from ghostcart.recovery import guard, scoring
from ghostcart.recovery.models import Decision
from ghostcart.shops.models import Shop

register = template.Library()


@register.filter
def basis_points(value: int) -> str:
    """Hundredths of a percent: 1250 is "12.5%" in the reader's language."""
    return format_percent(value / 10_000, format=percent_pattern(language(), 0, 2), locale=cldr(language()))


@register.simple_tag
def first_day(moment: datetime, shop: Shop) -> str:
    """The local day of the shop on which something begins."""
    return format_date(moment.astimezone(shop.zone), "medium", locale=cldr(language()))


@register.simple_tag
def last_day(end: datetime, shop: Shop) -> str:
    """The last local day on which something counts whose `end` is the first moment it does not."""
    return first_day(end - timedelta(microseconds=1), shop)


@register.filter
def score_reasons(decision: Decision) -> list[tuple[str | Promise, int]]:
    """What the score of a decision about a voucher is made of: (sentence, points)."""
    return scoring.sentences(decision.details.get("reasons")) if isinstance(decision.details, dict) else []


@register.filter
def can_be_overruled(decision: Decision) -> bool:
    return guard.can_be_overruled(decision)
