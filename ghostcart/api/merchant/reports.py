"""The report: what the follow-ups caused, what is attributed to them, the ledger behind it, and the carts' figures."""

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from litestar import Request, Response, Router, get
from litestar.di import NamedDependency
from litestar.params import QueryParameter

from ghostcart.api.merchant import shapes
from ghostcart.api.merchant.lists import LARGEST_ID, Place, with_next
from ghostcart.api.merchant.shapes import Money, money_of
from ghostcart.api.programs import Program, needs
from ghostcart.carts import queries as cart_queries
from ghostcart.connectors.models import Scope
from ghostcart.lib import clock, paging
from ghostcart.recovery import attributed, queries, report
from ghostcart.recovery.attributed import Period
from ghostcart.recovery.models import Campaign, LedgerLine
from ghostcart.recovery.statistics import Effect


class Range(msgspec.Struct):
    """An estimate with its limits, which stay valid however often one looks."""

    estimate: float
    low: float
    high: float


class MoneyRange(msgspec.Struct):
    """The same of money, in minor units of `currency`."""

    currency: str
    estimate: float
    low: float
    high: float


class ArmOut(msgspec.Struct):
    """People who were followed to the end, and how many of them bought."""

    people: int
    buyers: int


class CausedOut(msgspec.Struct):
    """What writing brought, against those held out. None where it is too early; `needed` more people would do."""

    contacted: ArmOut
    held_out: ArmOut
    orders: Range | None
    revenue: list[MoneyRange]
    margin: list[MoneyRange]
    needed: int


class Attributed(msgspec.Struct):
    """What followed the mails of the period. `by_machines`: opened or clicked by machines alone."""

    sent: int
    delivered: int
    opened: int
    clicked: int
    restored: int
    unsubscribed: int
    bounced: int
    by_machines: int
    ordered: int
    revenue: list[Money]
    margin: list[Money]
    vouchers: list[Money]


class CampaignReport(msgspec.Struct):
    campaign_id: int
    name: str
    kind: str
    state: str
    caused: CausedOut
    attributed: Attributed


class Report(msgspec.Struct):
    """Of the last days in the shop's time zone, today among them."""

    since: datetime
    until: datetime
    campaigns: list[CampaignReport]
    total: Attributed


class LedgerRow(msgspec.Struct):
    """An order that followed a mail, with the grade of evidence; or its reversal, negative."""

    id: int
    campaign_id: int
    order_id: int
    order_number: str
    cart_id: int | None
    message_id: int | None
    reverses: int | None
    grade: Literal["link", "voucher", "items", "coincidence"]
    amount: Money
    margin: Money | None
    voucher: Money
    cause: str
    at: datetime


class LedgerPage(msgspec.Struct):
    items: list[LedgerRow]
    next: str | None


class CartFigure(msgspec.Struct):
    """How many carts a figure counts and what they come to; of `conversion` also how many were ordered, and the share.
    `query` are the filters of the list of carts that show exactly these."""

    name: Literal["abandoned", "conversion", "average_order", "open_value"]
    carts: int
    ordered: int
    share: float | None
    totals: list[Money]
    averages: list[Money]
    query: str


class CartFigures(msgspec.Struct):
    items: list[CartFigure]


# -- shapes ------------------------------------------------------------------------------------------


def _range(effect: Effect | None) -> Range | None:
    return Range(effect.estimate, effect.low, effect.high) if effect else None


def _money_ranges(effects: dict[str, Effect | None]) -> list[MoneyRange]:
    return [
        MoneyRange(currency, effect.estimate, effect.low, effect.high) for currency, effect in effects.items() if effect
    ]


def _caused(caused: report.Caused) -> CausedOut:
    return CausedOut(
        contacted=ArmOut(caused.contacted.people, caused.contacted.buyers),
        held_out=ArmOut(caused.held_out.people, caused.held_out.buyers),
        orders=_range(caused.orders),
        revenue=_money_ranges(caused.revenue),
        margin=_money_ranges(caused.margin),
        needed=caused.needed,
    )


def _attributed(figures: attributed.Figures, language: str) -> Attributed:
    sums: dict[str, Any] = {
        name: shapes.moneys(getattr(figures, name), language) for name in ("revenue", "margin", "vouchers")
    }
    counts = {name: getattr(figures, name) for name in Attributed.__struct_fields__ if name not in sums}
    return Attributed(**counts, **sums)


def _ledger_row(line: LedgerLine, language: str) -> LedgerRow:
    return LedgerRow(
        id=line.pk,
        campaign_id=line.campaign_id,
        order_id=line.order_id,
        order_number=line.order.number,
        cart_id=line.enrolment.cart_id,
        message_id=line.reminder.message_id if line.reminder else None,
        reverses=line.reverses_id,
        grade=line.grade,  # type: ignore[arg-type]
        amount=money_of(line.amount_minor, line.currency, language),
        margin=None if line.margin_minor is None else money_of(line.margin_minor, line.currency, language),
        voucher=money_of(line.voucher_minor, line.currency, language),
        cause=line.cause,
        at=line.at,
    )


# -- reading -----------------------------------------------------------------------------------------


@get("/reports/campaigns", summary="Report on the follow-ups", **needs(Scope.REPORTS_READ))
async def report_campaigns(
    program: NamedDependency[Program], days: Annotated[int, QueryParameter(ge=1, le=366)] = 30
) -> Report:
    """First what they caused, from their start on; then what is attributed to them in the last `days` days."""

    def work() -> Report:
        now, language = clock.now(), program.language
        period = Period.of_days(program.shop, days, now)
        started = list(Campaign.objects.filter(shop=program.shop, started_at__isnull=False).order_by("pk"))
        nothing = attributed.Figures()
        total = attributed.figures([one.pk for one in started], period).get("all", nothing)
        rows = [
            CampaignReport(
                campaign_id=one.pk,
                name=one.name,
                kind=one.kind,
                state=one.state,
                caused=_caused(report.caused(one, now)),
                attributed=_attributed(attributed.figures([one.pk], period).get("all", nothing), language),
            )
            for one in started
        ]
        return Report(period.since, period.until, rows, _attributed(total, language))

    return await program.ask(work)


@get("/reports/ledger", summary="List the ledger", **needs(Scope.REPORTS_READ))
async def report_ledger(
    request: Request[Any, Any, Any],
    program: NamedDependency[Program],
    place: NamedDependency[Place],
    campaign: Annotated[int | None, QueryParameter(ge=1, le=LARGEST_ID)] = None,
) -> Response[LedgerPage]:
    """Every line behind the attributed figures, the newest first."""

    def work() -> LedgerPage:
        page = paging.page(queries.ledger([program.shop.pk], campaign), place.sort, place.size, place.after)
        return LedgerPage([_ledger_row(line, program.language) for line in page.rows], page.next)

    return with_next(request, await program.ask(work))


@get("/reports/carts", summary="Figures of the carts", **needs(Scope.REPORTS_READ))
async def report_carts(program: NamedDependency[Program]) -> CartFigures:
    """The four above the list of carts, none of which counts suspected bots."""

    def work() -> CartFigures:
        found = cart_queries.figures([program.shop], clock.now()).values()
        return CartFigures(
            [
                CartFigure(
                    name=figure.key,  # type: ignore[arg-type]
                    carts=figure.rows,
                    ordered=figure.part,
                    share=figure.share,
                    totals=[money_of(minor, currency, program.language) for currency, minor in figure.totals],
                    averages=[money_of(minor, currency, program.language) for currency, minor in figure.averages],
                    query=figure.query,
                )
                for figure in found
            ]
        )

    return await program.ask(work)


reports = Router("/", route_handlers=[report_campaigns, report_ledger, report_carts], tags=["reports"])
