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
    tokens = {
        purpose: links.mint(
            shop_id=shop.pk, message=message, purpose=purpose, now=at, expires_at=at + timedelta(days=lasts),
            target=target if purpose == Purpose.RESTORE else {},
        )
        for purpose in (Purpose.RESTORE, Purpose.STOP, Purpose.PREFERENCES, Purpose.SEEN)
    }  # fmt: skip
    return Letter(message, tokens)


def about(cart_id: int, language: str) -> list[str]:
    """A mail about a cart, sent an hour ago, with a voucher: "purpose|path" of its links."""
    cart, now = Cart.objects.get(pk=cart_id), clock.now()
    owner = cart.customer or customers.identify(cart.shop_id, email=f"ghost{cart_id}@example.com", now=now)
    voucher = vouchers.create(shop_id=cart.shop_id, kind=Kind.PERCENT, percent_bp=1000, now=now)
    mail = letter(cart.shop, owner, cart=cart, voucher=voucher, at=now - timedelta(hours=1), language=language)
    return [f"{purpose.value}|{mail.path(purpose)}" for purpose in mail.tokens]


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
