"""What was read at one moment of another shop, before it is written here: plain values, fit to be sent on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from ghostcart.carts.snapshots import CartSnapshot
from ghostcart.catalog import intake as catalog_intake
from ghostcart.catalog.intake import ProductSnapshot
from ghostcart.customers import intake as customer_intake
from ghostcart.customers.intake import CustomerSnapshot
from ghostcart.orders import intake as order_intake
from ghostcart.orders.intake import OrderSnapshot


@dataclass(slots=True)
class Portion:
    """`people`: the shop's numbers of all whom its carts and orders name, told of here or before.

    `changed`: when each cart changed last, by number, as the shop's clock shows it.
    """

    products: Sequence[ProductSnapshot] = ()
    customers: list[CustomerSnapshot] = field(default_factory=list)
    carts: Sequence[CartSnapshot] = ()
    orders: Sequence[OrderSnapshot] = ()
    people: frozenset[int] = frozenset()
    changed: Mapping[int, str] = field(default_factory=dict)
    known: Mapping[str, tuple[int, str]] | None = None
    """Everybody who is named, where somebody found out."""

    def take(self, shop_id: int, source: str, now: datetime, *, is_history: bool = False) -> None:
        """Write it, in a transaction of the caller: what is named before what names it."""
        if self.products:
            catalog_intake.take(shop_id, source, self.products)
        if self.customers:
            customer_intake.take(shop_id, source, self.customers, now)
        if self.carts or self.orders:
            order_intake.take_all(
                shop_id, source, self.carts, self.orders, now, is_history=is_history, customers=self.known
            )
