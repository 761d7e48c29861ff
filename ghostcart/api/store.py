"""The store API: what any shop's pages, our own included, use to fill a cart.

A shop is named by its public key, a cart by its token; both travel in headers of our own, so a browser sends them only
for pages of the shop's own sites (`api.origins`), and no cookie is trusted here.
"""

import asyncio
import re
from dataclasses import dataclass
from hashlib import sha256
from typing import Annotated, Any

import msgspec
from litestar import Request, Response, Router, delete, get, post, put
from litestar.di import NamedDependency, Provide
from litestar.openapi import ResponseSpec
from litestar.params import Body, HeaderParameter, PathParameter
from litestar.response.base import ASGIResponse

from ghostcart.api import origins
from ghostcart.api.cart_json import Amount, CartOut, answer, cart_out
from ghostcart.api.problems import PROBLEM, Problem, language_of
from ghostcart.api.threads import in_django
from ghostcart.carts import browsing, changes, tokens
from ghostcart.carts.errors import UnknownCurrency
from ghostcart.carts.writer import GroupWriter
from ghostcart.customers import services as customer_services
from ghostcart.lib import clock, machines, money
from ghostcart.orders import services as order_services
from ghostcart.shops import rules as shop_rules
from ghostcart.shops.rules import ShopRules

END = r"$(?!\n)"  # a bare $ lets a final line feed pass
NO_CONTROL = rf"^[^\x00-\x1f\x7f]*{END}"
Text = Annotated[str, msgspec.Meta(max_length=120, pattern=NO_CONTROL)]
LongText = Annotated[str, msgspec.Meta(max_length=2000, pattern=rf"^[^\x00]*{END}")]
Sku = Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=NO_CONTROL)]
Code = Annotated[str, msgspec.Meta(min_length=1, max_length=40, pattern=NO_CONTROL)]
Email = Annotated[str, msgspec.Meta(min_length=3, max_length=254, pattern=rf"^[^@\s\x00-\x1f]+@[^@\s\x00-\x1f]+{END}")]
ETAG = re.compile(r'"(\d{1,9})"|(\d{1,9})', re.ASCII)
Quantity = Annotated[int, msgspec.Meta(ge=-(2**31), le=2**31)]
STRICT = Body(schema_extra={"additionalProperties": False})
PROBLEMS = {
    status: ResponseSpec(Problem, generate_examples=False, description=told, media_type=PROBLEM)
    for status, told in {
        400: "`bad_body`: not the JSON, header or path that this call takes",
        401: "`unknown_shop`, `bad_cart_token`",
        402: "`card_declined`",
        403: "`foreign_origin`: a page of a site that the shop does not list",
        404: "`unknown_line`, `not_found`",
        409: "`cart_changed` (with the cart as it is now), `cart_closed`, `idempotency_conflict`",
        422: "what was asked for cannot be done: `sold_out`, `unknown_product`, `voucher_expired`, ...",
        429: "`voucher_too_many_tries`: nothing was looked at, wait",
        503: "`busy`: nothing was stored, try again",
    }.items()
}
"""What any call may be refused with; the codes are stable."""

writer = GroupWriter(encode=answer)


class NewCart(msgspec.Struct, forbid_unknown_fields=True):
    currency: Annotated[str, msgspec.Meta(pattern=rf"^[A-Z]{{3}}{END}")] | None = None


class NewLine(msgspec.Struct, forbid_unknown_fields=True):
    sku: Sku
    quantity: Quantity = 1


class LineQuantity(msgspec.Struct, forbid_unknown_fields=True):
    quantity: Quantity


class VoucherCode(msgspec.Struct, forbid_unknown_fields=True):
    code: Code


class Delivery(msgspec.Struct, forbid_unknown_fields=True):
    method: Code


class Contact(msgspec.Struct, forbid_unknown_fields=True):
    """Who the shopper is. `consent` is what they answered; None means that they were not asked."""

    email: Email
    first_name: Text = ""
    last_name: Text = ""
    phone: Annotated[str, msgspec.Meta(max_length=40, pattern=NO_CONTROL)] = ""
    consent: bool | None = None
    consent_text: LongText = ""
    consent_version: Annotated[str, msgspec.Meta(max_length=20, pattern=NO_CONTROL)] = ""


class Heartbeat(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    page: Annotated[str, msgspec.Meta(max_length=200, pattern=NO_CONTROL)] = ""


NO_PAGE = Heartbeat()


class AddressIn(msgspec.Struct, forbid_unknown_fields=True):
    first_name: Text
    last_name: Text
    street: Annotated[str, msgspec.Meta(max_length=200, pattern=NO_CONTROL)]
    postcode: Annotated[str, msgspec.Meta(max_length=20, pattern=NO_CONTROL)]
    city: Text
    country: Annotated[str, msgspec.Meta(pattern=rf"^[A-Z]{{2}}{END}")]


class Checkout(msgspec.Struct, forbid_unknown_fields=True):
    contact: Contact
    address: AddressIn
    shipping_method: Code
    payment: Code
    card: Code = "succeed"


class Opened(msgspec.Struct):
    token: str
    cart: CartOut


class OrderOut(msgspec.Struct):
    number: str
    token: str
    status: str
    total: Amount


class Placed(msgspec.Struct):
    order: OrderOut
    next_cart_token: str


@dataclass(slots=True)
class Caller:
    """Who calls: the shop, the cart's token, and what the headers say about the change to come."""

    shop: ShopRules
    token: str
    token_hash: str
    language: str
    user_agent: str
    currency: str | None
    version: int | None
    key: str | None
    source: str = ""

    def change(self, kind: type[changes.Change], body: bytes = b"", page: str = "", **what: Any) -> Any:
        """A change made by this caller now. `body` is what the Idempotency-Key stands for."""
        idempotency = None
        if self.key:
            told = f"{kind.__name__}:{sorted(what.items())}".encode() + body
            idempotency = changes.Idempotency(self.key, sha256(told).hexdigest())
        reasons = machines.reasons(self.user_agent)
        return kind(
            shop_id=self.shop.id,
            at=clock.now(),
            seen=changes.Seen(self.token_hash, self.language, page, self.user_agent, reasons, self.source),
            currency=self.currency,
            expected_version=self.version,
            idempotency=idempotency,
            **what,
        )


def header(name: str, description: str, **more: Any) -> Any:
    return HeaderParameter(name=name, description=description, required=False, **more)


async def provide_shop(
    request: Request[Any, Any, Any],
    shop_key: Annotated[str, header("Ghostcart-Shop", "the shop's public key; needed in every call")] = "",
) -> ShopRules:
    if not shop_key:
        raise shop_rules.NoShopNamed
    found = shop_rules.kept(shop_key)
    if found is None:
        found = await in_django(shop_rules.of, shop_key)
    origins.check(request, found)
    return found


async def provide_caller(
    request: Request[Any, Any, Any],
    shop: NamedDependency[ShopRules],
    cart_token: Annotated[str, header("Ghostcart-Cart", "the token that `POST /carts` gave")] = "",
    if_match: Annotated[str, header("If-Match", 'the version of the cart that was seen: "3"')] = "",
    currency: Annotated[str, header("Ghostcart-Currency", "for a new cart; the shop's own if not given")] = "",
    idempotency_key: Annotated[
        str, header("Idempotency-Key", "the same key and body are done once and answered alike", max_length=255)
    ] = "",
) -> Caller:
    return Caller(
        shop=shop,
        token=cart_token,
        token_hash=tokens.digest(shop.id, cart_token),
        language=language_of(request),
        user_agent=request.headers.get("user-agent", "")[:300].replace("\x00", ""),
        currency=currency.replace("\x00", "") or None,
        version=version_of(if_match),
        key=idempotency_key.replace("\x00", "") or None,
        source=request.client.host if request.client else "",
    )


def version_of(if_match: str) -> int | None:
    """The version that an If-Match asks for; -1, which no cart has, for one that we cannot have given."""
    if if_match in ("", "*"):
        return None
    found = ETAG.fullmatch(if_match.strip())
    return int(found[1] or found[2]) if found else -1


class Encoded(Response[bytes]):
    """JSON as it goes over the wire. Looking it over once more would cost as much as making it."""

    def to_asgi_response(self, *_: Any, **__: Any) -> ASGIResponse:
        return ASGIResponse(body=self.content, media_type="application/json", status_code=200)


async def written(caller: Caller, change: changes.Change) -> Response[Any]:
    """The cart after a change, once it is on disk."""
    outcome = await asyncio.wrap_future(writer.submit(change))
    if outcome.answer is not None:
        return Encoded(outcome.answer.encode())
    return Encoded(msgspec.json.encode(cart_out(outcome.cart, caller.language)))


@post("/carts", summary="Open a cart", status_code=201, responses=PROBLEMS)
async def open_cart(data: Annotated[NewCart, STRICT], shop: NamedDependency[ShopRules]) -> Opened:
    """A token for a new cart. Nothing is stored until the first product is put in, so that call has to name a
    currency other than the shop's own once more: `Ghostcart-Currency`."""
    currency = data.currency or shop.currency
    if currency not in shop.currencies:
        raise UnknownCurrency(currency=currency)
    return Opened(tokens.issue(shop.id), msgspec.structs.replace(cart_out(None, "en"), currency=currency))


@get("/cart", summary="Read the cart", responses=PROBLEMS)
async def read_cart(caller: NamedDependency[Caller]) -> CartOut:
    cart = await in_django(browsing.cart_of, caller.shop.id, caller.token_hash)
    return cart_out(cart, caller.language)


@post("/cart/lines", summary="Add a product", status_code=200, responses=PROBLEMS)
async def add_line(data: Annotated[NewLine, STRICT], caller: NamedDependency[Caller]) -> Response[CartOut]:
    return await written(caller, caller.change(changes.AddLine, sku=data.sku, quantity=data.quantity))


LineKey = Annotated[str, PathParameter(max_length=80)]


@put("/cart/lines/{key:str}", summary="Set a line's quantity; 0 removes it", responses=PROBLEMS)
async def set_quantity(
    key: LineKey, data: Annotated[LineQuantity, STRICT], caller: NamedDependency[Caller]
) -> Response[CartOut]:
    return await written(caller, caller.change(changes.SetQuantity, key=key, quantity=data.quantity))


@delete("/cart/lines/{key:str}", summary="Remove a line", status_code=200, responses=PROBLEMS)
async def remove_line(key: LineKey, caller: NamedDependency[Caller]) -> Response[CartOut]:
    return await written(caller, caller.change(changes.RemoveLine, key=key))


@post("/cart/vouchers", summary="Apply a voucher", status_code=200, responses=PROBLEMS)
async def apply_voucher(data: Annotated[VoucherCode, STRICT], caller: NamedDependency[Caller]) -> Response[CartOut]:
    return await written(caller, caller.change(changes.ApplyVoucher, code=data.code))


@delete("/cart/vouchers/{code:str}", summary="Drop a voucher", status_code=200, responses=PROBLEMS)
async def drop_voucher(
    code: Annotated[str, PathParameter(max_length=40)], caller: NamedDependency[Caller]
) -> Response[CartOut]:
    return await written(caller, caller.change(changes.RemoveVoucher, code=code))


@put("/cart/shipping", summary="Choose how to deliver", responses=PROBLEMS)
async def choose_shipping(data: Annotated[Delivery, STRICT], caller: NamedDependency[Caller]) -> Response[CartOut]:
    return await written(caller, caller.change(changes.ChooseShipping, method=data.method))


def identify(caller: Caller, contact: Contact) -> Any:
    """Blocking. The customer that a contact names, with the consent they gave."""
    consent = None
    if contact.consent is not None and contact.consent_text:
        consent = customer_services.Consented(
            is_given=contact.consent,
            text=contact.consent_text,
            text_version=contact.consent_version,
            source="checkout",
        )
    return customer_services.identify(
        caller.shop.id,
        email=contact.email,
        first_name=contact.first_name,
        last_name=contact.last_name,
        phone=contact.phone,
        language=caller.language,
        consent=consent,
        device=caller.token_hash,
        now=clock.now(),
    )


@put("/cart/identity", summary="Say who the shopper is", responses=PROBLEMS)
async def put_identity(data: Annotated[Contact, STRICT], caller: NamedDependency[Caller]) -> Response[CartOut]:
    """Keeps the address, and the consent with the text that was shown, beside the cart."""
    customer = await in_django(identify, caller, data)
    return await written(caller, caller.change(changes.Identify, customer_id=customer.pk, label=customer.label))


@post("/cart/heartbeat", summary="Say that the shopper is still there", status_code=204, responses=PROBLEMS)
async def heartbeat(caller: NamedDependency[Caller], data: Annotated[Heartbeat, STRICT] = NO_PAGE) -> None:
    """Without a body it says nothing of the page."""
    caller.key = caller.version = None
    await asyncio.wrap_future(writer.submit(caller.change(changes.Touch, page=data.page)))


@post(
    "/cart/checkout/start", summary="Say that the shopper has reached the checkout", status_code=200, responses=PROBLEMS
)
async def start_checkout(caller: NamedDependency[Caller]) -> Response[CartOut]:
    return await written(caller, caller.change(changes.StartCheckout))


@post("/cart/checkout", summary="Order the cart", status_code=201, responses=PROBLEMS)
async def checkout(data: Annotated[Checkout, STRICT], caller: NamedDependency[Caller]) -> Placed:
    """One transaction: vouchers checked again, stock taken, order numbered, cart closed; or nothing at all."""
    return await in_django(place_order, caller, data)


def place_order(caller: Caller, data: Checkout) -> Placed:
    """Blocking. Who orders is kept even when the payment fails."""
    if not (data.contact.first_name or data.contact.last_name):
        data.contact.first_name, data.contact.last_name = data.address.first_name, data.address.last_name
    customer = identify(caller, data.contact)
    address = {**msgspec.structs.asdict(data.address), "phone": data.contact.phone}
    order = order_services.place(
        caller.change(changes.Change, body=msgspec.json.encode(data)),
        customer=customer,
        address=address,
        payment=order_services.Payment(data.payment, data.card),
        shipping_method=data.shipping_method,
    )
    total = Amount(order.total_minor, money.format_minor(order.total_minor, order.currency, caller.language))
    return Placed(OrderOut(order.number, order.token, order.status, total), caller.token)


store = Router(
    "/store",
    route_handlers=[
        open_cart,
        read_cart,
        add_line,
        set_quantity,
        remove_line,
        apply_voucher,
        drop_voucher,
        choose_shipping,
        put_identity,
        heartbeat,
        start_checkout,
        checkout,
    ],
    dependencies={"shop": Provide(provide_shop), "caller": Provide(provide_caller)},
    tags=["store"],
)
