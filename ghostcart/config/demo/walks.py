"""One cart of the demo's history: what its shop sells, and all that its shopper does to it, by the real rules of
`OpenCart`. A walk is noted entry by entry as `carts.ingest` does it, and stops where its next step would lie in the
future. Nothing here touches the database or a clock.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from ghostcart.carts.changes import EventDraft
from ghostcart.carts.errors import SoldOut
from ghostcart.carts.kinds import EventKind
from ghostcart.carts.opencart import OpenCart
from ghostcart.catalog.offers import Offer
from ghostcart.config.demo.people import Person
from ghostcart.config.demo.shops import EXPIRED, USED_UP
from ghostcart.lib import machines
from ghostcart.orders.models import OrderStatus, PaymentMethod
from ghostcart.shops.rules import ShopRules
from ghostcart.vouchers.models import Voucher
from ghostcart.vouchers.terms import Terms
from ghostcart.vouchers.terms import refusal as refusal_of

UNKNOWN_CURRENCY = "XXQ"
VOUCHER_LUCK = {"WELCOME10": 30, "SHIPFREE": 16, "FIVER": 16, "SURPRISE": 12, EXPIRED: 11, USED_UP: 45}
"""How often each code is tried; one that is refused leaves no trace."""


class NotYet(Exception):
    """The next step of a walk would lie in the future."""


@dataclass(slots=True)
class Entry:
    """One entry of the cart log to be."""

    version: int
    kind: str
    actor: str
    at: datetime
    data: dict[str, Any]


@dataclass(slots=True, eq=False)
class Browser:
    """A device to be; `person` has signed in on it, `walk` is the cart that it fills now."""

    shop_id: int
    token_hash: str
    language: str
    user_agent: str
    first_seen_at: datetime
    seen_at: datetime
    page: str = ""
    person: Person | None = None
    walk: "Walk | None" = None

    @property
    def reasons(self) -> tuple[str, ...]:
        return machines.reasons(self.user_agent)


@dataclass(slots=True)
class Sale:
    """What an order needs beside its cart."""

    at: datetime
    person: Person
    actor: str
    payment: str
    status: str
    ended_at: datetime | None
    number: str = ""


@dataclass(slots=True)
class Reminded:
    """A cart that its shop wrote about, or would have, had the lot not held its owner out."""

    left_at: datetime
    at: datetime
    is_held_out: bool
    clicked_at: datetime | None = None
    back_at: datetime | None = None


# -- a shop as a walk sees it ------------------------------------------------------------------------


class Shelf:
    """What a demo shop sells, for how much, and which vouchers are about; `retired` is a product that will be gone."""

    def __init__(
        self, shop: ShopRules, zone: ZoneInfo, prefix: str, offers: dict[str, list[Offer]],
        retired: dict[str, Offer], vouchers: Sequence[Voucher], seed: int,
    ) -> None:  # fmt: skip
        self.shop, self.zone, self.prefix = shop, zone, prefix
        self.offers = {currency: [offer for offer in some if offer.stock > 0] for currency, some in offers.items()}
        self.retired = retired
        self.by_variant = {currency: {offer.variant_id: offer for offer in some} for currency, some in offers.items()}
        self.vouchers = {voucher.code: voucher for voucher in vouchers}
        self.used: Counter[int] = Counter()
        self.terms = cache(self._terms)
        self._rank(Random(f"rank-{seed}-{shop.slug}"))

    def _rank(self, chance: Random) -> None:
        """Some products sell far better than others, cheap and reduced ones better still."""
        some = self.offers[self.shop.currency]
        products = sorted({offer.product_id for offer in some})
        chance.shuffle(products)
        rank = {product: place for place, product in enumerate(products)}
        self.weights = [
            (1.6 if offer.is_discounted else 1.0)
            / ((rank[offer.product_id] + 2) ** 0.7 * (offer.price_micros / 1_000_000) ** 0.3)
            for offer in some
        ]

    def _terms(self, code: str, language: str) -> Terms:
        return self.vouchers[code].terms(language)

    def pick(self, chance: Random, currency: str) -> Offer:
        return chance.choices(self.offers[currency], self.weights)[0]


# -- one cart ----------------------------------------------------------------------------------------


class Walk:
    """One cart and all that happens to it, up to `now`."""

    def __init__(self, shelf: Shelf, cart: OpenCart, browser: Browser, chance: Random, now: datetime) -> None:
        self.shelf, self.cart, self.browser, self.chance, self.now = shelf, cart, browser, chance, now
        self.at = cart.created_at
        self.person: Person | None = None
        self.entries: list[Entry] = []
        self.sale: Sale | None = None
        self.merged_into: Walk | None = None
        self.deleted_by = ""
        self.reminded: Reminded | None = None
        browser.walk = self

    # -- noting, as `ingest.Batch` does it

    def note(self, drafts: list[EventDraft], actor: str = "shopper", with_lines: bool = False) -> None:
        cart = self.cart
        cart.version += 1
        cart.is_active_at(self.at)
        drafts = [*drafts, *cart.price(self.shelf.by_variant.get(cart.currency, {}), self.at)]
        extra = {"lines": [line.told(line.quantity) for line in cart.lines.values()]} if with_lines else {}
        for draft in drafts:
            data = {**draft.data, **extra, **cart.told()}
            self.entries.append(Entry(cart.version, str(draft.kind), actor, self.at, data))

    def pause(self, median: float = 60.0) -> None:
        """Let some seconds pass, sometimes many. Raises NotYet."""
        self.wait(timedelta(seconds=self.chance.lognormvariate(0, 0.8) * median + 4))

    def wait(self, time: timedelta) -> None:
        if self.at + time >= self.now:
            raise NotYet
        self.at += time

    # -- verbs

    def add(self, offer: Offer | None = None) -> None:
        offer = offer or self.shelf.pick(self.chance, self.cart.currency)
        is_cheap = offer.price_micros < 25_000_000
        quantity = self.chance.choices((1, 2, 3, 4, 6), (60, 22, 8, 7, 3))[0] if is_cheap else 1
        line = self.cart.lines.get(offer.sku)
        room = offer.stock - (line.quantity if line else 0)
        if room > 0:
            self.note(self.cart.add(offer, min(quantity, room), self.at))

    def change_quantity(self) -> None:
        line = self.chance.choice([line for line in self.cart.lines.values() if not line.is_gift])
        quantity = max(1, line.quantity + self.chance.choice((-1, 1, 1, 2)))
        try:
            drafts = self.cart.set_quantity(line.key, quantity, self.at)
        except SoldOut:
            return
        if drafts:
            self.note(drafts)

    def remove(self, key: str | None = None) -> None:
        keys = [line.key for line in self.cart.lines.values() if not line.is_gift]
        self.note(self.cart.remove(key or self.chance.choice(keys)))

    def try_voucher(self) -> None:
        """Two codes at most: after a refusal the shopper tries another one."""
        for code in self.chance.choices(list(VOUCHER_LUCK), list(VOUCHER_LUCK.values()), k=2):
            terms = self.shelf.terms(code, self.cart.language)
            if terms.id not in self.cart.vouchers and self._is_good(terms):
                self.note(self.cart.apply_voucher(terms, self.at))
                return

    def drop_voucher(self, code: str) -> None:
        self.note(self.cart.remove_voucher(code))

    def _is_good(self, terms: Terms) -> bool:
        """Whether a voucher may be on the cart now, beside the others on it."""
        reason = refusal_of(
            replace(terms, used=self.shelf.used[terms.id]),
            now=self.at,
            currency=self.cart.currency,
            customer_id=self.cart.customer_id,
            used_by_customer=0,
            others=[applied.terms for applied in self.cart.vouchers.values() if applied.voucher_id != terms.id],
        )
        return reason is None

    def identify(self, person: Person, actor: str = "shopper") -> None:
        self.person = person
        drafts = self.cart.identify(person.number, person.label)
        if drafts:
            self.note(drafts, actor)

    def start_checkout(self, actor: str = "shopper") -> None:
        methods = [method for method in self.cart.shop.shipping if self.cart.currency in method.prices_minor]
        self.cart.shipping = self.chance.choices(methods, (70, 18, 12))[0]
        self.note([], actor)
        self.note(self.cart.start_checkout(self.at), actor)

    def order(self, actor: str = "shopper") -> None:
        assert self.person is not None
        for applied in list(self.cart.vouchers.values()):
            if applied.refusal or not self._is_good(applied.terms):
                self.drop_voucher(applied.code)
                self.pause(20)
        self.sale = self._sale(actor)
        self.note(self.cart.order(0, "", self.at), actor)
        self.person.order_times.append(self.at)
        for voucher_id in self.cart.vouchers:
            self.shelf.used[voucher_id] += 1

    def _sale(self, actor: str) -> Sale:
        assert self.person is not None
        age = self.now - self.at
        status, ended_at = OrderStatus.PAID, None
        if actor != "shopper":
            payment = PaymentMethod.BY_PHONE
        else:
            payment = self.chance.choices(
                (PaymentMethod.DEMO_CARD, PaymentMethod.ON_DELIVERY, PaymentMethod.TRANSFER), (55, 25, 20)
            )[0]
        if payment != PaymentMethod.DEMO_CARD and age < timedelta(days=self.chance.uniform(0.5, 5)):
            status = OrderStatus.PENDING
        elif age > timedelta(days=6) and self.chance.random() < 0.05:
            status = self.chance.choice((OrderStatus.CANCELLED, OrderStatus.REFUNDED))
            ended_at = self.at + timedelta(days=self.chance.uniform(0.2, 5))
        return Sale(self.at, self.person, actor, payment.value, status.value, ended_at)

    def take_in(self, other: "Walk") -> None:
        """The shopper of the other cart signs in, and this is the one they had saved."""
        assert self.person is not None
        drafts = self.cart.take_over(other.cart, self.at)
        other.at, other.merged_into = self.at, self
        other.cart.merged_at = self.at
        other.note([EventDraft(EventKind.MERGED, {"into": None})])
        self.note(drafts, with_lines=True)
        other.browser.person, other.browser.walk = self.person, self

    def delete(self, at: datetime, actor: str) -> None:
        self.cart.version += 1
        self.cart.deleted_at, self.deleted_by = at, actor
        self.entries.append(Entry(self.cart.version, str(EventKind.DELETED), actor, at, self.cart.told()))

    def rest(self) -> None:
        """The shopper looks around a little more, and leaves."""
        looked = self.cart.last_activity_at + timedelta(seconds=self.chance.uniform(15, 500))
        self.cart.seen_at = self.browser.seen_at = min(looked, self.now)
