"""Carts: the list with the filters of the page, one cart with its history and reasons, deletion with a way back."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from litestar import Request, Response, Router, get, post
from litestar.di import NamedDependency, Provide
from litestar.params import QueryParameter

from ghostcart.api.merchant import shapes
from ghostcart.api.merchant.lists import (
    LARGEST_ID,
    BadFilter,
    CursorText,
    Id,
    Moment,
    Place,
    Size,
    Words,
    place_of,
    with_next,
)
from ghostcart.api.merchant.shapes import Given, Instant, Line, Money, Reasons, Who, money_of, utc
from ghostcart.api.programs import NotFound, Once, Program, needs
from ghostcart.api.store import STRICT
from ghostcart.carts import filters, listing, queries, services, timeline
from ghostcart.carts.filters import CartFilter
from ghostcart.carts.models import Cart, CartEvent, CartVoucher
from ghostcart.connectors.models import Scope
from ghostcart.lib import clock, paging
from ghostcart.recovery import queries as recovery_queries

MOST_AT_ONCE = 300
Sort = Annotated[Literal[
    "id", "-id", "order", "-order", "status", "-status", "customer", "-customer", "items", "-items", "total", "-total",
    "shipping", "-shipping", "created", "-created", "activity", "-activity", "online", "-online",
], QueryParameter(description="a minus: the other way round")]  # fmt: skip
Whole = Annotated[int | None, QueryParameter(ge=0, le=999_999_999)]
Sum = Annotated[
    str,
    QueryParameter(max_length=20, pattern=r"^(-?[0-9]+(\.[0-9]+)?)?$", description="in the currency's unit: 12.50"),
]


class CartRow(msgspec.Struct):
    """A cart as lists show it. `is_estimated`: its shop tells no prices, they were reckoned."""

    id: int
    status: Literal["open", "abandoned", "ordered", "merged"]
    version: int
    language: str
    items: int
    total: Money
    customer: Who | None
    order_id: int | None
    order_number: str | None
    shipping: str | None
    created_at: datetime
    last_activity_at: datetime
    abandoned_at: datetime | None
    ordered_at: datetime | None
    merged_into: int | None
    is_online: bool
    is_suspected_bot: bool
    is_estimated: bool
    source: str
    external_id: str | None


class CartPage(msgspec.Struct):
    items: list[CartRow]
    next: str | None


class CartWhole(msgspec.Struct):
    """All of one cart: its head as in the list, what is in it, where it went."""

    cart: CartRow
    lines: list[Line]
    vouchers: list[Given]
    totals: shapes.Totals
    address: shapes.Place | None
    merged: list[int]


class CartEventOut(msgspec.Struct):
    """An entry of a cart's history; `data` holds what changed, `text` says it in a sentence."""

    id: int
    kind: str
    version: int
    actor: str
    at: datetime
    text: str
    data: dict[str, Any]


class CartEvents(msgspec.Struct):
    items: list[CartEventOut]
    next: str | None


class CartNumbers(msgspec.Struct, forbid_unknown_fields=True):
    ids: Annotated[
        list[Annotated[int, msgspec.Meta(ge=1, le=LARGEST_ID)]], msgspec.Meta(min_length=1, max_length=MOST_AT_ONCE)
    ]


class CartOutcome(msgspec.Struct):
    """What became of one cart: an `ordered` one stays, a `missing` one was not there to begin with."""

    id: int
    outcome: Literal["deleted", "ordered", "missing", "restored"]


class CartOutcomes(msgspec.Struct):
    results: list[CartOutcome]


class CleanUpAsked(msgspec.Struct, forbid_unknown_fields=True):
    """Carts without an order, neither changed nor visited for `days`. Nothing is deleted unless `delete` says so;
    `since` is the moment that the look without it answered."""

    which: Literal["age", "empty", "bots"]
    days: Annotated[int, msgspec.Meta(ge=1, le=3650)]
    delete: bool = False
    since: Instant | None = None


class CleanedUp(msgspec.Struct):
    """`carts` would go, or went in this batch; call again until `is_finished`."""

    carts: int
    is_finished: bool
    since: datetime


# -- shapes ------------------------------------------------------------------------------------------


def row_of(cart: Cart, now: datetime, language: str) -> CartRow:
    status = cart.status(now)
    return CartRow(
        id=cart.pk,
        status=status.value,  # type: ignore[arg-type]
        version=cart.version,
        language=cart.language,
        items=cart.item_count,
        total=money_of(cart.total_minor, cart.currency, language),
        customer=shapes.who(cart.customer),
        order_id=cart.order_id,
        order_number=cart.order_number or None,
        shipping=cart.shipping_name or None,
        created_at=cart.created_at,
        last_activity_at=cart.last_activity_at,
        abandoned_at=cart.abandon_after if status == "abandoned" else None,
        ordered_at=cart.ordered_at,
        merged_into=cart.merged_into_id,
        is_online=queries.is_online(cart, now),
        is_suspected_bot=cart.is_suspected_bot,
        is_estimated=cart.is_estimated,
        source=cart.source,
        external_id=cart.external_id,
    )


def _given(applied: CartVoucher, currency: str, language: str) -> Given:
    taken = money_of(applied.amount_minor, currency, language)
    return Given(applied.code, applied.name, taken, applied.refusal or None)


def _whole(view: queries.CartView, now: datetime, language: str) -> CartWhole:
    cart = view.cart
    return CartWhole(
        cart=row_of(cart, now, language),
        lines=[shapes.line_of(line, cart.currency, language) for line in (*view.lines, *view.gifts)],
        vouchers=[_given(applied, cart.currency, language) for applied in view.vouchers],
        totals=shapes.totals_of(cart, language),
        address=shapes.place_of(view.address),
        merged=[one.pk for one in view.merged],
    )


def the_cart(program: Program, cart_id: int) -> Cart:
    """Blocking. Raises NotFound."""
    cart = queries.find(cart_id)
    if cart is None or cart.shop_id != program.shop.pk:
        raise NotFound
    return cart


# -- the list ----------------------------------------------------------------------------------------


async def provide_wanted(
    request: Request[Any, Any, Any],
    program: NamedDependency[Program],
    id: Annotated[str, QueryParameter(max_length=100, pattern=r"^[0-9,]*$", description="numbers, with commas")] = "",
    order: Words = "",
    status: Annotated[
        Literal["", "open", "abandoned", "ordered", "merged", "without_order", "not_merged"], QueryParameter()
    ] = "",
    customer: Words = "",
    items_from: Whole = None,
    items_to: Whole = None,
    currency: Annotated[str, QueryParameter(pattern=r"^([A-Z]{3})?$")] = "",
    total_from: Sum = "",
    total_to: Sum = "",
    shipping: Words = "",
    created_from: Moment = "",
    created_to: Moment = "",
    activity_from: Moment = "",
    activity_to: Moment = "",
    ordered_from: Moment = "",
    ordered_to: Moment = "",
    abandoned_from: Moment = "",
    abandoned_to: Moment = "",
    online: Annotated[Literal["", "yes", "no"], QueryParameter()] = "",
    bots: Annotated[Literal["", "with", "without", "only"], QueryParameter()] = "",
    source: Words = "",
) -> CartFilter:
    """The filter of the page, read from the same words. What cannot be read is refused, not left out."""

    def read(values: Mapping[str, str]) -> tuple[CartFilter, list[str]]:
        sources = queries.sources([program.shop.pk])
        return filters.from_query(values, [program.shop], program.shop.zone, sources=sources)

    wanted, problems = await program.ask(read, {name: request.query_params[name] for name in request.query_params})
    if problems:
        raise BadFilter(problems)
    return wanted


async def provide_cart_place(sort: Sort = "-id", size: Size = 50, cursor: CursorText = None) -> Place:
    return place_of(sort, size, cursor, listing.SORTS[sort.removeprefix("-")])


@get(
    "/carts",
    summary="List carts",
    dependencies={"wanted": Provide(provide_wanted), "place": Provide(provide_cart_place)},
    **needs(Scope.CARTS_READ),
)
async def list_carts(
    request: Request[Any, Any, Any],
    program: NamedDependency[Program],
    wanted: NamedDependency[CartFilter],
    place: NamedDependency[Place],
) -> Response[CartPage]:
    """Newest first unless `sort` says otherwise. Deleted carts have a list of their own."""
    return with_next(request, await program.ask(_list, program, wanted, place))


def _list(program: Program, wanted: CartFilter, place: Place) -> CartPage:
    now = clock.now()
    page = listing.page(wanted, place.sort, place.size, place.after, None, now, is_whole=True).page
    return CartPage([row_of(cart, now, program.language) for cart in page.rows], page.next)


@get("/carts/deleted", summary="List deleted carts", **needs(Scope.CARTS_READ))
async def deleted_carts(
    request: Request[Any, Any, Any],
    program: NamedDependency[Program],
    size: Size = 50,
    cursor: CursorText = None,
) -> Response[CartPage]:
    """Those that can still be brought back, the last deleted first."""
    place = place_of("-deleted_at", size, cursor)

    def work() -> CartPage:
        now = clock.now()
        page = paging.page(queries.deleted([program.shop.pk], now), place.sort, place.size, place.after)
        return CartPage([row_of(cart, now, program.language) for cart in page.rows], page.next)

    return with_next(request, await program.ask(work))


# -- one cart ----------------------------------------------------------------------------------------


@get("/carts/{cart_id:int}", summary="Read a cart", **needs(Scope.CARTS_READ, 404))
async def read_cart(program: NamedDependency[Program], cart_id: Id) -> CartWhole:
    def work() -> CartWhole:
        now = clock.now()
        the_cart(program, cart_id)
        view = queries.cart_view(cart_id, now)
        if view is None:
            raise NotFound
        return _whole(view, now, program.language)

    return await program.ask(work)


@get("/carts/{cart_id:int}/events", summary="Read a cart's history", **needs(Scope.CARTS_READ, 404))
async def cart_events(
    request: Request[Any, Any, Any],
    program: NamedDependency[Program],
    cart_id: Id,
    size: Size = 50,
    cursor: CursorText = None,
) -> Response[CartEvents]:
    """Every entry of its log, oldest first: what happened, in words and in values."""
    place = place_of("id", size, cursor)

    def work() -> CartEvents:
        cart = the_cart(program, cart_id)
        page = paging.page(CartEvent.objects.filter(cart=cart), place.sort, place.size, place.after)
        return CartEvents([_event(one, cart) for one in page.rows], page.next)

    return with_next(request, await program.ask(work))


def _event(one: CartEvent, cart: Cart) -> CartEventOut:
    text = timeline.sentence(one, cart.customer_label)
    return CartEventOut(one.pk, one.kind, one.cart_version, one.actor, one.at, text, one.data)


@get("/carts/{cart_id:int}/why", summary="Why a cart was or was not followed up", **needs(Scope.CARTS_READ, 404))
async def why_cart(program: NamedDependency[Program], cart_id: Id) -> Reasons:
    """The decisions about it, newest first; those of campaigns that have said nothing yet are as of now."""

    def work() -> Reasons:
        cart = the_cart(program, cart_id)
        return shapes.reasons(recovery_queries.decisions_of_cart(cart, clock.now()))

    return await program.ask(work)


# -- deletion ----------------------------------------------------------------------------------------


@post("/carts/delete", summary="Delete carts", status_code=200, **needs(Scope.CARTS_WRITE, 409, 422))
async def delete_carts(
    data: Annotated[CartNumbers, STRICT], program: NamedDependency[Program], once: NamedDependency[Once]
) -> Response[CartOutcomes]:
    """Only carts without an order go, and for 30 days they can be brought back; the answer says it of each."""
    return await once.do(_each, services.delete, program, data.ids)


@post("/carts/restore", summary="Bring deleted carts back", status_code=200, **needs(Scope.CARTS_WRITE, 409, 422))
async def restore_carts(
    data: Annotated[CartNumbers, STRICT], program: NamedDependency[Program], once: NamedDependency[Once]
) -> Response[CartOutcomes]:
    return await once.do(_each, services.undelete, program, data.ids)


def _each(change: Callable[..., dict[int, str]], program: Program, numbers: list[int]) -> CartOutcomes:
    outcome = change(numbers, program.actor, clock.now(), [program.shop.pk])
    return CartOutcomes([CartOutcome(number, result) for number, result in outcome.items()])  # type: ignore[arg-type]


@post("/carts/clean-up", summary="Clean up old carts", status_code=200, **needs(Scope.CARTS_WRITE, 409, 422))
async def clean_up_carts(
    data: Annotated[CleanUpAsked, STRICT], program: NamedDependency[Program], once: NamedDependency[Once]
) -> Response[CleanedUp]:
    """First a look, then batch by batch, of what the look counted."""
    return await once.do(_clean_up, program, data)


def _clean_up(program: Program, data: CleanUpAsked) -> CleanedUp:
    now = clock.now()
    since = min(utc(data.since) or now, now)
    which = services.Which(data.which)
    rule = services.CleanUp(shop_ids=(program.shop.pk,), which=which, days=data.days, since=since)
    if not data.delete:
        return CleanedUp(rule.carts().count(), False, since)
    batch = services.clean_up_batch(rule, program.actor, now)
    return CleanedUp(batch.gone, batch.is_finished, since)


carts = Router(
    "/",
    route_handlers=[
        list_carts,
        deleted_carts,
        read_cart,
        cart_events,
        why_cart,
        delete_carts,
        restore_carts,
        clean_up_carts,
    ],
    tags=["carts"],
)
