"""A PrestaShop that is being read: the open database with what is known of it, and how facts get from there to us."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from ghostcart.carts import intake as cart_intake
from ghostcart.catalog import intake as catalog_intake
from ghostcart.connectors.prestashop import carts, orders, people
from ghostcart.connectors.prestashop.basics import Basics, marks
from ghostcart.connectors.prestashop.catalogue import Catalogue
from ghostcart.connectors.prestashop.configuration import Configuration
from ghostcart.connectors.prestashop.database import Database
from ghostcart.customers import intake as customer_intake
from ghostcart.customers.intake import CustomerSnapshot
from ghostcart.orders import intake as order_intake

BASICS_KEPT = timedelta(minutes=1)
CARTS_AT_ONCE = 500
"""Carts in one look at the shop: it stays a few milliseconds long."""


@dataclass
class Reader:
    """Reads one shop of a PrestaShop into one of ours."""

    database: Database
    shop_id: int
    source: str
    number: int
    time_zone: str = ""
    newsletter_is_consent: bool = False
    recent: dict[int, tuple[str, datetime]] = field(default_factory=dict)
    """Carts taken lately by this process, with their date_upd and since when we know it."""
    recent_orders: dict[int, str] = field(default_factory=dict)
    ahead: Any = None
    """The slice of an import that was read beside the writing of the one before, with the cursor it began at."""
    _basics: Basics | None = field(default=None, repr=False)
    _catalogue: Catalogue | None = field(default=None, repr=False)
    _read_at: datetime | None = None

    def refresh(self, now: datetime) -> None:
        """Read what every cart needs, if it is not fresh."""
        if self._basics is None or self._read_at is None or now - self._read_at > BASICS_KEPT:
            settings = Configuration.read(self.database, self.number, self.time_zone)
            self._basics = Basics.read(self.database, settings)
            self._catalogue = Catalogue(self.database, self._basics)
            self._read_at = now

    @property
    def basics(self) -> Basics:
        assert self._basics is not None, "refresh first"
        return self._basics

    @property
    def catalogue(self) -> Catalogue:
        assert self._catalogue is not None, "refresh first"
        return self._catalogue

    def close(self) -> None:
        self.database.close()

    def knows(self, number: int, date_upd: str, settled_before: datetime) -> bool:
        """Whether a cart was taken as it is, and so long ago that it cannot change again within its second."""
        at, since = self.recent.get(number, ("", settled_before))
        return at == date_upd and since < settled_before

    # -- reading, all of it before anything is written -------------------------------------------

    def read_carts(
        self, condition: str, parameters: Collection[Any], most: int = 0, now: datetime | None = None
    ) -> "Portion":
        """Carts that meet a condition on `c`, with their orders and people. `now`: they changed lately."""
        with self.database.at_one_moment():
            batch = carts.read(self.database, self.basics, condition, parameters, most)
            return self._portion(batch, now)

    def read_orders(self, condition: str, parameters: Collection[Any]) -> "Portion":
        """Orders that meet a condition on `o`, without their carts."""
        with self.database.at_one_moment():
            batch = carts.Batch([], orders=orders.read(self.database, self.basics, condition, parameters))
            return self._portion(batch)

    def _portion(self, batch: carts.Batch, now: datetime | None = None) -> "Portion":
        told: list[CustomerSnapshot] = []
        if now is not None:  # they may have changed with their carts; in an import they were told before
            told = people.read(
                self.database, self.basics, batch.people(), newsletter_is_consent=self.newsletter_is_consent
            )
        teller = carts.Teller(self.basics, self.catalogue, batch, now)
        return Portion(self, batch, told, teller.tell_carts(), teller.tell_orders())

    def read_strangers(self, portion: "Portion") -> None:
        """For an import: those of a portion's people whom nobody told of, such as customers of another shop."""
        named = {str(number) for number in portion.batch.people()}
        strangers = named - set(customer_intake.known(self.shop_id, self.source, named))
        portion.customers += people.read(
            self.database, self.basics, [int(name) for name in strangers],
            newsletter_is_consent=self.newsletter_is_consent,
        )  # fmt: skip


@dataclass
class Portion:
    """What was read at one moment of the shop, to be taken in one transaction of ours."""

    reader: Reader
    batch: carts.Batch
    customers: list[CustomerSnapshot]
    carts: list[cart_intake.CartSnapshot]
    orders: list[order_intake.OrderSnapshot]

    def take(self, now: datetime, *, is_history: bool = False) -> None:
        """Customers first, then carts with the orders that close them."""
        place = (self.reader.shop_id, self.reader.source)
        if self.customers:
            customer_intake.take(*place, self.customers, now)
        order_intake.take_all(*place, self.carts, self.orders, now, is_history=is_history)

    def remember(self, now: datetime) -> None:
        """After the commit: these are known as they are."""
        recent = self.reader.recent
        for head in self.batch.heads:
            if head.id not in recent or recent[head.id][0] != head.date_upd:
                recent[head.id] = (head.date_upd, now)


def take_products(reader: Reader, numbers: Collection[int], now: datetime) -> Callable[[], None]:
    """Read products; the answer writes them."""
    told = reader.catalogue.snapshots(numbers, reader.basics.times.local(now))
    return lambda: void(catalog_intake.take(reader.shop_id, reader.source, told))


def void(_value: object) -> None:
    """For what is done and not asked about."""


def ids_in(numbers: Collection[int]) -> str:
    """A condition on carts."""
    return f"c.id_cart IN ({marks(numbers)})"
