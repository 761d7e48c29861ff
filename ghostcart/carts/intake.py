"""Whole carts that another shop tells us of: what changed since the last time goes into the cart log.

The shop's own totals are the truth; nothing is priced here. An import of history writes no log: what happened before
we looked is not known. Ordered carts are kept as they are told, silently.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter
from typing import Any, NamedTuple

from django.db import IntegrityError, transaction
from msgspec import structs

from ghostcart.carts import joining, storage
from ghostcart.carts.changes import EventDraft
from ghostcart.carts.kinds import EventKind
from ghostcart.carts.models import Cart
from ghostcart.carts.opencart import Line, bot_score
from ghostcart.carts.snapshots import CartSnapshot, LineSnapshot, VoucherSnapshot
from ghostcart.catalog.intake import known_variants
from ghostcart.customers import intake as customer_intake
from ghostcart.customers.intake import Known
from ghostcart.lib import sql
from ghostcart.lib.planning import Among
from ghostcart.lib.snapshots import Taken, newest
from ghostcart.shops import rules as shop_rules
from ghostcart.vouchers import queries as voucher_queries
from ghostcart.vouchers.models import CODE_LENGTH


class Stored(NamedTuple):
    """By external id: what became of each cart, and our numbers of the new ones."""

    fates: dict[str, Taken]
    created: dict[str, int]


def take(
    shop_id: int, source: str, told: Iterable[CartSnapshot], now: datetime, *, is_history: bool = False
) -> dict[str, Taken]:
    """Store carts as they are told; says of each external id what became of it.

    Customers and products that are told later are joined then (`joining`).
    """
    return store(shop_id, source, told, now, is_history=is_history).fates


def store(
    shop_id: int,
    source: str,
    told: Iterable[CartSnapshot],
    now: datetime,
    *,
    is_history: bool = False,
    customers: Known | None = None,
) -> Stored:
    """The same for who needs the numbers, and may know the customers that are named already."""
    carts = {str(name): one for name, one in newest(told, lambda c: c.external_id, lambda c: c.version).items()}
    for is_last in (False, True):
        try:
            with transaction.atomic():
                intake = _Intake(shop_id, source, carts, now, is_history, customers)
                joining.look_again(shop_id, source, intake.unknown_customers, intake.unknown_variants)
                return intake.take()
        except IntegrityError:  # somebody else has told of the same new cart at this moment: now it is known
            if is_last:
                raise
    raise AssertionError


@dataclass(frozen=True, slots=True)
class Told:
    """A cart that was told and is not deleted: what a connector compares with the shop."""

    id: int
    external_id: str
    updated_at: datetime
    is_ordered: bool


def told_before(shop_id: int, source: str, before: int | None, most: int) -> list[Told]:
    """Carts of a source below a number of ours, newest first; None: from the newest."""
    rows = Cart.objects.filter(shop_id=shop_id, source=source, deleted_at=None, external_id__isnull=False)
    if before is not None:
        rows = rows.filter(pk__lt=before)
    values = rows.order_by("-pk").values_list("pk", "external_id", "last_activity_at", "ordered_at")[:most]
    return [Told(pk, str(name), updated, ordered is not None) for pk, name, updated, ordered in values]


def see(shop_id: int, source: str, visits: Mapping[str, datetime]) -> None:
    """Shoppers of these carts were in the shop at these times."""
    theirs = Cart.objects.filter(Among("external_id", visits), shop_id=shop_id, source=source)
    for pk, name, seen_at in theirs.order_by("pk").values_list("pk", "external_id", "seen_at"):
        if seen_at < visits[str(name)]:
            Cart.objects.filter(pk=pk).update(seen_at=visits[str(name)])


HEAD = (
    "id", "customer_id", "customer_label", "version", "currency", "language", "prices_include_tax", "line_count",
    "item_count", "products_minor", "discount_minor", "shipping_minor", "tax_minor", "total_minor", "shipping_name",
    "created_at", "last_activity_at", "abandon_after", "seen_at", "checkout_started_at", "bot_score", "bot_reasons",
    "external_version", "external_customer", "is_estimated",
)  # fmt: skip
_in_turn = itemgetter(*HEAD[1:])
TIMES = ("created_at", "last_activity_at", "abandon_after", "seen_at", "checkout_started_at")
FIXED = ("shop_id", "source", "external_id", "is_demo", "deleted_by", "ordered_at", "order_id", "order_number")
LINE = (
    "cart_id", "shop_id", "key", "position", "product_id", "variant_id", "sku", "name", "option", "picture",
    "unit_price_micros", "regular_micros", "tax_rate_ppm", "quantity", "total_minor", "is_gift", "added_at",
    "external_variant",
)  # fmt: skip
VOUCHER = ("cart_id", "shop_id", "voucher_id", "code", "name", "amount_minor", "refusal", "applied_at")
EVENT = ("shop_id", "cart_id", "cart_version", "kind", "actor", "at", "data")


class _Intake:
    """A batch of carts, between reading and writing."""

    def __init__(
        self,
        shop_id: int,
        source: str,
        told: dict[str, CartSnapshot],
        now: datetime,
        is_history: bool,
        customers: Known | None,
    ) -> None:
        self.shop, self.source, self.told = shop_rules.of(shop_id), source, told
        self.now, self.is_history = now, is_history
        theirs = Cart.objects.select_for_update().filter(Among("external_id", told), shop_id=shop_id, source=source)
        self.heads = {str(one.external_id): one for one in theirs.order_by("pk")}
        wanted_customers = {cart.customer for cart in told.values() if cart.customer}
        self.customers = customer_intake.known(shop_id, source, wanted_customers) if customers is None else customers
        self.unknown_customers = wanted_customers - set(self.customers)
        wanted_variants = {line.variant for cart in told.values() for line in cart.lines if line.variant}
        self.variants = known_variants(shop_id, source, wanted_variants)
        self.unknown_variants = wanted_variants - set(self.variants)
        codes = {voucher.code for cart in told.values() for voucher in cart.vouchers}
        self.vouchers = voucher_queries.by_codes(shop_id, codes)
        self.lines: dict[int, dict[str, Line]] = {head.pk: {} for head in self.heads.values()}
        for cart_id, line in storage.read_lines(list(self.lines)):
            self.lines[cart_id][line.key] = line
        self.codes = storage.voucher_codes(list(self.lines))
        self.new_lines: list[tuple[object, ...]] = []
        self.new_vouchers: list[tuple[object, ...]] = []
        self.gone_lines: list[dict[str, object]] = []
        self.events: list[storage.Event] = []

    def take(self) -> Stored:
        fates = {name: self._change(head, self.told[name]) for name, head in self.heads.items()}
        fresh = [one for name, one in self.told.items() if name not in self.heads and not one.is_deleted]
        heads, created = [], {}
        for number, one in zip(sql.next_ids("carts_cart", len(fresh)), fresh, strict=True):
            heads.append(self._create(number, one))
            fates[one.external_id], created[one.external_id] = Taken.CREATED, number
        for name, one in self.told.items():
            if one.is_deleted and name not in self.heads:
                fates[name] = Taken.UNCHANGED
        sql.insert_rows("carts_cart", (*HEAD, *FIXED), heads)
        storage.delete_lines(self.gone_lines)
        sql.insert_rows("carts_cartline", LINE, self.new_lines)
        sql.insert_rows("carts_cartvoucher", VOUCHER, self.new_vouchers)
        storage.insert_events(self.events)
        return Stored(fates, created)

    # -- a cart that is new ----------------------------------------------------------------------

    def _create(self, number: int, one: CartSnapshot) -> tuple[object, ...]:
        head = self._head(one)
        at, shop_id = sql.to_db(one.updated_at), self.shop.id
        lines = {line.key: (place, line) for place, line in enumerate(one.lines, 1)}
        self.new_lines += [self._line_row(number, place, line, shop_id, at) for place, line in lines.values()]
        if one.vouchers:
            self._write_vouchers(number, one)
        head["version"] = 0 if self.is_history else 1
        if not self.is_history:
            drafts = [
                EventDraft(EventKind.LINE_ADDED, {"line": self._line(place, line, one).told(0)})
                for place, line in lines.values()
            ]
            drafts += self._customer_drafts(None, head)
            self._log(number, 1, one, drafts)
        closing = one.closing
        ordered = (sql.to_db(closing.at), closing.order_id, closing.number) if closing else (None, None, "")
        fixed = (shop_id, self.source, one.external_id, self.shop.is_demo, "", *ordered)
        for name in TIMES:
            head[name] = sql.to_db(head[name])
        head["bot_reasons"] = sql.json_to_db(head["bot_reasons"])
        return (number, *_in_turn(head), *fixed)

    def _line_row(self, number: int, place: int, line: LineSnapshot, shop_id: int, at: object) -> tuple[object, ...]:
        """The same as `_line`, written at once: an import has millions of them."""
        variant_id, product_id = self.variants.get(line.variant, (None, None))
        return (
            number, shop_id, line.key, place, product_id, variant_id, (line.sku or line.variant or line.key)[:64],
            line.name[:200], line.option[:120], line.picture if len(line.picture) <= 200 else "",
            line.unit_price_micros, line.regular_micros, line.tax_rate_ppm, line.quantity, line.total_minor,
            line.is_gift, at, line.variant,
        )  # fmt: skip

    # -- a cart that is known --------------------------------------------------------------------

    def _change(self, head: Cart, one: CartSnapshot) -> Taken:
        if one.version < head.external_version:
            return Taken.STALE
        if one.is_deleted:
            return self._delete(head, one)
        if head.deleted_at is not None and one.updated_at <= head.deleted_at:
            return Taken.UNCHANGED  # staff deleted it, and nothing has happened in it since
        before = self.lines[head.pk]
        after = {line.key: self._line(place, line, one) for place, line in enumerate(one.lines, 1)}
        drafts = _line_drafts(before, after)
        values = self._head(one)
        drafts += self._customer_drafts(head.customer_id, values) + self._voucher_drafts(head, one)
        if head.ordered_at is not None:
            for name in ("products_minor", "discount_minor", "shipping_minor", "tax_minor", "total_minor"):
                values[name] = getattr(head, name)  # the orders' own sums stand
        if head.deleted_at is not None:
            values |= {"deleted_at": None, "deleted_by": ""}
            drafts = [EventDraft(EventKind.RESTORED), *drafts]
        stays = not _differ(before, after)
        changed = {name for name, value in values.items() if name in _FACTS and getattr(head, name) != value}
        codes = {code: voucher.amount_minor for code, voucher in _vouchers(one).items()}
        has_new_codes = codes != self.codes.get(head.pk, {})
        if not drafts and stays and not changed and not has_new_codes:
            if one.version != head.external_version or values["seen_at"] > head.seen_at:
                self._save(head, external_version=one.version, seen_at=max(values["seen_at"], head.seen_at))
            return Taken.UNCHANGED
        self._replace_lines(head.pk, before, after, one)
        if has_new_codes:
            storage.delete_vouchers([head.pk])
            self._write_vouchers(head.pk, one)
        version = head.version + 1
        values |= {"version": version, "seen_at": max(values["seen_at"], head.seen_at)}
        self._save(head, **values)
        if not self.is_history and head.ordered_at is None:
            self._log(head.pk, version, one, drafts)
        return Taken.CHANGED

    def _delete(self, head: Cart, one: CartSnapshot) -> Taken:
        """The shop has deleted the cart. An ordered one stays: it is history."""
        if head.ordered_at is not None or head.deleted_at is not None:
            return Taken.UNCHANGED
        self._save(head, deleted_at=self.now, deleted_by="system", version=head.version + 1,
                   external_version=one.version)  # fmt: skip
        told = {"total_minor": head.total_minor, "item_count": head.item_count, "currency": head.currency}
        self.events.append((self.shop.id, head.pk, head.version + 1, EventKind.DELETED, "system", self.now, told))
        return Taken.CHANGED

    @staticmethod
    def _save(head: Cart, **values: object) -> None:
        Cart.objects.filter(pk=head.pk).update(**values)

    def _replace_lines(self, number: int, before: dict[str, Line], after: dict[str, Line], one: CartSnapshot) -> None:
        new = [line for key, line in after.items() if _facts(before.get(key)) != _facts(line)]
        gone = [key for key in before if key not in after] + [line.key for line in new if line.key in before]
        for line in new:
            if line.key in before:
                line.added_at = before[line.key].added_at
        self.gone_lines += [{"cart_id": number, "key": key} for key in gone]
        self._write_lines(number, new, one)

    # -- parts -----------------------------------------------------------------------------------

    def _head(self, one: CartSnapshot) -> dict[str, Any]:
        customer_id, label = self.customers.get(one.customer, (None, ""))
        reasons = list(one.bot_reasons)
        return {
            "customer_id": customer_id,
            "customer_label": label[:260],
            "currency": one.currency,
            "language": one.language or self.shop.language,
            "prices_include_tax": one.prices_include_tax,
            "line_count": len(one.lines),
            "item_count": sum(line.quantity for line in one.lines),
            "products_minor": one.sums.products_minor,
            "discount_minor": one.sums.discount_minor,
            "shipping_minor": one.sums.shipping_minor,
            "tax_minor": one.sums.tax_minor,
            "total_minor": one.sums.total_minor,
            "shipping_name": one.shipping_name[:120],
            "created_at": one.created_at,
            "last_activity_at": one.updated_at,
            "abandon_after": self.shop.abandon_after(one.created_at, one.updated_at, not one.lines),
            "seen_at": max(one.seen_at or one.updated_at, one.updated_at),
            "checkout_started_at": one.checkout_started_at,
            "bot_score": bot_score(reasons),
            "bot_reasons": reasons,
            "external_version": one.version,
            "external_customer": one.customer,
            "is_estimated": one.is_estimated,
        }

    def _line(self, place: int, line: LineSnapshot, cart: CartSnapshot) -> Line:
        variant_id, product_id = self.variants.get(line.variant, (None, None))
        return Line(
            key=line.key, position=place, product_id=product_id, variant_id=variant_id,
            sku=(line.sku or line.variant or line.key)[:64], name=line.name[:200], option=line.option[:120],
            picture=line.picture if len(line.picture) <= 200 else "", unit_price_micros=line.unit_price_micros,
            regular_micros=line.regular_micros, tax_rate_ppm=line.tax_rate_ppm, quantity=line.quantity,
            total_minor=line.total_minor, is_gift=line.is_gift, added_at=cart.updated_at,
        )  # fmt: skip

    def _write_lines(self, number: int, lines: Iterable[Line], one: CartSnapshot) -> None:
        variants = {line.key: line.variant for line in one.lines}
        for line in lines:
            values = [getattr(line, name) for name in LINE[2:-2]]
            self.new_lines.append((number, self.shop.id, *values, sql.to_db(line.added_at), variants[line.key]))

    def _write_vouchers(self, number: int, one: CartSnapshot) -> None:
        at = sql.to_db(one.updated_at)
        for code, voucher in _vouchers(one).items():
            ours = self.vouchers.get(code)
            row = (number, self.shop.id, ours, code, voucher.name[:120], voucher.amount_minor, "", at)
            self.new_vouchers.append(row)

    # -- what the log tells ----------------------------------------------------------------------

    @staticmethod
    def _customer_drafts(before: int | None, values: dict[str, Any]) -> list[EventDraft]:
        if values["customer_id"] in (None, before):
            return []
        return [EventDraft(EventKind.CUSTOMER_IDENTIFIED, {"customer": {"label": values["customer_label"]}})]

    def _voucher_drafts(self, head: Cart, one: CartSnapshot) -> list[EventDraft]:
        before, after = self.codes.get(head.pk, {}), _vouchers(one)
        applied = [
            EventDraft(EventKind.VOUCHER_APPLIED, {"voucher": {"code": code, "name": voucher.name}})
            for code, voucher in after.items()
            if code not in before
        ]
        removed = [
            EventDraft(EventKind.VOUCHER_REMOVED, {"voucher": {"code": code, "name": ""}})
            for code in before
            if code not in after
        ]
        return applied + removed

    def _log(self, number: int, version: int, one: CartSnapshot, drafts: Iterable[EventDraft]) -> None:
        sums = {
            "total_minor": one.sums.total_minor,
            "item_count": sum(line.quantity for line in one.lines),
            "currency": one.currency,
        }
        for draft in drafts:
            row = (self.shop.id, number, version, draft.kind, "shopper", one.updated_at, {**draft.data, **sums})
            self.events.append(row)


_FACTS = {
    "customer_id", "customer_label", "currency", "language", "prices_include_tax", "products_minor", "discount_minor",
    "shipping_minor", "tax_minor", "total_minor", "shipping_name", "created_at", "last_activity_at",
    "checkout_started_at", "is_estimated", "deleted_at",
}  # fmt: skip
"""What makes a head another one: not the times that follow from these, nor how often it was told."""


def _vouchers(one: CartSnapshot) -> dict[str, VoucherSnapshot]:
    """By the code as it is kept. Of one that several orders of the cart tell, what it took from all of them."""
    found: dict[str, VoucherSnapshot] = {}
    for told in one.vouchers:
        code = voucher_queries.normal_code(told.code)[:CODE_LENGTH]
        taken = found[code].amount_minor if code in found else 0
        found[code] = structs.replace(told, amount_minor=taken + told.amount_minor)
    return found


def _facts(line: Line | None) -> tuple[object, ...] | None:
    if line is None:
        return None
    left_out = ("added_at", "stock")
    return tuple(getattr(line, name) for name in Line.__slots__ if name not in left_out)


def _differ(before: dict[str, Line], after: dict[str, Line]) -> bool:
    return {key: _facts(line) for key, line in before.items()} != {key: _facts(line) for key, line in after.items()}


def _line_drafts(before: dict[str, Line], after: dict[str, Line]) -> list[EventDraft]:
    drafts = []
    for key, line in after.items():
        was = before[key].quantity if key in before else 0
        if not was:
            drafts.append(EventDraft(EventKind.LINE_ADDED, {"line": line.told(0)}))
        elif was != line.quantity:
            drafts.append(EventDraft(EventKind.QUANTITY_CHANGED, {"line": line.told(was)}))
    for key, line in before.items():
        if key not in after:
            was, line.quantity = line.quantity, 0
            drafts.append(EventDraft(EventKind.LINE_REMOVED, {"line": line.told(was)}))
            line.quantity = was
    return drafts
