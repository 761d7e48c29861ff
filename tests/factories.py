"""The cast of the tests: a shop with a mug, a lamp and a scarce clock; a shopper, a guest, staff of each role."""

import itertools
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from django.contrib.auth.hashers import get_hasher, make_password
from django.db import transaction

from ghostcart.backoffice.models import Membership, Role, User
from ghostcart.carts import changes, ingest, tokens
from ghostcart.carts.models import Cart
from ghostcart.carts.opencart import OpenCart
from ghostcart.catalog.models import Category, Price, Product, Variant
from ghostcart.customers import services as customer_services
from ghostcart.customers.models import Customer
from ghostcart.shops import rules
from ghostcart.shops.models import ShippingMethod, Shop

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
ADDRESS = {"first_name": "Ada", "last_name": "Byron", "street": "Via Roma 1", "postcode": "10121", "city": "Torino",
           "country": "IT"}  # fmt: skip
_count = itertools.count(1)


@transaction.atomic
def shop(**more: Any) -> Shop:
    """A shop with one category, two ways to deliver, and three products: MUG, LAMP and the scarce CLOCK (2 left)."""
    slug = f"shop{next(_count)}"
    values = {"name": slug.title(), "currencies": ["EUR", "CHF"], "created_at": NOON, "order_prefix": "T-"}
    made = Shop.objects.create(slug=slug, **{**values, **more})
    names = {"en": "Standard", "it": "Standard", "de": "Standardversand"}
    prices = {"EUR": 490, "CHF": 590}
    ways = [("standard", names, prices), ("express", {"en": "Express"}, {"EUR": 1290})]
    ShippingMethod.objects.bulk_create(
        ShippingMethod(
            shop=made, code=code, names=names, prices_minor=prices, tax_rate_ppm=210_000, position=position
        )
        for position, (code, names, prices) in enumerate(ways)
    )  # fmt: skip
    category = Category.objects.create(shop=made, slug="all", names={"en": "All", "it": "Tutto"})
    for sku, price, stock in (("MUG", "12.50", 1000), ("LAMP", "80.00", 1000), ("CLOCK", "49.90", 2)):
        product(made, sku, price=price, stock=stock, category=category)
    rules.forget()
    return made


def product(
    shop: Shop, sku: str, *, price: str = "10.00", regular: str | None = None, stock: int = 100,
    category: Category | None = None,
) -> Variant:  # fmt: skip
    name = sku.title()
    names = {"en": name, "it": f"{name} (it)", "de": f"{name} (de)"}
    made = Product.objects.create(
        shop=shop,
        category=category,
        slug=sku.lower(),
        reference=f"R-{sku}",
        names=names,
        tax_rate_ppm=210_000,
    )
    variant = Variant.objects.create(shop=shop, product=made, sku=sku, stock=stock, options={"en": "One size"})
    micros, before = round(float(price) * 1_000_000), round(float(regular) * 1_000_000) if regular else None
    Price.objects.bulk_create(
        Price(variant=variant, currency=currency, price_micros=micros, regular_micros=before)
        for currency in shop.currencies
    )
    return variant


def customer(shop: Shop, email: str = "ada@example.com", **more: Any) -> Customer:
    values = {"first_name": "Ada", "last_name": "Byron", "language": "it"} | more
    return customer_services.identify(shop.pk, email=email, consent=None, now=NOON, **values)


def staff(role: Role | None, *shops: Shop, email: str | None = None, **more: Any) -> User:
    """Staff with the password "a-long-password"."""
    values = {"password": _hashed(get_hasher().algorithm), **more}
    user = User.objects.create(email=email or f"staff{next(_count)}@example.com", **values)
    for shop in shops:
        Membership.objects.create(user=user, shop=shop, role=role)
    return user


@cache
def _hashed(algorithm: str) -> str:
    """Once for all: it takes long on purpose."""
    return make_password("a-long-password")


class Shopper:
    """A browser that shops: holds a token and makes changes through the one way in."""

    def __init__(self, shop: Shop, at: datetime = NOON, language: str = "en", **seen: Any) -> None:
        self.shop_id = shop.pk
        self.token = tokens.issue(shop.pk)
        self.at = at
        self.seen = changes.Seen(tokens.digest(shop.pk, self.token), language, **seen)

    def change(self, kind: type[changes.Change], **what: Any) -> Any:
        return kind(**{"shop_id": self.shop_id, "at": self.at, "seen": self.seen, **what})

    def do(self, kind: type[changes.Change], **what: Any) -> OpenCart:
        cart = ingest.record(self.change(kind, **what)).cart
        assert cart is not None
        return cart

    def add(self, sku: str = "MUG", quantity: int = 1, **more: Any) -> OpenCart:
        return self.do(changes.AddLine, sku=sku, quantity=quantity, **more)

    def wait(self, **time: float) -> "Shopper":
        self.at += timedelta(**time)
        return self

    @property
    def cart(self) -> Cart:
        return Cart.objects.filter(devices__token_hash=self.seen.token_hash).get()


def holding(cart: Cart) -> dict[str, int]:
    """How many of what, by the keys of its lines."""
    return dict(cart.lines.values_list("key", "quantity"))
