"""Orders that another shop tells us of. The cart of one may come later than the order itself."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any, NamedTuple

from django.db import IntegrityError, transaction
from django.db.models import Q, Sum
from msgspec import structs

from ghostcart.carts import ingest
from ghostcart.carts import intake as cart_intake
from ghostcart.carts.kinds import EventKind
from ghostcart.carts.models import Cart
from ghostcart.carts.snapshots import CartSnapshot, Closing, LineSnapshot, Sums
from ghostcart.catalog import queries as catalog_queries
from ghostcart.catalog.intake import known_variants
from ghostcart.customers import intake as customer_intake
from ghostcart.customers.intake import Known
from ghostcart.lib import sql
from ghostcart.lib.planning import Among
from ghostcart.lib.snapshots import Taken, newest
from ghostcart.orders import joining
from ghostcart.orders.models import Order, OrderLine, PaymentMethod, new_token
from ghostcart.orders.queries import VOID
from ghostcart.orders.snapshots import CLAIMED, OrderSnapshot
from ghostcart.shops import rules as shop_rules
from ghostcart.vouchers import queries as voucher_queries
from ghostcart.vouchers import services as voucher_services


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
    customers: Known | None = None,
) -> dict[str, Taken]:
    """The same for carts and orders that are told together: a new cart is stored as an ordered one at once.

    `customers`: those that are named, where the caller knows them all.
    """
    orders = {str(name): one for name, one in newest(told, lambda o: o.external_id, lambda o: o.version).items()}
    carts = list(carts)
    for is_last in (False, True):
        try:
            with transaction.atomic():
                numbers, claims = _numbers(shop_id, source, orders), _claims(shop_id, source, orders)
                numbers |= {name: claim.pk for name, claim in claims.items() if name in numbers}
                closed = _closed(carts, orders, numbers)
                stored = cart_intake.store(shop_id, source, closed, now, is_history=is_history, customers=customers)
                if not orders:
                    return {}
                new = _new_carts(source, closed, stored.created, is_history)
                intake = _Intake(shop_id, source, orders, numbers, claims, now, is_history, new, customers)
                joining.look_again(shop_id, source, intake.unknown_customers, intake.unknown_variants)
                return intake.take()
        except IntegrityError:  # somebody else has told of the same new order at this moment: now it is known
            if is_last:
                raise
    raise AssertionError


def _numbers(shop_id: int, source: str, told: Mapping[str, OrderSnapshot]) -> dict[str, int]:
    """Our numbers for the orders that are new."""
    if not told:
        return {}
    known = Order.objects.filter(Among("external_id", told), shop_id=shop_id, source=source)
    names = set(told) - set(known.values_list("external_id", flat=True))
    return dict(zip(sorted(names), sql.next_ids("orders_order", len(names)), strict=True))


def _claims(shop_id: int, source: str, told: Mapping[str, OrderSnapshot]) -> dict[str, Order]:
    """What browsers said of these orders before the shop did, by external id: the shop's word takes its place.

    Found by the cart that the order names, else by its number, if only one browser claims that.
    """
    if source == CLAIMED or not told:
        return {}
    said = Q(Among("cart__order_number", {order.number for order in told.values()}))
    if carts := {order.cart for order in told.values() if order.cart_source == CLAIMED}:
        said |= Q(Among("cart__external_id", carts))
    claims = Order.objects.filter(said, shop_id=shop_id, source=CLAIMED, cart__source=CLAIMED)
    by_cart: dict[str, list[Order]] = {}
    by_number: dict[str, list[Order]] = {}
    for claim in claims.select_related("cart").order_by("pk"):
        by_cart.setdefault(str(claim.cart.external_id), []).append(claim)
        by_number.setdefault(claim.cart.order_number, []).append(claim)
    found = {}
    for name, order in told.items():
        named = order.cart_source == CLAIMED
        claims_of_it = by_cart.get(order.cart, []) if named else by_number.get(order.number, [])
        if len(claims_of_it) == 1:
            found[name] = claims_of_it[0]
    return found


def _closed(
    carts: Sequence[CartSnapshot], told: Mapping[str, OrderSnapshot], numbers: Mapping[str, int]
) -> Sequence[CartSnapshot]:
    """The carts, each with the first of its orders if all of them are new."""
    if not numbers:
        return carts
    theirs: dict[str, list[OrderSnapshot]] = {}
    for one in told.values():
        theirs.setdefault(one.cart, []).append(one)
    closed = []
    for cart in carts:
        orders = theirs.get(cart.external_id, [])
        if orders and all(one.external_id in numbers for one in orders):
            first = min(orders, key=lambda one: one.placed_at)
            closing = Closing(first.placed_at, numbers[first.external_id], _shown(first))
            sums = Sums(**{name: sum(getattr(one.sums, name) for one in orders) for name in SUMS})
            cart = structs.replace(cart, closing=closing, sums=sums)
        closed.append(cart)
    return closed


class NewCart(NamedTuple):
    """A cart that was made closed by the first of its orders: nobody else can see or lock it yet."""

    pk: int
    version: int
    order_id: int


def _new_carts(
    source: str, told: Sequence[CartSnapshot], numbers: Mapping[str, int], is_history: bool
) -> dict[tuple[str, str], NewCart]:
    """Carts that were made with their orders, by source and external id."""
    version = 0 if is_history else 1
    return {
        (source, one.external_id): NewCart(numbers[one.external_id], version, one.closing.order_id)
        for one in told
        if one.closing and one.external_id in numbers
    }  # fmt: skip


ORDER = (
    "id", "shop_id", "number", "token", "cart_id", "customer_id", "customer_label", "email", "phone", "address",
    "language", "status", "payment", "payment_name", "shipping_name", "currency", "prices_include_tax",
    "products_minor", "discount_minor", "shipping_minor", "tax_minor", "total_minor", "refunded_minor", "vouchers",
    "placed_at", "settled_at", "placed_by", "is_demo", "source", "external_id", "external_version", "external_customer",
    "told_at",
)  # fmt: skip
LINE = (
    "order_id", "product_id", "variant_id", "sku", "name", "option", "picture", "unit_price_micros", "tax_rate_ppm",
    "cost_micros", "quantity", "total_minor", "is_gift", "external_variant",
)  # fmt: skip
SUMS = ("products_minor", "discount_minor", "shipping_minor", "tax_minor", "total_minor")


class _Intake:
    """A batch of orders, between reading and writing. Locks carts by number, then vouchers, as `services.place`."""

    def __init__(
        self, shop_id: int, source: str, told: dict[str, OrderSnapshot], numbers: Mapping[str, int],
        claims: Mapping[str, Order], now: datetime, is_history: bool, new_carts: Mapping[tuple[str, str], NewCart],
        customers: Known | None,
    ) -> None:  # fmt: skip
        self.shop, self.source, self.told, self.numbers = shop_rules.of(shop_id), source, told, numbers
        self.now, self.is_history = now, is_history
        wanted_customers = {order.customer for order in told.values() if order.customer}
        self.customers = customer_intake.known(shop_id, source, wanted_customers) if customers is None else customers
        self.unknown_customers = wanted_customers - set(self.customers)
        wanted_variants = {line.variant for order in told.values() for line in order.lines if line.variant}
        self.variants = known_variants(shop_id, source, wanted_variants)
        self.unknown_variants = wanted_variants - set(self.variants)
        self.erased = self._erased()
        self.claims = claims
        self.closed_before: set[tuple[str, str]] = set()
        self.carts = self._carts(new_carts)
        old = [name for name in told if name not in numbers]
        theirs = Order.objects.select_for_update().filter(Among("external_id", old), shop_id=shop_id, source=source)
        self.known = {str(one.external_id): one for one in theirs.order_by("pk")} if old else {}
        self.lines: dict[int, list[tuple[object, ...]]] = {}
        rows = OrderLine.objects.filter(Among("order_id", [one.pk for one in self.known.values()])).order_by("pk")
        for row in rows.values_list(*LINE) if self.known else ():
            self.lines.setdefault(row[0], []).append(_as_read(row))
        self.taken_numbers = self._taken_numbers()
        codes = {voucher.code for order in told.values() for voucher in order.vouchers}
        self.vouchers = voucher_queries.by_codes(shop_id, codes)

    def _erased(self) -> set[str]:
        """New orders of people who were erased: told late, they bring no name and no address back."""
        fresh = [one for name, one in self.told.items() if name in self.numbers]
        gone = customer_intake.forgotten(self.shop.id, self.source, self.unknown_customers)
        by_address = {one.external_id: (one.email, one.placed_at) for one in fresh}
        by_id = {one.external_id for one in fresh if one.customer in gone}
        return by_id | customer_intake.erased(self.shop.id, by_address)

    def _place(self, order: OrderSnapshot) -> tuple[str, str]:
        """Source and external id of an order's cart."""
        claim = self.claims.get(order.external_id)
        if claim is not None and not order.cart:
            return CLAIMED, str(claim.cart.external_id)
        return order.cart_source or self.source, _cart_name(order)

    def _carts(self, new: Mapping[tuple[str, str], NewCart]) -> dict[tuple[str, str], Cart | NewCart]:
        """The carts of these orders, by source and external id; those not told yet are made of the orders."""
        wanted = {place: order for order in self.told.values() if (place := self._place(order)) not in new}
        found: dict[tuple[str, str], int] = {}
        for source in sorted({source for source, _name in wanted}):
            names = [name for of, name in wanted if of == source]
            theirs = Cart.objects.filter(Among("external_id", names), shop_id=self.shop.id, source=source)
            known = dict(theirs.values_list("external_id", "pk"))
            if missing := set(names) - set(known):
                stand_ins = [_stand_in(name, wanted[source, name]) for name in sorted(missing)]
                cart_intake.take(self.shop.id, source, stand_ins, self.now, is_history=True)
                known = dict(theirs.values_list("external_id", "pk"))
            found |= {(source, str(name)): pk for name, pk in known.items()}
        locked = Cart.objects.filter(Among("pk", list(found.values()))).order_by("pk").select_for_update()
        carts = {cart.pk: cart for cart in locked.only("pk", "external_id", "ordered_at", "order_id", "version")}
        return {**new, **{place: carts[number] for place, number in found.items()}}

    def _taken_numbers(self) -> set[str]:
        """Which of the new orders' numbers cannot be theirs alone."""
        twins = Counter(_shown(order) for name, order in self.told.items() if name in self.numbers)
        taken = Order.objects.filter(Among("number", twins), shop_id=self.shop.id).values_list("number", flat=True)
        return {number for number, times in twins.items() if times > 1} | (set(taken) if twins else set())

    def take(self) -> dict[str, Taken]:
        fates: dict[str, Taken] = {}
        fresh = [order for name, order in self.told.items() if name in self.numbers]
        costs = self._costs(fresh)
        rows = []
        for one in fresh:
            number, facts = self.numbers[one.external_id], self._facts(one)
            if one.external_id in self.claims:  # the row stays: what followed from it points there
                OrderLine.objects.filter(order=number).delete()
                Order.objects.filter(pk=number).update(**facts)
            else:
                facts |= {"id": number, "token": new_token()}
                rows.append(tuple(_stored(facts[name]) for name in ORDER))
        sql.insert_rows("orders_order", ORDER, rows)
        lines = [self._line(self.numbers[one.external_id], line, costs) for one in fresh for line in one.lines]
        sql.insert_rows("orders_orderline", LINE, lines)
        for one in fresh:
            fates[one.external_id] = Taken.CREATED
            self._close(self.carts[self._place(one)], self.numbers[one.external_id], one)
            if one.status not in VOID:
                self._settle_vouchers(self.numbers[one.external_id], one)
        for name, order in self.known.items():
            fates[name] = self._change(order, self.told[name])
        self._sum_up(fates)
        return fates

    # -- one order -------------------------------------------------------------------------------

    def _facts(self, one: OrderSnapshot) -> dict[str, Any]:
        if one.external_id in self.erased:
            one = structs.replace(one, email="", phone="", address={"country": one.address.get("country", "")})
        customer_id, label = self.customers.get(one.customer, (None, ""))
        limits = {"email": 320, "phone": 40, "payment_name": 120, "shipping_name": 120}
        return {
            "shop_id": self.shop.id, "number": self._number(one), "cart_id": self.carts[self._place(one)].pk,
            "customer_id": customer_id, "customer_label": label[:260], "address": dict(one.address),
            "language": one.language or self.shop.language, "status": one.status,
            "payment": PaymentMethod.OUTSIDE.value, "currency": one.currency,
            "prices_include_tax": one.prices_include_tax, "vouchers": _told_vouchers(one),
            "refunded_minor": one.refunded_minor, "placed_at": one.placed_at, "settled_at": one.settled_at,
            "placed_by": "shopper", "is_demo": self.shop.is_demo, "source": self.source, "external_id": one.external_id,
            "external_version": one.version, "external_customer": one.customer,
            "told_at": None if self.is_history else self.now,
            **{name: getattr(one.sums, name) for name in SUMS},
            **{name: getattr(one, name)[:most] for name, most in limits.items()},
        }  # fmt: skip

    def _number(self, one: OrderSnapshot) -> str:
        """The shop's own number, made unique if the shop itself repeats it (a split order keeps its reference)."""
        number, mark = _shown(one), one.external_id
        if number not in self.taken_numbers and self.source != CLAIMED:  # the plain one is for who may give it
            return number
        mark = mark if len(mark) <= 11 else sha256(mark.encode()).hexdigest()[:11]  # long ids begin alike
        return f"{number[:20]}/{mark}"

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
            "refunded_minor": one.refunded_minor,
            "vouchers": _told_vouchers(one),
            "payment_name": one.payment_name[:120],
            **{name: getattr(one.sums, name) for name in SUMS},
        }
        changed = {name: value for name, value in values.items() if getattr(order, name) != value}
        if changed or order.external_version != one.version:
            told_at = order.told_at if self.is_history or not changed else self.now
            Order.objects.filter(pk=order.pk).update(external_version=one.version, told_at=told_at, **changed)
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
        if one.status in VOID:
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

    def _close(self, cart: Cart | NewCart, order_id: int, one: OrderSnapshot) -> None:
        """The first order of a cart makes it an ordered one; a deleted cart comes back, as ordered ones are kept."""
        if cart.order_id == order_id and one.external_id not in self.claims:
            self.closed_before.add(self._place(one))  # told together: it came as an ordered one
            self._tell_ordered(cart, one)
            return
        if isinstance(cart, NewCart) or (cart.ordered_at is not None and cart.ordered_at <= one.placed_at):
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

    def _tell_ordered(self, cart: Cart | NewCart, one: OrderSnapshot) -> None:
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


def _stored(value: Any) -> object:
    if isinstance(value, datetime):
        return sql.to_db(value)
    return sql.json_to_db(value) if isinstance(value, list | dict) else value


def _as_read(row: Sequence[object]) -> tuple[object, ...]:
    """A line without its cost, which is of the day it was told."""
    return tuple(value for name, value in zip(LINE, row, strict=True) if name != "cost_micros")


def _cart_name(order: OrderSnapshot) -> str:
    return order.cart or f"order:{order.external_id}"[:64]


def _stand_in(name: str, order: OrderSnapshot) -> CartSnapshot:
    """The cart of an order that was told first; any word of the cart itself is newer."""
    return CartSnapshot(
        external_id=name, version=-(2**62), currency=order.currency, language=order.language,
        prices_include_tax=order.prices_include_tax, customer=order.customer,
        lines=[structs.replace(line, key=line.key or f"line:{place}") for place, line in enumerate(order.lines)],
        vouchers=order.vouchers, sums=order.sums, shipping_name=order.shipping_name, created_at=order.placed_at,
        updated_at=order.placed_at,
    )  # fmt: skip


def _told_vouchers(one: OrderSnapshot) -> list[dict[str, object]]:
    return [{"code": v.code[:40], "name": v.name, "amount_minor": v.amount_minor} for v in one.vouchers]
