"""A PrestaShop that is being read: the open database with what is known of it, and how facts get from there to us."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Self

from ghostcart.connectors.portions import Portion
from ghostcart.connectors.prestashop import carts, orders, people
from ghostcart.connectors.prestashop.basics import Basics, marks
from ghostcart.connectors.prestashop.beside import Place
from ghostcart.connectors.prestashop.catalogue import Catalogue
from ghostcart.connectors.prestashop.configuration import Configuration
from ghostcart.connectors.prestashop.database import Database
from ghostcart.connectors.prestashop.telling import Teller
from ghostcart.customers import intake as customer_intake
from ghostcart.customers.intake import CustomerSnapshot

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
    slice_size: int = 2000
    recent: dict[int, tuple[str, datetime]] = field(default_factory=dict)
    """Carts taken lately by this process, with their date_upd and since when we know it."""
    recent_orders: dict[int, str] = field(default_factory=dict)
    writes_two: bool = True
    _basics: Basics | None = field(default=None, repr=False)
    _catalogue: Catalogue | None = field(default=None, repr=False)
    _read_at: datetime | None = None

    @classmethod
    def at(cls, place: Place) -> Self:
        """Open its database. Raises ShopTrouble."""
        return cls(Database.open(place.url, place.prefix), place.shop_id, place.source, place.number, place.time_zone,
                   place.newsletter_is_consent, place.slice_size)  # fmt: skip

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
    ) -> Portion:
        """Carts that meet a condition on `c`, with their orders and people. `now`: they changed lately."""
        with self.database.at_one_moment():
            batch = carts.read(self.database, self.basics, condition, parameters, most)
            return self._portion(batch, now)

    def read_orders(self, condition: str, parameters: Collection[Any]) -> Portion:
        """Orders that meet a condition on `o`, without their carts."""
        with self.database.at_one_moment():
            batch = carts.Batch([], orders=orders.read(self.database, self.basics, condition, parameters))
            return self._portion(batch)

    def read_products(self, numbers: Collection[int], now: datetime) -> Portion:
        """These products, as they are sold now."""
        return Portion(products=self.catalogue.snapshots(numbers, self.basics.times.local(now)))

    def read_people(self, numbers: Collection[int]) -> Portion:
        return Portion(customers=self._customers(numbers))

    def read_strangers(self, portion: Portion) -> None:
        """For an import: those of a portion's people whom nobody told of, such as customers of another shop."""
        named = {str(number) for number in portion.people}
        known = customer_intake.known(self.shop_id, self.source, named)
        if strangers := named - set(known):
            portion.customers += self._customers([int(name) for name in strangers])
        else:
            portion.known = known

    def _customers(self, numbers: Collection[int]) -> list[CustomerSnapshot]:
        return people.read(self.database, self.basics, numbers, newsletter_is_consent=self.newsletter_is_consent)

    def _portion(self, batch: carts.Batch, now: datetime | None = None) -> Portion:
        """In an import people were told of before; else they may have changed with their carts."""
        named = batch.people()
        teller = Teller(self.basics, self.catalogue, batch, now)
        return Portion(
            customers=self._customers(named) if now is not None else [],
            carts=teller.tell_carts(),
            orders=teller.tell_orders(),
            people=frozenset(named),
            changed={head.id: head.date_upd for head in batch.heads},
        )

    # -- writing ---------------------------------------------------------------------------------

    def take(self, portion: Portion, now: datetime, *, is_history: bool = False) -> None:
        """Write what was read, in a transaction of the caller."""
        portion.take(self.shop_id, self.source, now, is_history=is_history)

    def remember(self, portion: Portion, now: datetime) -> None:
        """After the commit: these carts are known as they are."""
        for number, date_upd in portion.changed.items():
            if number not in self.recent or self.recent[number][0] != date_upd:
                self.recent[number] = (date_upd, now)


def ids_in(numbers: Collection[int]) -> str:
    """A condition on carts."""
    return f"c.id_cart IN ({marks(numbers)})"
