"""What the pages of carts ask of a cart, a line or an entry of the log."""

from datetime import datetime
from functools import cache
from urllib.parse import urlencode

from django import template
from django.http import QueryDict
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import conditional_escape
from django.utils.safestring import SafeString
from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_lazy as _

from ghostcart.carts import queries, timeline
from ghostcart.carts.kinds import OURS
from ghostcart.carts.models import Cart, CartEvent, CartLine, CartVoucher
from ghostcart.connectors.models import Kind
from ghostcart.lib.money import is_known
from ghostcart.lib.template_tags import moment, money, number, when
from ghostcart.orders.models import Order
from ghostcart.vouchers.terms import Refusal

register = template.Library()

SOURCES = {
    "store": _("Storefront"),
    "staff": _("Staff"),
    Kind.PRESTASHOP: "PrestaShop",
    Kind.PRESTASHOP_API: "PrestaShop",
}
"""Where carts and orders come from, in short; a source that the API named stands for itself."""

BOT_REASONS = {
    "crawler": _("The browser names itself as a crawler."),
    "no_user_agent": _("The browser does not say what it is."),
    "headless": _("The browser is driven by a program."),
    "hurried": _("Many products were put in within seconds."),
    "reached_checkout": _("But the checkout was started."),
}

REFUSALS = {
    Refusal.INACTIVE: _("The voucher is switched off."),
    Refusal.NOT_YET_VALID: _("The voucher is not valid yet."),
    Refusal.EXPIRED: _("The voucher has expired."),
    Refusal.USED_UP: _("The voucher is used up."),
    Refusal.USED_BY_CUSTOMER: _("The customer has used the voucher as often as they may."),
    Refusal.OTHER_CUSTOMER: _("The voucher belongs to another customer."),
    Refusal.SIGN_IN_NEEDED: _("The shopper has not said who they are."),
    Refusal.OTHER_CURRENCY: _("The voucher is for another currency."),
    Refusal.BELOW_MINIMUM: _("The products do not reach the minimum amount."),
    Refusal.NO_MATCHING_PRODUCT: _("No product in the cart is one that the voucher is for."),
    Refusal.NOT_COMBINABLE: _("The voucher cannot be combined with another one."),
    Refusal.ALREADY_APPLIED: _("The voucher is already in the cart."),
    Refusal.GIFT_UNAVAILABLE: _("The gift is not available."),
}
"""Why a voucher takes nothing, told to staff; shoppers are told in their own words."""


@cache
def _labels(language: str) -> dict[str, SafeString]:
    """The names of the columns, which a phone shows in each row; asked for once a language, not once a row."""
    names = {
        "order": gettext("Order"),
        "items": gettext("Products"),
        "total": gettext("Total"),
        "shipping": gettext("Shipping"),
        "created": gettext("Created"),
        "activity": gettext("Last activity"),
        "view": gettext("View"),
        "delete": gettext("Delete"),
    }
    return {key: conditional_escape(name) for key, name in names.items()}


@cache
def _place(name: str) -> str:
    """What the addresses of all carts, orders or customers begin with."""
    return reverse(name, args=[0]).removesuffix("0/")


def _address(name: str, number: int | None) -> SafeString:
    return SafeString(f"{_place(name)}{number}/" if number else "")


@register.simple_tag
def address(name: str, number: int) -> SafeString:
    """`{% address "cart" 7 %}`: as `{% url "backoffice:cart" 7 %}`, but put together, for lists."""
    return _address(f"backoffice:{name}", number)


@cache
def _badge(status: str, language: str) -> SafeString:
    return render_to_string("backoffice/_status.html", {"status": status})


@register.simple_tag
def badge(cart: Cart, now: datetime) -> SafeString:
    """`_status.html` of a cart, drawn once a language."""
    return _badge(cart.status(now), get_language() or "en")


@register.simple_tag
def cells(cart: Cart, now: datetime) -> dict[str, object]:
    """What a row of the list shows, ready to print: a list of 300 rows has no time for a tag per cell, nor to escape
    what is known to be safe."""
    language = get_language() or "en"
    return {
        "id": SafeString(cart.pk),
        "address": _address("backoffice:cart", cart.pk),
        "order_address": _address("backoffice:order", cart.order_id),
        "customer_address": _address("backoffice:customer", cart.customer_id),
        "badge": badge(cart, now),
        "is_deletable": cart.is_deletable,
        "is_bot": cart.is_suspected_bot,
        "items": number(cart.item_count),
        "total": money(cart.total_minor, cart.currency),
        "is_currency": is_known(cart.currency),
        "created": moment(cart.created_at, "short"),
        "activity": when(cart.last_activity_at),
        "outside": outside_name(cart.source, cart.external_id),
        "is_estimated": cart.is_estimated and not cart.ordered_at,
        "is_online": queries.is_online(cart, now),
        "label": _labels(language),
    }


@register.filter
def source_name(source: str) -> str:
    return str(SOURCES.get(source, source))


@register.filter
def outside(thing: Cart | Order) -> str:
    """What the shop that keeps a cart or order calls it, "PrestaShop 4711"; empty for one of ours."""
    return outside_name(thing.source, thing.external_id)


def outside_name(source: str, external_id: str | None) -> str:
    return "" if source in OURS else f"{source_name(source)} {external_id or ''}".rstrip()


@register.filter
def web(address: str) -> str:
    """An address that somebody else wrote, if it is one to be linked to; else empty."""
    return address if address.startswith(("https://", "http://")) else ""


@register.filter
def is_online(cart: Cart, now: datetime) -> bool:
    return queries.is_online(cart, now)


@register.filter
def is_known_currency(code: str) -> bool:
    return is_known(code)


@register.filter
def bot_reasons(cart: Cart) -> str:
    """Why the cart is suspected to be a machine's, as sentences."""
    return " ".join(str(BOT_REASONS.get(reason, reason)) for reason in cart.bot_reasons if isinstance(reason, str))


@register.filter
def refusal(voucher: CartVoucher) -> str:
    """Why the voucher takes nothing now; empty if it is good."""
    if not voucher.refusal:
        return ""
    known = voucher.refusal in set(Refusal)
    return str(REFUSALS[Refusal(voucher.refusal)]) if known else gettext("The voucher cannot be used.")


@register.filter
def is_gone(line: CartLine) -> bool:
    """Whether the product of the line was deleted."""
    return line.product is None or line.variant is None


@register.simple_tag
def told(event: CartEvent, cart: Cart, staff: dict[str, str] | None = None) -> str:
    """The sentence of an entry in the log of a cart."""
    return timeline.sentence(event, cart.customer_label, staff or {})


@register.simple_tag(takes_context=True)
def query_without(context: template.Context, names: str) -> str:
    """The page's query string without some parameters ("a,b") and without the place in the list."""
    values: QueryDict = context["request"].GET.copy()
    for name in [*names.split(","), "after", "before"]:
        values.pop(name, None)
    return f"?{urlencode(list(values.items())) or 'sort=-id'}"
