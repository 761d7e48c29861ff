"""Vouchers: the list, one of them with its uses, making one, switching one off."""

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from litestar import Request, Response, Router, get, post
from litestar.di import NamedDependency, Provide
from litestar.params import QueryParameter

from ghostcart.api.merchant import shapes
from ghostcart.api.merchant.lists import CursorText, Id, Place, Size, Words, place_of, with_next
from ghostcart.api.merchant.shapes import Instant, Money, Who, money_of, utc
from ghostcart.api.programs import NotFound, Once, Program, needs
from ghostcart.api.store import NO_CONTROL, STRICT, Email, Sku, Text
from ghostcart.connectors.models import Scope
from ghostcart.lib import clock
from ghostcart.vouchers import filters, issuing, services
from ghostcart.vouchers.filters import VoucherFilter
from ghostcart.vouchers.issuing import LARGEST_COUNT
from ghostcart.vouchers.models import Voucher, VoucherRedemption
from ghostcart.vouchers.terms import AppliesTo
from ghostcart.vouchers.terms import Kind as VoucherKind

USES_SHOWN = 50
Kind = Literal["percent", "amount", "free_shipping", "gift"]
Status = Literal["good", "later", "expired", "used_up", "off"]
Sort = Annotated[
    Literal["id", "-id", "code", "-code", "used", "-used"], QueryParameter(description="a minus: the other way round")
]
Count = Annotated[int, msgspec.Meta(ge=1, le=LARGEST_COUNT)]
Amount = Annotated[int, msgspec.Meta(ge=0, le=10**12)]
Language = Literal["en", "it", "es", "de", "fr", "nl"]


class VoucherRow(msgspec.Struct):
    """A voucher. `percent_bp`: 1000 is 10 %. `valid_until` is the first moment it no longer counts."""

    id: int
    code: str
    status: Status
    kind: Kind
    names: dict[str, str]
    percent_bp: int
    amount: Money | None
    minimum: Money | None
    gift_sku: str | None
    applies_to: str
    product_ids: list[int]
    exclude_discounted: bool
    combinable: bool
    priority: int
    valid_from: datetime | None
    valid_until: datetime | None
    quantity: int | None
    used: int
    per_customer: int | None
    customer: Who | None
    person_id: int | None
    is_recovery: bool
    created_at: datetime


class VoucherPage(msgspec.Struct):
    items: list[VoucherRow]
    next: str | None


class Use(msgspec.Struct):
    """One use by an order; `reversed_at` when the order gave it back."""

    order_id: int
    customer_id: int | None
    amount: Money
    at: datetime
    reversed_at: datetime | None


class VoucherWhole(msgspec.Struct):
    """A voucher and its uses, newest first."""

    voucher: VoucherRow
    uses: list[Use]


class NewVoucher(msgspec.Struct, forbid_unknown_fields=True):
    """What a voucher gives and asks. Amounts are minor units of `currency`; `products` are references or SKUs;
    `email` binds it to the person who has this address. Without a code it gets one that nobody can guess."""

    kind: Kind
    code: Annotated[str, msgspec.Meta(max_length=40, pattern=NO_CONTROL)] = ""
    names: dict[Language, Text] = {}
    percent_bp: Annotated[int, msgspec.Meta(ge=0, le=10_000)] = 0
    amount_minor: Amount = 0
    minimum_minor: Amount = 0
    currency: Annotated[str, msgspec.Meta(pattern=r"^([A-Z]{3})?$(?!\n)")] = ""
    gift_sku: Sku | None = None
    applies_to: Literal["order", "products", "cheapest"] = "order"
    products: Annotated[list[Sku], msgspec.Meta(max_length=500)] = []
    exclude_discounted: bool = False
    combinable: bool = True
    priority: Annotated[int, msgspec.Meta(ge=0, le=999)] = 1
    valid_from: Instant | None = None
    valid_until: Instant | None = None
    quantity: Count | None = None
    per_customer: Count | None = None
    email: Email | None = None


# -- shapes ------------------------------------------------------------------------------------------


def _row(voucher: Voucher, now: datetime, language: str) -> VoucherRow:
    def amount(minor: int) -> Money | None:
        return money_of(minor, voucher.currency, language) if minor and voucher.currency else None

    return VoucherRow(
        id=voucher.pk,
        code=voucher.code,
        status=voucher.status(now).value,  # type: ignore[arg-type]
        kind=voucher.kind,  # type: ignore[arg-type]
        names=voucher.names,
        percent_bp=voucher.percent_bp,
        amount=amount(voucher.amount_minor),
        minimum=amount(voucher.minimum_minor),
        gift_sku=voucher.gift_variant.sku if voucher.gift_variant else None,
        applies_to=voucher.applies_to,
        product_ids=voucher.product_ids,
        exclude_discounted=voucher.exclude_discounted,
        combinable=voucher.combinable,
        priority=voucher.priority,
        valid_from=voucher.valid_from,
        valid_until=voucher.valid_until,
        quantity=voucher.quantity,
        used=voucher.used,
        per_customer=voucher.per_customer,
        customer=shapes.who(voucher.customer),
        person_id=voucher.person_id,
        is_recovery=voucher.is_recovery,
        created_at=voucher.created_at,
    )


def _whole(voucher: Voucher, language: str) -> VoucherWhole:
    uses = VoucherRedemption.objects.filter(voucher=voucher)[:USES_SHOWN]
    return VoucherWhole(
        _row(voucher, clock.now(), language),
        [
            Use(one.order_id, one.customer_id, money_of(one.amount_minor, one.currency, language), one.at,
                one.reversed_at)
            for one in uses
        ],
    )  # fmt: skip


def _the_voucher(program: Program, voucher_id: int) -> Voucher:
    found = Voucher.objects.select_related("customer", "gift_variant")
    voucher = found.filter(pk=voucher_id, shop=program.shop).first()
    if voucher is None:
        raise NotFound
    return voucher


# -- reading -----------------------------------------------------------------------------------------


async def provide_wanted(
    program: NamedDependency[Program],
    q: Words = "",
    status: Annotated[Literal["", "good", "later", "expired", "used_up", "off"], QueryParameter()] = "",
    kind: Annotated[Literal["", "percent", "amount", "free_shipping", "gift"], QueryParameter()] = "",
    origin: Annotated[Literal["", "staff", "campaign"], QueryParameter(description="who issued it")] = "",
) -> VoucherFilter:
    return VoucherFilter(
        shop_ids=(program.shop.pk,),
        now=clock.now(),
        text=q,
        status=status,
        kind=kind,
        is_recovery={"campaign": True, "staff": False}.get(origin),
    )


async def provide_voucher_place(sort: Sort = "-id", size: Size = 50, cursor: CursorText = None) -> Place:
    return place_of(sort, size, cursor, filters.SORTS[sort.removeprefix("-")])


@get(
    "/vouchers",
    summary="List vouchers",
    dependencies={"wanted": Provide(provide_wanted), "place": Provide(provide_voucher_place)},
    **needs(Scope.VOUCHERS_READ),
)
async def list_vouchers(
    request: Request[Any, Any, Any],
    program: NamedDependency[Program],
    wanted: NamedDependency[VoucherFilter],
    place: NamedDependency[Place],
) -> Response[VoucherPage]:
    """`q`: in the code, or in the name or address of the only one who may use it."""

    def work() -> VoucherPage:
        page = filters.page(wanted, place.sort, place.size, place.after, None)
        return VoucherPage([_row(one, wanted.now, program.language) for one in page.rows], page.next)

    return with_next(request, await program.ask(work))


@get("/vouchers/{voucher_id:int}", summary="Read a voucher", **needs(Scope.VOUCHERS_READ, 404))
async def read_voucher(program: NamedDependency[Program], voucher_id: Id) -> VoucherWhole:
    return await program.ask(lambda: _whole(_the_voucher(program, voucher_id), program.language))


# -- writing -----------------------------------------------------------------------------------------


@post("/vouchers", summary="Make a voucher", status_code=201, **needs(Scope.VOUCHERS_WRITE, 409, 422))
async def create_voucher(
    program: NamedDependency[Program], data: Annotated[NewVoucher, STRICT], once: NamedDependency[Once]
) -> Response[VoucherWhole]:
    return await once.do(_create, program, data, status=201)


def _create(program: Program, data: NewVoucher) -> VoucherWhole:
    shop = program.shop
    voucher = issuing.issue(
        shop,
        now=clock.now(),
        kind=VoucherKind(data.kind),
        code=data.code,
        names={language: name for language, name in data.names.items() if name},
        percent_bp=data.percent_bp,
        amount_minor=data.amount_minor,
        minimum_minor=data.minimum_minor,
        currency=data.currency,
        gift_variant_id=issuing.article(shop, data.gift_sku) if data.gift_sku else None,
        applies_to=AppliesTo(data.applies_to),
        product_ids=issuing.products(shop, data.products),
        exclude_discounted=data.exclude_discounted,
        combinable=data.combinable,
        priority=data.priority,
        valid_from=utc(data.valid_from),
        valid_until=utc(data.valid_until),
        quantity=data.quantity,
        per_customer=data.per_customer,
        customer=issuing.owner(shop, data.email) if data.email else None,
    )
    return _whole(voucher, program.language)


@post("/vouchers/{voucher_id:int}/off", summary="Switch a voucher off", status_code=200,
      **needs(Scope.VOUCHERS_WRITE, 404, 409))  # fmt: skip
async def switch_off(
    program: NamedDependency[Program], voucher_id: Id, once: NamedDependency[Once]
) -> Response[VoucherWhole]:
    """From now on nobody can use it; carts that hold it lose it at their next change."""

    def work() -> VoucherWhole:
        services.switch_off(_the_voucher(program, voucher_id).pk)
        return _whole(_the_voucher(program, voucher_id), program.language)

    return await once.do(work)


vouchers = Router("/", route_handlers=[list_vouchers, read_voucher, create_voucher, switch_off], tags=["vouchers"])
