"""What scan, claims and staff write about one person in a campaign: taking in, planning a mail, ending, and why.

Whoever enrols or ends holds the locks of the person (`identity.hold`). Waiting messages are never touched here: the
outbox locks them before it locks people. `tidying` takes back those of ended enrolments, with no lock in hand.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ghostcart.customers.keys import address_hash
from ghostcart.lib.texts import pick
from ghostcart.mail.models import Message
from ghostcart.recovery import rules
from ghostcart.recovery.models import Arm, Decision, Enrolment, Reminder, Step
from ghostcart.recovery.subject import Human, Plan, StepPlan, Trigger

Verdict = Decision.Verdict


# -- taking in, planning, ending ---------------------------------------------------------------------


def take_in(plan: Plan, human: Human, trigger: Trigger, now: datetime, *, actor: str = "system") -> Enrolment:
    """Put a person into a campaign: held out, or contacted, and then with the first mail planned."""
    arm = rules.arm(plan, human)
    is_held_out = arm == Arm.HELD_OUT
    enrolment = enrol(plan, human, trigger, arm, now)
    note(plan, Verdict.ENROLLED, "held_out" if is_held_out else "", now, human=human, trigger=trigger, actor=actor)
    first = plan.step_after(-1)
    if not is_held_out and first is not None:
        due = max(now, rules.due_at(plan, first, trigger.activity_at, None))
        plan_step(enrolment, first, human, trigger, due, now)
    return enrolment


def enrol(plan: Plan, human: Human, trigger: Trigger, arm: Arm, now: datetime, *, is_over: bool = False) -> Enrolment:
    """The row alone. Who is held out hears nothing, so their part is over at once."""
    is_over = is_over or arm == Arm.HELD_OUT
    return Enrolment.objects.create(
        campaign_id=plan.id,
        shop_id=plan.shop.id,
        person_id=human.person_id,
        customer_id=human.customer_id,
        cart_id=trigger.basket.id if trigger.basket else None,
        order_id=trigger.purchase.id if trigger.purchase else None,
        trigger=trigger.name,
        activity_at=trigger.activity_at,
        arm=arm,
        value_minor=trigger.goods.total_minor if trigger.goods else 0,
        currency=trigger.goods.currency if trigger.goods else "",
        at=now,
        ended_at=now if is_over else None,
        reason="held_out" if arm == Arm.HELD_OUT else "",
    )


@dataclass(frozen=True, slots=True)
class Planned:
    """A step that is to be planned for somebody."""

    enrolment: Enrolment
    step: StepPlan
    human: Human
    trigger: Trigger
    due_at: datetime


def plan_step(
    enrolment: Enrolment, step: StepPlan, human: Human, trigger: Trigger, due_at: datetime, now: datetime
) -> Reminder:
    return plan_steps([Planned(enrolment, step, human, trigger, due_at)], now)[0]


def plan_steps(some: Sequence[Planned], now: datetime) -> list[Reminder]:
    """Put the messages of steps into the outbox, addressed and in each person's language. The text comes with the
    claim."""
    texts = dict(Step.objects.filter(pk__in={one.step.id for one in some}).values_list("pk", "texts"))
    messages = Message.objects.bulk_create([_message(one, texts[one.step.id], now) for one in some])
    return Reminder.objects.bulk_create(
        Reminder(
            enrolment=one.enrolment, step_id=one.step.id, shop_id=one.enrolment.shop_id, message=message, planned_at=now
        )
        for one, message in zip(some, messages, strict=True)
    )


def _message(one: Planned, texts: dict[str, Any], now: datetime) -> Message:
    return Message(
        shop_id=one.enrolment.shop_id,
        customer_id=one.human.customer_id,
        kind="reminder",
        address=one.human.address,
        address_hash=address_hash(one.human.address),
        language=language_for(texts, one.human, one.trigger),
        due_at=one.due_at,
        created_at=now,
        is_demo=one.enrolment.campaign.is_demo,
    )


def language_for(texts: dict[str, Any], human: Human, trigger: Trigger) -> str:
    """The cart's or order's language, else the person's, else what `pick` falls back to: one that has a text."""
    wanted = [trigger.goods.language] if trigger.goods else []
    for language in [*wanted, human.language]:
        if texts.get(language):
            return language
    return pick({language: language for language in texts if texts[language]}, human.language) or human.language


def end(enrolment_ids: Collection[int], reason: str, now: datetime, *, actor: str = "system") -> int:
    """End enrolments that go on, with the reason; how many. Their waiting messages find out when they are claimed."""
    going_on = Enrolment.objects.filter(pk__in=enrolment_ids, ended_at=None)
    ended = 0
    for row in going_on.order_by("pk"):
        if Enrolment.objects.filter(pk=row.pk, ended_at=None).update(ended_at=now, reason=reason[:40]):
            ended += 1
            Decision.objects.create(
                shop_id=row.shop_id,
                campaign_id=row.campaign_id,
                person_id=row.person_id,
                cart_id=row.cart_id,
                verdict=Verdict.ENDED,
                reason=reason[:40],
                details={"trigger": row.trigger},
                actor=actor,
                at=now,
            )
    return ended


# -- why ---------------------------------------------------------------------------------------------


def note(
    plan: Plan,
    verdict: str,
    reason: str,
    now: datetime,
    *,
    human: Human | None = None,
    trigger: Trigger | None = None,
    reminder: Reminder | None = None,
    actor: str = "system",
    **details: Any,
) -> Decision:
    """Keep what was decided, as it was then."""
    noted = decision(
        plan, verdict, reason, now, human=human, trigger=trigger, reminder=reminder, actor=actor, **details
    )
    noted.save(force_insert=True)
    return noted


def decision(
    plan: Plan,
    verdict: str,
    reason: str,
    now: datetime,
    *,
    human: Human | None = None,
    trigger: Trigger | None = None,
    reminder: Reminder | None = None,
    actor: str = "system",
    **details: Any,
) -> Decision:
    """What `note` keeps, not yet kept."""
    if trigger is not None:
        details["trigger"] = trigger.name
    return Decision(
        shop_id=plan.shop.id,
        campaign_id=plan.id,
        person_id=human.person_id if human else None,
        cart_id=trigger.basket.id if trigger and trigger.basket else None,
        reminder=reminder,
        verdict=verdict,
        reason=reason[:40],
        details={name: value.isoformat() if isinstance(value, datetime) else value for name, value in details.items()},
        actor=actor,
        at=now,
    )
