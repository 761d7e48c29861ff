"""The cart page, the checkout and the confirmation. What is in the cart the script asks of the store API."""

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from ghostcart.customers import queries as customers
from ghostcart.customers.models import Customer
from ghostcart.orders.models import PaymentMethod
from ghostcart.storefront import session
from ghostcart.storefront.countries import countries, country_name
from ghostcart.storefront.front import Front, page, show
from ghostcart.storefront.queries import last_delivery, order_by_token
from ghostcart.storefront.texts import CONSENT_VERSION, consent_text
from ghostcart.vouchers.errors import SENTENCES
from ghostcart.vouchers.terms import Refusal


@require_safe
@page()
def cart(request: HttpRequest, front: Front) -> HttpResponse:
    return show(request, front, "cart.html", {"is_cart_page": True, "restored": _restored(request)})


def _restored(request: HttpRequest) -> dict[str, Any] | None:
    """What a mailed link brought back just now, as its address tells."""
    told = {name: request.GET.get(name, "") for name in ("back", "fewer", "missing")}
    if not all(value.isascii() and value.isdecimal() and len(value) < 4 for value in told.values()):
        return None
    refusal = request.GET.get("voucher", "")
    sentence = SENTENCES[Refusal(refusal)] if refusal in set(Refusal) else ""
    return {**{name: int(value) for name, value in told.items()}, "refusal": sentence}


@require_safe
@page(is_private=True)
def checkout(request: HttpRequest, front: Front) -> HttpResponse:
    customer = session.customer(request, front.shop)
    context = {
        "customer": customer,
        "values": _known_values(customer, front),
        "countries": countries(front.language),
        "consent_text": consent_text(),
        "consent_version": CONSENT_VERSION,
        "has_consented": customer is not None and customers.has_consented(customer),
        "is_checkout": True,
    }
    return show(request, front, "checkout.html", context)


def _known_values(customer: Customer | None, front: Front) -> dict[str, Any]:
    """What the form is filled in with: the account's own words, and the address used last."""
    values: dict[str, Any] = {"country": front.shop.country}
    if customer is None:
        return values
    values |= {
        "email": customer.email,
        "phone": customer.phone,
        "first_name": customer.first_name,
        "last_name": customer.last_name,
    }
    return values | last_delivery(customer)


@require_safe
@page(is_private=True)
def thanks(request: HttpRequest, front: Front, token: str) -> HttpResponse:
    order = order_by_token(front.shop.pk, token)
    if order is None:
        raise Http404
    context = {
        "order": order,
        "country": country_name(str(order.address.get("country", "")), front.language),
        "is_transfer": order.payment == PaymentMethod.TRANSFER,
        "is_new": "new" in request.GET,
    }
    return show(request, front, "thanks.html", context)
