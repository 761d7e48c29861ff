"""One search box for carts, orders, customers and vouchers: by number, name, address or code."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.utils.functional import Promise
from django.utils.http import urlencode
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from ghostcart.backoffice import lists
from ghostcart.backoffice.access import StaffRequest, staff
from ghostcart.backoffice.models import Role
from ghostcart.backoffice.views.carts import zone_in_use
from ghostcart.carts import filters as cart_filters
from ghostcart.carts import listing
from ghostcart.carts import queries as carts
from ghostcart.customers import filters as customers
from ghostcart.customers.filters import CustomerFilter
from ghostcart.lib import clock
from ghostcart.orders import queries as orders
from ghostcart.orders.queries import OrderFilter
from ghostcart.vouchers import filters as vouchers
from ghostcart.vouchers.filters import VoucherFilter

SHOWN = 5
LONGEST = 100


@dataclass(frozen=True, slots=True)
class Kind:
    """The first few of one kind that were found, and the list that has them all."""

    name: str
    title: str | Promise
    rows: list[Any]
    everything: str
    has_more: bool


@require_safe
@staff(Role.VIEWER)
def search(request: StaffRequest) -> HttpResponse:
    """What was found of each kind; straight to it, where it is one thing alone."""
    text = " ".join(request.GET.get("q", "").replace("\x00", "")[:LONGEST].split())
    with lists.from_copy(request):
        kinds = [kind for kind in _found(request, text) if kind.rows] if text else []
    if len(kinds) == 1 and len(kinds[0].rows) == 1 and not kinds[0].has_more:
        return redirect(f"backoffice:{kinds[0].name}", kinds[0].rows[0].pk)
    context = {"searched": text, "kinds": kinds, "now": clock.now(), "shows_shops": len(request.scope) > 1}
    return render(request, "backoffice/search.html", context)


def _found(request: StaffRequest, text: str) -> Iterator[Kind]:
    """Carts by number or customer, orders by number or customer, customers by name or address, vouchers by code."""
    shops, now = tuple(shop.pk for shop in request.scope), clock.now()
    of_customers = customers.page(CustomerFilter(shop_ids=shops, text=text), "-id", SHOWN, None, None)
    yield _kind("customer", _("Customers"), of_customers, "customer-list", {"q": text})
    for query in ({"id": text.removeprefix("#")}, {"customer": text}):
        wanted, problems = cart_filters.from_query(query, request.scope, zone_in_use(), sources=carts.sources(shops))
        page = listing.page(wanted, "-id", SHOWN, None, None, now).page if not problems else None
        if page and page.rows:
            yield _kind("cart", _("Shopping carts"), page, "cart-list", query)
            break
    of_orders = orders.page(OrderFilter(shop_ids=shops, text=text), "-id", SHOWN, None, None)
    yield _kind("order", _("Orders"), of_orders, "order-list", {"q": text})
    of_vouchers = vouchers.page(VoucherFilter(shop_ids=shops, now=now, text=text), "-id", SHOWN, None, None)
    yield _kind("voucher", _("Vouchers"), of_vouchers, "vouchers", {"q": text})


def _kind(name: str, title: str | Promise, page: Any, list_name: str, query: dict[str, str]) -> Kind:
    everything = f"{reverse(f'backoffice:{list_name}')}?{urlencode(query)}"
    return Kind(name, title, page.rows, everything, page.next is not None)


urlpatterns = [path("search/", search, name="search")]
