"""A shop's rules as plain values, for the hot path: read once, kept for a second."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from time import monotonic
from zoneinfo import ZoneInfo

from django.utils.translation import gettext_lazy as _

from ghostcart.lib.errors import GhostcartError
from ghostcart.lib.texts import pick
from ghostcart.shops.models import AbandonedBasis, Shop

KEPT_SECONDS = 1.0
NEVER = datetime(9999, 1, 1, tzinfo=UTC)


class UnknownShop(GhostcartError):
    code, status = "unknown_shop", 401
    sentence = _("This shop is not known.")


class NoShopNamed(UnknownShop):
    sentence = _("Which shop is meant? Its public key goes into the header Ghostcart-Shop.")


@dataclass(frozen=True, slots=True)
class Shipping:
    id: int
    code: str
    names: dict[str, str]
    prices_minor: dict[str, int]
    tax_rate_ppm: int

    def name(self, language: str) -> str:
        return pick(self.names, language)


@dataclass(frozen=True, slots=True)
class ShopRules:
    id: int
    slug: str
    public_key: str
    language: str
    languages: tuple[str, ...]
    currency: str
    currencies: tuple[str, ...]
    prices_include_tax: bool
    rounding: str
    rounding_type: str
    abandoned_after: timedelta
    abandoned_basis: str
    online_for: timedelta
    zone: ZoneInfo
    shipping: tuple[Shipping, ...]
    is_demo: bool
    origins: tuple[str, ...] = ()

    def abandon_after(self, created_at: datetime, last_activity_at: datetime, is_empty: bool) -> datetime:
        """From when on a cart counts as abandoned; an empty one never.

        With the basis `created` exactly as PrestaShop's own page has it: more than the threshold by the shop's clock
        on the wall, which is looked at once a minute, after the creation of the cart, empty or not.
        """
        if self.abandoned_basis == AbandonedBasis.CREATED:
            on_the_wall = created_at.astimezone(self.zone).replace(tzinfo=None) + self.abandoned_after
            next_minute = on_the_wall.replace(second=0, microsecond=0) + timedelta(minutes=1)
            return next_minute.replace(tzinfo=self.zone).astimezone(UTC)
        return NEVER if is_empty else last_activity_at + self.abandoned_after

    def shipping_method(self, code: str) -> Shipping | None:
        return next((method for method in self.shipping if method.code == code), None)

    def shipping_by_id(self, method_id: int | None) -> Shipping | None:
        return next((method for method in self.shipping if method.id == method_id), None)


_kept: tuple[float, dict[int | str, ShopRules]] = (0.0, {})


def _all() -> dict[int | str, ShopRules]:
    global _kept
    read_at, rules = _kept
    if not rules or monotonic() - read_at > KEPT_SECONDS:
        rules = {}
        for shop in Shop.objects.prefetch_related("shipping_methods"):
            rules[shop.pk] = rules[shop.public_key] = from_row(shop)
        _kept = (monotonic(), rules)
    return rules


def from_row(shop: Shop) -> ShopRules:
    """The rules as they would be with these values."""
    methods = (
        Shipping(method.pk, method.code, method.names, method.prices_minor, method.tax_rate_ppm)
        for method in shop.shipping_methods.all()
        if method.is_active
    )
    return ShopRules(
        id=shop.pk,
        slug=shop.slug,
        public_key=shop.public_key,
        language=shop.language,
        languages=tuple(shop.languages),
        currency=shop.currency,
        currencies=tuple(shop.currencies or [shop.currency]),
        prices_include_tax=shop.prices_include_tax,
        rounding=shop.rounding,
        rounding_type=shop.rounding_type,
        abandoned_after=shop.abandoned_after,
        abandoned_basis=shop.abandoned_basis,
        online_for=timedelta(minutes=shop.online_minutes),
        zone=shop.zone,
        shipping=tuple(methods),
        is_demo=shop.is_demo,
        origins=tuple(shop.origins),
    )


def kept(shop: int | str) -> ShopRules | None:
    """The rules if they are at hand and fresh; asks no database, so the event loop may call it."""
    read_at, rules = _kept
    return rules.get(shop) if monotonic() - read_at <= KEPT_SECONDS else None


def of(shop: int | str) -> ShopRules:
    """The rules of a shop by its number or public key; at most a second old. Raises UnknownShop."""
    found = _all().get(shop)
    if found is None:
        raise UnknownShop
    return found


def all_origins() -> frozenset[str]:
    """The other sites that any shop lets in: a preflight does not say which shop it asks for."""
    return frozenset(origin for rules in _all().values() for origin in rules.origins)


def forget() -> None:
    """Read afresh at the next question (after a change in this process, and between tests)."""
    global _kept
    _kept = (0.0, {})
