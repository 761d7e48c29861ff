"""Carts that were told before the customers and products that they name: joined when those come.

Who tells of a customer looks for waiting carts after the commit; who tells of a cart looks once more for its customer
after theirs. Of two at once the later one sees the other, without a lock between them.
"""

from collections.abc import Collection
from functools import partial

from django.db import transaction

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


def customers(shop_id: int, source: str, names: Collection[str]) -> int:
    """Give the carts without a customer theirs, as far as these were told by now. Returns how many got one."""
    found = customer_intake.known(shop_id, source, names) if names else {}
    if not found:
        return 0
    with transaction.atomic():
        waiting = Cart.objects.select_for_update().filter(
            shop_id=shop_id, source=source, external_customer__in=list(found), customer=None
        )
        return sum(give(cart, *found[cart.external_customer]) for cart in waiting.order_by("pk"))


def give(cart: Cart, customer_id: int, label: str) -> bool:
    """Make a locked cart a customer's. The log tells it of carts that go on; says whether that is news."""
    if cart.customer_id == customer_id:
        return False
    is_told = bool(cart.version) and cart.ordered_at is None and cart.merged_at is None and cart.deleted_at is None
    cart.customer_id, cart.customer_label, cart.version = customer_id, label[:260], cart.version + is_told
    cart.save(update_fields=["customer", "customer_label", "version"])
    if is_told:
        told = {"customer": {"label": cart.customer_label}, "total_minor": cart.total_minor,
                "item_count": cart.item_count, "currency": cart.currency}  # fmt: skip
        storage.insert_events(
            [
                (
                    cart.shop_id,
                    cart.pk,
                    cart.version,
                    EventKind.CUSTOMER_IDENTIFIED,
                    "shopper",
                    cart.last_activity_at,
                    told,
                )
            ]
        )
    return True


def variants(shop_id: int, source: str, names: Collection[str]) -> int:
    """Join the lines of unknown products with those told by now. Returns how many were."""
    if not names:
        return 0
    waiting = CartLine.objects.filter(
        shop_id=shop_id, external_variant__in=list(names), variant=None, cart__source=source
    )
    wanted = set(waiting.values_list("external_variant", flat=True))
    known = known_variants(shop_id, source, wanted) if wanted else {}
    joined = 0
    for name, (variant_id, product_id) in known.items():
        numbers = list(waiting.filter(external_variant=name).values_list("pk", flat=True))
        joined += CartLine.objects.filter(pk__in=numbers).update(variant=variant_id, product=product_id)
    return joined
