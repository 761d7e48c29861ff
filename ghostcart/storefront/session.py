"""Who is signed in to a shop. A shopper's sign-in is a value of its own in the session, apart from that of staff."""

from django.http import HttpRequest

from ghostcart.customers import queries as customers
from ghostcart.customers.models import Customer
from ghostcart.shops.models import Shop


def customer(request: HttpRequest, shop: Shop) -> Customer | None:
    return customers.of_session(shop.pk, request.session.get(_key(shop)))


def keep(request: HttpRequest, shop: Shop, customer: Customer) -> None:
    """Sign a customer in. The session gets a new name, so that one planted before is worth nothing."""
    request.session.cycle_key()
    request.session[_key(shop)] = customers.session_value(customer)


def forget(request: HttpRequest, shop: Shop) -> None:
    request.session.pop(_key(shop), None)
    request.session.cycle_key()


def _key(shop: Shop) -> str:
    return f"customer:{shop.pk}"
