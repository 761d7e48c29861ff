"""The tracker: what a shop's own pages tell from the browser. All of it is untrusted.

A browser is known by a random token of its own making, of which only a hash is kept; it reaches the carts of that
token and no others. Prices are shown as told and marked estimated; what the shop tells from its server wins.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Annotated, Any

import msgspec
from django.db import IntegrityError, transaction
from django.utils import translation
from msgspec import Meta, Struct, structs

from ghostcart.carts import changes, ingest, joining, storage
from ghostcart.carts import intake as cart_intake
from ghostcart.carts.models import Cart, CartLine, Device
from ghostcart.carts.snapshots import CartSnapshot, LineSnapshot, Sums
from ghostcart.connectors.ingest import shapes
from ghostcart.connectors.ingest.errors import Conflict, WrongFact
from ghostcart.connectors.ingest.reading import Reader
from ghostcart.customers import services as customer_services
from ghostcart.customers.models import Customer, ExternalCustomer
from ghostcart.lib import machines
from ghostcart.lib.errors import GhostcartError
from ghostcart.orders import claims
from ghostcart.orders.snapshots import CLAIMED as SOURCE
from ghostcart.orders.snapshots import OrderSnapshot
from ghostcart.shops.rules import ShopRules

LONGEST_WAIT = timedelta(days=14)
"""What a browser kept longer than this is dated to then."""
MOST_EVENTS = 50
Number = Annotated[int, Meta(ge=0, le=1_000_000)]
Millis = Annotated[int, Meta(ge=0, le=2**53)]
Page = Annotated[str, Meta(max_length=200, pattern=shapes.PRINTABLE)]


class _Event(Struct, forbid_unknown_fields=True, kw_only=True, tag_field="type"):
    """`at`: when, by the browser's clock, which also counts as version. `n` numbers the carts of a browser."""

    at: Millis
    n: Number = 0


class TrackedCart(_Event, kw_only=True, tag="cart"):
    currency: shapes.Currency
    language: shapes.Language = ""
    lines: list[shapes.LineIn] = []
    vouchers: Annotated[list[shapes.VoucherIn], Meta(max_length=50)] = []
    totals: shapes.TotalsIn | None = None
    is_checkout: bool = False


class TrackedIdentity(_Event, kw_only=True, tag="identify"):
    """Who the shopper says they are. `consent` is what they answered, with the sentence they saw and its version."""

    email: Annotated[str, Meta(min_length=3, max_length=254, pattern=shapes.PRINTABLE)]
    first_name: shapes.Short = ""
    last_name: shapes.Short = ""
    phone: shapes.Phone = ""
    consent: bool | None = None
    consent_text: Annotated[str, Meta(max_length=2000, pattern=shapes.PARAGRAPHS)] = ""
    consent_version: Annotated[str, Meta(max_length=20, pattern=shapes.PRINTABLE)] = ""


class TrackedOrder(_Event, kw_only=True, tag="order"):
    """The cart became an order. Without lines and totals they are those of the cart."""

    number: Annotated[str, Meta(min_length=1, max_length=32, pattern=shapes.PRINTABLE)]
    currency: shapes.Currency | None = None
    lines: list[shapes.LineIn] | None = None
    totals: shapes.TotalsIn | None = None


class TrackedHeartbeat(_Event, kw_only=True, tag="heartbeat"):
    """Somebody is there, looking at the page."""


Tracked = TrackedCart | TrackedIdentity | TrackedOrder | TrackedHeartbeat


class Told(Struct, forbid_unknown_fields=True, kw_only=True):
    """What a browser has to tell. `key` is the shop's public key, `token` the browser's own, `sent` its clock."""

    key: Annotated[str, Meta(min_length=1, max_length=40, pattern=shapes.PRINTABLE)]
    token: Annotated[str, Meta(pattern=rf"^[A-Za-z0-9_-]{{22,64}}{shapes.END}")]
    sent: Millis
    page: Page = ""
    events: Annotated[list[Tracked], Meta(min_length=1, max_length=MOST_EVENTS)]

    @classmethod
    def read(cls, raw: Any) -> "Told":
        """Events that cannot be read are `shapes.Unreadable`. Raises msgspec.ValidationError for the frame."""
        frame = msgspec.convert(raw, _Frame)
        events = [shapes.read_item(one, Tracked) for one in frame.events]
        return cls(key=frame.key, token=frame.token, sent=frame.sent, page=frame.page, events=events)


class _Frame(Told, kw_only=True):
    events: Annotated[list[Any], Meta(min_length=1, max_length=MOST_EVENTS)]


class NotTaken(Struct):
    """An event that was refused, by its place in the list; sending it again would not help."""

    index: int
    code: str
    field: str
    detail: str


class Heard(Struct):
    """How many events were taken, which were not, and what the shop's server may call the last cart."""

    taken: int
    refused: list[NotTaken]
    reference: str


@dataclass(frozen=True, slots=True)
class Visitor:
    """A browser of a shop's visitor: the hash of its token, its language, and what it says of itself."""

    shop: ShopRules
    token_hash: str
    language: str = "en"
    user_agent: str = ""

    def cart(self, number: int) -> str:
        """What the cart with this number is called here: nobody else can name it."""
        return sha256(f"{self.token_hash}:{number}".encode()).hexdigest()


def digest(shop_id: int, token: str) -> str:
    return sha256(f"tracker:{shop_id}:{token}".encode()).hexdigest()


def hear(visitor: Visitor, told: Told, now: datetime) -> Heard:
    """Take what a browser tells: who, then what is in the carts, then orders. What was heard before changes nothing."""
    with translation.override(visitor.language):
        return _Hearing(visitor, told, now).hear()


class _Hearing:
    def __init__(self, visitor: Visitor, told: Told, now: datetime) -> None:
        self.visitor, self.told, self.now = visitor, told, now
        self.reader = Reader(visitor.shop, now)
        self.reasons = machines.reasons(visitor.user_agent)
        self.refused: dict[int, GhostcartError] = {}

    def hear(self) -> Heard:
        self._touch()
        events = list(enumerate(self.told.events))
        for place, event in events:
            if isinstance(event, shapes.Unreadable):
                self.refused[place] = WrongFact("bad_fact", event.field, told=event.told)
        who = [(place, event) for place, event in events if isinstance(event, TrackedIdentity)]
        for place, event in who[-1:]:
            self._try(place, self._identify, event)
        newest = {event.n: (place, event) for place, event in events if isinstance(event, TrackedCart)}
        for place, cart in newest.values():
            self._try(place, self._cart, cart)
        for place, event in events:
            if isinstance(event, TrackedOrder):
                self._try(place, self._order, event)
        refused = [
            NotTaken(place, error.code, error.field if isinstance(error, WrongFact) else "", str(error))
            for place, error in sorted(self.refused.items())
        ]
        number = max((event.n for _place, event in events if isinstance(event, _Event)), default=0)
        return Heard(len(events) - len(refused), refused, self.visitor.cart(number))

    def _try(self, place: int, work: Callable[[Any], None], event: Any) -> None:
        try:
            work(event)
        except GhostcartError as error:
            self.refused[place] = error
        except IntegrityError as error:
            raise Conflict from error

    def _at(self, event: _Event) -> datetime:
        """When it happened, by our clock: so long before now as the browser waited with it."""
        waited = timedelta(
            milliseconds=min(max(0, self.told.sent - event.at), LONGEST_WAIT // timedelta(milliseconds=1))
        )
        return self.now - waited

    def _touch(self) -> None:
        """The visitor is there; so is the cart they fill."""
        visitor = self.visitor
        seen = changes.Seen(visitor.token_hash, visitor.language, self.told.page, visitor.user_agent, self.reasons)
        ingest.record(changes.Touch(shop_id=visitor.shop.id, at=self.now, seen=seen))
        there = {event.n for event in self.told.events if isinstance(event, TrackedHeartbeat)}
        if there:
            Cart.objects.filter(
                shop_id=visitor.shop.id, source=SOURCE, external_id__in=[visitor.cart(number) for number in there],
                seen_at__lt=self.now - timedelta(seconds=storage.SEEN_STEP_SECONDS // 2),
            ).update(seen_at=self.now)  # fmt: skip

    def _identify(self, event: TrackedIdentity) -> None:
        """Typing an address proves nothing: as in the store API it makes or finds a guest, and no account changes."""
        consent = None
        if event.consent is not None and event.consent_text and event.consent_version:
            consent = customer_services.Consented(
                event.consent, event.consent_text, event.consent_version, source="tracker", at=self._at(event)
            )
        with transaction.atomic():
            customer = customer_services.identify(
                self.visitor.shop.id, email=event.email, first_name=event.first_name, last_name=event.last_name,
                phone=event.phone, language=self.visitor.language, consent=consent, device=self.visitor.token_hash,
                now=self.now,
            )  # fmt: skip
            self._call(customer, self.visitor.cart(event.n))

    def _call(self, customer: Customer, cart_name: str) -> None:
        """From now on this browser's carts are the customer's; the one in hand is at once."""
        place: dict[str, Any] = {"shop_id": self.visitor.shop.id, "source": SOURCE}
        ExternalCustomer.objects.update_or_create(
            **place, external_id=self.visitor.token_hash, defaults={"customer": customer}
        )
        carts = Cart.objects.select_for_update().filter(**place, external_id=cart_name, ordered_at=None)
        for cart in carts.order_by("pk"):
            joining.give(cart, customer.pk, customer.label)

    @transaction.atomic
    def _cart(self, event: TrackedCart) -> None:
        """Two tabs may tell the same at the same moment: the second waits for the first, and finds it heard."""
        devices = Device.objects.select_for_update(no_key=True)
        devices.filter(shop_id=self.visitor.shop.id, token_hash=self.visitor.token_hash).first()
        name = self.visitor.cart(event.n)
        known = Cart.objects.filter(shop_id=self.visitor.shop.id, source=SOURCE, external_id=name)
        if known.filter(external_version__gte=event.at).exists():
            return  # heard before, or something newer
        told = shapes.CartIn(
            version=event.at, updated_at=self._at(event), customer=self.visitor.token_hash, currency=event.currency,
            language=event.language or self.visitor.language, lines=event.lines, vouchers=event.vouchers,
            totals=event.totals,
        )  # fmt: skip
        snapshot = structs.replace(self.reader.cart(name, told), is_estimated=True, bot_reasons=self.reasons)
        kept = known.values_list("created_at", "checkout_started_at").first()
        created, checkout = kept or (snapshot.created_at, None)
        snapshot = structs.replace(
            snapshot,
            created_at=min(created, snapshot.created_at),
            checkout_started_at=checkout or (snapshot.updated_at if event.is_checkout else None),
        )
        cart_intake.take(self.visitor.shop.id, SOURCE, [snapshot], self.now)

    def _order(self, event: TrackedOrder) -> None:
        name, at = self.visitor.cart(event.n), self._at(event)
        cart = Cart.objects.filter(shop_id=self.visitor.shop.id, source=SOURCE, external_id=name).first()
        if cart is None and (event.lines is None or event.currency is None):
            raise WrongFact("missing_cart", "lines")
        currency = event.currency or (cart.currency if cart else "")
        told = shapes.CartIn(updated_at=at, currency=currency, lines=event.lines or [], totals=event.totals)
        read = self.reader.cart(name, told)
        snapshot = OrderSnapshot(
            external_id=name, version=event.at, number=event.number, cart=name, customer=self.visitor.token_hash,
            currency=currency, language=self.visitor.language, prices_include_tax=read.prices_include_tax,
            lines=read.lines if event.lines is not None or cart is None else _lines_of(cart),
            sums=_sums(read, event, cart), placed_at=at,
        )  # fmt: skip
        claims.claim(self.visitor.shop.id, snapshot, self.now)


def _sums(read: CartSnapshot, event: TrackedOrder, cart: Cart | None) -> Sums:
    if event.totals is not None or event.lines is not None or cart is None:
        return read.sums
    return Sums(**{name: getattr(cart, name) for name in Sums.__struct_fields__})


def _lines_of(cart: Cart) -> list[LineSnapshot]:
    names = ("key", "sku", "name", "option", "picture", "quantity", "unit_price_micros", "regular_micros",
             "tax_rate_ppm", "total_minor", "is_gift")  # fmt: skip
    return [
        LineSnapshot(variant=line.external_variant, **{name: getattr(line, name) for name in names})
        for line in CartLine.objects.filter(cart=cart).order_by("position")
    ]
