"""What the hot path asks of the catalogue: price, name and stock of variants, one statement for many."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from ghostcart.lib import sql

_FOLDER = Path(__file__).parent / "sql"


@dataclass(frozen=True, slots=True)
class Offer:
    """A variant as it can be put in a cart now. `price_micros` is in the asked currency and the shop's tax mode."""

    variant_id: int
    product_id: int
    sku: str
    names: dict[str, str]
    options: dict[str, str]
    reference: str
    picture: str
    stock: int
    tax_rate_ppm: int
    price_micros: int
    regular_micros: int | None

    @property
    def is_discounted(self) -> bool:
        return self.regular_micros is not None and self.regular_micros > self.price_micros


def by_sku(shop_id: int, currency: str, skus: Collection[str]) -> dict[str, Offer]:
    """The active variants among `skus` that have a price in `currency`."""
    return ask_by_sku(shop_id, currency, skus)()


def ask_by_sku(shop_id: int, currency: str, skus: Collection[str]) -> Callable[[], dict[str, Offer]]:
    """The same, asked now and read when it is called (`sql.together`)."""
    read = _ask("offers_by_sku", shop_id, currency, skus)
    return lambda: {offer.sku: offer for offer in read()}


def by_variant(shop_id: int, currency: str, variant_ids: Collection[int]) -> dict[int, Offer]:
    return {offer.variant_id: offer for offer in _ask("offers_by_variant", shop_id, currency, variant_ids)()}


def _ask(
    name: str, shop_id: int, currency: str, keys: Collection[str] | Collection[int]
) -> Callable[[], Iterator[Offer]]:
    if not keys:
        return lambda: iter(())
    found = sql.run(_FOLDER, name, {"currency": currency, "shop_id": shop_id}, keys=keys)
    return lambda: (
        Offer(row[0], row[1], row[2], sql.json_from_db(row[3]), sql.json_from_db(row[4]), *row[5:])
        for row in found.fetchall()
    )
