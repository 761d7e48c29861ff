"""What the pages of products ask of a product's variants."""

from collections.abc import Iterable

from django import template
from django.utils.translation import gettext

from ghostcart.catalog.intake import UNCOUNTED
from ghostcart.catalog.models import Variant
from ghostcart.lib.template_tags import number

register = template.Library()


@register.filter
def stock(variant: Variant) -> str:
    return in_stock([variant])


@register.filter
def in_stock(variants: Iterable[Variant]) -> str:
    """How many there are of all that is sold of a product."""
    counts = [variant.stock for variant in variants if variant.is_active]
    return gettext("not counted") if UNCOUNTED in counts else str(number(sum(counts)))
