"""A cart in memory while changes are applied to it: pure rules, no database, no clock.

Each verb checks first and changes only then, so a refused change leaves the cart as it was. Each returns the entries
for the cart log. `price` is called after every verb and keeps the head's totals.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from ghostcart.carts import pricing
from ghostcart.carts.changes import EventDraft
from ghostcart.carts.errors import QuantityOutOfRange, SoldOut, TooManyLines, UnknownLine
from ghostcart.carts.kinds import OURS, EventKind
from ghostcart.catalog.offers import Offer
from ghostcart.lib.money import Rounding
from ghostcart.lib.texts import pick
from ghostcart.shops.rules import Shipping, ShopRules
from ghostcart.vouchers.terms import Terms

MOST_QUANTITY = 9999
MOST_LINES = 200
HURRY_LINES, HURRY_SECONDS = 6, 10
"""So many products within so few seconds of the first: no hand does that."""

SUSPICION = {"crawler": 80, "no_user_agent": 60, "headless": 60, "hurried": 50, "reached_checkout": -60}
"""How much each reason adds to the bot score (0 to 100)."""


def bot_score(reasons: Iterable[str]) -> int:
    """0 to 100: how much suspicion the reasons add up to."""
    return max(0, min(100, sum(SUSPICION.get(reason, 0) for reason in reasons)))


@dataclass(slots=True)
class Line:
    key: str
    position: int
    product_id: int | None
    variant_id: int | None
    sku: str
    name: str
    option: str
    picture: str
    unit_price_micros: int
    regular_micros: int | None
    tax_rate_ppm: int
    quantity: int
    total_minor: int
    is_gift: bool
    added_at: datetime
    stock: int | None = None

    @property
    def is_discounted(self) -> bool:
        return self.regular_micros is not None and self.regular_micros > self.unit_price_micros

    def told(self, was: int) -> dict[str, Any]:
        """The line as the cart log keeps it: the quantity now and the one before."""
        return {
            "key": self.key,
            "sku": self.sku,
            "name": self.name,
            "option": self.option,
            "picture": self.picture,
            "unit_price_micros": self.unit_price_micros,
            "quantity": self.quantity,
            "was": was,
            "is_gift": self.is_gift,
        }


@dataclass(slots=True)
class Applied:
    """A voucher on the cart. `terms` are today's; `gift` is what it gives, if it gives a product that is in stock."""

    voucher_id: int
    code: str
    name: str
    terms: Terms
    applied_at: datetime
    amount_minor: int = 0
    refusal: str = ""
    free_shipping: bool = False


@dataclass(slots=True)
class OpenCart:
    """The head, lines and vouchers of one cart; `id` is None until it is stored for the first time."""

    shop: ShopRules
    id: int | None
    currency: str
    language: str
    created_at: datetime
    last_activity_at: datetime
    abandon_after: datetime
    seen_at: datetime
    customer_id: int | None = None
    customer_label: str = ""
    version: int = 0
    shipping: Shipping | None = None
    checkout_started_at: datetime | None = None
    ordered_at: datetime | None = None
    order_id: int | None = None
    order_number: str = ""
    merged_into_id: int | None = None
    merged_at: datetime | None = None
    restored_from_id: int | None = None
    deleted_at: datetime | None = None
    bot_reasons: list[str] = field(default_factory=list)
    source: str = "store"
    lines: dict[str, Line] = field(default_factory=dict)
    vouchers: dict[int, Applied] = field(default_factory=dict)
    totals: pricing.Totals | None = None
    changed_lines: set[str] = field(default_factory=set)
    removed_lines: set[str] = field(default_factory=set)
    vouchers_changed: bool = False

    # -- questions -------------------------------------------------------------------------------

    @property
    def is_live(self) -> bool:
        return self.ordered_at is None and self.merged_at is None and self.deleted_at is None

    @property
    def is_outside(self) -> bool:
        return self.source not in OURS

    @property
    def bot_score(self) -> int:
        return bot_score(self.bot_reasons)

    def told(self) -> dict[str, Any]:
        """The cart's sums, as every entry of the log carries them."""
        assert self.totals is not None
        return {
            "total_minor": self.totals.total_minor,
            "item_count": self.totals.items,
            "currency": self.currency,
        }

    # -- verbs -----------------------------------------------------------------------------------

    def add(self, offer: Offer, quantity: int, at: datetime) -> list[EventDraft]:
        """Put more of an offer in. Raises QuantityOutOfRange, SoldOut, TooManyLines."""
        line = self.lines.get(offer.sku)
        was = line.quantity if line else 0
        _check_quantity(quantity)
        _check_quantity(was + quantity)
        if was + quantity > offer.stock:
            raise SoldOut(stock=offer.stock, name=pick(offer.names, self.language))
        if line is None and len(self.lines) >= MOST_LINES:
            raise TooManyLines(most=MOST_LINES)
        line = self.put(offer, was + quantity, at)
        is_hurried = len(self.lines) >= HURRY_LINES and (at - self.created_at).total_seconds() < HURRY_SECONDS
        if is_hurried and self.restored_from_id is None:
            self.suspect("hurried")
        return [EventDraft(EventKind.LINE_ADDED, {"line": line.told(was)})]

    def put(self, offer: Offer, quantity: int, at: datetime) -> Line:
        """So much of an offer, at today's price: the shopper sees it, the page says so. The caller has checked."""
        line = self.lines.get(offer.sku) or self._new_line(offer.sku, offer, at)
        line.unit_price_micros, line.regular_micros = offer.price_micros, offer.regular_micros
        line.tax_rate_ppm, line.stock = offer.tax_rate_ppm, offer.stock
        line.quantity = quantity
        self.changed_lines.add(line.key)
        return line

    def set_quantity(self, key: str, quantity: int, at: datetime) -> list[EventDraft]:
        """Set a line's quantity; zero removes it. Raises UnknownLine, QuantityOutOfRange, SoldOut."""
        if quantity == 0:
            return self.remove(key)
        line = self._line(key)
        _check_quantity(quantity)
        if quantity > line.quantity and line.stock is not None and quantity > line.stock:
            raise SoldOut(stock=line.stock, name=line.name)
        if quantity == line.quantity:
            return []
        was, line.quantity = line.quantity, quantity
        self.changed_lines.add(key)
        return [EventDraft(EventKind.QUANTITY_CHANGED, {"line": line.told(was)})]

    def remove(self, key: str) -> list[EventDraft]:
        line = self._line(key)
        was, line.quantity = line.quantity, 0
        self._drop(key)
        return [EventDraft(EventKind.LINE_REMOVED, {"line": line.told(was)})]

    def apply_voucher(self, terms: Terms, at: datetime) -> list[EventDraft]:
        """Put a voucher on the cart; the caller has asked `terms.refusal` before."""
        self.vouchers[terms.id] = Applied(terms.id, terms.code, terms.name, terms, at)
        self.vouchers_changed = True
        return [EventDraft(EventKind.VOUCHER_APPLIED, {"voucher": {"code": terms.code, "name": terms.name}})]

    def remove_voucher(self, code: str) -> list[EventDraft]:
        for applied in self.vouchers.values():
            if applied.code == code.strip().upper():
                del self.vouchers[applied.voucher_id]
                self.vouchers_changed = True
                told = {"code": applied.code, "name": applied.name}
                return [EventDraft(EventKind.VOUCHER_REMOVED, {"voucher": told})]
        return []

    def identify(self, customer_id: int, label: str) -> list[EventDraft]:
        if (self.customer_id, self.customer_label) == (customer_id, label):
            return []
        self.customer_id, self.customer_label = customer_id, label
        return [EventDraft(EventKind.CUSTOMER_IDENTIFIED, {"customer": {"label": label}})]

    def switch_currency(self, currency: str) -> None:
        """An emptied cart can be filled in another currency."""
        if currency == self.currency:
            return
        self.currency = currency
        if self.shipping is None or currency not in self.shipping.prices_minor:
            self.shipping = next((one for one in self.shop.shipping if currency in one.prices_minor), None)

    def choose_shipping(self, method: Shipping) -> list[EventDraft]:
        if self.shipping == method:
            return []
        self.shipping = method
        return [EventDraft(EventKind.SHIPPING_CHOSEN, {"shipping": {"name": method.name(self.language)}})]

    def start_checkout(self, at: datetime) -> list[EventDraft]:
        if self.checkout_started_at is not None:
            return []
        self.checkout_started_at = at
        self.suspect("reached_checkout")
        return [EventDraft(EventKind.CHECKOUT_STARTED)]

    def order(self, order_id: int, number: str, at: datetime) -> list[EventDraft]:
        self.ordered_at, self.order_id, self.order_number = at, order_id, number
        return [EventDraft(EventKind.ORDERED, {"order": {"number": number}})]

    def take_over(self, other: "OpenCart", at: datetime) -> list[EventDraft]:
        """Move the lines and vouchers of another cart into this one. Nothing is lost: sums of quantities, and more
        than 200 lines if need be. The other keeps its own lines for the record."""
        for theirs in other.lines.values():
            if theirs.is_gift:
                continue
            mine = self.lines.get(theirs.key)
            if mine is None:
                mine = self._copy_line(theirs)
            mine.quantity = min(mine.quantity + theirs.quantity, MOST_QUANTITY)
            self.changed_lines.add(mine.key)
        for applied in other.vouchers.values():
            together = [applied, *self.vouchers.values()]
            if applied.voucher_id not in self.vouchers and (
                len(together) == 1 or all(one.terms.combinable for one in together)
            ):
                self.vouchers[applied.voucher_id] = replace(applied)
                self.vouchers_changed = True
        self.bot_reasons = sorted({*self.bot_reasons, *other.bot_reasons})
        return [EventDraft(EventKind.MERGED, {"from": other.id})]

    def suspect(self, reason: str) -> None:
        if reason not in self.bot_reasons:
            self.bot_reasons = [*self.bot_reasons, reason]

    def is_active_at(self, at: datetime) -> None:
        """Note the shopper's activity: the abandonment clock starts again."""
        self.last_activity_at = self.seen_at = max(at, self.last_activity_at)
        self.abandon_after = self.shop.abandon_after(self.created_at, self.last_activity_at, not self.lines)

    # -- totals ----------------------------------------------------------------------------------

    def price(self, gifts: Mapping[int, Offer], at: datetime) -> list[EventDraft]:
        """Work out the totals; gift vouchers whose conditions hold get their line, the others lose it.

        `gifts` are the offers of the gift vouchers' variants, by variant. Returns what to log about the gifts.
        """
        drafts = []
        totals = self._price()
        given = {effect.gift_variant_id for effect in totals.vouchers}
        wanted = {number: offer for number, offer in gifts.items() if number in given and offer.stock > 0}
        present = {line.variant_id or 0: key for key, line in self.lines.items() if line.is_gift}
        for variant_id in present.keys() - wanted.keys():
            line = self.lines[present[variant_id]]
            line.quantity = 0
            self._drop(line.key)
            drafts.append(EventDraft(EventKind.LINE_REMOVED, {"line": line.told(1)}))
        for variant_id in wanted.keys() - present.keys():
            offer = wanted[variant_id]
            line = self._new_line(f"gift:{offer.sku}", offer, at)
            line.quantity, line.is_gift, line.unit_price_micros = 1, True, 0
            self.changed_lines.add(line.key)
            drafts.append(EventDraft(EventKind.LINE_ADDED, {"line": line.told(0)}))
        if drafts:
            totals = self._price()
        self._keep(totals)
        return drafts

    def work_out(self) -> None:
        """Totals of a cart that is only looked at: nothing is marked as changed."""
        self.totals = self._price()

    def _price(self) -> pricing.Totals:
        method = self.shipping
        shipping = pricing.Shipping(
            price_minor=method.prices_minor.get(self.currency, 0) if method and self.lines else 0,
            tax_rate_ppm=method.tax_rate_ppm if method else 0,
        )
        rules = pricing.Rules(
            currency=self.currency,
            prices_include_tax=self.shop.prices_include_tax,
            rounding=Rounding(self.shop.rounding),
            rounding_type=pricing.RoundingType(self.shop.rounding_type),
        )
        lines = [
            pricing.PricingLine(
                line.key,
                line.unit_price_micros,
                line.quantity,
                line.tax_rate_ppm,
                line.product_id,
                line.is_discounted,
                line.variant_id,
            )
            for line in self.lines.values()
        ]
        return pricing.price(lines, [applied.terms for applied in self.vouchers.values()], shipping, rules)

    def _keep(self, totals: pricing.Totals) -> None:
        for line_total in totals.lines:
            line = self.lines[line_total.key]
            if line.total_minor != line_total.total_minor:
                line.total_minor = line_total.total_minor
                self.changed_lines.add(line.key)
        by_code = {applied.code: applied for applied in self.vouchers.values()}
        for effect in totals.vouchers:
            applied = by_code[effect.code]
            refusal = str(effect.refusal.value) if effect.refusal else ""
            if (applied.amount_minor, applied.refusal) != (effect.amount_minor, refusal):
                applied.amount_minor, applied.refusal = effect.amount_minor, refusal
                self.vouchers_changed = True
            applied.free_shipping = effect.free_shipping
        self.totals = totals

    # -- small things ----------------------------------------------------------------------------

    def _line(self, key: str) -> Line:
        line = self.lines.get(key)
        if line is None or line.is_gift:
            raise UnknownLine
        return line

    def _drop(self, key: str) -> None:
        del self.lines[key]
        self.changed_lines.discard(key)
        self.removed_lines.add(key)

    def _new_line(self, key: str, offer: Offer, at: datetime) -> Line:
        line = Line(
            key=key,
            position=1 + max((line.position for line in self.lines.values()), default=0),
            product_id=offer.product_id,
            variant_id=offer.variant_id,
            sku=offer.sku,
            name=pick(offer.names, self.language)[:200],
            option=pick(offer.options, self.language)[:120],
            picture=offer.picture,
            unit_price_micros=offer.price_micros,
            regular_micros=offer.regular_micros,
            tax_rate_ppm=offer.tax_rate_ppm,
            quantity=0,
            total_minor=-1,
            is_gift=False,
            added_at=at,
            stock=offer.stock,
        )
        self._put(line)
        return line

    def _copy_line(self, theirs: Line) -> Line:
        position = 1 + max((line.position for line in self.lines.values()), default=0)
        values = {name: getattr(theirs, name) for name in Line.__slots__}
        line = Line(**{**values, "position": position, "quantity": 0, "total_minor": -1})
        self._put(line)
        return line

    def _put(self, line: Line) -> None:
        self.lines[line.key] = line
        self.removed_lines.discard(line.key)


def _check_quantity(quantity: int) -> None:
    if not 1 <= quantity <= MOST_QUANTITY:
        raise QuantityOutOfRange(least=1, most=MOST_QUANTITY)
