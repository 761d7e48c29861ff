"""What the hot path asks of the catalogue: price, name and stock of variants, one statement for many."""

from collections.abc import Collection
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
    return {offer.sku: offer for offer in _read("offers_by_sku", shop_id, currency, skus)}


def by_variant(shop_id: int, currency: str, variant_ids: Collection[int]) -> dict[int, Offer]:
    return {offer.variant_id: offer for offer in _read("offers_by_variant", shop_id, currency, variant_ids)}


def _read(name: str, shop_id: int, currency: str, keys: Collection[str] | Collection[int]) -> list[Offer]:
    if not keys:
        return []
    found = sql.run(_FOLDER, name, {"currency": currency, "shop_id": shop_id}, keys=keys)
    return [
        Offer(row[0], row[1], row[2], sql.json_from_db(row[3]), sql.json_from_db(row[4]), *row[5:])
        for row in found.fetchall()
    ]
