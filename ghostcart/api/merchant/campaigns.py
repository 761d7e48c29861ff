"""Follow-ups: the list, one with its steps, why it did what it did; starting, pausing and ending it."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from litestar import Request, Response, Router, get, post
from litestar.di import NamedDependency

from ghostcart.api.merchant import shapes
from ghostcart.api.merchant.lists import Id, Place, with_next
from ghostcart.api.merchant.shapes import Money, Why, money_of
from ghostcart.api.programs import NotFound, Once, Program, needs
from ghostcart.api.store import STRICT
from ghostcart.connectors.models import Scope
from ghostcart.lib import clock, paging
from ghostcart.recovery import campaigns as services
from ghostcart.recovery import counts, queries
from ghostcart.recovery.models import Campaign, CampaignState, Step

Kind = Literal["abandoned", "thanks", "best", "lapsed", "manual"]
State = Literal["draft", "running", "paused", "ended"]
People = Annotated[int, msgspec.Meta(ge=0, le=999_999_999)]


class Counts(msgspec.Struct):
    """`inside` is of now; the others are of the last 30 days."""

    inside: int
    contacted: int
    held_out: int
    sent: int
    restored: int
    ordered: int


class CampaignRow(msgspec.Struct):
    """A follow-up. `holdout_bp`: 1000 is 10 % of the people, who get nothing. Budgets are of vouchers' worth."""

    id: int
    kind: Kind
    name: str
    state: State
    paused_for: str | None
    priority: int
    holdout_bp: int
    day_budget: Money | None
    budget: Money | None
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    counts: Counts


class CampaignPage(msgspec.Struct):
    items: list[CampaignRow]
    next: str | None


class StepOut(msgspec.Struct):
    """One mail of a follow-up. `since` says what its delay counts from; `languages` those it has a text in."""

    id: int
    position: int
    delay_minutes: int
    since: Literal["activity", "previous"]
    voucher: Literal["none", "percent", "amount", "free_shipping"]
    percent_bp: int
    amounts: list[Money]
    valid_days: int
    languages: list[str]


class CampaignWhole(msgspec.Struct):
    """A follow-up with its steps; `problems` say why a draft cannot be started yet; `stopped_at_size` how many a run
    would have taken in that was so large that the follow-up stopped and asks."""

    campaign: CampaignRow
    audience: dict[str, Any]
    steps: list[StepOut]
    problems: list[str]
    stopped_at_size: int | None


class Reach(msgspec.Struct):
    """How many people a back-fill would reach now: the number that starting with one confirms."""

    people: int


class Start(msgspec.Struct, forbid_unknown_fields=True):
    """Without `backfill` it looks forward only; with it, it must be the number that `reach` tells."""

    backfill: People | None = None


class Size(msgspec.Struct, forbid_unknown_fields=True):
    """The size of the run that may go on."""

    size: People


class WhyPage(msgspec.Struct):
    items: list[Why]
    next: str | None


# -- shapes ------------------------------------------------------------------------------------------


def _rows(campaigns: list[Campaign], language: str) -> list[CampaignRow]:
    figures = counts.of(campaigns, clock.now())
    return [_row(one, figures[one.pk], language) for one in campaigns]


def _row(one: Campaign, figures: counts.Counts, language: str) -> CampaignRow:
    def amount(minor: int | None) -> Money | None:
        return None if minor is None else money_of(minor, one.currency or one.shop.currency, language)

    return CampaignRow(
        id=one.pk,
        kind=one.kind,  # type: ignore[arg-type]
        name=one.name,
        state=one.state,  # type: ignore[arg-type]
        paused_for=one.paused_for or None,
        priority=one.priority,
        holdout_bp=one.holdout_bp,
        day_budget=amount(one.day_budget_minor),
        budget=amount(one.budget_minor),
        created_at=one.created_at,
        started_at=one.started_at,
        ended_at=one.ended_at,
        counts=Counts(**{name: getattr(figures, name) for name in Counts.__struct_fields__}),
    )


def _step(step: Step, language: str) -> StepOut:
    return StepOut(
        id=step.pk,
        position=step.position,
        delay_minutes=step.delay_minutes,
        since=step.since,  # type: ignore[arg-type]
        voucher=step.voucher,  # type: ignore[arg-type]
        percent_bp=step.percent_bp,
        amounts=shapes.moneys(step.amounts_minor, language),
        valid_days=step.valid_days,
        languages=sorted(step.texts),
    )


def _whole(one: Campaign, language: str) -> CampaignWhole:
    stopped = queries.stopped(one)
    return CampaignWhole(
        campaign=_rows([one], language)[0],
        audience=one.audience,
        steps=[_step(step, language) for step in services.steps(one)],
        problems=services.problems(one) if one.state == CampaignState.DRAFT else [],
        stopped_at_size=stopped.size if stopped else None,
    )


def _the_campaign(program: Program, campaign_id: int) -> Campaign:
    found = Campaign.objects.select_related("shop").filter(pk=campaign_id, shop=program.shop).first()
    if found is None:
        raise NotFound
    return found


# -- reading -----------------------------------------------------------------------------------------


@get("/campaigns", summary="List follow-ups", **needs(Scope.CAMPAIGNS_READ))
async def list_campaigns(
    request: Request[Any, Any, Any], program: NamedDependency[Program], place: NamedDependency[Place]
) -> Response[CampaignPage]:
    """The newest first."""

    def work() -> CampaignPage:
        found = Campaign.objects.filter(shop=program.shop).select_related("shop")
        page = paging.page(found, place.sort, place.size, place.after)
        return CampaignPage(_rows(page.rows, program.language), page.next)

    return with_next(request, await program.ask(work))


@get("/campaigns/{campaign_id:int}", summary="Read a follow-up", **needs(Scope.CAMPAIGNS_READ, 404))
async def read_campaign(program: NamedDependency[Program], campaign_id: Id) -> CampaignWhole:
    return await program.ask(lambda: _whole(_the_campaign(program, campaign_id), program.language))


@get("/campaigns/{campaign_id:int}/reach", summary="How many a back-fill would reach",
     **needs(Scope.CAMPAIGNS_READ, 404))  # fmt: skip
async def reach(program: NamedDependency[Program], campaign_id: Id) -> Reach:
    """Nothing is written, nobody is written to."""
    return await program.ask(lambda: Reach(queries.backfill_count(_the_campaign(program, campaign_id), clock.now())))


@get("/campaigns/{campaign_id:int}/why", summary="What a follow-up decided", **needs(Scope.CAMPAIGNS_READ, 404))
async def why_campaign(
    request: Request[Any, Any, Any],
    program: NamedDependency[Program],
    campaign_id: Id,
    place: NamedDependency[Place],
) -> Response[WhyPage]:
    """Each decision with its reason, the newest first."""

    def work() -> WhyPage:
        decisions = queries.of_campaign(_the_campaign(program, campaign_id))
        page = paging.page(decisions, place.sort, place.size, place.after)
        return WhyPage(shapes.reasons(page.rows).items, page.next)

    return with_next(request, await program.ask(work))


# -- starting and stopping ---------------------------------------------------------------------------


def _changed(program: Program, campaign_id: int, change: Callable[[Campaign, datetime], None]) -> CampaignWhole:
    change(_the_campaign(program, campaign_id), clock.now())
    return _whole(_the_campaign(program, campaign_id), program.language)


@post("/campaigns/{campaign_id:int}/start", summary="Start a follow-up", status_code=200,
      **needs(Scope.CAMPAIGNS_WRITE, 404, 409, 422))  # fmt: skip
async def start(
    program: NamedDependency[Program],
    campaign_id: Id,
    data: Annotated[Start, STRICT],
    once: NamedDependency[Once],
) -> Response[CampaignWhole]:
    """A draft begins to look for people: forward only, unless a back-fill is asked for and its size confirmed."""
    return await once.do(_changed, program, campaign_id, lambda one, now: services.start(one, now, data.backfill))


@post("/campaigns/{campaign_id:int}/pause", summary="Pause a follow-up", status_code=200,
      **needs(Scope.CAMPAIGNS_WRITE, 404, 409))  # fmt: skip
async def pause(
    program: NamedDependency[Program], campaign_id: Id, once: NamedDependency[Once]
) -> Response[CampaignWhole]:
    """What was planned waits."""
    return await once.do(_changed, program, campaign_id, lambda one, _now: services.pause(one, "staff"))


@post("/campaigns/{campaign_id:int}/resume", summary="Let a follow-up go on", status_code=200,
      **needs(Scope.CAMPAIGNS_WRITE, 404, 409))  # fmt: skip
async def resume(
    program: NamedDependency[Program], campaign_id: Id, once: NamedDependency[Once]
) -> Response[CampaignWhole]:
    return await once.do(_changed, program, campaign_id, services.resume)


@post("/campaigns/{campaign_id:int}/let-through", summary="Let an unusually large run through", status_code=200,
      **needs(Scope.CAMPAIGNS_WRITE, 404, 409, 422))  # fmt: skip
async def let_through(
    program: NamedDependency[Program],
    campaign_id: Id,
    data: Annotated[Size, STRICT],
    once: NamedDependency[Once],
) -> Response[CampaignWhole]:
    """Of a follow-up that stopped itself: `size` is its `stopped_at_size`. A still larger run stops again."""
    return await once.do(_changed, program, campaign_id, lambda one, now: services.let_through(one, data.size, now))


@post("/campaigns/{campaign_id:int}/end", summary="End a follow-up", status_code=200,
      **needs(Scope.CAMPAIGNS_WRITE, 404, 409))  # fmt: skip
async def end(
    program: NamedDependency[Program], campaign_id: Id, once: NamedDependency[Once]
) -> Response[CampaignWhole]:
    """For good: nobody is taken in any more, and what was planned is not sent."""
    return await once.do(_changed, program, campaign_id, services.end)


campaigns = Router(
    "/",
    route_handlers=[list_campaigns, read_campaign, reach, why_campaign, start, pause, resume, let_through, end],
    tags=["campaigns"],
)
