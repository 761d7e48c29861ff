"""What others read about campaigns: who would be met, what was decided and why, what is stopped."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.db.models import QuerySet

from ghostcart.carts.models import Cart
from ghostcart.customers import identity
from ghostcart.customers.models import Customer
from ghostcart.mail.models import Message
from ghostcart.orders.models import Order
from ghostcart.recovery import campaigns, facts, guard, looking, reasons, rules
from ghostcart.recovery.kinds import Begins, begun_by
from ghostcart.recovery.models import Arm, Campaign, CampaignState, Decision, LedgerLine, Reminder
from ghostcart.recovery.subject import Plan

DECISIONS_SHOWN = 200
Verdict = Decision.Verdict


# -- who would be met --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Met:
    """Somebody whom a campaign would meet: because of a cart or an order, and since when they would have been due."""

    customer: Customer
    cart: Cart | None
    order: Order | None
    total_minor: int
    currency: str
    language: str
    due_at: datetime
    is_held_out: bool


def would_meet(campaign: Campaign, now: datetime, limit: int = 20) -> tuple[int, list[Met]]:
    """How many people the campaign would meet if it began now and looked back, and the newest of them. Writes nothing;
    goes by the audience as it stands in `campaign`, saved or not."""
    plan = replace(facts.plan_of(campaign), started_at=now)
    found = campaigns.backfill(plan, now)
    return len(found), _met(plan, found[::-1][:limit])


def backfill_count(campaign: Campaign, now: datetime) -> int:
    """How many people a back-fill would reach: the number that staff confirm to start one."""
    return would_meet(campaign, now, limit=0)[0]


def _met(plan: Plan, some: list[looking.Found]) -> list[Met]:
    customers = Customer.objects.in_bulk([one.human.customer_id for one in some])
    carts = Cart.objects.in_bulk([one.trigger.basket.id for one in some if one.trigger.basket])
    orders = Order.objects.in_bulk([one.trigger.purchase.id for one in some if one.trigger.purchase])
    met = []
    for one in some:
        goods, basket, purchase = one.trigger.goods, one.trigger.basket, one.trigger.purchase
        met.append(
            Met(
                customer=customers[one.human.customer_id],
                cart=carts.get(basket.id) if basket else None,
                order=orders.get(purchase.id) if purchase else None,
                total_minor=goods.total_minor if goods else 0,
                currency=goods.currency if goods else "",
                language=goods.language if goods else one.human.language,
                due_at=one.trigger.activity_at + rules.first_delay(plan),
                is_held_out=rules.arm(plan, one.human) == Arm.HELD_OUT,
            )
        )
    return met


# -- why ---------------------------------------------------------------------------------------------


def sentence(decision: Decision) -> str:
    """What was decided, in the active language: "Taken in.", "Not sent: the cart was ordered." and the like."""
    if decision.verdict == Verdict.VOUCHER:
        return str(guard.REASONS.get(decision.reason, reasons.sentence(decision.reason, decision.details)))
    return reasons.told(decision.verdict, decision.reason, decision.details)


def decisions_of_cart(cart: Cart, now: datetime | None = None) -> list[Decision]:
    """What was decided about a cart, newest first. With `now` also how it stands with running campaigns that have said
    nothing about it yet (not kept: their `pk` is None)."""
    told = list(_decisions().filter(cart=cart).order_by("-at", "-id")[:DECISIONS_SHOWN])
    return [*_standing(cart, {one.campaign_id for one in told}, now), *told] if now else told


def decisions_of_person(person_id: int) -> list[Decision]:
    """What was decided about a person, under whichever of their addresses, newest first."""
    return list(_decisions().filter(person__in=identity.family(person_id)).order_by("-at", "-id")[:DECISIONS_SHOWN])


def _decisions() -> QuerySet[Decision]:
    return Decision.objects.select_related("campaign", "reminder__step", "reminder__message")


def _standing(cart: Cart, told: Iterable[int | None], now: datetime) -> Iterable[Decision]:
    """Why campaigns that run for carts are silent about this one."""
    if cart.ordered_at or cart.merged_at or cart.deleted_at or not cart.line_count:
        return
    running = Campaign.objects.filter(shop=cart.shop_id, kind__in=begun_by(Begins.CART), state=CampaignState.RUNNING)
    for campaign in running.exclude(pk__in=[one for one in told if one]).select_related("shop"):
        due = cart.last_activity_at + rules.first_delay(facts.plan_of(campaign))
        reason = "waiting"
        if cart.customer_id is None:
            reason = "visitor"
        elif due <= now - timedelta(hours=1):
            reason = "before_start"
        yield Decision(
            shop_id=cart.shop_id, campaign=campaign, cart=cart, verdict=Verdict.PASSED, reason=reason,
            details={"until": due.isoformat()}, at=now,
        )  # fmt: skip


# -- campaigns that stopped themselves ---------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Stopped:
    """A run far above the usual: how many it would have taken in within a day, and what is usual."""

    size: int
    usual: int
    at: datetime


def stopped(campaign: Campaign) -> Stopped | None:
    """What a campaign that paused itself asks about; None if it did not."""
    if campaign.state != CampaignState.PAUSED or campaign.paused_for != "unusual_size":
        return None
    last = campaigns.decided(campaign, "unusual_size")
    return Stopped(last.details.get("size", 0), last.details.get("usual", 0), last.at) if last else None


# -- what came back ----------------------------------------------------------------------------------


def ledger(shop_ids: Collection[int], campaign_id: int | None = None) -> QuerySet[LedgerLine]:
    """The lines of the ledger of these shops, or of one campaign among them, with what a list shows of each."""
    found = LedgerLine.objects.filter(shop_id__in=shop_ids)
    if campaign_id is not None:
        found = found.filter(campaign=campaign_id)
    return found.select_related("shop", "campaign", "order", "enrolment__cart", "reminder__step")


def of_campaign(campaign: Campaign) -> QuerySet[Decision]:
    """Everything that a campaign decided."""
    return _decisions().filter(campaign=campaign)


# -- vouchers ----------------------------------------------------------------------------------------


def vouchers_of(messages: Iterable[Message]) -> dict[int, tuple[int, Customer | None]]:
    """The vouchers that these reminders speak of, by message: which, and whom it is mailed to."""
    rows = Reminder.objects.filter(message__in=[one.pk for one in messages], voucher__isnull=False)
    found = rows.select_related("enrolment__customer")
    return {row.message_id: (row.voucher_id, row.enrolment.customer) for row in found if row.voucher_id}
