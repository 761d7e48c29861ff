"""A follow-up that staff send themselves, about a cart or to a customer.

It goes the way of all others (outbox, claim, the same rules), and says at once why it will not.
"""

import uuid
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from ghostcart.carts.models import Cart
from ghostcart.customers import identity
from ghostcart.customers.models import Customer
from ghostcart.mail import templates
from ghostcart.mail.models import Message
from ghostcart.recovery import campaigns, claims, enrolments, facts, holdout, rules
from ghostcart.recovery.errors import BadText, CannotBeSent
from ghostcart.recovery.models import Arm, Campaign, CampaignState, Decision, Kind, Reminder, Step
from ghostcart.recovery.subject import Human, Plan, Trigger
from ghostcart.shops.models import Shop


@transaction.atomic
def campaign_of(shop: Shop, now: datetime) -> Campaign:
    """The shop's campaign of what is sent by hand, made when it is needed first; its steps are what can be sent.

    Call it before locking people: orders lock them before the shop.
    """
    alive = Campaign.objects.filter(shop=shop, kind=Kind.MANUAL).exclude(state=CampaignState.ENDED)
    if (running := alive.filter(state=CampaignState.RUNNING).first()) is not None:
        return running
    Shop.objects.select_for_update(no_key=True).get(pk=shop.pk)  # one is enough
    campaign = alive.first() or campaigns.create(shop, Kind.MANUAL, _("Sent by hand"), now, is_demo=shop.is_demo)
    if campaign.state == CampaignState.DRAFT:
        Campaign.objects.filter(pk=campaign.pk).update(state=CampaignState.RUNNING, started_at=now)
        campaign.refresh_from_db()
    return campaign


def send(
    shop: Shop,
    *,
    actor: str,
    now: datetime,
    cart: Cart | None = None,
    customer: Customer | None = None,
    text: dict[str, str] | None = None,
) -> Reminder:
    """Plan a mail to the customer of a cart, or to a customer. It is sent with the next round, after quiet hours.

    It is the first step of the manual campaign; `text` is a {subject, body} of its own for this once. Raises
    CannotBeSent.
    """
    campaign = campaign_of(shop, now)
    customer = customer or (cart.customer if cart else None)
    if customer is None:
        raise CannotBeSent("visitor")
    plan = facts.plan_of(campaign)
    step = plan.step_after(-1)
    if step is None:
        raise CannotBeSent("step_removed")
    with transaction.atomic():
        identity.hold([identity.recognise(customer, now).pk])
        human = facts.humans([customer.pk])[customer.pk]
        trigger = _trigger(cart, now)
        check(plan, human, trigger, now)
        enrolment = enrolments.enrol(plan, human, trigger, Arm.CONTACTED, now, is_over=True)
        reminder = enrolments.plan_step(enrolment, step, human, trigger, now, now)
        if text is not None:
            Message.objects.filter(pk=reminder.message_id).update(template=text)
        enrolments.note(plan, Decision.Verdict.ENROLLED, "", now, human=human, trigger=trigger, actor=actor)
    return reminder


def write(
    shop: Shop, *, text: templates.Text, actor: str, now: datetime, customer: Customer, cart: Cart | None = None
) -> Reminder:
    """Send a text of one's own about a cart, or to a customer. Raises CannotBeSent, BadText."""
    if problems := templates.check(text, Kind.MANUAL):
        raise BadText([str(problem) for problem in problems])
    told = {"subject": text.subject, "body": text.body}
    return send(shop, actor=actor, now=now, cart=cart, customer=customer, text=told)


def first_step(shop: Shop, now: datetime) -> Step | None:
    """The step whose text a mail by hand begins with."""
    return campaign_of(shop, now).steps.filter(removed_at=None).order_by("position").first()


def check(plan: Plan, human: Human, trigger: Trigger, now: datetime) -> None:
    """Whether somebody may be written to by hand now. Raises CannotBeSent with the reason."""
    if holdout.keeps_from(human, plan.shop.id, now, trigger):
        raise CannotBeSent("held_out")
    verdict = rules.passed_over(plan, human, trigger)
    if not verdict.is_go:
        raise CannotBeSent(verdict.reason, **verdict.details)
    if plan.shop.cap < 1 or rules.cap_free_at(human.mails, plan.shop, now):
        raise CannotBeSent("cap")


def _trigger(cart: Cart | None, now: datetime) -> Trigger:
    name = f"manual:{uuid.uuid4().hex}"
    if cart is None:
        return Trigger(name, now)
    basket = facts.baskets(list(claims.lock_carts([cart.pk])))[cart.pk]
    return Trigger(name, basket.activity_at, basket=basket)
