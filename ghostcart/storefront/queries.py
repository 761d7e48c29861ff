"""What shoppers may see of orders."""

from django.db.models import QuerySet

from ghostcart.customers import queries as customers
from ghostcart.customers.models import Customer
from ghostcart.orders.models import Order
from ghostcart.orders.services import ADDRESS_FIELDS


def order_by_token(shop_id: int, token: str) -> Order | None:
    """The order whose confirmation page this is; whoever holds the link may see it."""
    return Order.objects.filter(shop_id=shop_id, token=token).prefetch_related("lines").first()


def orders_of_account(customer: Customer) -> QuerySet[Order]:
    """The orders an account may see, newest first.

    What a guest ordered under the same address before the account was opened stays out: nobody proved yet that the
    account's owner can read the mail sent there.
    """
    return Order.objects.filter(customer=customer, placed_at__gte=customers.visible_since(customer)).order_by("-id")


def last_delivery(customer: Customer) -> dict[str, str]:
    """Where an account had something sent last; empty if nothing yet."""
    if address := customers.last_address(customer):
        return {name: getattr(address, name) for name in ADDRESS_FIELDS}
    order = orders_of_account(customer).first()
    return {name: str(order.address.get(name, "")) for name in ADDRESS_FIELDS} if order else {}
