"""What of an order goes when its customer is erased.

Numbers, products, amounts, taxes and the country always stay: they are the shop's books. Name, address, telephone and
mail address stay as long as the law wants them (`ORDERS_KEPT_DAYS`), then they go as well.
"""

from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import QuerySet

from ghostcart.customers.models import Customer
from ghostcart.orders.models import Order, new_token

BATCH = 500


def kept_until(order: Order) -> datetime:
    """Until when an order keeps the name and address of a customer who is erased."""
    return order.placed_at + timedelta(days=settings.ORDERS_KEPT_DAYS)


def forget(customer: Customer, now: datetime) -> int:
    """Unname the customer's orders that need not be kept any longer; returns how many still are.

    The pages of all of them are found under their old addresses no more.
    """
    theirs = Order.objects.filter(customer=customer)
    for order in theirs.only("pk"):
        Order.objects.filter(pk=order.pk).update(token=new_token())
    _unname(theirs.filter(placed_at__lte=_end(now)))
    return theirs.filter(placed_at__gt=_end(now)).count()


def forget_due(now: datetime) -> bool:
    """Unname the next orders of erased customers whose time is over; False when there are none."""
    due = Order.objects.filter(customer__erased_at__isnull=False, placed_at__lte=_end(now))
    due = due.exclude(email="", customer_label="")
    return bool(_unname(Order.objects.filter(pk__in=list(due.values_list("pk", flat=True)[:BATCH]))))


def _end(now: datetime) -> datetime:
    return now - timedelta(days=settings.ORDERS_KEPT_DAYS)


def _unname(orders: QuerySet[Order]) -> int:
    found = list(orders.only("pk", "address"))
    for order in found:
        order.customer_label = order.email = order.phone = ""
        order.address = {"country": order.address.get("country", "")}
    Order.objects.bulk_update(found, ["customer_label", "email", "phone", "address"], batch_size=BATCH)
    return len(found)
