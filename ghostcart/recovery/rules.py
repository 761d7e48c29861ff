"""Who is taken into a campaign, and whether a message may go out now. Pure: facts and `now` in, a verdict out.

Scan, claims, manual sending, preview and replay all ask these functions, so that they cannot disagree. The first rule
that speaks wins; the order is from "never again" to "not just now".
"""

import hmac
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from ghostcart.recovery import hours
from ghostcart.recovery.kinds import TRAITS, Begins
from ghostcart.recovery.models import Arm, CampaignState
from ghostcart.recovery.subject import Asking, Basket, Human, Mail, Plan, Purchase, ShopTerms, StepPlan, Trigger, Voice

STALE_AFTER = timedelta(days=3)
"""How long after its time a message is still worth sending."""
LEAST_GAP = timedelta(days=1)
"""However late the one before was: two mails of a campaign keep their distance, up to this."""
HOLDOUT_KEPT = timedelta(days=30)
"""How long a held-out person is kept from other campaigns of the same kind."""
LEAP = timedelta(days=45)
"""A worker that was away for longer than this, or a clock that leapt: staff are asked before anything goes out."""
LOOK_AGAIN = timedelta(hours=1)
"""When to ask again about what has no time of its own (a pause, a step before that is still on its way)."""
ON_THE_WAY = frozenset({"due", "claimed", "committing", "failed_temp"})


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to be done: "go", "no" (never) or "later" (at `at`), and why."""

    word: str
    reason: str = ""
    at: datetime | None = None
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def is_go(self) -> bool:
        return self.word == "go"


GO = Verdict("go")


def no(reason: str, **details: Any) -> Verdict:
    return Verdict("no", reason, None, details)


def later(at: datetime, reason: str, **details: Any) -> Verdict:
    return Verdict("later", reason, at, details)


# -- who is in which arm -----------------------------------------------------------------------------


def arm(plan: Plan, human: Human) -> Arm:
    """Contacted or held out, for ever the same: as any row of the person was first, else by the keyed hash."""
    earlier = [voice for voice in human.voices if voice.campaign_id == plan.id]
    if earlier:
        return Arm(min(earlier, key=lambda voice: (voice.at, voice.enrolment_id)).arm)
    return arm_by_hash(plan.salt, human.person_id, plan.holdout_bp)


def arm_by_hash(salt: str, person_id: int, holdout_bp: int) -> Arm:
    digest = hmac.new(salt.encode(), str(person_id).encode(), sha256).digest()
    is_held_out = int.from_bytes(digest[:8]) % 10_000 < holdout_bp
    return Arm.HELD_OUT if is_held_out else Arm.CONTACTED


# -- taking somebody in ------------------------------------------------------------------------------


def passed_over(plan: Plan, human: Human, trigger: Trigger) -> Verdict:
    """Why somebody is not taken in; GO if they are. Asked when a trigger fires, and again before each mail."""
    if human.erased_at:
        return no("erased")
    if trigger.basket and (reason := _cart_is_over(trigger.basket, trigger.activity_at)):
        return no(reason)
    if bought := _bought(plan, human, trigger):
        return no("bought" if bought.is_own else "bought_by_relative", order=bought.id)
    if reason := _order_is_void(plan, trigger):
        return no(reason)
    if block := _block(plan, human):
        return no(block)
    if not human.address:
        return no("no_address")
    if not _has_consent(plan.shop, human):
        return no("no_consent")
    if trigger.basket and trigger.basket.is_bot:
        return no("bot")
    if missed := plan.audience.missed(human, trigger.goods, trigger.activity_at):
        return no("audience", field=missed)
    if trigger.basket and trigger.basket.is_sold_out:
        return no("sold_out")
    return GO


def is_too_late(plan: Plan, trigger: Trigger, now: datetime) -> bool:
    """Whether the first mail would come too late to be worth it. A confirmed back-fill reaches further back."""
    due = trigger.activity_at + first_delay(plan)
    return due <= now - STALE_AFTER and (plan.started_at is None or due >= plan.started_at)


def offset(plan: Plan) -> timedelta:
    """How long after it happened something is looked at: the first step's delay; of a silence its days too."""
    rest = timedelta(days=plan.days) if TRAITS[plan.kind].begins == Begins.SILENCE else timedelta()
    return rest + first_delay(plan)


def first_delay(plan: Plan) -> timedelta:
    first = plan.step_after(-1)
    return first.delay if first else timedelta()


def is_leap(plan: Plan, looked_until: datetime | None, now: datetime) -> bool:
    """Whether so much time has passed since the campaign looked last that rather the clock is wrong."""
    return looked_until is not None and now - offset(plan) - looked_until > LEAP


def voice(plan: Plan, human: Human, trigger: Trigger, now: datetime) -> tuple[str, list[tuple[int, str]]]:
    """One voice at a time: why somebody else's goes on ("" if ours begins), and which enrolments end for ours."""
    ends: list[tuple[int, str]] = []
    for other in human.voices:
        if other.arm == Arm.HELD_OUT:
            is_elsewhere = other.campaign_id != plan.id and other.kind == plan.kind
            if is_elsewhere and other.at > now - HOLDOUT_KEPT:
                return "held_out_elsewhere", []
        elif other.ended_at is None:
            if not (reason := _gives_way(plan, trigger, other)):
                return "other_voice", []
            ends.append((other.enrolment_id, reason))
    return "", ends


def _gives_way(plan: Plan, trigger: Trigger, other: Voice) -> str:
    """Why another enrolment ends for this trigger; "" if it goes on."""
    if trigger.basket and other.cart_id == trigger.basket.id and other.activity_at < trigger.activity_at:
        return "changed"
    if other.campaign_id == plan.id:
        is_newer = trigger.basket is not None and other.activity_at < trigger.activity_at
        return "newer_cart" if is_newer else ""
    is_moot = trigger.purchase is not None and trigger.purchase.placed_at >= other.activity_at
    if is_moot and not TRAITS[other.kind].goes_on_after_orders:
        return "bought"
    return "outranked" if plan.priority < other.priority else ""


# -- letting a message out ---------------------------------------------------------------------------


def judge(asking: Asking, now: datetime) -> Verdict:
    """Whether this message may go out now. Asked inside the transaction that claims it."""
    plan, step, human = asking.plan, asking.step, asking.human
    is_by_hand = TRAITS[plan.kind].is_by_hand
    if asking.is_over and not is_by_hand:
        return no("ended")
    if plan.state == CampaignState.ENDED:
        return no("campaign_ended")
    if plan.is_clock_wrong:
        return later(now + LOOK_AGAIN, "clock_wrong")
    if step.is_removed:
        return no("step_removed")
    if arm(plan, human) == Arm.HELD_OUT and not is_by_hand:
        return no("held_out")
    stop = passed_over(plan, human, asking.trigger)
    if not stop.is_go:
        return stop
    if _is_spoken_to(asking):
        return no("other_voice")
    if asking.previous and asking.previous not in (*ON_THE_WAY, "sent", "in_doubt"):
        return no("previous_failed")
    verdict = _when(asking, now)
    if verdict.at and asking.stale_at and verdict.at >= asking.stale_at:
        return no("stale", waited_for=verdict.reason)
    return verdict


def _when(asking: Asking, now: datetime) -> Verdict:
    plan, human = asking.plan, asking.human
    if asking.stale_at and now >= asking.stale_at:
        return no("stale")
    if plan.state != CampaignState.RUNNING:
        return later(now + LOOK_AGAIN, "campaign_paused")
    if asking.previous in ON_THE_WAY:
        return later(now + LOOK_AGAIN, "previous_waits")
    due = due_at(plan, asking.step, asking.trigger.activity_at, asking.previous_at)
    if due > now:
        return later(due, "not_yet")
    if plan.shop.cap < 1:
        return no("cap")
    if free := cap_free_at(human.mails, plan.shop, now, besides=asking.message_id):
        return later(free, "cap", cap=plan.shop.cap, days=plan.shop.cap_days)
    allowed = hours.first_allowed(now, plan.shop.zone, plan.shop.quiet_from, plan.shop.quiet_until)
    return GO if allowed <= now else later(allowed, "quiet_hours")


def due_at(plan: Plan, step: StepPlan, activity_at: datetime, previous_at: datetime | None) -> datetime:
    """When a step is due; `previous_at` is when the one before went out, None for the first."""
    if previous_at is None:
        return activity_at + step.delay
    if not step.is_since_activity:
        return previous_at + step.delay
    before = [one.delay for one in plan.steps if one.position < step.position and one.is_since_activity]
    gap = max(timedelta(), step.delay - max(before, default=timedelta()))
    return max(activity_at + step.delay, previous_at + min(gap, LEAST_GAP))


def cap_free_at(mails: Iterable[Mail], shop: ShopTerms, now: datetime, besides: int = 0) -> datetime | None:
    """When the person may get one more mail; None if that is now."""
    window = timedelta(days=shop.cap_days)
    times = sorted(mail.at for mail in mails if mail.message_id != besides and mail.at > now - window)
    return times[-shop.cap] + window if len(times) >= shop.cap else None


def _is_spoken_to(asking: Asking) -> bool:
    """Two people turned out to be one while each was in a campaign: the one that goes first, goes on."""
    if TRAITS[asking.plan.kind].is_by_hand:
        return False
    mine = (asking.plan.priority, asking.enrolled_at, asking.enrolment_id)
    return any(
        other.arm == Arm.CONTACTED
        and other.ended_at is None
        and other.enrolment_id != asking.enrolment_id
        and not TRAITS[other.kind].is_by_hand
        and (other.priority, other.at, other.enrolment_id) < mine
        for other in asking.human.voices
    )


# -- the rules one by one ----------------------------------------------------------------------------


def _cart_is_over(basket: Basket, activity_at: datetime) -> str:
    if basket.ordered_at:
        return "ordered"
    if basket.deleted_at:
        return "deleted"
    if basket.merged_at:
        return "merged"
    if not basket.line_count:
        return "emptied"
    return "changed" if basket.activity_at > activity_at else ""


def _bought(plan: Plan, human: Human, trigger: Trigger) -> Purchase | None:
    """The order that makes reminding pointless.

    Of a cart: what the person, or who shares their address or device, ordered since they left it; or an order of their
    own since it was begun that holds half of it (a cart left over from a purchase). A cart begun after is a new one.
    """
    traits = TRAITS[plan.kind]
    if traits.begins == Begins.SILENCE and trigger.purchase:
        last = trigger.purchase.placed_at
        return next((one for one in human.purchases if one.is_own and one.counts and one.placed_at > last), None)
    if not traits.has_cart or not trigger.basket:
        return None
    return next((one for one in human.purchases if one.counts and _settles(one, trigger.basket, trigger)), None)


def _settles(order: Purchase, basket: Basket, trigger: Trigger) -> bool:
    if order.placed_at >= trigger.activity_at:
        return True
    wanted = basket.goods.product_ids
    is_left_over = 2 * len(wanted & order.goods.product_ids) >= len(wanted) > 0
    return order.is_own and is_left_over and order.placed_at >= basket.created_at


def _order_is_void(plan: Plan, trigger: Trigger) -> str:
    if TRAITS[plan.kind].begins != Begins.ORDER or trigger.purchase is None:
        return ""
    return "order_void" if trigger.purchase.cancelled_at or trigger.purchase.refunded_at else ""


def _block(plan: Plan, human: Human) -> str:
    """An unsubscription, complaint, erasure or order of staff holds for the person; a bounce for its address."""
    for block in human.blocks:
        if block.scope in ("all", plan.kind) and (block.is_own or block.reason not in ("bounced", "imported")):
            return "unsubscribed" if block.reason in ("unsubscribed", "imported") else block.reason
    return ""


def _has_consent(shop: ShopTerms, human: Human) -> bool:
    if human.answered("reminders", own=False) is False:
        return False  # withdrawn, under whichever of their addresses
    if human.answered("reminders", own=True):
        return True
    return shop.buyers_may_be_reminded and any(one.is_own and one.counts for one in human.purchases)


# -- runs far above the usual ------------------------------------------------------------------------

USUAL_TIMES, NEVER_UNUSUAL = 5, 50


def is_unusual(size: int, days: Sequence[int], cleared: int) -> bool:
    """Whether so many people in a day are far above the daily median of the week before, and above what staff let
    through once (and a fifth more, for those who came while they thought about it)."""
    median = sorted(days)[len(days) // 2] if days else 0
    return size > max(NEVER_UNUSUAL, USUAL_TIMES * median, cleared + cleared // 5)
