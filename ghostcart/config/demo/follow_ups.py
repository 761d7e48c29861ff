"""What the demo's campaigns wrote before today, and what came back: told by the history's walks, kept as the engine
keeps it. The ledger then judges the orders by its own rules."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from ghostcart.carts.models import Cart
from ghostcart.config.demo.walks import Reminded, Walk
from ghostcart.customers import identity
from ghostcart.customers.keys import address_hash
from ghostcart.customers.models import Customer, Person
from ghostcart.mail import drawing
from ghostcart.mail.models import By, EventKind, Message, MessageEvent, State
from ghostcart.recovery import ledger, letters
from ghostcart.recovery.models import Arm, Campaign, Decision, Enrolment, Progress, Reminder


def store(
    walks: Sequence[Walk], customers: Mapping[int, Customer], campaigns: Mapping[int, Campaign], now: datetime
) -> None:
    """Keep the reminders of these walks. `customers` are the rows of their people by number, `campaigns` by shop."""
    told = [(walk, walk.reminded) for walk in walks if walk.reminded and walk.person]
    told.sort(key=lambda one: one[1].at)
    owners = [customers[walk.person.number] for walk, _reminded in told]  # type: ignore[union-attr]
    people = {owner.pk: identity.recognise(owner, now) for owner in owners}
    carts = Cart.objects.prefetch_related("lines__product").select_related("shop").in_bulk(
        [walk.cart.id for walk, _reminded in told]
    )  # fmt: skip
    rows = Enrolment.objects.bulk_create(
        _enrolment(campaigns[walk.shelf.shop.id], carts[walk.cart.id or 0], owner, people[owner.pk], reminded)
        for (walk, reminded), owner in zip(told, owners, strict=True)
    )
    Decision.objects.bulk_create(
        Decision(
            shop_id=row.shop_id, campaign_id=row.campaign_id, person_id=row.person_id, cart_id=row.cart_id,
            verdict=Decision.Verdict.ENROLLED, reason=row.reason if row.arm == Arm.HELD_OUT else "", at=row.at,
        ) for row in rows
    )  # fmt: skip
    _store_mails([
        (row, carts[row.cart_id or 0], owner, reminded)
        for row, owner, (_walk, reminded) in zip(rows, owners, told, strict=True)
        if row.arm == Arm.CONTACTED
    ])  # fmt: skip
    first = min((reminded.at for _walk, reminded in told), default=now)
    begun = first - timedelta(days=1)
    Campaign.objects.filter(pk__in=[one.pk for one in campaigns.values()]).update(created_at=begun, started_at=begun)
    Progress.objects.update_or_create(pk="ledger", defaults={"until": first})
    ledger.write(now)


def _enrolment(campaign: Campaign, cart: Cart, owner: Customer, person: Person, reminded: Reminded) -> Enrolment:
    left_at = reminded.left_at
    return Enrolment(
        campaign=campaign,
        shop_id=cart.shop_id,
        person=person,
        customer=owner,
        cart=cart,
        trigger=f"cart:{cart.pk}@{round(left_at.timestamp() * 1_000_000)}",
        activity_at=left_at,
        arm=Arm.HELD_OUT if reminded.is_held_out else Arm.CONTACTED,
        value_minor=cart.total_minor,
        currency=cart.currency,
        at=reminded.at,
        ended_at=reminded.at if reminded.is_held_out else reminded.back_at or reminded.at,
        reason="held_out" if reminded.is_held_out else "ordered" if reminded.back_at else "completed",
    )


def _store_mails(told: Sequence[tuple[Enrolment, Cart, Customer, Reminded]]) -> None:
    messages = Message.objects.bulk_create(_message(*one) for one in told)
    steps = {one.pk: one.steps.order_by("position")[0] for one in {row.campaign for row, *_rest in told}}
    Reminder.objects.bulk_create(
        Reminder(
            enrolment=row, step=steps[row.campaign_id], shop_id=row.shop_id, message=message, planned_at=reminded.at
        )
        for (row, _cart, _owner, reminded), message in zip(told, messages, strict=True)
    )
    MessageEvent.objects.bulk_create(
        MessageEvent(message=message, shop_id=message.shop_id, kind=kind, by=By.PERSON, cause="button", at=at)
        for (*_rest, reminded), message in zip(told, messages, strict=True)
        for kind, at in _events(reminded)
    )


def _message(row: Enrolment, cart: Cart, owner: Customer, reminded: Reminded) -> Message:
    step = row.campaign.steps.order_by("position")[0]
    template = step.texts[cart.language]
    facts = letters.facts_of(
        cart.shop, language=cart.language, customer=owner, cart=cart, kind=row.campaign.kind
    )  # fmt: skip
    return Message(
        shop_id=row.shop_id, customer=owner, kind="reminder", address=owner.email,
        address_hash=address_hash(owner.email), language=cart.language, state=State.SENT, due_at=reminded.at,
        created_at=row.at, sent_at=reminded.at, attempts=1, claims=1, template=template, facts=facts, is_demo=True,
        subject=drawing.draw(template, facts, {}, language=cart.language).subject,
    )  # fmt: skip


def _events(reminded: Reminded) -> list[tuple[EventKind, datetime]]:
    if reminded.clicked_at is None:
        return []
    clicked = [(EventKind.CLICKED, reminded.clicked_at)]
    return [*clicked, (EventKind.RESTORED, reminded.back_at)] if reminded.back_at else clicked
