"""A row of the cart list, put together by hand: three hundred of them by template take longer than all else.

What shoppers wrote goes through `format_html` like in a template; the rest is known to be safe.
"""

from datetime import datetime
from functools import cache

from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language, gettext

from ghostcart.carts import queries
from ghostcart.carts.models import Cart
from ghostcart.lib.money import is_known
from ghostcart.lib.template_tags import icon, moment, money, number, when

NOTHING = SafeString('<span class="quiet">–</span>')
EMPTY = SafeString("")
ROW = """
<tr id="cart-{{id}}" data-shop="{{shop}}" data-version="{{version}}">
  <td class="only-deleters">{{check}}</td>
  <th scope="row" class="nowrap"><a class="row-link" href="{{address}}">#{{id}}</a>{{outside}}</th>
  <td data-label="{order}" class="nowrap">{{order}}</td>
  <td><span class="tags">{{badge}}{{bot}}</span></td>
  <td class="who">{{who}} <span class="tag only-shops"><bdi>{{shop_name}}</bdi></span></td>
  <td data-label="{items}" class="number">{{items}}</td>
  <td data-label="{total}" class="number">{{total}}{{notes}}</td>
  <td data-label="{shipping}">{{shipping}}</td>
  <td data-label="{created}">{{created}}</td>
  <td data-label="{activity}">{{activity}}</td>
  <td>{{online}}</td>
  <td class="actions"><a class="btn btn-sm" href="{{address}}">{view}<span class="visually-hidden"> #{{id}}</span></a>
{{delete}}</td>
</tr>"""
"""Once for the words of a language, then for each cart."""
OUTSIDE = '<div class="quiet small-text outside-id"><bdi>{}</bdi></div>'
CHECK = (
    '<input type="checkbox" class="form-check-input" name="cart" value="{id}" form="cart-bulk" data-check'
    ' aria-label="#{id}">'
)
DELETE = (
    ' <button class="btn btn-sm btn-icon only-deleters" form="cart-bulk" name="only" value="{id}"'
    ' aria-label="{label} #{id}">{icon}</button>'
)
BOT = (
    ' <span class="explained"><button type="button" class="tag tag-warn" aria-describedby="bot-{id}">{icon}'
    '<span>{label}</span></button><span role="tooltip" id="bot-{id}">{reasons}</span></span>'
)


def row(cart: Cart, now: datetime, reasons: str, outside: str) -> SafeString:
    """`cart` with its shop. `reasons` says why it may be a machine's; `outside` is its name in its shop."""
    number_of_cart = SafeString(cart.pk)
    label = _labels(get_language() or "en")
    is_deletable = cart.is_deletable
    return format_html(
        label["row"],
        id=number_of_cart,
        shop=cart.shop_id,
        version=cart.version,
        check=format_html(CHECK, id=number_of_cart) if is_deletable else EMPTY,
        address=address("cart", cart.pk),
        outside=format_html(OUTSIDE, outside) if outside else EMPTY,
        order=_order(cart),
        badge=badge(cart, now),
        bot=_bot(cart, reasons, label) if cart.is_suspected_bot else EMPTY,
        who=_who(cart, label),
        shop_name=cart.shop.name,
        items=number(cart.item_count),
        total=money(cart.total_minor, cart.currency),
        notes=_notes(cart, label),
        shipping=format_html("<bdi>{}</bdi>", cart.shipping_name) if cart.shipping_name else NOTHING,
        created=moment(cart.created_at, "short"),
        activity=when(cart.last_activity_at, now),
        online=label["online"] if queries.is_online(cart, now) else NOTHING,
        delete=format_html(DELETE, id=number_of_cart, label=label["delete"], icon=icon("trash"))
        if is_deletable
        else EMPTY,
    )


def _order(cart: Cart) -> SafeString:
    if cart.order_id:
        return format_html('<a href="{}">{}</a>', address("order", cart.order_id), cart.order_number)
    return format_html('<span class="quiet">{}</span>', cart.order_number) if cart.order_number else NOTHING


def _bot(cart: Cart, reasons: str, label: dict[str, SafeString]) -> SafeString:
    return format_html(BOT, id=cart.pk, icon=icon("robot"), label=label["bot"], reasons=reasons or "–")


def _who(cart: Cart, label: dict[str, SafeString]) -> SafeString:
    if cart.customer_id:
        name = cart.customer_label or (cart.customer.label if cart.customer else "")
        return format_html('<a href="{}"><bdi>{}</bdi></a>', address("customer", cart.customer_id), name)
    if cart.customer_label:
        return format_html("<bdi>{}</bdi> {}", cart.customer_label, label["gone"])
    return label["visitor"]


def _notes(cart: Cart, label: dict[str, SafeString]) -> SafeString:
    """That the total is not the shop's own figure, and that nobody knows the currency."""
    is_estimated = cart.is_estimated and not cart.ordered_at
    estimated = (
        f" {render_to_string('backoffice/_estimated.html', {'cart': cart, 'place': 'row'})}" if is_estimated else ""
    )
    return SafeString(estimated if is_known(cart.currency) else f"{estimated} {label['currency']}")


# -- what is the same in all rows --------------------------------------------------------------------


@cache
def _labels(language: str) -> dict[str, SafeString]:
    """The names of the columns, which a phone shows in each row, and other words; asked for once a language."""
    names = {
        "order": gettext("Order"),
        "items": gettext("Products"),
        "total": gettext("Total"),
        "shipping": gettext("Shipping"),
        "created": gettext("Created"),
        "activity": gettext("Last activity"),
        "view": gettext("View"),
        "delete": gettext("Delete"),
        "bot": gettext("Suspected bot"),
    }
    bad = '<span class="tag tag-bad">{}{}</span>'
    labels = {key: conditional_escape(name) for key, name in names.items()}
    return labels | {
        "row": format_html(ROW, **labels),
        "online": format_html('<span class="is-online">{}</span>', gettext("Online")),
        "visitor": format_html('<span class="quiet">{}</span>', gettext("Visitor")),
        "gone": format_html(bad, icon("alert-triangle"), gettext("Customer deleted")),
        "currency": format_html(bad, icon("alert-triangle"), gettext("Unknown currency")),
    }


@cache
def _place(name: str) -> str:
    """What the addresses of all carts, orders or customers begin with."""
    return reverse(f"backoffice:{name}", args=[0]).removesuffix("0/")


def address(name: str, number: int | None) -> SafeString:
    return SafeString(f"{_place(name)}{number}/" if number else "")


def badge(cart: Cart, now: datetime) -> SafeString:
    """`_status.html` of a cart, drawn once a language."""
    return _badge(cart.status(now), get_language() or "en")


@cache
def _badge(status: str, language: str) -> SafeString:
    return render_to_string("backoffice/_status.html", {"status": status})
