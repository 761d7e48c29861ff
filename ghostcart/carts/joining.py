"""Carts that were told before the customers and products that they name: joined when those come.

Who tells of a customer looks for waiting carts after the commit; who tells of a cart looks once more for its customer
after theirs. Of two at once the later one sees the other, without a lock between them.
"""

from collections.abc import Collection
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from ghostcart.carts import storage
from ghostcart.carts.kinds import EventKind
from ghostcart.carts.models import Cart, CartLine
from ghostcart.catalog.intake import known_variants
from ghostcart.customers import intake as customer_intake


def look_again(shop_id: int, source: str, names: Collection[str], variant_names: Collection[str]) -> None:
    """After the commit under way, look for what was not known before it."""
    if names:
        transaction.on_commit(partial(customers, shop_id, source, names))
    if variant_names:
        transaction.on_commit(partial(variants, shop_id, source, variant_names))


def customers(shop_id: int, source: str, names: Collection[str]) -> None:
    """Give the carts without a customer theirs, as far as these were told by now."""
    found = customer_intake.known(shop_id, source, names)
    if not found:
        return
    with transaction.atomic():
        waiting = Cart.objects.select_for_update().filter(
            shop_id=shop_id, source=source, external_customer__in=list(found), customer=None
        )
        for cart in waiting.order_by("pk"):
            give(cart, *found[cart.external_customer])


def give(cart: Cart, customer_id: int, label: str) -> None:
    """Make a locked cart a customer's. The log tells it of carts that go on."""
    if cart.customer_id == customer_id:
        return
    is_told = bool(cart.version) and cart.ordered_at is None and cart.merged_at is None and cart.deleted_at is None
    cart.customer_id, cart.customer_label, cart.version = customer_id, label[:260], cart.version + is_told
    cart.save(update_fields=["customer", "customer_label", "version"])
    if is_told:
        told = {"customer": {"label": cart.customer_label}, **cart.told()}
        place = (cart.shop_id, cart.pk, cart.version)
        storage.insert_events([(*place, EventKind.CUSTOMER_IDENTIFIED, "shopper", cart.last_activity_at, told)])


def variants(shop_id: int, source: str, names: Collection[str]) -> None:
    """Join the lines of unknown products with those told by now."""
    lines = CartLine.objects.filter(shop_id=shop_id, cart__source=source)
    join(shop_id, source, lines.filter(external_variant__in=list(names), variant=None))


def join(shop_id: int, source: str, waiting: QuerySet[Any]) -> None:
    """Join these lines, of carts or of orders, with the products told by now."""
    wanted = set(waiting.values_list("external_variant", flat=True))
    for name, (variant_id, product_id) in known_variants(shop_id, source, wanted).items():
        numbers = list(waiting.filter(external_variant=name).values_list("pk", flat=True))
        waiting.model._default_manager.filter(pk__in=numbers).update(variant=variant_id, product=product_id)
