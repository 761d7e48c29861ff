"""Orders: the list, one of them, making one from a cart, what becomes of it."""

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from litestar import Request, Response, Router, get, post
from litestar.di import NamedDependency, Provide
from litestar.params import QueryParameter

from ghostcart.api.merchant import shapes
from ghostcart.api.merchant.carts import the_cart
from ghostcart.api.merchant.lists import CursorText, Id, Moment, Place, Size, Words, moment, place_of, with_next
from ghostcart.api.merchant.shapes import Given, Line, Money, Who, money_of
from ghostcart.api.programs import NotFound, Once, Program, needs
from ghostcart.api.store import NO_CONTROL, STRICT, AddressIn, Code, Email
from ghostcart.connectors.models import Scope
from ghostcart.lib import clock
from ghostcart.orders import queries, services
from ghostcart.orders.models import Order
from ghostcart.orders.queries import OrderFilter

Status = Literal["pending", "paid", "cancelled", "refunded"]
Sort = Annotated[Literal[
    "id", "-id", "number", "-number", "status", "-status", "customer", "-customer", "total", "-total", "payment",
    "-payment", "shipping", "-shipping", "date", "-date",
], QueryParameter(description="a minus: the other way round")]  # fmt: skip


class OrderRow(msgspec.Struct):
    """An order as lists show it."""

    id: int
    number: str
    status: Status
    cart_id: int
    customer: Who | None
    customer_label: str
    total: Money
    payment: str
    payment_text: str
    shipping: str
    placed_at: datetime
    settled_at: datetime | None
    placed_by: str
    source: str
    external_id: str | None


class OrderPage(msgspec.Struct):
    items: list[OrderRow]
    next: str | None


class OrderWhole(msgspec.Struct):
    """All of one order, as it was when it was placed. `refunded`: what was given back of the products since."""

    order: OrderRow
    email: str
    phone: str
    language: str
    address: shapes.Place | None
    lines: list[Line]
    vouchers: list[Given]
    totals: shapes.Totals
    refunded: Money


class NewOrder(msgspec.Struct, forbid_unknown_fields=True):
    """`version` is the cart's as it was seen; `email` is needed of a cart without a customer."""

    version: Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]
    address: AddressIn
    shipping_method: Code
    payment: Literal["by_phone", "transfer", "on_delivery"] = "by_phone"
    phone: Annotated[str, msgspec.Meta(max_length=40, pattern=NO_CONTROL)] = ""
    email: Email | None = None


class NewStatus(msgspec.Struct, forbid_unknown_fields=True):
    status: Literal["paid", "cancelled", "refunded"]


class NewRefund(msgspec.Struct, forbid_unknown_fields=True):
    """Minor units. `refunded_minor`: what had been given back before, as it was seen."""

    amount_minor: Annotated[int, msgspec.Meta(ge=1, le=10**12)]
    refunded_minor: Annotated[int, msgspec.Meta(ge=0, le=10**12)] = 0


# -- shapes ------------------------------------------------------------------------------------------


def row_of(order: Order, language: str) -> OrderRow:
    return OrderRow(
        id=order.pk,
        number=order.number,
        status=order.status,  # type: ignore[arg-type]
        cart_id=order.cart_id,
        customer=shapes.who(order.customer),
        customer_label=order.customer_label,
        total=money_of(order.total_minor, order.currency, language),
        payment=order.payment,
        payment_text=order.payment_label,
        shipping=order.shipping_name,
        placed_at=order.placed_at,
        settled_at=order.settled_at,
        placed_by=order.placed_by,
        source=order.source,
        external_id=order.external_id,
    )


def whole(order: Order, language: str) -> OrderWhole:
    return OrderWhole(
        order=row_of(order, language),
        email=order.email,
        phone=order.phone,
        language=order.language,
        address=shapes.place_in(order.address),
        lines=[shapes.line_of(line, order.currency, language) for line in order.lines.all()],
        vouchers=[
            Given(
                code=str(one.get("code", "")),
                name=str(one.get("name", "")),
                amount=money_of(int(one.get("amount_minor") or 0), order.currency, language),
                refusal=None,
            )
            for one in order.vouchers
        ],
        totals=shapes.totals_of(order, language),
        refunded=money_of(order.refunded_minor, order.currency, language),
    )


def the_order(program: Program, order_id: int) -> Order:
    """Blocking. Raises NotFound."""
    order = queries.find(order_id)
    if order is None or order.shop_id != program.shop.pk:
        raise NotFound
    return order


# -- reading -----------------------------------------------------------------------------------------


async def provide_wanted(
    program: NamedDependency[Program],
    q: Words = "",
    status: Annotated[Literal["", "pending", "paid", "cancelled", "refunded"], QueryParameter()] = "",
    payment: Annotated[
        Literal["", "on_delivery", "transfer", "demo_card", "by_phone", "outside"], QueryParameter()
    ] = "",
    shipping: Words = "",
    currency: Annotated[str, QueryParameter(pattern=r"^([A-Z]{3})?$")] = "",
    placed_from: Moment = "",
    placed_to: Moment = "",
) -> OrderFilter:
    return OrderFilter(
        shop_ids=(program.shop.pk,),
        text=q,
        status=status,
        payment=payment,
        shipping=shipping,
        currency=currency,
        placed_from=moment(placed_from, program.shop),
        placed_to=moment(placed_to, program.shop, is_end=True),
    )


async def provide_order_place(sort: Sort = "-id", size: Size = 50, cursor: CursorText = None) -> Place:
    return place_of(sort, size, cursor, queries.SORTS[sort.removeprefix("-")])


@get(
    "/orders",
    summary="List orders",
    dependencies={"wanted": Provide(provide_wanted), "place": Provide(provide_order_place)},
    **needs(Scope.ORDERS_READ),
)
async def list_orders(
    request: Request[Any, Any, Any],
    program: NamedDependency[Program],
    wanted: NamedDependency[OrderFilter],
    place: NamedDependency[Place],
) -> Response[OrderPage]:
    """`q`: in the number, or in the customer's name or address."""

    def work() -> OrderPage:
        page = queries.page(wanted, place.sort, place.size, place.after, None)
        return OrderPage([row_of(order, program.language) for order in page.rows], page.next)

    return with_next(request, await program.ask(work))


@get("/orders/{order_id:int}", summary="Read an order", **needs(Scope.ORDERS_READ, 404))
async def read_order(program: NamedDependency[Program], order_id: Id) -> OrderWhole:
    return await program.ask(lambda: whole(the_order(program, order_id), program.language))


# -- writing -----------------------------------------------------------------------------------------


@post("/carts/{cart_id:int}/order", summary="Make an order of a cart", status_code=201,
      **needs(Scope.ORDERS_WRITE, 404, 409, 422))  # fmt: skip
async def order_cart(
    program: NamedDependency[Program],
    cart_id: Id,
    data: Annotated[NewOrder, STRICT],
    once: NamedDependency[Once],
) -> Response[OrderWhole]:
    """As staff do it for a customer on the phone: vouchers checked, stock taken, order numbered, cart closed; or
    nothing at all."""

    def work() -> OrderWhole:
        order = services.take(
            the_cart(program, cart_id),
            version=data.version,
            address={**msgspec.structs.asdict(data.address), "phone": data.phone},
            payment=data.payment,
            shipping_method=data.shipping_method,
            actor=program.actor,
            now=clock.now(),
            email=data.email or "",
        )
        return whole(order, program.language)

    return await once.do(work, status=201)


@post("/orders/{order_id:int}/status", summary="Say what became of an order", status_code=200,
      **needs(Scope.ORDERS_WRITE, 404, 409, 422))  # fmt: skip
async def set_status(
    program: NamedDependency[Program],
    order_id: Id,
    data: Annotated[NewStatus, STRICT],
    once: NamedDependency[Once],
) -> Response[OrderWhole]:
    """Pending may become paid or cancelled, paid may become refunded or cancelled. Cancelling gives stock and vouchers
    back, refunding the vouchers."""

    def work() -> OrderWhole:
        order = the_order(program, order_id)
        services.set_status(order, data.status, program.actor, clock.now())
        return whole(the_order(program, order_id), program.language)

    return await once.do(work)


@post("/orders/{order_id:int}/refunds", summary="Say that a part was given back", status_code=200,
      **needs(Scope.ORDERS_WRITE, 404, 409, 422))  # fmt: skip
async def add_refund(
    program: NamedDependency[Program],
    order_id: Id,
    data: Annotated[NewRefund, STRICT],
    once: NamedDependency[Once],
) -> Response[OrderWhole]:
    """Of a paid order, which stands: what follow-ups brought in is lowered by it. The money is moved elsewhere."""

    def work() -> OrderWhole:
        order = the_order(program, order_id)
        services.refund(order, data.amount_minor, seen_minor=data.refunded_minor, now=clock.now())
        return whole(the_order(program, order_id), program.language)

    return await once.do(work)


orders = Router("/", route_handlers=[list_orders, read_order, order_cart, set_status, add_refund], tags=["orders"])
