"""The one way into a cart. Every door, engine and connector builds a change and hands it in here.

A batch of changes is one transaction: devices, heads and lines are locked and read, the pure rules of `opencart` are
applied one change after the other, and what changed is written: lines, heads, log. Each change has its own outcome; a
refused one leaves no trace. Grouping costs nothing in safety: an outcome is told only after the commit.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from ghostcart.carts import changes, restoring, storage
from ghostcart.carts.changes import Change, EventDraft
from ghostcart.carts.errors import (
    CartChanged,
    CartClosed,
    CartElsewhere,
    CartEmpty,
    IdempotencyConflict,
    UnknownCurrency,
    UnknownProduct,
    UnknownShippingMethod,
)
from ghostcart.carts.opencart import OpenCart
from ghostcart.catalog import offers
from ghostcart.lib import sql
from ghostcart.lib.errors import GhostcartError
from ghostcart.shops import rules as shop_rules
from ghostcart.vouchers.asking import Asked, Desk


@dataclass(slots=True)
class Outcome:
    """What became of an accepted change: the cart after it (None: the device has none), or the answer that was
    given when the same Idempotency-Key came first; of a Restore also what became of each product."""

    cart: OpenCart | None
    answer: str | None = None
    report: tuple[restoring.Item, ...] = ()


Encoder = Callable[[Change, OpenCart | None], str]
"""Makes the answer that is kept with an Idempotency-Key."""


def record(change: Change, encode: Encoder | None = None) -> Outcome:
    """Apply one change, in the caller's transaction if there is one. Raises the GhostcartError that refuses it."""
    result = record_all([change], encode)[0]
    if isinstance(result, GhostcartError):
        raise result
    return result


def record_all(batch: Sequence[Change], encode: Encoder | None = None) -> list[Outcome | GhostcartError]:
    """Apply many changes in one transaction, each with its own outcome, in the order given."""
    with transaction.atomic(), sql.together(commits=True):
        work = Batch(batch, encode)
        results = [work.outcome(change) for change in batch]
        work.store()
    return results


def append_event(
    *, shop_id: int, cart_id: int, version: int, kind: str, actor: str, at: datetime, data: dict[str, object]
) -> None:
    """Write one entry of the log in the current transaction, for the few changes made outside of a batch."""
    storage.insert_events([(shop_id, cart_id, version, kind, actor, at, data)])


class Batch:
    """The carts that a batch of changes concerns, in memory, between reading and writing."""

    def __init__(self, batch: Sequence[Change], encode: Encoder | None = None) -> None:
        self.encode = encode
        self.devices = storage.upsert_devices(batch)
        self.saved = storage.saved_carts(batch)
        numbers = {change.cart_id for change in batch} | {device.cart_id for device in self.devices.values()}
        known = {number for number in numbers | set(self.saved.values()) if number is not None}
        likely = _likely_offers(batch)
        self.spare = storage.ask_numbers(sum(device.cart_id is None for device in self.devices.values()))
        self.carts = storage.read_carts(known | _sources(batch, known))
        self.answers = storage.read_answers(batch)
        self.offers = _offers_for(batch, self, likely())
        self.touched: dict[int, OpenCart] = {}
        self.log: list[tuple[OpenCart, Change, EventDraft, dict[str, object]]] = []
        self.new_answers: list[tuple[Change, str]] = []
        self.desk = Desk()

    # -- one change ------------------------------------------------------------------------------

    def outcome(self, change: Change) -> Outcome | GhostcartError:
        try:
            return self._apply(change)
        except GhostcartError as refused:
            return refused

    def _apply(self, change: Change) -> Outcome:
        if answer := self._known_answer(change):
            return Outcome(self._cart_of(change), answer)
        cart = self._cart_of(change)
        if cart is not None and cart.is_outside:
            raise CartElsewhere
        if isinstance(change, changes.Touch):
            if cart is not None and (change.at - cart.seen_at).total_seconds() > storage.SEEN_STEP_SECONDS:
                cart.seen_at = change.at
                self.touched[id(cart)] = cart
            return Outcome(cart)
        if isinstance(change, changes.BeginOrder):
            return Outcome(cart)
        self._check_version(change, cart)
        if isinstance(change, changes.SignIn):
            return self._answered(change, self._sign_in(change, cart))
        if isinstance(change, changes.Restore):
            return self._restore(change, cart)
        if cart is None:
            if not isinstance(change, changes.AddLine):
                raise CartEmpty
            cart = self._new_cart(change)
        drafts = self._do(change, cart)
        if drafts:
            self._note(cart, change, drafts)
            self._hand_over(change, cart)
        return self._answered(change, cart)

    def _do(self, change: Change, cart: OpenCart) -> list[EventDraft]:
        """Ask the rules; what they refuse they raise."""
        match change:
            case changes.AddLine():
                if not cart.lines and change.currency in cart.shop.currencies:
                    cart.switch_currency(change.currency)
                return cart.add(self._offer(change, cart), change.quantity, change.at)
            case changes.SetQuantity():
                return cart.set_quantity(change.key, change.quantity, change.at)
            case changes.RemoveLine():
                return cart.remove(change.key)
            case changes.ApplyVoucher():
                return self._apply_voucher(change, cart)
            case changes.RemoveVoucher():
                return cart.remove_voucher(change.code)
            case changes.ChooseShipping():
                method = cart.shop.shipping_method(change.method)
                if method is None or cart.currency not in method.prices_minor:
                    raise UnknownShippingMethod
                return cart.choose_shipping(method)
            case changes.Identify():
                device = self._device(change)
                if device is not None and device.customer_id is not None:
                    return []  # signed in: an address that is typed makes it nobody else's cart
                return cart.identify(change.customer_id, change.label)
            case changes.StartCheckout():
                return cart.start_checkout(change.at)
            case changes.Order():
                self._close_sources(change, cart)
                return cart.order(change.order_id, change.number, change.at)
        raise TypeError(f"no rule for {type(change).__name__}")

    def _offer(self, change: changes.AddLine, cart: OpenCart) -> offers.Offer:
        place = (change.shop_id, cart.currency, change.sku)
        if place not in self.offers:  # the cart is another one than when the batch began
            self.offers[place] = offers.by_sku(change.shop_id, cart.currency, [change.sku]).get(change.sku)
        offer = self.offers[place]
        if offer is None:
            raise UnknownProduct
        return offer

    def _apply_voucher(self, change: changes.ApplyVoucher, cart: OpenCart) -> list[EventDraft]:
        asked = Asked(
            shop_id=change.shop_id,
            code=change.code,
            now=change.at,
            currency=cart.currency,
            language=cart.language,
            customer_id=cart.customer_id,
            others=tuple(applied.terms for applied in cart.vouchers.values()),
            device=change.seen.token_hash if change.seen else "",
            source=change.seen.source if change.seen else "",
            is_mailed=change.is_mailed,
        )
        return cart.apply_voucher(self.desk.terms_for(asked), change.at)

    def _sign_in(self, change: changes.SignIn, cart: OpenCart | None) -> OpenCart | None:
        """The cart in hand goes into the customer's saved one; without one it becomes theirs."""
        device = self._device(change)
        if device is None:
            return cart
        if device.customer_id not in (None, change.customer_id):
            cart = device.cart_id = None  # what another customer saved on this device stays theirs
        device.customer_id = change.customer_id
        saved = self.carts.get(self.saved.get((change.shop_id, change.customer_id), 0))
        if saved is None or not saved.is_live or saved is cart or (cart and saved.currency != cart.currency):
            if cart is not None and (drafts := cart.identify(change.customer_id, change.label)):
                self._note(cart, change, drafts)
            return cart
        if cart is not None:
            drafts = saved.take_over(cart, change.at)
            cart.merged_into_id, cart.merged_at = saved.id, change.at
            self._note(cart, change, [EventDraft("merged", {"into": saved.id})])
            self._note(saved, change, drafts, with_lines=True)
        device.cart_id = saved.id
        return saved

    def _restore(self, change: changes.Restore, cart: OpenCart | None) -> Outcome:
        """The products of another cart come into this one. Raises CartClosed if there is no such cart in the shop,
        CartElsewhere for one that another shop keeps: its products are not sold here."""
        source = self.carts.get(change.source_id)
        if source is None or source.shop.id != change.shop_id or source.deleted_at is not None:
            raise CartClosed
        if source.is_outside:
            raise CartElsewhere
        if cart is not None and cart.id in (source.id, source.merged_into_id):
            return self._answered(change, cart)
        cart = cart or self._new_cart(change, source.currency)
        if not cart.lines and source.currency in cart.shop.currencies:
            cart.switch_currency(source.currency)
        today = offers.by_sku(change.shop_id, cart.currency, [line.sku for line in source.lines.values()])
        drafts, report = restoring.restore(cart, source, today, change.at)
        if drafts:
            self._note(cart, change, drafts, with_lines=True)
            self._hand_over(change, cart)
        outcome = self._answered(change, cart if drafts or cart.id is not None else None)
        outcome.report = report
        return outcome

    def _close_sources(self, change: changes.Order, cart: OpenCart) -> None:
        """An ordered cart takes the ghosts along from which it was restored: what they held was bought."""
        seen: set[int | None] = {cart.id}
        number = cart.restored_from_id
        while number not in seen and (source := self.carts.get(number or 0)) is not None:
            if source.is_live:
                source.merged_into_id, source.merged_at = cart.id, change.at
                self._note(source, change, [EventDraft("merged", {"into": cart.id, "was_restored": True})])
            seen.add(number)
            number = source.restored_from_id

    # -- finding and making the cart -------------------------------------------------------------

    def _device(self, change: Change) -> "storage.DeviceRow | None":
        return self.devices.get((change.shop_id, change.seen.token_hash)) if change.seen else None

    def _cart_of(self, change: Change) -> OpenCart | None:
        """The live cart that the change is for. Raises CartClosed for a cart named by number that is none."""
        if change.cart_id is not None:
            cart = self.carts.get(change.cart_id)
            if cart is None or cart.shop.id != change.shop_id or not cart.is_live:
                raise CartClosed
            return cart
        device = self._device(change)
        if device is None:
            return None
        cart = device.new_cart or self.carts.get(device.cart_id or 0)
        return cart if cart is not None and cart.is_live else None

    def _hand_over(self, change: Change, cart: OpenCart) -> None:
        """The device fills this new cart from now on: only once something was accepted."""
        if cart.id is None and (device := self._device(change)) is not None:
            device.new_cart = cart

    def _new_cart(self, change: Change, like: str = "") -> OpenCart:
        """A cart in the currency that the change asks for, or else in that of another cart."""
        device = self._device(change)
        if device is None:
            raise CartClosed
        shop = shop_rules.of(change.shop_id)
        currency = change.currency or (like if like in shop.currencies else shop.currency)
        if currency not in shop.currencies:
            raise UnknownCurrency(currency=currency)
        language = change.seen.language if change.seen and change.seen.language in shop.languages else shop.language
        cart = OpenCart(
            shop=shop,
            id=None,
            currency=currency,
            language=language,
            created_at=change.at,
            last_activity_at=change.at,
            abandon_after=shop.abandon_after(change.at, change.at, is_empty=True),
            seen_at=change.at,
            customer_id=device.customer_id,
            customer_label=device.customer_label,
            shipping=next((method for method in shop.shipping if currency in method.prices_minor), None),
            bot_reasons=list(device.bot_reasons),
        )
        return cart

    # -- versions, answers, the log --------------------------------------------------------------

    @staticmethod
    def _check_version(change: Change, cart: OpenCart | None) -> None:
        if change.expected_version is not None and change.expected_version != (cart.version if cart else 0):
            raise CartChanged(cart)

    def _known_answer(self, change: Change) -> str | None:
        if change.idempotency is None or change.seen is None:
            return None
        known = self.answers.get((change.shop_id, change.seen.token_hash, change.idempotency.key))
        if known is None:
            return None
        request_hash, answer = known
        if request_hash != change.idempotency.request_hash:
            raise IdempotencyConflict
        return answer

    def _answered(self, change: Change, cart: OpenCart | None) -> Outcome:
        if cart is not None and cart.totals is None:
            cart.work_out()  # nothing was changed, so nothing was priced
        if change.idempotency is None or change.seen is None or self.encode is None:
            return Outcome(cart)
        answer = self.encode(change, cart)
        key = (change.shop_id, change.seen.token_hash, change.idempotency.key)
        self.answers[key] = (change.idempotency.request_hash, answer)
        self.new_answers.append((change, answer))
        return Outcome(cart, answer)

    def _note(self, cart: OpenCart, change: Change, drafts: list[EventDraft], with_lines: bool = False) -> None:
        """Count the version up, start the abandonment clock again, work out totals, and draft the log entries."""
        cart.version += 1
        drafts = [*drafts, *cart.price(_gifts(cart), change.at)]
        cart.is_active_at(change.at)
        self.touched[id(cart)] = cart
        extra = {"lines": [line.told(line.quantity) for line in cart.lines.values()]} if with_lines else {}
        for draft in drafts:
            self.log.append((cart, change, draft, {**draft.data, **extra, **cart.told(), "version": cart.version}))

    # -- writing ---------------------------------------------------------------------------------

    def store(self) -> None:
        """Write what changed: heads first (new ones get their number), then lines, vouchers, devices, and last the
        log, so that its entries wait for as short as can be below the readers' horizon."""
        carts = list(self.touched.values())
        storage.write_heads(carts, self.spare())
        storage.write_lines(carts)
        storage.write_vouchers(carts)
        storage.write_devices(self.devices.values())
        storage.write_answers(self.new_answers)
        self.desk.store()
        storage.insert_events(
            (
                cart.shop.id,
                _stored(cart),
                int(str(data.pop("version"))),
                draft.kind,
                change.actor,
                change.at,
                data,
            )
            for cart, change, draft, data in self.log
        )


def _stored(cart: OpenCart) -> int:
    assert cart.id is not None
    return cart.id


def _sources(batch: Sequence[Change], known: set[int]) -> set[int]:
    """The carts behind those of a batch, where it restores or orders: locked together with them, in one order."""
    wanted = {change.source_id for change in batch if isinstance(change, changes.Restore)}
    if any(isinstance(change, changes.BeginOrder | changes.Order) for change in batch):
        wanted |= storage.sources(known)
    return wanted


Offers = dict[tuple[int, str, str], offers.Offer | None]
"""Today's offers by shop, currency and SKU; None where there is none."""


def _likely_offers(batch: Sequence[Change]) -> Callable[[], Offers]:
    """Asks for what the batch adds in the currency that its carts most likely have, before they are read; the answer
    comes with theirs."""
    wanted: dict[tuple[int, str], set[str]] = {}
    for change in batch:
        if isinstance(change, changes.AddLine):
            currency = change.currency or shop_rules.of(change.shop_id).currency
            wanted.setdefault((change.shop_id, currency), set()).add(change.sku)
    asked = {place: offers.ask_by_sku(*place, skus) for place, skus in wanted.items()}
    return lambda: {
        (*place, sku): offered.get(sku) for place, ask in asked.items() for offered in [ask()] for sku in wanted[place]
    }


def _offers_for(batch: Sequence[Change], work: Batch, found: Offers) -> Offers:
    """The offers of all products that the batch adds, in the currencies of their carts; `found` are those at hand."""
    wanted: dict[tuple[int, str], set[str]] = {}
    for change in batch:
        if isinstance(change, changes.AddLine):
            device = work.devices.get((change.shop_id, change.seen.token_hash)) if change.seen else None
            number = change.cart_id or (device.cart_id if device else None)
            cart = work.carts.get(number or 0)
            if cart and cart.is_live and (change.shop_id, cart.currency, change.sku) not in found:
                wanted.setdefault((change.shop_id, cart.currency), set()).add(change.sku)
    for (shop_id, currency), skus in wanted.items():
        offered = offers.by_sku(shop_id, currency, skus)
        found |= {(shop_id, currency, sku): offered.get(sku) for sku in skus}
    return found


def _gifts(cart: OpenCart) -> dict[int, offers.Offer]:
    wanted = [v.terms.gift_variant_id for v in cart.vouchers.values() if v.terms.gift_variant_id is not None]
    return offers.by_variant(cart.shop.id, cart.currency, wanted) if wanted else {}
