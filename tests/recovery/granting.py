"""A campaign whose second mail carries a voucher, people who leave carts, and reminders that are about to be sent."""

import itertools
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from ghostcart.carts import changes
from ghostcart.carts.models import Cart
from ghostcart.customers import identity, services
from ghostcart.customers.models import Customer, Person
from ghostcart.mail.models import Message, State
from ghostcart.recovery import guard
from ghostcart.recovery.models import Arm, Campaign, Enrolment, Kind, Reminder, Step, VoucherKind
from ghostcart.shops.models import Shop
from tests.factories import NOON, Shopper

_count = itertools.count(1)
TEN_PERCENT = {"voucher": VoucherKind.PERCENT, "percent_bp": 1000}


def campaign(shop: Shop, kind: str = Kind.ABANDONED, **more: Any) -> Campaign:
    """Two steps: a plain one and one with 10 %."""
    made = Campaign.objects.create(
        shop=shop, kind=kind, name="Come back", state="running", salt="salt", created_at=NOON, **more
    )
    Step.objects.create(campaign=made, position=1)
    Step.objects.create(campaign=made, position=2, **TEN_PERCENT)
    return made


def person(shop: Shop, email: str = "ada@example.com", at: datetime = NOON, **more: Any) -> tuple[Customer, Person]:
    """Somebody who gave an address, with what they are recognised by."""
    customer = services.identify(shop.pk, email=email, now=at)
    return customer, identity.recognise(customer, at, **more)


def cart(shop: Shop, customer: Customer, at: datetime = NOON, sku: str = "LAMP", quantity: int = 1) -> Cart:
    """A cart that this customer left: by default a lamp of 80.00."""
    shopper = Shopper(shop, at=at)
    shopper.add(sku, quantity)
    shopper.wait(minutes=5).do(changes.Identify, customer_id=customer.pk, label=customer.label)
    shopper.wait(minutes=5).add(sku, quantity)
    shopper.do(changes.SetQuantity, key=sku, quantity=quantity)
    return shopper.cart


def reminder(step: Step, who: Person, left: Cart | None, at: datetime = NOON, was_reminded: bool = True) -> Reminder:
    """A reminder of a step that is being claimed; the one before it was sent."""
    enrolled, _is_new = Enrolment.objects.get_or_create(
        campaign=step.campaign,
        shop_id=step.campaign.shop_id,
        person=who,
        cart=left,
        ended_at=None,
        defaults={"trigger": f"test:{next(_count)}", "activity_at": at, "at": at, "arm": Arm.HELD_OUT},
    )
    if was_reminded:
        first = step.campaign.steps.order_by("position")[0]
        sent = message(step.campaign.shop, at, state=State.SENT, sent_at=at)
        Reminder.objects.get_or_create(
            enrolment=enrolled, step=first, shop=sent.shop, defaults={"message": sent, "planned_at": at}
        )
    made, _is_new = Reminder.objects.get_or_create(
        enrolment=enrolled,
        step=step,
        shop_id=enrolled.shop_id,
        defaults={"message": message(step.campaign.shop, at), "planned_at": at},
    )
    return made


def message(shop: Shop, at: datetime, **more: Any) -> Message:
    values = {"state": State.CLAIMED, "due_at": at, "created_at": at, **more}
    return Message.objects.create(shop=shop, kind="reminder", address="a@example.com", address_hash="x", **values)


def ask(step: Step, who: Person, left: Cart | None, at: datetime = NOON, **more: Any) -> guard.Granted | guard.Withheld:
    """What the guard says when this step is claimed for this person, as `claims` asks it."""
    asking = reminder(step, who, left, at, **more)
    with transaction.atomic():
        guard.lock_for(who)
        return guard.offer(asking, step, left, who, at)


def voucher_step(of: Campaign) -> Step:
    return Step.objects.select_related("campaign__shop").get(campaign=of, position=2)


def days(number: float) -> timedelta:
    return timedelta(days=number)
