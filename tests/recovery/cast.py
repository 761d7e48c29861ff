"""The cast of the follow-ups' tests: a campaign of two steps, and a person who came in with a cart and got a mail."""

from datetime import datetime, timedelta
from typing import Any

from ghostcart.carts.models import Cart
from ghostcart.customers import identity, keys
from ghostcart.customers.models import Customer
from ghostcart.mail.models import By, EventKind, Message, MessageEvent, State
from ghostcart.recovery.models import Arm, Campaign, CampaignState, Enrolment, Kind, Reminder, Step
from ghostcart.shops.models import Shop
from tests.factories import NOON


def campaign(shop: Shop, **more: Any) -> Campaign:
    values = {"kind": Kind.ABANDONED, "name": "Ghosts", "state": CampaignState.RUNNING, "salt": "pepper",
              "created_at": NOON, "started_at": NOON, "looked_until": NOON}  # fmt: skip
    made = Campaign.objects.create(shop=shop, **{**values, **more})
    for position, minutes in enumerate((24 * 60, 72 * 60), start=1):
        Step.objects.create(campaign=made, position=position, delay_minutes=minutes)
    return made


def enrol(
    campaign: Campaign, customer: Customer, *, cart: Cart | None = None, at: datetime = NOON, arm: str = Arm.CONTACTED
) -> Enrolment:
    person = identity.recognise(customer, at)
    return Enrolment.objects.create(
        campaign=campaign, shop_id=campaign.shop_id, person=person, customer=customer, cart=cart, arm=arm, at=at,
        trigger=f"test:{customer.pk}@{at.isoformat()}", activity_at=at,
    )  # fmt: skip


def sent(enrolment: Enrolment, at: datetime, position: int = 1, **more: Any) -> Reminder:
    """A reminder of this step that went out at `at`."""
    customer = enrolment.customer
    message = Message.objects.create(
        shop_id=enrolment.shop_id, customer=customer, kind="reminder", address=customer.email, state=State.SENT,
        address_hash=keys.address_hash(customer.email), due_at=at, sent_at=at, created_at=at,
    )  # fmt: skip
    step = enrolment.campaign.steps.get(position=position)
    return Reminder.objects.create(
        enrolment=enrolment, step=step, shop_id=enrolment.shop_id, message=message, planned_at=at, **more
    )


def happened(reminder: Reminder, kind: EventKind, *, by: By = By.PERSON, at: datetime | None = None) -> MessageEvent:
    when = at or (reminder.message.sent_at or NOON) + timedelta(hours=1)
    return MessageEvent.objects.create(message=reminder.message, shop_id=reminder.shop_id, kind=kind, by=by, at=when)
