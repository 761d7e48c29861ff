"""Customers and products that another shop tells us of, joined with the carts and orders that named them before."""

from collections.abc import Collection, Iterable
from datetime import datetime
from functools import partial

from django.db import transaction

from ghostcart.carts import joining
from ghostcart.catalog import intake as catalog_intake
from ghostcart.catalog.intake import ProductSnapshot
from ghostcart.customers import intake as customer_intake
from ghostcart.customers.intake import CustomerSnapshot
from ghostcart.lib.snapshots import Taken
from ghostcart.orders.models import Order, OrderLine


def take_customers(shop_id: int, source: str, told: Iterable[CustomerSnapshot], now: datetime) -> dict[str, Taken]:
    """`customers.intake.take`, and what waited for them."""
    fates = customer_intake.take(shop_id, source, told, now)
    look_again(shop_id, source, fates, ())
    return fates


def take_products(shop_id: int, source: str, told: Iterable[ProductSnapshot]) -> dict[str, Taken]:
    """`catalog.intake.take`, and what waited for them. Raises SkuTaken and VariantTaken."""
    products = list(told)
    fates = catalog_intake.take(shop_id, source, products)
    names = {variant.external_id for product in products for variant in product.variants}
    look_again(shop_id, source, (), names)
    return fates


def look_again(shop_id: int, source: str, names: Collection[str], variant_names: Collection[str]) -> None:
    """After the commit under way, join carts and orders with what is known then."""
    joining.look_again(shop_id, source, names, variant_names)
    if names:
        transaction.on_commit(partial(customers, shop_id, source, names))
    if variant_names:
        transaction.on_commit(partial(variants, shop_id, source, variant_names))


def customers(shop_id: int, source: str, names: Collection[str]) -> None:
    """Give the orders without a customer theirs, as far as these were told by now."""
    found = customer_intake.known(shop_id, source, names)
    waiting = Order.objects.filter(shop_id=shop_id, source=source, external_customer__in=list(found), customer=None)
    for order in waiting.only("pk", "external_customer").order_by("pk"):
        customer_id, label = found[order.external_customer]
        Order.objects.filter(pk=order.pk, customer=None).update(customer=customer_id, customer_label=label[:260])


def variants(shop_id: int, source: str, names: Collection[str]) -> None:
    """Join the lines of orders with products told by now."""
    lines = OrderLine.objects.filter(order__shop_id=shop_id, order__source=source)
    joining.join(shop_id, source, lines.filter(external_variant__in=list(names), variant=None))
