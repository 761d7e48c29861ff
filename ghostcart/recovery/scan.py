"""Taking people into campaigns as they become due. A task of the worker; several may run.

How a campaign looks, each round:
1. The span begins where the last round ended (`looked_until`, a little before: rows may be committed late) and ends
   where the first step is due now. So a round costs by what is new, and what a stopped worker missed comes later.
2. If many more people than usual would be taken in, the campaign pauses and asks.
3. Page by page, each in one transaction: the campaign and the people are locked, who was judged for this very trigger
   is left out, the others are judged by `rules`, and each decision is kept.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import structlog
from django.db import transaction

from ghostcart.customers import identity
from ghostcart.recovery import enrolments, facts, looking, rules
from ghostcart.recovery.kinds import Begins, begun_by
from ghostcart.recovery.models import Campaign, CampaignState, Decision, Enrolment
from ghostcart.recovery.subject import Human, Plan, Trigger, Voice

LATE = timedelta(minutes=10)
"""A row may be committed this long after the moment that it carries."""
MOST_PAGES = 50
DAYS_COMPARED = 7

log = structlog.get_logger()


def enrol(now: datetime) -> bool:
    """One round of all running campaigns, in the order of their priority; whether there is more to look at."""
    while identity.catch_up(now):
        pass
    believe_the_clock_again(now)
    running = Campaign.objects.filter(state=CampaignState.RUNNING, looked_until__isnull=False)
    running = running.exclude(kind__in=begun_by(Begins.STAFF))
    return bool(sum(look(pk, now) for pk in running.order_by("priority", "id").values_list("pk", flat=True)))


def look(campaign_id: int, now: datetime) -> bool:
    """Look for people on behalf of one campaign; whether pages are left for the next round."""
    after = None
    for _ in range(MOST_PAGES):
        with transaction.atomic():
            campaign = _locked(campaign_id)
            if campaign is None or campaign.looked_until is None:
                return False
            plan = facts.plan_of(campaign)
            start, end = campaign.looked_until, now - rules.offset(plan)
            if not plan.step_after(-1) or not _may_go_on(campaign, plan, start, end, now, is_first=after is None):
                return False
            page = looking.page(plan, start - LATE, end, after)
            _take_in(plan, page, now)
            after = page.last
            seen = page.last[0] if page.last else end
            if seen > start:
                Campaign.objects.filter(pk=campaign.pk).update(looked_until=seen)
        if after is None:
            return False
    return True


def _locked(campaign_id: int) -> Campaign | None:
    rows = Campaign.objects.select_for_update(no_key=True, of=("self",)).select_related("shop")
    return rows.filter(pk=campaign_id, state=CampaignState.RUNNING).first()


def _may_go_on(
    campaign: Campaign, plan: Plan, start: datetime, end: datetime, now: datetime, *, is_first: bool
) -> bool:
    """Whether to look now; a leap of the clock or a run far above the usual pauses the campaign."""
    if end < start - LATE:  # the clock was put back: what carries the repeated hours must not be missed
        Campaign.objects.filter(pk=campaign.pk).update(looked_until=end)
        return False
    if rules.is_leap(plan, start, now):
        _pause(campaign, "clock")
        return False
    size, usual = _unusual_size(campaign, plan, start, end, now) if is_first else (0, 0)
    if size:
        _pause(campaign, "unusual_size")
        enrolments.note(plan, Decision.Verdict.PASSED, "unusual_size", now, size=size, usual=usual)
        log.warning("a campaign paused itself: far more people than usual", campaign=campaign.pk, size=size)
        return False
    return True


def _pause(campaign: Campaign, why: str) -> None:
    Campaign.objects.filter(pk=campaign.pk).update(state=CampaignState.PAUSED, paused_for=why)


def believe_the_clock_again(now: datetime) -> None:
    """Campaigns that paused because the clock leapt go on when it is back."""
    for campaign in Campaign.objects.filter(state=CampaignState.PAUSED, paused_for="clock").select_related("shop"):
        plan = facts.plan_of(campaign)
        if not rules.is_leap(plan, campaign.looked_until, now):
            paused = Campaign.objects.filter(pk=campaign.pk, state=CampaignState.PAUSED, paused_for="clock")
            paused.update(state=CampaignState.RUNNING, paused_for="")


# -- a run far above the usual -----------------------------------------------------------------------


def _unusual_size(campaign: Campaign, plan: Plan, start: datetime, end: datetime, now: datetime) -> tuple[int, int]:
    """How many would be in within a day, if that is unusual (else 0), and the usual. Only a large span is judged."""
    before = _taken_in(campaign, now - timedelta(days=1), now)
    most = before + looking.rows(plan, start, end).count()
    if not rules.is_unusual(most, (), campaign.cleared_size):
        return 0, 0
    days = [
        _taken_in(campaign, now - timedelta(days=day + 1), now - timedelta(days=day))
        for day in range(1, DAYS_COMPARED + 1)
    ]
    if not rules.is_unusual(most, days, campaign.cleared_size):
        return 0, 0
    size = before + len(would_take_in(plan, start, end, now))
    return (size, sorted(days)[len(days) // 2]) if rules.is_unusual(size, days, campaign.cleared_size) else (0, 0)


def _taken_in(campaign: Campaign, since: datetime, until: datetime) -> int:
    return Enrolment.objects.filter(campaign=campaign, at__gt=since, at__lte=until).count()


def would_take_in(plan: Plan, start: datetime, end: datetime, now: datetime) -> list[looking.Found]:
    """Who would be taken in for what happened in (start, end], held-out ones among them. Writes nothing."""
    taken = []
    spoken: dict[int, list[Voice]] = {}
    for page in looking.pages(plan, start, end):
        for found in _not_judged(plan, page.found):
            human = _with(found.human, spoken)
            if not admission(plan, human, found.trigger, now)[0]:
                taken.append(found)
                spoken.setdefault(human.person_id, []).append(_imagined(plan, human, found.trigger, now))
    return taken


# -- taking in ---------------------------------------------------------------------------------------


def admission(plan: Plan, human: Human, trigger: Trigger, now: datetime) -> tuple[str, list[tuple[int, str]], dict]:
    """Why somebody is passed over ("" if they are taken in), which enrolments end for them, and details."""
    verdict = rules.passed_over(plan, human, trigger)
    if not verdict.is_go:
        return verdict.reason, [], verdict.details
    if rules.is_too_late(plan, trigger, now):
        return "stale", [], {}
    reason, ends = rules.voice(plan, human, trigger, now)
    return reason, ends, {}


def _take_in(plan: Plan, page: looking.Page, now: datetime) -> None:
    """Lock the people of a page, read them again behind the lock, and decide about each."""
    if not page.found:
        return
    identity.hold({one.human.person_id for one in page.found})
    people = facts.humans({one.human.customer_id for one in page.found})
    spoken: dict[int, list[Voice]] = {}
    ended: set[int] = set()
    for found in _not_judged(plan, page.found):
        human = _without(_with(people[found.human.customer_id], spoken), ended, now)
        reason, ends, details = admission(plan, human, found.trigger, now)
        if reason:
            enrolments.note(plan, Decision.Verdict.PASSED, reason, now, human=human, trigger=found.trigger, **details)
            continue
        for enrolment_id, why in ends:
            enrolments.end([enrolment_id], why, now)
            ended.add(enrolment_id)
        enrolment = enrolments.take_in(plan, human, found.trigger, now)
        mine = replace(
            _imagined(plan, human, found.trigger, now),
            enrolment_id=enrolment.pk, arm=enrolment.arm, ended_at=enrolment.ended_at,
        )  # fmt: skip
        spoken.setdefault(human.person_id, []).append(mine)


def _not_judged(plan: Plan, some: Iterable[looking.Found]) -> Iterator[looking.Found]:
    """Those whose trigger was not decided about before, for any row of the person."""
    some = list(some)
    names = {one.trigger.name for one in some}
    rows = Enrolment.objects.filter(campaign=plan.id, trigger__in=names)
    known = set(rows.values_list("trigger", "person_id"))
    people = frozenset[int]().union(*(one.human.family for one in some)) if some else ()
    passed = Decision.objects.filter(campaign=plan.id, person__in=people, verdict=Decision.Verdict.PASSED)
    known |= {(details.get("trigger"), person) for details, person in passed.values_list("details", "person_id")}
    for one in some:
        judged = {(one.trigger.name, person) for person in one.human.family}
        if not judged & known:
            known |= judged
            yield one


def _imagined(plan: Plan, human: Human, trigger: Trigger, now: datetime) -> Voice:
    """The enrolment as the rules will see it."""
    return Voice(
        enrolment_id=0,
        campaign_id=plan.id,
        kind=plan.kind,
        priority=plan.priority,
        arm=rules.arm(plan, human),
        at=now,
        ended_at=None,
        activity_at=trigger.activity_at,
        cart_id=trigger.basket.id if trigger.basket else None,
    )


def _with(human: Human, spoken: dict[int, list[Voice]]) -> Human:
    more = spoken.get(human.person_id)
    return replace(human, voices=(*human.voices, *more)) if more else human


def _without(human: Human, ended: set[int], now: datetime) -> Human:
    """The human after some of their enrolments have ended."""
    voices = tuple(replace(one, ended_at=now) if one.enrolment_id in ended else one for one in human.voices)
    return replace(human, voices=voices) if ended else human
