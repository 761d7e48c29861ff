"""Orders: the list, the page of one order, and making one from a cart for a customer on the phone."""

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from ghostcart.backoffice import lists
from ghostcart.backoffice.access import StaffRequest, may, require, staff
from ghostcart.backoffice.forms import OrderFilters, PhoneOrderForm, RefundForm
from ghostcart.backoffice.models import Role
from ghostcart.backoffice.queries import actor_names
from ghostcart.carts import queries as cart_queries
from ghostcart.carts.errors import CartElsewhere
from ghostcart.carts.models import Cart
from ghostcart.lib import clock
from ghostcart.lib.errors import GhostcartError
from ghostcart.orders import queries, services
from ghostcart.orders.models import Order, OrderStatus
from ghostcart.orders.queries import OrderFilter

PAGE = "orders"


@require_safe
@staff(Role.VIEWER)
def order_list(request: StaffRequest) -> HttpResponse:
    if elsewhere := lists.recalled(request, PAGE):
        return elsewhere
    form = OrderFilters(request.GET, shops=request.scope)
    wanted = _wanted(request, form.asked())
    asked = lists.asked(request, queries.SORTS)
    with lists.from_copy(request):
        page, count = queries.page(wanted, asked.sort, asked.size, asked.after, asked.before), queries.count(wanted)
    context = {
        "form": form,
        "page": page,
        "count": count,
        "sort": asked.sort,
        "size": asked.size,
        "is_filtered": bool(form.asked()),
        "shows_shops": len(request.scope) > 1,
        **lists.saved_views(request, PAGE),
    }
    return render(request, "backoffice/order_list.html", context)


def _wanted(request: StaffRequest, asked: dict) -> OrderFilter:
    return OrderFilter(
        shop_ids=tuple(shop.pk for shop in request.scope),
        text=asked.get("q", ""),
        status=asked.get("status", ""),
        payment=asked.get("payment", ""),
        shipping=asked.get("shipping", ""),
        currency=asked.get("currency", ""),
        placed_from=lists.first_moment(asked.get("placed_from")),
        placed_to=lists.moment_after(asked.get("placed_to")),
    )


def _order(request: StaffRequest, order_id: int, least: Role) -> Order:
    order = queries.find(order_id)
    if order is None:
        raise Http404
    require(request.user, order.shop_id, least)
    return order


@require_safe
@staff(Role.VIEWER)
def order(request: StaffRequest, order_id: int) -> HttpResponse:
    found = _order(request, order_id, Role.VIEWER)
    is_agent = may(request.user, found.shop_id, Role.AGENT)
    context = {
        "order": found,
        "placed_by": actor_names([found.placed_by]).get(found.placed_by, found.placed_by),
        "lines": found.lines.select_related("product", "variant"),
        "address": found.address if isinstance(found.address, dict) else {},
        "next_statuses": _next_statuses(found) if is_agent and not found.is_outside else [],
        "refund": RefundForm(order=found, prefix="refund") if is_agent and found.refundable_minor else None,
    }
    return render(request, "backoffice/order.html", context)


def _next_statuses(order: Order) -> list[tuple[str, str]]:
    """What this order may become, with the word on the button."""
    verbs = {
        OrderStatus.PAID: _("Mark as paid"),
        OrderStatus.CANCELLED: _("Cancel the order"),
        OrderStatus.REFUNDED: _("Mark as refunded"),
    }
    after = services.NEXT.get(order.status, set())  # type: ignore[call-overload]
    return [(str(status), verb) for status, verb in verbs.items() if status in after]


@require_POST
@staff(Role.AGENT)
def order_status(request: StaffRequest, order_id: int) -> HttpResponse:
    found = _order(request, order_id, Role.AGENT)
    try:
        services.set_status(found, request.POST.get("status", ""), request.user.actor, clock.now())
    except GhostcartError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, _("The order is now “%(status)s”.") % {"status": found.get_status_display()})
    return redirect("backoffice:order", order_id=found.pk)


@require_POST
@staff(Role.AGENT)
def order_refund(request: StaffRequest, order_id: int) -> HttpResponse:
    found = _order(request, order_id, Role.AGENT)
    form = RefundForm(request.POST, order=found, prefix="refund")
    try:
        if form.is_valid():
            values = form.cleaned_data
            services.refund(found, values["amount"], seen_minor=values["seen"], now=clock.now())
    except GhostcartError as error:
        form.add_error(None, str(error))
    for problems in form.errors.values():
        messages.error(request, str(problems[0]))
    if not form.errors:
        messages.success(request, _("The refund is noted."))
    return redirect("backoffice:order", order_id=found.pk)


# -- an order from a cart -----------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
@staff(Role.AGENT)
def cart_order(request: StaffRequest, cart_id: int) -> HttpResponse:
    cart = cart_queries.find(cart_id)
    if cart is None:
        raise Http404
    require(request.user, cart.shop_id, Role.AGENT)
    if cart.order_id:
        return redirect("backoffice:order", order_id=cart.order_id)
    if cart.is_outside:
        messages.error(request, str(CartElsewhere()))
        return redirect("backoffice:cart", cart_id=cart.pk)
    form = _order_form(request, cart)
    if request.method == "POST" and form.is_valid():
        try:
            placed = _place(request, cart, form)
        except GhostcartError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, _("Order %(number)s is placed.") % {"number": placed.number})
            return redirect("backoffice:order", order_id=placed.pk)
    context = {"cart": cart, "form": form, "lines": cart.lines.all(), "customer": cart.customer}
    return render(request, "backoffice/order_create.html", context)


def _order_form(request: StaffRequest, cart: Cart) -> PhoneOrderForm:
    known = cart.customer
    initial: dict[str, object] = {"version": cart.version}
    if known:
        initial |= {"first_name": known.first_name, "last_name": known.last_name, "phone": known.phone}
        if last := known.addresses.first():
            names = ("first_name", "last_name", "street", "postcode", "city", "country")
            initial |= {name: getattr(last, name) for name in names}
    return PhoneOrderForm(
        request.POST or None,
        initial=initial,
        shop=cart.shop,
        currency=cart.currency,
        has_customer=known is not None,
        methods=list(cart.shop.shipping_methods.filter(is_active=True)),
    )


def _place(request: StaffRequest, cart: Cart, form: PhoneOrderForm) -> Order:
    values = form.cleaned_data
    return services.take(
        cart,
        version=values["version"],
        address=form.address(),
        payment=values["payment"],
        shipping_method=values["shipping_method"],
        actor=request.user.actor,
        now=clock.now(),
        email=values.get("email", ""),
    )


urlpatterns = [
    path("orders/", order_list, name="order-list"),
    path("orders/<int:order_id>/", order, name="order"),
    path("orders/<int:order_id>/status/", order_status, name="order-status"),
    path("orders/<int:order_id>/refund/", order_refund, name="order-refund"),
    path("carts/<int:cart_id>/order/", cart_order, name="cart-order"),
]
