"""The last look before a mail goes out: `decide` runs in the transaction that claims the messages.

1. Campaigns are share-locked (no pause, end or change of steps beside a claim), then the people with all their
   relatives by id, then their carts by id: whoever places an order takes the same locks in the same order, so it
   either has committed and is seen, or waits until this claim has.
2. Everything is read anew behind the locks, and `rules.judge` speaks.
3. Go: the voucher is offered, text and facts are put together, and the next step is planned. No: why is kept, and the
   enrolment ends, unless only this step fell away. Later: why is kept once.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.db import connection

from ghostcart.carts.models import Cart
from ghostcart.customers import identity
from ghostcart.lib import sql
from ghostcart.lib.texts import pick
from ghostcart.mail.claiming import Verdict as Answer
from ghostcart.mail.kinds import CAMPAIGNS
from ghostcart.mail.models import Message, Purpose
from ghostcart.mail.outbox import Go, Later, LinkWish, No
from ghostcart.orders.models import Order
from ghostcart.recovery import enrolments, facts, guard, holdout, letters, rules
from ghostcart.recovery.kinds import TRAITS
from ghostcart.recovery.models import Campaign, Decision, Enrolment, Reminder
from ghostcart.recovery.subject import Asking, Basket, Human, Mail, Plan, StepPlan, Trigger
from ghostcart.vouchers.models import Voucher

FOLDER = Path(__file__).parent / "sql"
RESTORE_KEPT = timedelta(days=30)
"""How long the link in a mail brings the cart back."""
STOP_KEPT = timedelta(days=730)
"""How long a mail can be unsubscribed from: nearly for ever, as old mails are what people unsubscribe from."""
ONE_STEP = {"step_removed"}
"""Reasons that let only this step fall away."""


def decide(messages: Sequence[Message], now: datetime) -> dict[int, Answer]:
    """What becomes of each of these reminders. Must be called in a transaction."""
    claim = _Claim(_reminders(messages), now)
    answers: dict[int, Answer] = {message.pk: No("orphan") for message in messages}
    for reminder in claim.in_order():
        answers[reminder.message_id] = claim.answer(reminder)
    claim.store()
    return answers


def _reminders(messages: Sequence[Message]) -> list[Reminder]:
    rows = Reminder.objects.filter(message__in=[message.pk for message in messages])
    return list(
        rows.select_related(
            "message", "step", "enrolment__campaign__shop", "enrolment__customer", "enrolment__person"
        ).order_by("pk")
    )


class _Claim:
    """The reminders of one claim, with all that was read behind the locks."""

    def __init__(self, reminders: Sequence[Reminder], now: datetime) -> None:
        self.reminders, self.now = reminders, now
        enrolled = [reminder.enrolment for reminder in reminders]
        share_campaigns({one.campaign_id for one in enrolled})
        identity.hold({one.person_id for one in enrolled if one.person_id})
        self.carts = lock_carts({one.cart_id for one in enrolled if one.cart_id})
        campaigns = Campaign.objects.filter(pk__in={one.campaign_id for one in enrolled}).select_related("shop")
        self.plans = facts.plans_of(list(campaigns))
        self.looked = {campaign.pk: campaign.looked_until for campaign in campaigns}
        self.baskets = facts.baskets(list(self.carts))
        self.people = facts.humans({one.customer_id for one in enrolled if one.customer_id})
        self.orders = {
            order.pk: order for order in Order.objects.filter(pk__in={one.order_id for one in enrolled if one.order_id})
        }
        self.goods = facts.order_goods(list(self.orders.values()))
        self.siblings = _siblings(enrolled)
        self.ended = dict(Enrolment.objects.filter(pk__in=[one.pk for one in enrolled]).values_list("pk", "ended_at"))
        self.gone_out: list[tuple[Human, Mail]] = []
        self.planned: list[enrolments.Planned] = []
        self.notes: list[Decision] = []

    def in_order(self) -> list[Reminder]:
        """By campaign and priority: budgets are locked in one order, and the first voice goes first."""
        return sorted(
            self.reminders,
            key=lambda one: (one.enrolment.campaign.priority, one.enrolment.campaign_id, one.enrolment.at, one.pk),
        )

    def store(self) -> None:
        """Write what was planned and why, all at once."""
        enrolments.plan_steps(self.planned, self.now)
        Decision.objects.bulk_create(self.notes)

    def answer(self, reminder: Reminder) -> Answer:
        human = self.people.get(reminder.enrolment.customer_id or 0)
        plan = self.plans[reminder.enrolment.campaign_id]
        if human is None:
            return self._no(reminder, plan, None, None, rules.no("erased"))
        human = self._with_mails(human)
        trigger = self._trigger(reminder)
        if trigger is None:
            return self._no(reminder, plan, human, None, rules.no("deleted"))
        asking = self._asking(reminder, plan, human, trigger)
        verdict = rules.judge(asking, self.now)
        if TRAITS[plan.kind].is_by_hand and holdout.keeps_from(human, plan.shop.id, self.now, trigger):
            verdict = rules.no("held_out")
        if verdict.is_go:
            return self._go(reminder, asking)
        if verdict.word == "later":
            return self._later(reminder, asking, verdict)
        return self._no(reminder, plan, human, trigger, verdict)

    # -- what the rules are asked ----------------------------------------------------------------

    def _asking(self, reminder: Reminder, plan: Plan, human: Human, trigger: Trigger) -> Asking:
        enrolment = reminder.enrolment
        previous = self._previous(reminder)
        step = next(step for step in plan.steps if step.id == reminder.step_id)
        previous_at = (previous.sent_at or previous.due_at) if previous else None
        due = rules.due_at(plan, step, enrolment.activity_at, previous_at)
        is_leap = not TRAITS[plan.kind].is_by_hand and rules.is_leap(plan, self.looked[plan.id], self.now)
        return Asking(
            plan=replace(plan, is_clock_wrong=is_leap),
            step=step,
            human=human,
            trigger=trigger,
            enrolment_id=enrolment.pk,
            enrolled_at=enrolment.at,
            stale_at=max(due, reminder.planned_at) + rules.STALE_AFTER,
            previous=previous.state if previous else "",
            previous_at=previous_at,
            message_id=reminder.message_id,
            is_over=self.ended[enrolment.pk] is not None,
        )

    def _previous(self, reminder: Reminder) -> Message | None:
        """The message of the last step before this one that was planned, but for steps that fell away."""
        before = [
            one.message
            for one in self.siblings[reminder.enrolment_id]
            if one.step.position < reminder.step.position and one.message.reason not in ONE_STEP
        ]
        return before[-1] if before else None

    def _trigger(self, reminder: Reminder) -> Trigger | None:
        """What took them in, as it stands now; None if it is gone."""
        enrolment = reminder.enrolment
        basket: Basket | None = self.baskets.get(enrolment.cart_id or 0)
        order = self.orders.get(enrolment.order_id or 0)
        is_gone = enrolment.trigger.startswith("cart:") and basket is None
        if is_gone:
            return None
        purchase = facts.purchase(order, self.goods[order.pk]) if order else None
        return Trigger(enrolment.trigger, enrolment.activity_at, basket=basket, purchase=purchase)

    def _with_mails(self, human: Human) -> Human:
        """With the mails that this very claim lets out, and without this claim's own messages."""
        mine = {reminder.message_id for reminder in self.reminders}
        mails = [mail for mail in human.mails if mail.message_id not in mine]
        mails += [mail for other, mail in self.gone_out if other.person_id == human.person_id]
        return replace(human, mails=tuple(mails))

    # -- what becomes of it ----------------------------------------------------------------------

    def _go(self, reminder: Reminder, asking: Asking) -> Answer:
        plan, human, trigger = asking.plan, asking.human, asking.trigger
        enrolment, step = reminder.enrolment, reminder.step
        cart = self.carts.get(enrolment.cart_id or 0)
        if cart is not None:
            cart.shop = enrolment.campaign.shop
        voucher: Voucher | None = None
        if step.voucher != "none" and enrolment.person is not None:
            offered = guard.offer(reminder, step, cart, enrolment.person, self.now)
            if isinstance(offered, guard.Granted):
                voucher = offered.voucher
            elif offered.reason == guard.ASK_A_PERSON:
                return self._no(reminder, plan, human, trigger, rules.no(guard.ASK_A_PERSON))
        self.gone_out.append((human, Mail(reminder.message_id, plan.id, self.now)))
        self._plan_next(reminder, asking)
        self._note(
            plan, Decision.Verdict.SENT, "", human=human, trigger=trigger, reminder=reminder,
            language=reminder.message.language, voucher=voucher.code if voucher else "",
        )  # fmt: skip
        letter = letters.facts_of(
            enrolment.campaign.shop,
            kind=plan.kind,
            language=reminder.message.language,
            customer=enrolment.customer,
            cart=cart,
            order=self.orders.get(enrolment.order_id or 0),
            voucher=voucher,
        )
        return Go(text_of(reminder), letter, wishes(enrolment, voucher, self.now))

    def _plan_next(self, reminder: Reminder, asking: Asking) -> None:
        """The step after this one, counted from now. Not again where the message is claimed a second time."""
        enrolment = reminder.enrolment
        following = self._following(reminder, asking.plan)
        if following is None:
            return
        due = max(self.now, rules.due_at(asking.plan, following, enrolment.activity_at, self.now))
        self.planned.append(enrolments.Planned(enrolment, following, asking.human, asking.trigger, due))

    def _following(self, reminder: Reminder, plan: Plan) -> StepPlan | None:
        """The first step behind this one that was not planned, if none is on its way. By hand is no sequence."""
        if TRAITS[plan.kind].is_by_hand:
            return None
        others = [one for one in self.siblings[reminder.enrolment_id] if one.pk != reminder.pk]
        planned = {one.step_id: one.message.state for one in others}
        if rules.ON_THE_WAY & set(planned.values()):
            return None
        mine = next(step.position for step in plan.steps if step.id == reminder.step_id)
        behind = [step for step in plan.steps if step.position > mine and not step.is_removed]
        return next((step for step in behind if step.id not in planned), None)

    def _no(
        self, reminder: Reminder, plan: Plan, human: Human | None, trigger: Trigger | None, verdict: rules.Verdict
    ) -> Answer:
        reason = verdict.reason
        self._note(
            plan, Decision.Verdict.DROPPED, reason, human=human, trigger=trigger, reminder=reminder, **verdict.details
        )
        if reason in ONE_STEP and human and trigger:
            asking = self._asking(reminder, plan, human, trigger)
            reason = "" if self._following(reminder, plan) else "completed"
            self._plan_next(reminder, asking)
        if reason and reason != "ended":
            enrolments.end([reminder.enrolment_id], reason, self.now)
        return No(verdict.reason)

    def _later(self, reminder: Reminder, asking: Asking, verdict: rules.Verdict) -> Answer:
        assert verdict.at is not None
        if verdict.reason not in ("not_yet", "previous_waits"):
            known = Decision.objects.filter(
                reminder=reminder, verdict=Decision.Verdict.MOVED, reason=verdict.reason
            ).order_by("-pk")
            last = known.values_list("at", flat=True).first()
            if last is None or self.now - last > rules.LOOK_AGAIN * 2:
                self._note(
                    asking.plan, Decision.Verdict.MOVED, verdict.reason, human=asking.human, trigger=asking.trigger,
                    reminder=reminder, until=verdict.at, **verdict.details,
                )  # fmt: skip
        return Later(verdict.at, verdict.reason)

    def _note(self, plan: Plan, verdict: str, reason: str, *, reminder: Reminder, **more: Any) -> None:
        step = reminder.step.position
        self.notes.append(enrolments.decision(plan, verdict, reason, self.now, reminder=reminder, step=step, **more))


def note_held(message_ids: Collection[int], reason: str, now: datetime) -> None:
    """Keep, once in a while, why these reminders were claimed and did not go out after all."""
    known = Decision.objects.filter(verdict=Decision.Verdict.MOVED, reason=reason, at__gt=now - rules.LOOK_AGAIN * 2)
    waiting = Reminder.objects.filter(message__in=message_ids).exclude(decisions__in=known)
    Decision.objects.bulk_create(
        Decision(
            shop_id=one.shop_id, campaign_id=one.enrolment.campaign_id, person_id=one.enrolment.person_id,
            cart_id=one.enrolment.cart_id, reminder=one, verdict=Decision.Verdict.MOVED, reason=reason,
            details={"step": one.step.position}, at=now,
        )
        for one in waiting.select_related("enrolment", "step")
    )  # fmt: skip


# -- locks and small things --------------------------------------------------------------------------


def share_campaigns(campaign_ids: Collection[int]) -> None:
    if campaign_ids:
        marks = ", ".join(["%s"] * len(campaign_ids))
        statement = sql.statement(FOLDER, "share_campaigns", connection.vendor).replace("{ids}", marks)
        with connection.cursor() as cursor:
            cursor.execute(statement, sorted(campaign_ids))


def lock_carts(cart_ids: Collection[int]) -> dict[int, Cart]:
    """Carts in the order in which `carts.ingest` locks them."""
    rows = Cart.objects.filter(pk__in=cart_ids).order_by("pk").select_for_update(no_key=True)
    rows = rows.prefetch_related("lines__product")
    return {cart.pk: cart for cart in rows}


def _siblings(enrolled: Sequence[Enrolment]) -> dict[int, list[Reminder]]:
    """All reminders of these enrolments, by enrolment, in the order of their steps."""
    found: dict[int, list[Reminder]] = {one.pk: [] for one in enrolled}
    rows = Reminder.objects.filter(enrolment__in=list(found)).select_related("message", "step")
    for reminder in rows.order_by("step__position", "pk"):
        found[reminder.enrolment_id].append(reminder)
    return found


def text_of(reminder: Reminder) -> dict[str, str]:
    """The step's text in the message's language, as it is now; or what staff wrote for this once."""
    if reminder.message.template and TRAITS[reminder.enrolment.campaign.kind].is_by_hand:
        return dict(reminder.message.template)
    texts = reminder.step.texts
    language = reminder.message.language
    subjects = {name: text.get("subject", "") for name, text in texts.items()}
    bodies = {name: text.get("body", "") for name, text in texts.items()}
    return {"subject": pick(subjects, language), "body": pick(bodies, language)}


def wishes(enrolment: Enrolment, voucher: Voucher | None, now: datetime) -> tuple[LinkWish, ...]:
    """The links of a reminder: back to the cart, to stop, to choose; and the picture that counts openings."""
    campaign = enrolment.campaign
    kind = {"campaign_kind": campaign.kind, "customer": enrolment.customer_id}
    back = {"cart": enrolment.cart_id, "voucher": voucher.pk if voucher else None}
    links = [
        LinkWish("restore", Purpose.RESTORE, back, now + RESTORE_KEPT),
        LinkWish("stop", Purpose.STOP, kind, now + STOP_KEPT),
        LinkWish("preferences", Purpose.PREFERENCES, kind, now + STOP_KEPT),
    ]
    if CAMPAIGNS[campaign.kind] != "cart" and voucher is None:
        del links[0]
    if campaign.shop.counts_openings:
        links.append(LinkWish("seen", Purpose.SEEN, {}, now + RESTORE_KEPT))
    return tuple(links)
