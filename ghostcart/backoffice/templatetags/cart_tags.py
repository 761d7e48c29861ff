"""What the pages of carts ask of a cart, a line or an entry of the log."""

from datetime import datetime
from urllib.parse import urlencode

from django import template
from django.http import QueryDict
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from ghostcart.backoffice import cart_row
from ghostcart.carts import queries, timeline
from ghostcart.carts.kinds import OURS
from ghostcart.carts.models import Cart, CartEvent, CartLine, CartVoucher
from ghostcart.connectors.models import Kind
from ghostcart.lib.money import is_known
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


@register.simple_tag
def address(name: str, number: int) -> SafeString:
    """`{% address "cart" 7 %}`: as `{% url "backoffice:cart" 7 %}`, but put together, for lists."""
    return cart_row.address(name, number)


@register.simple_tag
def badge(cart: Cart, now: datetime) -> SafeString:
    """`_status.html` of a cart, drawn once a language."""
    return cart_row.badge(cart, now)


@register.simple_tag
def row(cart: Cart, now: datetime) -> SafeString:
    """A row of the list of carts."""
    reasons = bot_reasons(cart) if cart.is_suspected_bot else ""
    return cart_row.row(cart, now, reasons, outside_name(cart.source, cart.external_id))


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
