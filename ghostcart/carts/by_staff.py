"""What staff change in a cart for somebody on the phone: through the same rules, and into the same log, as shoppers."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from ghostcart.carts import changes, ingest
from ghostcart.carts.models import Cart


@transaction.atomic
def change_lines(
    cart: Cart,
    *,
    version: int,
    quantities: Mapping[str, int],
    sku: str = "",
    quantity: int = 1,
    actor: str,
    now: datetime,
) -> None:
    """Set the quantities of lines by their keys (0 removes one) and put a product in: all of it, or nothing.

    `version` is what who changes it saw of the cart. Raises CartChanged, and what refuses one of the changes.
    """
    told: dict[str, Any] = {"shop_id": cart.shop_id, "cart_id": cart.pk, "actor": actor, "at": now}
    wanted: list[tuple[type[changes.Change], dict[str, Any]]] = [
        (changes.SetQuantity, {"key": key, "quantity": count}) for key, count in quantities.items()
    ]
    if sku:
        wanted.append((changes.AddLine, {"sku": sku, "quantity": quantity}))
    for kind, what in wanted:
        outcome = ingest.record(kind(**told, **what, expected_version=version))
        version = outcome.cart.version if outcome.cart else version
