"""Everything that changes a campaign: making it, its settings and steps, starting and stopping it.

Whoever changes the state or the steps locks the campaign; claims hold a shared lock on it. So after a pause or a change
has committed, nothing goes out by the old rules.
"""

import secrets
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Max, QuerySet
from django.utils.translation import gettext as _

from ghostcart.lib.errors import SavedMeanwhile
from ghostcart.lib.marks import mark
from ghostcart.mail import templates
from ghostcart.mail.models import Message, State
from ghostcart.recovery import enrolments, facts, looking, rules, scan, texts, tidying
from ghostcart.recovery.audience import Audience
from ghostcart.recovery.errors import BackfillChanged, BadCampaign, HoldoutFixed, LastStep, NotReady, WrongCampaignState
from ghostcart.recovery.kinds import DAY, TRAITS
from ghostcart.recovery.models import Campaign, CampaignState, Decision, Enrolment, Kind, Step, VoucherKind
from ghostcart.recovery.subject import Plan
from ghostcart.shops.models import Shop

BACKFILL = timedelta(days=30)
"""How far back a confirmed back-fill looks."""
LONGEST_DELAY = 366 * DAY
SETTINGS = (
    "name", "priority", "audience", "threshold_minor", "currency", "days", "holdout_bp", "day_budget_minor",
    "budget_minor",
)  # fmt: skip
"""What `save` may change."""
STEP_SETTINGS = (
    "delay_minutes", "since", "texts", "voucher", "percent_bp", "amounts_minor", "minimums_minor", "valid_days",
)  # fmt: skip
"""What `save_step` may change."""


# -- making and changing -----------------------------------------------------------------------------


@transaction.atomic
def create(shop: Shop, kind: str, name: str, now: datetime, *, is_demo: bool = False) -> Campaign:
    """A draft with the steps and texts that its kind begins with."""
    traits = TRAITS[Kind(kind)]
    campaign = Campaign.objects.create(
        shop=shop,
        kind=Kind(kind),
        name=name.strip()[:120],
        priority=traits.priority,
        days=traits.days,
        threshold_minor=traits.threshold_minor,
        holdout_bp=traits.holdout_bp,
        currency=shop.currency,
        salt=secrets.token_hex(16),
        created_at=now,
        is_demo=is_demo,
    )
    for place, step in enumerate(traits.steps, start=1):
        voucher = VoucherKind.PERCENT if step.percent_bp else VoucherKind.NONE
        Step.objects.create(
            campaign=campaign, position=place, delay_minutes=step.delay_minutes, since=Step.Since.ACTIVITY,
            texts=texts.default(kind, place), voucher=voucher, percent_bp=step.percent_bp,
        )  # fmt: skip
    return campaign


@transaction.atomic
def save(campaign: Campaign, **changed: Any) -> None:
    """Save some of SETTINGS; a running campaign goes by them from now on. Raises BadCampaign, HoldoutFixed."""
    if unknown := set(changed) - set(SETTINGS):
        raise TypeError(f"not a setting: {', '.join(sorted(unknown))}")
    kept = _locked(campaign)
    holdout = changed.get("holdout_bp", kept.holdout_bp)
    if kept.started_at is not None and holdout != kept.holdout_bp:
        raise HoldoutFixed
    if not 0 <= holdout <= 9000:
        raise BadCampaign(field="holdout_bp")
    if problems := Audience.parse(changed.get("audience", kept.audience)).problems:
        raise BadCampaign(field=problems[0].field)
    for name, value in changed.items():
        setattr(campaign, name, value)
    campaign.save(update_fields=[*changed])


def _locked(campaign: Campaign) -> Campaign:
    return Campaign.objects.select_for_update(no_key=True).get(pk=campaign.pk)


# -- steps -------------------------------------------------------------------------------------------


def steps(campaign: Campaign) -> QuerySet[Step]:
    """The steps that are still sent, in their order."""
    return Step.objects.filter(campaign=campaign, removed_at=None).order_by("position", "id")


@transaction.atomic
def add_step(campaign: Campaign) -> Step:
    """One more step at the end, with the text that its kind and place begin with."""
    _locked(campaign)
    last = Step.objects.filter(campaign=campaign).aggregate(last=Max("position"))["last"] or 0
    there = steps(campaign).count()
    since = Step.Since.PREVIOUS if there else Step.Since.ACTIVITY
    text = texts.default(campaign.kind, there + 1)
    return Step.objects.create(campaign=campaign, position=last + 1, delay_minutes=3 * DAY, since=since, texts=text)


def step_mark(step: Step) -> str:
    """The mark of all that `save_step` may change, for `shown`."""
    return mark({name: getattr(step, name) for name in STEP_SETTINGS})


@transaction.atomic
def save_step(step: Step, shown: str | None = None, **changed: Any) -> None:
    """Save some of STEP_SETTINGS; what is planned goes by them, what was sent stays.

    `shown` is the `step_mark` of what the writer saw; None: it counts whatever stands there. Raises BadCampaign and
    SavedMeanwhile.
    """
    if unknown := set(changed) - set(STEP_SETTINGS):
        raise TypeError(f"not a setting: {', '.join(sorted(unknown))}")
    _locked(step.campaign)
    if shown is not None:
        kept = Step.objects.get(pk=step.pk)
        if shown != step_mark(kept) and any(getattr(kept, name) != value for name, value in changed.items()):
            raise SavedMeanwhile
    for name, value in changed.items():
        setattr(step, name, value)
    if problem := _step_problem(step):
        raise BadCampaign(field=problem)
    step.save(update_fields=[*changed])


def _step_problem(step: Step) -> str:
    """The first setting of a step that cannot be kept; "" if all can."""
    checks = (
        ("delay_minutes", 0 <= step.delay_minutes <= LONGEST_DELAY),
        ("since", step.since in Step.Since.values),
        ("voucher", step.voucher in VoucherKind.values),
        ("percent_bp", step.voucher != VoucherKind.PERCENT or 0 < step.percent_bp <= 10_000),
        ("amounts_minor", step.voucher != VoucherKind.AMOUNT or any(step.amounts_minor.values())),
        ("valid_days", 1 <= step.valid_days <= 366),
    )
    return next((name for name, holds in checks if not holds), "")


@transaction.atomic
def remove_step(step: Step, now: datetime) -> None:
    """Take a step out; it is kept for what was sent. Raises LastStep for the only one of a campaign that runs."""
    campaign = _locked(step.campaign)
    if campaign.state in (CampaignState.RUNNING, CampaignState.PAUSED) and steps(campaign).count() == 1:
        raise LastStep
    Step.objects.filter(pk=step.pk, removed_at=None).update(removed_at=now)


@transaction.atomic
def move_step(step: Step, way: int) -> None:
    """Move a step up (-1) or down (1) by one place."""
    _locked(step.campaign)
    order = list(steps(step.campaign))
    if step not in order:  # somebody took it out meanwhile
        return
    place = order.index(step)
    other = place + way
    if 0 <= other < len(order):
        mine, theirs = order[place].position, order[other].position
        Step.objects.filter(pk=order[place].pk).update(position=theirs)
        Step.objects.filter(pk=order[other].pk).update(position=mine)


# -- starting and stopping ---------------------------------------------------------------------------


def problems(campaign: Campaign) -> list[str]:
    """Why a campaign cannot be started yet, in whole sentences."""
    found = []
    mails = list(steps(campaign))
    if not mails:
        found.append(_("It has no step."))
    for place, step in enumerate(mails, start=1):
        missing = [one for one in campaign.shop.languages if not _has_text(step, one)]
        if missing:
            values = {"step": place, "languages": ", ".join(missing)}
            found.append(_("Step %(step)s has no text in: %(languages)s.") % values)
        for language in step.texts:
            text = templates.Text(step.texts[language].get("subject", ""), step.texts[language].get("body", ""))
            if _has_text(step, language) and templates.check(text, campaign.kind):
                values = {"step": place, "languages": language}
                found.append(_("Step %(step)s has a text with an error: %(languages)s.") % values)
    if not campaign.shop.takes_vouchers:
        places = [str(place) for place, step in enumerate(mails, start=1) if step.voucher != VoucherKind.NONE]
        if places:
            told = _("Step %(step)s has a voucher, but nobody has chosen how vouchers get into this shop.")
            found += [told % {"step": place} for place in places]
    traits = TRAITS[campaign.kind]
    if traits.threshold_minor:
        if campaign.threshold_minor <= 0 or not campaign.days or not campaign.currency:
            found.append(_("It needs an amount, a currency and a period."))
    elif traits.days and not campaign.days:
        found.append(_("It needs a number of days."))
    if Audience.parse(campaign.audience).problems:
        found.append(_("Its audience cannot be read."))
    return found


def _has_text(step: Step, language: str) -> bool:
    text = step.texts.get(language) or {}
    return bool(text.get("subject", "").strip() and text.get("body", "").strip())


@transaction.atomic
def start(campaign: Campaign, now: datetime, backfill_confirmed: int | None = None) -> None:
    """Switch a draft on: it looks forward only, unless staff ask for a back-fill and confirm how many that reaches.

    Raises WrongCampaignState, NotReady, BackfillChanged.
    """
    kept = _locked(campaign)
    if kept.state != CampaignState.DRAFT:
        raise WrongCampaignState
    if found := problems(campaign):
        raise NotReady(found)
    plan = replace(facts.plan_of(campaign), started_at=now)
    if backfill_confirmed is not None:
        count = len(backfill(plan, now))
        if count != backfill_confirmed:
            raise BackfillChanged(count=count)
    begin(campaign, plan, now, back=BACKFILL if backfill_confirmed is not None else timedelta())
    if backfill_confirmed and backfill_confirmed > campaign.cleared_size:
        campaign.cleared_size = backfill_confirmed
        campaign.save(update_fields=["cleared_size"])


def begin(campaign: Campaign, plan: Plan, now: datetime, back: timedelta = timedelta()) -> None:
    """From now on the campaign looks for people, for what becomes due from now on (or `back` before)."""
    campaign.state, campaign.started_at = CampaignState.RUNNING, now
    campaign.looked_until = now - rules.offset(plan) - back
    campaign.cleared_size = rules.USUAL_TIMES * usual_day(plan, now)
    campaign.save(update_fields=["state", "started_at", "looked_until", "cleared_size"])


def backfill(plan: Plan, now: datetime) -> list[looking.Found]:
    """Who would be met at once if the campaign looked back. `plan` as if it were started now."""
    if TRAITS[plan.kind].is_by_hand:
        return []
    end = now - rules.offset(plan)
    return scan.would_take_in(plan, end - BACKFILL, end, now)


def usual_day(plan: Plan, now: datetime) -> int:
    """How many people with a name came by on the median of the last seven days: the measure for a new campaign."""
    if TRAITS[plan.kind].is_by_hand:
        return 0
    end = now - rules.offset(plan)
    days = [timedelta(days=day) for day in range(scan.DAYS_COMPARED)]
    counts = sorted(looking.rows(plan, end - day - timedelta(days=1), end - day).count() for day in days)
    return counts[len(counts) // 2]


@transaction.atomic
def pause(campaign: Campaign, why: str) -> None:
    """Stop for now; what was planned waits, and dies when it gets stale. `why`: staff, complaints, unusual_size."""
    _move(campaign, [CampaignState.RUNNING], state=CampaignState.PAUSED, paused_for=why)


@transaction.atomic
def resume(campaign: Campaign, now: datetime) -> None:
    """Go on where the campaign stopped looking; after a very long time only with what is not stale yet."""
    kept = _locked(campaign)
    plan = facts.plan_of(campaign)
    looked = kept.looked_until
    if rules.is_leap(plan, looked, now):
        looked = now - rules.offset(plan) - rules.STALE_AFTER
    _move(campaign, [CampaignState.PAUSED], state=CampaignState.RUNNING, paused_for="", looked_until=looked)
    transaction.on_commit(lambda: release(campaign, now))


def release(campaign: Campaign, now: datetime) -> int:
    """What waits for the end of a pause need not wait any longer; how many messages. Takes no lock before theirs."""
    waiting = Message.objects.filter(state=State.DUE, reason__in=tidying.PARKED, due_at__gt=now)
    return waiting.filter(reminder__enrolment__campaign=campaign).update(due_at=now)


@transaction.atomic
def let_through(campaign: Campaign, size: int, now: datetime) -> None:
    """Staff looked at a run far above the usual and want it: up to this size a day it is not asked about again."""
    _move(campaign, [CampaignState.PAUSED], cleared_size=max(size, campaign.cleared_size))
    resume(campaign, now)


@transaction.atomic
def end(campaign: Campaign, now: datetime) -> None:
    """For good: nobody is taken in any more, and what was planned is not sent."""
    alive = [CampaignState.RUNNING, CampaignState.PAUSED, CampaignState.DRAFT]
    _move(campaign, alive, state=CampaignState.ENDED, paused_for="", ended_at=now)
    going_on = Enrolment.objects.filter(campaign=campaign, ended_at=None)
    enrolments.end(list(going_on.values_list("pk", flat=True)), "campaign_ended", now)


def _move(campaign: Campaign, allowed: list[CampaignState], **changed: Any) -> None:
    """Change a campaign, by a conditional update that must touch one row. Raises WrongCampaignState."""
    if not Campaign.objects.filter(pk=campaign.pk, state__in=allowed).update(**changed):
        raise WrongCampaignState
    for name, value in changed.items():
        setattr(campaign, name, value)


def decided(campaign: Campaign, reason: str) -> Decision | None:
    """The newest decision about the campaign as a whole, with this reason."""
    whole = Decision.objects.filter(campaign=campaign, person=None, reason=reason)
    return whole.order_by("-pk").first()
