"""Orders that another shop tells us of. The cart of one may come later than the order itself."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q, Sum

from ghostcart.carts import ingest
from ghostcart.carts import intake as cart_intake
from ghostcart.carts.intake import CartSnapshot, Closing, LineSnapshot, Sums, VoucherSnapshot
from ghostcart.carts.kinds import EventKind
from ghostcart.carts.models import Cart
from ghostcart.catalog import queries as catalog_queries
from ghostcart.catalog.intake import known_variants
from ghostcart.customers import intake as customer_intake
from ghostcart.lib import sql
from ghostcart.lib.planning import Among
from ghostcart.lib.snapshots import Taken, newest
from ghostcart.orders import joining
from ghostcart.orders.models import Order, OrderLine, OrderStatus, PaymentMethod, new_token
from ghostcart.shops import rules as shop_rules
from ghostcart.vouchers import queries as voucher_queries
from ghostcart.vouchers import services as voucher_services


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderSnapshot:
    """An order as the shop has it. `cart` and `customer` are the shop's external ids; "" if it tells none.

    `cart_source`: where the cart was told from, if not from where the order is. `status` is one of OrderStatus,
    `settled_at` when it was paid, cancelled or refunded last.
    """

    external_id: str
    version: int = 0
    number: str
    cart: str = ""
    cart_source: str = ""
    customer: str = ""
    email: str = ""
    phone: str = ""
    address: Mapping[str, str] = field(default_factory=dict)
    status: str = OrderStatus.PENDING.value
    payment_name: str = ""
    shipping_name: str = ""
    currency: str
    language: str = ""
    prices_include_tax: bool = True
    lines: Sequence[LineSnapshot] = ()
    vouchers: Sequence[VoucherSnapshot] = ()
    sums: Sums = field(default_factory=Sums)
    placed_at: datetime
    settled_at: datetime | None = None


def take(
    shop_id: int, source: str, told: Iterable[OrderSnapshot], now: datetime, *, is_history: bool = False
) -> dict[str, Taken]:
    """Store orders as they are told; says of each external id what became of it.

    An order closes its cart. If the cart was not told yet, one is made of the order's own lines, to be filled in when
    it comes. What our vouchers took is noted, and given back when the order is cancelled or refunded.
    """
    return take_all(shop_id, source, (), told, now, is_history=is_history)


def take_all(
    shop_id: int,
    source: str,
    carts: Iterable[CartSnapshot],
    told: Iterable[OrderSnapshot],
    now: datetime,
    *,
    is_history: bool = False,
) -> dict[str, Taken]:
    """The same for carts and orders that are told together: a new cart is stored as an ordered one at once."""
    orders = {str(name): one for name, one in newest(told, lambda o: o.external_id, lambda o: o.version).items()}
    carts = list(carts)
    for is_last in (False, True):
        try:
            with transaction.atomic():
                if not orders:
                    cart_intake.take(shop_id, source, carts, now, is_history=is_history)
                    return {}
                intake = _Intake(shop_id, source, carts, orders, now, is_history)
                joining.look_again(shop_id, source, intake.unknown_customers, intake.unknown_variants)
                return intake.take()
        except IntegrityError:  # somebody else has told of the same new order at this moment: now it is known
            if is_last:
                raise
    raise AssertionError


ORDER = (
    "id", "shop_id", "number", "token", "cart_id", "customer_id", "customer_label", "email", "phone", "address",
    "language", "status", "payment", "payment_name", "shipping_name", "currency", "prices_include_tax",
    "products_minor", "discount_minor", "shipping_minor", "tax_minor", "total_minor", "vouchers", "placed_at",
    "settled_at", "placed_by", "is_demo", "source", "external_id", "external_version", "external_customer",
)  # fmt: skip
LINE = (
    "order_id", "product_id", "variant_id", "sku", "name", "option", "picture", "unit_price_micros", "tax_rate_ppm",
    "cost_micros", "quantity", "total_minor", "is_gift", "external_variant",
)  # fmt: skip
SUMS = ("products_minor", "discount_minor", "shipping_minor", "tax_minor", "total_minor")
CLAIMED = "tracker"
"""The source of orders that nobody but a browser told of."""
GIVES_BACK = (OrderStatus.CANCELLED, OrderStatus.REFUNDED)


class _Intake:
    """A batch of orders, between reading and writing. Locks carts by number, then vouchers, as `services.place`."""

    def __init__(
        self, shop_id: int, source: str, carts: Sequence[CartSnapshot], told: dict[str, OrderSnapshot], now: datetime,
        is_history: bool,
    ) -> None:  # fmt: skip
        self.shop, self.source, self.told = shop_rules.of(shop_id), source, told
        self.now, self.is_history = now, is_history
        wanted_customers = {order.customer for order in told.values() if order.customer}
        self.customers = customer_intake.known(shop_id, source, wanted_customers)
        self.unknown_customers = wanted_customers - set(self.customers)
        wanted_variants = {line.variant for order in told.values() for line in order.lines if line.variant}
        self.variants = known_variants(shop_id, source, wanted_variants)
        self.unknown_variants = wanted_variants - set(self.variants)
        self.claims = self._claims()
        theirs = Order.objects.filter(Among("external_id", told), shop_id=shop_id, source=source)
        known = set(theirs.values_list("external_id", flat=True))
        new = [name for name in told if name not in known and name not in self.claims]
        self.numbers = dict(zip(new, sql.next_ids("orders_order", len(new)), strict=True))
        self.closed_before: set[tuple[str, str]] = set()
        cart_intake.take(shop_id, source, self._closed(carts), now, is_history=is_history)
        self.carts = self._carts()
        self.known = {str(one.external_id): one for one in theirs.select_for_update().order_by("pk")} if known else {}
        self.lines: dict[int, list[tuple[object, ...]]] = {}
        rows = OrderLine.objects.filter(Among("order_id", [one.pk for one in self.known.values()])).order_by("pk")
        for row in rows.values_list(*LINE) if self.known else ():
            self.lines.setdefault(row[0], []).append(_as_read(row))
        self.taken_numbers = self._taken_numbers()
        codes = {voucher.code for order in told.values() for voucher in order.vouchers}
        self.vouchers = voucher_queries.by_codes(shop_id, codes)

    def _claims(self) -> dict[str, Order]:
        """What browsers said of these orders before the shop did, by external id: the shop's word takes its place.

        Found by the cart that the order names, else by its number, if only one browser claims that.
        """
        if self.source == CLAIMED:
            return {}
        told = Q(cart__order_number__in={order.number for order in self.told.values()})
        told |= Q(cart__external_id__in={o.cart for o in self.told.values() if o.cart_source == CLAIMED})
        claims = Order.objects.filter(told, shop_id=self.shop.id, source=CLAIMED, cart__source=CLAIMED)
        by_cart: dict[str, list[Order]] = {}
        by_number: dict[str, list[Order]] = {}
        for claim in claims.select_related("cart").order_by("pk"):
            by_cart.setdefault(str(claim.cart.external_id), []).append(claim)
            by_number.setdefault(claim.cart.order_number, []).append(claim)
        found = {}
        for name, order in self.told.items():
            named = order.cart_source == CLAIMED
            claims_of_it = by_cart.get(order.cart, []) if named else by_number.get(order.number, [])
            if len(claims_of_it) == 1:
                found[name] = claims_of_it[0]
        return found

    def _closed(self, carts: Sequence[CartSnapshot]) -> Sequence[CartSnapshot]:
        """The carts, each with the first of its orders if all of them are new here."""
        theirs: dict[str, list[OrderSnapshot]] = {}
        for one in self.told.values() if carts else ():
            if one.cart_source in ("", self.source):
                theirs.setdefault(one.cart, []).append(one)
        closed = []
        for cart in carts:
            orders = theirs.get(cart.external_id, [])
            if orders and all(one.external_id in self.numbers for one in orders):
                first = min(orders, key=lambda one: one.placed_at)
                closing = Closing(first.placed_at, self.numbers[first.external_id], _shown(first))
                sums = Sums(**{name: sum(getattr(one.sums, name) for one in orders) for name in SUMS})
                cart = replace(cart, closing=closing, sums=sums)
            closed.append(cart)
        return closed

    def _taken_numbers(self) -> set[str]:
        """Which of the new orders' numbers cannot be theirs alone."""
        twins = Counter(_shown(order) for name, order in self.told.items() if name not in self.known)
        if not twins:
            return set()
        claims = [claim.pk for claim in self.claims.values()]
        taken = Order.objects.filter(Among("number", twins), shop_id=self.shop.id).exclude(pk__in=claims)
        return {number for number, times in twins.items() if times > 1} | set(taken.values_list("number", flat=True))

    def _place(self, order: OrderSnapshot) -> tuple[str, str]:
        """Source and external id of an order's cart."""
        claim = self.claims.get(order.external_id)
        if claim is not None and not order.cart:
            return CLAIMED, str(claim.cart.external_id)
        return order.cart_source or self.source, _cart_name(order)

    def _carts(self) -> dict[tuple[str, str], Cart]:
        """The carts of these orders, by source and external id; those not told yet are made of the orders."""
        wanted = {self._place(order): order for order in self.told.values()}
        found: dict[tuple[str, str], int] = {}
        for source in sorted({source for source, _name in wanted}):
            names = [name for of, name in wanted if of == source]
            theirs = Cart.objects.filter(Among("external_id", names), shop_id=self.shop.id, source=source)
            numbers = dict(theirs.values_list("external_id", "pk"))
            if missing := sorted(set(names) - set(numbers)):
                stand_ins = [_stand_in(name, wanted[source, name]) for name in missing]
                cart_intake.take(self.shop.id, source, stand_ins, self.now, is_history=True)
                numbers = dict(theirs.values_list("external_id", "pk"))
            found |= {(source, str(name)): number for name, number in numbers.items()}
        locked = Cart.objects.filter(Among("pk", found.values())).select_for_update().order_by("pk")
        carts = {cart.pk: cart for cart in locked.only("pk", "external_id", "ordered_at", "order_id", "version")}
        return {place: carts[number] for place, number in found.items()}

    def take(self) -> dict[str, Taken]:
        fates: dict[str, Taken] = {}
        fresh = [order for name, order in self.told.items() if name not in self.known]
        costs = self._costs(fresh)
        claimed = [order for order in fresh if order.external_id in self.claims]
        new = [order for order in fresh if order.external_id not in self.claims]
        numbers = dict(self.numbers)
        rows = [{"id": numbers[one.external_id], "token": new_token(), **self._facts(one)} for one in new]
        sql.insert_rows("orders_order", ORDER, [tuple(_stored(row[name]) for name in ORDER) for row in rows])
        for one in claimed:  # the row stays: what followed from it points there
            numbers[one.external_id] = self.claims[one.external_id].pk
            OrderLine.objects.filter(order=numbers[one.external_id]).delete()
            Order.objects.filter(pk=numbers[one.external_id]).update(**self._facts(one))
        lines = [self._line(numbers[one.external_id], line, costs) for one in fresh for line in one.lines]
        sql.insert_rows("orders_orderline", LINE, lines)
        for one in fresh:
            fates[one.external_id] = Taken.CREATED
            self._close(self.carts[self._place(one)], numbers[one.external_id], one)
            if one.status not in GIVES_BACK or one.external_id in self.claims:
                self._settle_vouchers(numbers[one.external_id], one)
        for name, order in self.known.items():
            fates[name] = self._change(order, self.told[name])
        self._sum_up(fates)
        return fates

    # -- one order -------------------------------------------------------------------------------

    def _facts(self, one: OrderSnapshot) -> dict[str, Any]:
        customer_id, label = self.customers.get(one.customer, (None, ""))
        limits = {"email": 320, "phone": 40, "payment_name": 120, "shipping_name": 120}
        return {
            "shop_id": self.shop.id, "number": self._number(one), "cart_id": self.carts[self._place(one)].pk,
            "customer_id": customer_id, "customer_label": label[:260], "address": dict(one.address),
            "language": one.language or self.shop.language, "status": one.status,
            "payment": PaymentMethod.OUTSIDE.value, "currency": one.currency,
            "prices_include_tax": one.prices_include_tax, "vouchers": _told_vouchers(one),
            "placed_at": one.placed_at, "settled_at": one.settled_at, "placed_by": "shopper",
            "is_demo": self.shop.is_demo, "source": self.source, "external_id": one.external_id,
            "external_version": one.version, "external_customer": one.customer,
            **{name: getattr(one.sums, name) for name in SUMS},
            **{name: getattr(one, name)[:most] for name, most in limits.items()},
        }  # fmt: skip

    def _number(self, one: OrderSnapshot) -> str:
        """The shop's own number, made unique if the shop itself repeats it (a split order keeps its reference)."""
        if self.source == CLAIMED:  # the plain number is for who may give it
            return f"{one.number[:20]}/{one.external_id[:11]}"
        number = _shown(one)
        return f"{number[:20]}/{one.external_id[:11]}" if number in self.taken_numbers else number

    def _line(self, number: int, line: LineSnapshot, costs: Mapping[str, int]) -> tuple[object, ...]:
        variant_id, product_id = self.variants.get(line.variant, (None, None))
        return (
            number, product_id, variant_id, (line.sku or line.variant or line.key)[:64], line.name[:200],
            line.option[:120], line.picture if len(line.picture) <= 200 else "", line.unit_price_micros,
            line.tax_rate_ppm, costs.get(line.variant), line.quantity, line.total_minor, line.is_gift, line.variant,
        )  # fmt: skip

    def _costs(self, orders: Iterable[OrderSnapshot]) -> dict[str, int]:
        """What a unit costs the shop today, in the order's currency, as far as that is known."""
        found: dict[str, int] = {}
        for currency in {order.currency for order in orders}:
            ids = {number: name for name, (number, _product) in self.variants.items()}
            costs = catalog_queries.costs(list(ids), currency)
            found |= {ids[number]: cost for number, cost in costs.items() if number is not None and cost is not None}
        return found

    def _change(self, order: Order, one: OrderSnapshot) -> Taken:
        if one.version < order.external_version:
            return Taken.STALE
        values: dict[str, Any] = {
            "status": one.status,
            "settled_at": one.settled_at,
            "vouchers": _told_vouchers(one),
            "payment_name": one.payment_name[:120],
            **{name: getattr(one.sums, name) for name in SUMS},
        }
        changed = {name: value for name, value in values.items() if getattr(order, name) != value}
        if changed or order.external_version != one.version:
            Order.objects.filter(pk=order.pk).update(external_version=one.version, **changed)
        has_other_lines = self._change_lines(order, one)
        if "status" in changed or "vouchers" in changed:
            self._settle_vouchers(order.pk, one)
        return Taken.CHANGED if changed or has_other_lines else Taken.UNCHANGED

    def _change_lines(self, order: Order, one: OrderSnapshot) -> bool:
        """A shop may change what was ordered, and may tell of an order before its lines."""
        told = [self._line(order.pk, line, {}) for line in one.lines]
        if [_as_read(line) for line in told] == self.lines.get(order.pk, []):
            return False
        costs = self._costs([one])
        order.lines.all().delete()
        sql.insert_rows("orders_orderline", LINE, [self._line(order.pk, line, costs) for line in one.lines])
        return True

    def _settle_vouchers(self, number: int, one: OrderSnapshot) -> None:
        if one.status in GIVES_BACK:
            voucher_services.release(number, now=one.settled_at or self.now)
            return
        customer_id, _label = self.customers.get(one.customer, (None, ""))
        for voucher in sorted(one.vouchers, key=lambda v: self.vouchers.get(voucher_queries.normal_code(v.code), 0)):
            ours = self.vouchers.get(voucher_queries.normal_code(voucher.code))
            if ours is not None:
                voucher_services.note_use(
                    ours, order_id=number, customer_id=customer_id, amount_minor=voucher.amount_minor,
                    currency=one.currency, at=one.placed_at,
                )  # fmt: skip

    # -- the cart --------------------------------------------------------------------------------

    def _close(self, cart: Cart, order_id: int, one: OrderSnapshot) -> None:
        """The first order of a cart makes it an ordered one; a deleted cart comes back, as ordered ones are kept."""
        if cart.order_id == order_id and one.external_id in self.numbers:
            self.closed_before.add(self._place(one))  # told together: it came as an ordered one
            self._tell_ordered(cart, one)
            return
        if cart.ordered_at is not None and cart.ordered_at <= one.placed_at:
            return
        is_first = cart.ordered_at is None
        cart.ordered_at, cart.order_id, cart.order_number = one.placed_at, order_id, _shown(one)
        changed: dict[str, Any] = {
            "ordered_at": cart.ordered_at, "order_id": cart.order_id, "order_number": cart.order_number,
            "deleted_at": None, "deleted_by": "", "version": cart.version + 1,
        }  # fmt: skip
        Cart.objects.filter(pk=cart.pk).update(**changed)
        cart.version += 1
        if is_first:
            self._tell_ordered(cart, one)

    def _tell_ordered(self, cart: Cart, one: OrderSnapshot) -> None:
        if self.is_history:
            return
        ingest.append_event(
            shop_id=self.shop.id, cart_id=cart.pk, version=cart.version, kind=EventKind.ORDERED, actor="shopper",
            at=one.placed_at,
            data={
                "order": {"number": _shown(one)}, "total_minor": one.sums.total_minor,
                "item_count": sum(line.quantity for line in one.lines), "currency": one.currency,
            },
        )  # fmt: skip

    def _sum_up(self, fates: Mapping[str, Taken]) -> None:
        """An ordered cart comes to what its orders come to; one that came with its orders comes to that already."""
        news = (Taken.CREATED, Taken.CHANGED)
        changed = {self._place(self.told[name]) for name, fate in fates.items() if fate in news}
        numbers = [self.carts[place].pk for place in sorted(changed - self.closed_before)]
        sums = Order.objects.filter(cart__in=numbers).order_by().values("cart", "currency")
        for row in sums.annotate(**{name: Sum(name) for name in SUMS}) if numbers else ():
            Cart.objects.filter(pk=row.pop("cart")).update(**row)


def _shown(one: OrderSnapshot) -> str:
    """The number that people know it by."""
    return one.number[:32] or one.external_id[:32]


def _as_read(row: Sequence[object]) -> tuple[object, ...]:
    """A line without its cost, which is of the day it was told."""
    return tuple(value for name, value in zip(LINE, row, strict=True) if name != "cost_micros")


def _stored(value: Any) -> object:
    if isinstance(value, datetime):
        return sql.to_db(value)
    return sql.json_to_db(value) if isinstance(value, list | dict) else value


def _cart_name(order: OrderSnapshot) -> str:
    return order.cart or f"order:{order.external_id}"[:64]


def _stand_in(name: str, order: OrderSnapshot) -> CartSnapshot:
    """The cart of an order that was told first; any word of the cart itself is newer."""
    return CartSnapshot(
        external_id=name, version=-(2**62), currency=order.currency, language=order.language,
        prices_include_tax=order.prices_include_tax, customer=order.customer,
        lines=[replace(line, key=line.key or f"line:{place}") for place, line in enumerate(order.lines)],
        vouchers=order.vouchers, sums=order.sums, shipping_name=order.shipping_name, created_at=order.placed_at,
        updated_at=order.placed_at,
    )  # fmt: skip


def _told_vouchers(one: OrderSnapshot) -> list[dict[str, object]]:
    return [{"code": v.code[:40], "name": v.name, "amount_minor": v.amount_minor} for v in one.vouchers]
