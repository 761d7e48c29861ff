"""Filling a database with the demo: two shops, their staff, and what happened in them lately.

All of it is one transaction: a fill that is broken off leaves nothing behind but pictures.
"""

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from random import Random
from typing import Any

from django.contrib.auth.hashers import make_password
from django.db import transaction
from django.db.models import Max, OuterRef, Subquery

from ghostcart.backoffice.models import Membership, Role, User
from ghostcart.carts import storage
from ghostcart.carts.models import Cart, Device
from ghostcart.carts.opencart import bot_score
from ghostcart.catalog import offers
from ghostcart.catalog.models import Price, Product, Variant
from ghostcart.config.demo import follow_ups, shops
from ghostcart.config.demo.campaigns import make_campaigns, make_past
from ghostcart.config.demo.history import History, Teller
from ghostcart.config.demo.people import Person, consent_sentence
from ghostcart.config.demo.walks import Browser, Shelf, Walk
from ghostcart.customers.keys import email_key, searched
from ghostcart.customers.models import Address, Consent, Customer
from ghostcart.orders.models import Order, OrderLine
from ghostcart.shops import rules as shop_rules
from ghostcart.shops.models import Shop
from ghostcart.storefront.texts import CONSENT_VERSION
from ghostcart.vouchers.models import Voucher, VoucherRedemption

Report = Callable[[str, int, int], None]
"""Told what is being done, how much of it is done, and how much there is."""

DAYS, CARTS, SEED = 90, 3000, 7
STAFF = {
    "owner@demo.example": ("Nora Visser", Role.OWNER, ("fern", "otter")),
    "manager@demo.example": ("Marco Bianchi", Role.MANAGER, ("fern", "otter")),
    "agent@demo.example": ("Ada Klein", Role.AGENT, ("fern", "otter")),
    "viewer@demo.example": ("Vera Martin", Role.VIEWER, ("fern",)),
}

RETIRED = {
    "en": "Beeswax candle",
    "it": "Candela di cera d’api",
    "es": "Vela de cera de abeja",
    "de": "Bienenwachskerze",
    "fr": "Bougie en cire d’abeille",
    "nl": "Kaars van bijenwas",
}
"""A product that staff deleted since: old carts still hold it."""


class DemoInTheWay(Exception):
    """A shop that is none of the demo's has the name of one."""


def fill(now: datetime, *, report: Report, days: int = DAYS, carts: int = CARTS, seed: int = SEED) -> bool:
    """Make the demo, unless its shops are there already (then only missing pictures are drawn); says whether it was
    made. Raises DemoInTheWay, and ValueError for too few carts or days."""
    shops.draw_pictures(lambda done, of: report("pictures", done, of))
    slugs = [plan["slug"] for plan in shops.catalogue()]
    there = list(Shop.objects.filter(slug__in=slugs))
    if any(not shop.is_demo for shop in there):
        raise DemoInTheWay(", ".join(shop.slug for shop in there if not shop.is_demo))
    if there:
        return False
    with transaction.atomic():
        made = []
        for plan in shops.catalogue():
            made.append(shops.make_shop(plan, now))
            report("shops", len(made), len(slugs))
        shop_rules.forget()
        staff = make_staff(made)
        retired = [_make_retired(shop) for shop in made]
        history = _tell(made, staff, report, now=now, days=days, carts=carts, seed=seed)
        store = Store(history, made, report, seed)
        store.all()
        for shop in made:
            make_campaigns(shop, now)
        past = {shop.pk: make_past(shop, now) for shop in made}
        follow_ups.store(store.walks, store.customers, past, now)
        for product in retired:
            product.delete()
        Customer.objects.filter(email__in=[person.email for person in history.gone], is_demo=True).delete()
    shop_rules.forget()
    return True


# -- staff -------------------------------------------------------------------------------------------


def make_staff(made: list[Shop]) -> dict[str, User]:
    """One person per role; without a password nobody can sign in as them."""
    by_slug = {shop.slug: shop for shop in made}
    hashed = make_password(shops.demo_password())
    staff = {}
    for email, (name, role, slugs) in STAFF.items():
        user, _is_new = User.objects.get_or_create(
            email=email, defaults={"name": name, "password": hashed, "is_superuser": role == Role.OWNER}
        )
        staff[email] = user
        Membership.objects.bulk_create(
            [Membership(user=user, shop=by_slug[slug], role=role) for slug in slugs], ignore_conflicts=True
        )
    return staff


# -- what happened -----------------------------------------------------------------------------------


def _tell(
    made: list[Shop], staff: dict[str, User], report: Report, *, now: datetime, days: int, carts: int, seed: int
) -> History:
    actors = staff["agent@demo.example"].actor, staff["manager@demo.example"].actor
    shelves = [_shelf(shop, seed) for shop in made]
    teller = Teller(shelves, now=now, days=days, carts=carts, seed=seed, staff=actors)
    visits = teller.visits()
    for done, visit in enumerate(visits, 1):
        teller.play(visit)
        if done % 50 == 0 or done == len(visits):
            report("history", done, len(visits))
    return teller.finish()


def _make_retired(shop: Shop) -> Product:
    tax_rate = shop.products.values_list("tax_rate_ppm", flat=True)[0]
    product = Product.objects.create(
        shop=shop, slug="beeswax-candle", names=RETIRED, tax_rate_ppm=tax_rate, is_active=False
    )
    variant = Variant.objects.create(shop=shop, product=product, sku=_retired_sku(shop), stock=99)
    for currency in shop.currencies:
        Price.objects.create(variant=variant, currency=currency, price_micros=18_500_000)
    return product


def _retired_sku(shop: Shop) -> str:
    return f"{shop.order_prefix}BEESWAX"


def _shelf(shop: Shop, seed: int) -> Shelf:
    skus = list(shop.variants.filter(product__is_active=True).values_list("sku", flat=True).order_by("sku"))
    Product.objects.filter(shop=shop, slug="beeswax-candle").update(is_active=True)
    sold: dict[str, list[offers.Offer]] = {}
    retired = {}
    for currency in shop.currencies:
        found = offers.by_sku(shop.pk, currency, [*skus, _retired_sku(shop)])
        retired[currency] = found.pop(_retired_sku(shop))
        sold[currency] = [found[sku] for sku in sorted(found)]
    rules = shop_rules.of(shop.pk)
    return Shelf(rules, shop.zone, shop.order_prefix, sold, retired, shops.demo_vouchers(shop), seed)


# -- storing it --------------------------------------------------------------------------------------


class Store:
    """Writes a history in bulk: each table at once, in the order in which things happened."""

    BATCH = 500

    def __init__(self, history: History, made: list[Shop], report: Report, seed: int) -> None:
        self.history, self.made, self.report = history, made, report
        self.chance = Random(f"store-{seed}")
        self.walks = sorted(history.walks, key=lambda walk: walk.cart.created_at)
        self.sold = sorted(
            (walk for walk in self.walks if walk.sale),
            key=lambda walk: walk.sale.at,  # type: ignore[union-attr]
        )
        self.customers: dict[int, Customer] = {}
        self.orders: dict[int, Order] = {}

    def all(self) -> None:
        steps = (
            self._customers, self._consents, self._carts, self._devices, self._orders, self._redemptions, self._events,
            self._afterwards,
        )  # fmt: skip
        for done, step in enumerate(steps, 1):
            step()
            self.report("storing", done, len(steps))

    def _customers(self) -> None:
        known = shops.demo_password()
        hashed = make_password(known) if known else ""
        people = sorted(self.history.people, key=_registered_at)
        rows = [self._customer(person, hashed) for person in people]
        for person, row in zip(people, Customer.objects.bulk_create(rows, self.BATCH), strict=True):
            self.customers[person.number] = row

    def _customer(self, person: Person, hashed: str) -> Customer:
        return Customer(
            shop_id=self.history.shop_of[person.number],
            email=person.email,
            email_key=email_key(person.email),
            first_name=person.first_name,
            last_name=person.last_name,
            phone=person.phone,
            language=person.language,
            is_guest=not person.is_account,
            password=hashed if person.is_account else "",
            search_text=searched(person.first_name, person.last_name, person.email, person.phone),
            registered_at=_registered_at(person),
            last_seen_at=_registered_at(person),
            is_demo=True,
        )

    def _consents(self) -> None:
        """Consent as it was asked for, and the addresses that accounts keep."""
        consents, addresses = [], []
        for person in self.history.people:
            customer = self.customers[person.number]
            for at, is_given in person.consents:
                consents.append(Consent(
                    customer=customer, is_given=is_given, text=consent_sentence(person.language),
                    text_version=CONSENT_VERSION, source="checkout" if is_given else "account", at=at,
                ))  # fmt: skip
            if person.is_account and person.order_times:
                at = max(person.order_times)
                addresses.append(Address(customer=customer, phone=person.phone, created_at=at, **person.address))
        Consent.objects.bulk_create(sorted(consents, key=lambda row: row.at), self.BATCH)
        Address.objects.bulk_create(sorted(addresses, key=lambda row: row.created_at), self.BATCH)

    def _carts(self) -> None:
        """Heads, lines and vouchers, by the same statements as the hot path's."""
        for walk in self.walks:
            if walk.cart.customer_id is not None:
                walk.cart.customer_id = self.customers[walk.cart.customer_id].pk
        storage.write_heads(walk.cart for walk in self.walks)
        for walk in self.walks:
            if walk.merged_into:
                walk.cart.merged_into_id = walk.merged_into.cart.id
                _entry(walk, "merged", walk.at).data["into"] = walk.merged_into.cart.id
                _entry(walk.merged_into, "merged", walk.at).data["from"] = walk.cart.id
        storage.write_heads(walk.cart for walk in self.walks if walk.merged_into)
        storage.write_lines(walk.cart for walk in self.walks)
        storage.write_vouchers(walk.cart for walk in self.walks)
        for walk in self.walks:
            if walk.cart.deleted_at:
                Cart.objects.filter(pk=_number(walk)).update(
                    deleted_at=walk.cart.deleted_at, deleted_by=walk.deleted_by
                )

    def _devices(self) -> None:
        browsers = sorted(self.history.browsers, key=lambda browser: browser.first_seen_at)
        Device.objects.bulk_create([self._device(browser) for browser in browsers], self.BATCH)

    def _device(self, browser: Browser) -> Device:
        return Device(
            shop_id=browser.shop_id,
            token_hash=browser.token_hash,
            cart_id=browser.walk.cart.id if browser.walk else None,
            customer=self.customers[browser.person.number] if browser.person else None,
            language=browser.language,
            page=browser.page,
            user_agent=browser.user_agent,
            first_seen_at=browser.first_seen_at,
            seen_at=browser.seen_at,
            bot_score=bot_score(browser.reasons),
            bot_reasons=list(browser.reasons),
        )

    def _orders(self) -> None:
        rows = Order.objects.bulk_create([self._order(walk) for walk in self.sold], self.BATCH)
        copied = ("product_id", "variant_id", "sku", "name", "option", "picture", "unit_price_micros",
                  "tax_rate_ppm", "quantity", "total_minor", "is_gift")  # fmt: skip
        costs = {(one.variant_id, one.currency): one.cost_micros for one in Price.objects.all()}
        lines = []
        for walk, order in zip(self.sold, rows, strict=True):
            self.orders[id(walk)] = order
            for line in walk.cart.lines.values():
                cost = costs.get((line.variant_id or 0, order.currency))
                values = {name: getattr(line, name) for name in copied}
                lines.append(OrderLine(order=order, cost_micros=cost, **values))
        OrderLine.objects.bulk_create(lines, self.BATCH)
        numbers = Order.objects.filter(cart=OuterRef("pk")).order_by().values("pk")[:1]
        Cart.objects.filter(shop__in=self.made, ordered_at__isnull=False).update(order_id=Subquery(numbers))

    def _order(self, walk: Walk) -> Order:
        cart, sale, totals = walk.cart, walk.sale, walk.cart.totals
        assert sale is not None
        assert totals is not None
        person = sale.person
        sums = ("products_minor", "discount_minor", "shipping_minor", "tax_minor", "total_minor")
        return Order(
            shop_id=cart.shop.id,
            number=sale.number,
            token=f"{self.chance.getrandbits(256):064x}",
            cart_id=_number(walk),
            customer=self.customers[person.number],
            customer_label=person.label,
            email=person.email,
            phone=person.phone,
            address=person.address,
            language=cart.language,
            status=sale.status,
            payment=sale.payment,
            shipping_name=cart.shipping.name(cart.language) if cart.shipping else "",
            currency=cart.currency,
            prices_include_tax=cart.shop.prices_include_tax,
            vouchers=[
                {"code": one.code, "name": one.name, "amount_minor": one.amount_minor} for one in cart.vouchers.values()
            ],
            placed_at=sale.at,
            placed_by=sale.actor,
            is_demo=True,
            **{name: getattr(totals, name) for name in sums},
        )

    def _redemptions(self) -> None:
        rows, used = [], Counter[int]()
        for walk in self.sold:
            assert walk.sale is not None
            order = self.orders[id(walk)]
            for one in walk.cart.vouchers.values():
                rows.append(VoucherRedemption(
                    voucher_id=one.voucher_id, shop_id=order.shop_id, order_id=order.pk, customer=order.customer,
                    amount_minor=one.amount_minor, currency=order.currency, at=order.placed_at,
                    reversed_at=walk.sale.ended_at,
                ))  # fmt: skip
                used[one.voucher_id] += walk.sale.ended_at is None
        VoucherRedemption.objects.bulk_create(rows, self.BATCH)
        for voucher in Voucher.objects.filter(shop__in=self.made):
            voucher.used = used[voucher.pk]
            if voucher.code == shops.USED_UP:
                voucher.quantity = voucher.used
            voucher.save(update_fields=["used", "quantity"])

    def _events(self) -> None:
        log = [(entry, walk) for walk in self.walks for entry in walk.entries]
        log.sort(key=lambda told: told[0].at)
        storage.insert_events(
            (walk.cart.shop.id, _number(walk), entry.version, entry.kind, entry.actor, entry.at, entry.data)
            for entry, walk in log
        )

    def _afterwards(self) -> None:
        """What follows from the rest: the next order number, when customers were seen last."""
        for shop in self.made:
            count = sum(walk.cart.shop.id == shop.pk for walk in self.sold)
            Shop.objects.filter(pk=shop.pk).update(next_order_number=count + 1)
        seen = Cart.objects.filter(customer=OuterRef("pk")).order_by().values("customer").annotate(last=Max("seen_at"))
        with_carts = Customer.objects.filter(shop__in=self.made, carts__isnull=False)
        Customer.objects.filter(pk__in=with_carts.values("pk")).update(last_seen_at=Subquery(seen.values("last")))


def _number(walk: Walk) -> int:
    assert walk.cart.id is not None
    return walk.cart.id


def _registered_at(person: Person) -> datetime:
    assert person.registered_at is not None
    return person.registered_at


def _entry(walk: Walk, kind: str, at: datetime) -> Any:
    return next(entry for entry in walk.entries if entry.kind == kind and entry.at == at)


# -- showing it --------------------------------------------------------------------------------------

STEPS = {"pictures": "Drawing pictures", "shops": "Opening shops", "history": "Shopping", "storing": "Storing"}


@contextmanager
def progress() -> Iterator[Report]:
    """Shows what `fill` reports: bars on a terminal, a line for each finished step elsewhere."""
    if not sys.stderr.isatty():
        yield _plain
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = TextColumn("{task.description:<18}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Progress(*columns, console=Console(stderr=True)) as bars:
        tasks: dict[str, Any] = {}

        def show(step: str, done: int, of: int) -> None:
            if step not in tasks:
                tasks[step] = bars.add_task(STEPS.get(step, step), total=of)
            bars.update(tasks[step], completed=done)

        yield show


def _plain(step: str, done: int, of: int) -> None:
    if done == of:
        print(f"{STEPS.get(step, step)}: {of} done", file=sys.stderr, flush=True)
