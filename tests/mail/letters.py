"""A mail that was sent, with its links, for tests of what happens when they are opened."""

from dataclasses import dataclass
from datetime import timedelta

from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection

from ghostcart.carts.models import Cart
from ghostcart.customers import services as customers
from ghostcart.customers.keys import address_hash
from ghostcart.lib import clock
from ghostcart.mail import links
from ghostcart.mail.models import Message, Purpose, State
from ghostcart.vouchers import services as vouchers
from ghostcart.vouchers.terms import Kind
from tests.factories import NOON

A_PERSON = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


@dataclass(frozen=True)
class Letter:
    message: Message
    tokens: dict

    def path(self, purpose) -> str:
        return links.url(purpose, self.tokens[purpose]).removeprefix(links.url("stop", "x").partition("/m/")[0])

    @property
    def paths(self) -> list[str]:
        return [self.path(purpose) for purpose in self.tokens]


def letter(shop, customer, *, cart=None, voucher=None, at=NOON, language="it", kind="reminder", lasts=30) -> Letter:
    """A reminder to this customer, sent at `at`, with a link of each kind; they last for `lasts` days."""
    message = Message.objects.create(
        shop=shop, customer=customer, kind=kind, address=customer.email, address_hash=address_hash(customer.email),
        language=language, state=State.SENT, due_at=at, created_at=at, sent_at=at, subject="Ciao Ada",
        template={"subject": "Ciao {{ customer.first_name }}", "body": "…"}, facts={"customer": {"first_name": "Ada"}},
    )  # fmt: skip
    target = {"cart": cart.pk if cart else None, "voucher": voucher.pk if voucher else None}
    tokens = {}
    for purpose in (Purpose.RESTORE, Purpose.STOP, Purpose.PREFERENCES, Purpose.SEEN):
        link, tokens[purpose] = links.draft(
            shop_id=shop.pk, message=message, purpose=purpose, now=at, expires_at=at + timedelta(days=lasts),
            target=target if purpose == Purpose.RESTORE else {},
        )  # fmt: skip
        link.save()
    return Letter(message, tokens)


def about(cart_id: int, language: str) -> list[str]:
    """A mail about a cart, sent an hour ago, with a voucher: "purpose|path" of its links."""
    cart, now = Cart.objects.get(pk=cart_id), clock.now()
    owner = cart.customer or customers.identify(cart.shop_id, email=f"ghost{cart_id}@example.com", now=now)
    voucher = vouchers.create(shop_id=cart.shop_id, kind=Kind.PERCENT, percent_bp=1000, now=now)
    mail = letter(cart.shop, owner, cart=cart, voucher=voucher, at=now - timedelta(hours=1), language=language)
    return [f"{purpose.value}|{mail.path(purpose)}" for purpose in mail.tokens]


def about_elsewhere(language: str) -> str:
    """The path of a mail's link to a cart that another shop holds, with a voucher."""
    from ghostcart.carts import intake as carts
    from ghostcart.catalog import intake as catalog
    from ghostcart.connectors.models import Connection
    from ghostcart.connectors.models import Kind as How
    from ghostcart.shops.models import Shop
    from tests import outside

    now, home, source = clock.now(), "https://shop.example/", How.PRESTASHOP.value
    shop, _is_new = Shop.objects.get_or_create(
        slug="elsewhere", defaults={"name": "Elsewhere", "currencies": ["EUR"], "address": home, "created_at": now}
    )
    Connection.objects.get_or_create(
        shop=shop, kind=source, defaults={"address": "mysql://u@db/x", "created_at": now, "state": "paused"}
    )
    pages = {name: f"{home}index.php?controller=product&id_product={name}" for name in ("1", "2")}
    told = [outside.product(name, 30, names={"en": f"Vase {name}"}, url=url) for name, url in pages.items()]
    catalog.take(shop.pk, source, told)
    lines = [outside.line("1", 2, 30, option="Ø 40 cm, terracotta"), outside.line("2", 1, 30)]
    carts.take(shop.pk, source, [outside.cart("41", *lines, at=now, created_at=now)], now)
    cart = Cart.objects.get(shop=shop, external_id="41")
    owner = customers.identify(shop.pk, email="ghost@example.com", now=now)
    voucher = vouchers.create(
        shop_id=shop.pk, kind=Kind.PERCENT, percent_bp=1000, names={"en": "A voucher for you"}, minimum_minor=2000,
        currency="EUR", valid_until=now + timedelta(days=7), now=now,
    )  # fmt: skip
    mail = letter(shop, owner, cart=cart, voucher=voucher, at=now - timedelta(hours=1), language=language)
    return mail.path(Purpose.RESTORE)


def dump(leave=()) -> dict[str, list[str]]:
    """Every row of every table, as text; the tables of `leave` are left out."""
    encoder = DjangoJSONEncoder()
    tables = {}
    with connection.cursor() as cursor:
        for table in sorted(connection.introspection.table_names(cursor)):
            if table in leave:
                continue
            cursor.execute(f'SELECT * FROM "{table}"')
            tables[table] = sorted(encoder.encode([str(value) for value in row]) for row in cursor.fetchall())
    return tables
