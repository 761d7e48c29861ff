"""Reading what the rules look at, for many at once: a fixed number of statements, whatever the number of people.

The histories come whole, with their times; `as_of` cuts them to what was known at a moment, which is all that replay
needs to ask the same rules about the past.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django.db.models import F

from ghostcart.carts.models import BOT_SCORE, Cart, CartLine
from ghostcart.customers import identity
from ghostcart.customers.errors import BadAddress
from ghostcart.customers.keys import address_hash
from ghostcart.customers.models import Address, Consent, Customer
from ghostcart.mail.models import State, Suppression
from ghostcart.orders.models import Order, OrderLine, OrderStatus
from ghostcart.recovery.audience import Audience
from ghostcart.recovery.models import Campaign, Enrolment, Reminder, Step
from ghostcart.recovery.subject import (
    Answer,
    Basket,
    Block,
    Goods,
    Human,
    Mail,
    Plan,
    Purchase,
    ShopTerms,
    StepPlan,
    Voice,
)
from ghostcart.shops.models import ConsentBasis, Shop

WENT_OUT = (State.CLAIMED, State.COMMITTING, State.SENT, State.IN_DOUBT)
"""A mail in one of these states has reached the person, or may: it counts for the cap."""


# -- campaigns ---------------------------------------------------------------------------------------


def terms_of(shop: Shop) -> ShopTerms:
    return ShopTerms(
        id=shop.pk,
        zone=shop.zone,
        quiet_from=shop.quiet_from,
        quiet_until=shop.quiet_until,
        cap=shop.mail_cap,
        cap_days=shop.mail_cap_days,
        buyers_may_be_reminded=shop.consent_basis == ConsentBasis.CUSTOMER,
    )


def plan_of(campaign: Campaign) -> Plan:
    """The campaign as the rules see it. Its shop should be there already (`select_related`)."""
    return plans_of([campaign])[campaign.pk]


def plans_of(campaigns: Collection[Campaign]) -> dict[int, Plan]:
    steps: dict[int, list[StepPlan]] = defaultdict(list)
    for step in Step.objects.filter(campaign__in=campaigns).order_by("position", "id"):
        steps[step.campaign_id].append(_step(step))
    return {one.pk: _plan(one, tuple(steps[one.pk])) for one in campaigns}


def _step(step: Step) -> StepPlan:
    return StepPlan(
        id=step.pk,
        position=step.position,
        delay=timedelta(minutes=step.delay_minutes),
        is_since_activity=step.since == Step.Since.ACTIVITY,
        is_removed=step.removed_at is not None,
    )


def _plan(campaign: Campaign, steps: tuple[StepPlan, ...]) -> Plan:
    return Plan(
        id=campaign.pk,
        shop=terms_of(campaign.shop),
        kind=campaign.kind,
        state=campaign.state,
        priority=campaign.priority,
        audience=Audience.parse(campaign.audience),
        steps=steps,
        holdout_bp=campaign.holdout_bp,
        salt=campaign.salt,
        started_at=campaign.started_at,
        days=campaign.days,
        threshold_minor=campaign.threshold_minor,
        currency=campaign.currency,
    )


# -- carts -------------------------------------------------------------------------------------------


def baskets(cart_ids: Collection[int]) -> dict[int, Basket]:
    """Carts as they stand, by id."""
    lines = cart_lines(cart_ids)
    return {cart.pk: basket(cart, lines[cart.pk]) for cart in Cart.objects.filter(pk__in=cart_ids)}


def cart_lines(cart_ids: Collection[int]) -> dict[int, list[dict[str, Any]]]:
    """What lies in carts, without gifts, and whether it can still be bought."""
    lines: dict[int, list[dict[str, Any]]] = defaultdict(list)
    rows = CartLine.objects.filter(cart__in=cart_ids, is_gift=False).values(
        "cart_id", "product_id", category=F("product__category_id"), stock=F("variant__stock"),
        is_sold=F("variant__is_active"), is_offered=F("product__is_active"),
    )  # fmt: skip
    for row in rows:
        lines[row["cart_id"]].append(dict(row))
    return lines


def basket(cart: Cart, lines: Collection[dict[str, Any]]) -> Basket:
    return Basket(
        id=cart.pk,
        customer_id=cart.customer_id,
        goods=Goods(
            currency=cart.currency,
            total_minor=cart.total_minor,
            item_count=cart.item_count,
            language=cart.language,
            product_ids=_numbers(line["product_id"] for line in lines),
            category_ids=_numbers(line["category"] for line in lines),
            products_minor=cart.products_minor,
        ),
        created_at=cart.created_at,
        activity_at=cart.last_activity_at,
        ordered_at=cart.ordered_at,
        merged_at=cart.merged_at,
        deleted_at=cart.deleted_at,
        line_count=len(lines),
        is_bot=cart.bot_score >= BOT_SCORE,
        is_sold_out=not any(line["stock"] and line["is_sold"] and line["is_offered"] for line in lines),
    )


def _numbers(values: Iterable[int | None]) -> frozenset[int]:
    return frozenset(value for value in values if value is not None)


# -- people ------------------------------------------------------------------------------------------


def humans(customer_ids: Collection[int]) -> dict[int, Human]:
    """The people behind these customers, by customer. Customers without a person yet are left out (see
    `identity.catch_up`)."""
    asked = Customer.objects.filter(pk__in=customer_ids, person__isnull=False).select_related("shop")
    customers = {customer.pk: customer for customer in asked}
    circle = _Circle.around(customers.values())
    purchases = _purchases(circle, customers)
    answers, blocks = _answers(circle, customers), _blocks(circle, customers)
    voices, mails = _voices(circle, customers), _mails(circle, customers)
    countries = _countries(customers, purchases)
    return {
        pk: Human(
            customer_id=pk,
            person_id=circle.roots[pk],
            family=circle.families[pk],
            address=customer.email,
            language=customer.language,
            country=countries.get(pk) or customer.shop.country,
            group=customer.group,
            erased_at=customer.erased_at,
            purchases=tuple(one for one, _country in purchases[pk]),
            answers=tuple(answers[pk]),
            blocks=tuple(blocks[pk]),
            voices=tuple(voices[pk]),
            mails=tuple(mails[pk]),
        )
        for pk, customer in customers.items()
    }


@dataclass(slots=True)
class _Circle:
    """Who belongs to whom: for each customer asked about the family, and the customers of family and relatives."""

    families: dict[int, frozenset[int]]
    roots: dict[int, int]
    own: dict[int, set[int]]
    near: dict[int, set[int]]
    customers: dict[int, Customer]

    @classmethod
    def around(cls, asked: Collection[Customer]) -> "_Circle":
        persons = {customer.pk: customer.person_id or 0 for customer in asked}
        families = identity.families(set(persons.values()))
        everybody = frozenset[int]().union(*families.values())
        sharing = identity.sharing(everybody)
        beside = frozenset[int]().union(*sharing.values())
        beside = beside.union(*identity.families(beside - everybody).values())
        known = {one.pk: one for one in Customer.objects.filter(person__in=everybody | beside)}
        by_person: dict[int, set[int]] = defaultdict(set)
        for one in known.values():
            by_person[one.person_id or 0].add(one.pk)
        own, near = {}, {}
        for pk, person in persons.items():
            family = families[person]
            own[pk] = set[int]().union(*(by_person[one] for one in family))
            others = frozenset[int]().union(*(sharing[one] for one in family)) - family
            near[pk] = set[int]().union(*(by_person[one] for one in others))
        roots = {pk: min(families[person]) for pk, person in persons.items()}
        return cls({pk: families[person] for pk, person in persons.items()}, roots, own, near, known)


def _purchases(circle: _Circle, asked: Collection[int]) -> dict[int, list[tuple[Purchase, str]]]:
    """Orders of the person and of who lives or shops with them, oldest first, each with the country it went to."""
    everybody = set[int]().union(*circle.own.values(), *circle.near.values())
    orders = list(Order.objects.filter(customer__in=everybody).order_by("placed_at", "id"))
    goods = order_goods(orders)
    by_customer: dict[int, list[Order]] = defaultdict(list)
    for order in orders:
        by_customer[order.customer_id or 0].append(order)
    found: dict[int, list[tuple[Purchase, str]]] = {}
    for pk in asked:
        whose = [(True, one) for one in circle.own[pk]] + [(False, one) for one in circle.near[pk]]
        rows = [(order, is_own) for is_own, one in whose for order in by_customer[one]]
        rows.sort(key=lambda row: (row[0].placed_at, row[0].pk))
        found[pk] = [
            (purchase(order, goods[order.pk], is_own), str(order.address.get("country") or "") if is_own else "")
            for order, is_own in rows
        ]
    return found


def purchase(order: Order, goods: Goods, is_own: bool = True) -> Purchase:
    ended = order.settled_at or order.placed_at
    return Purchase(
        id=order.pk,
        cart_id=order.cart_id,
        placed_at=order.placed_at,
        cancelled_at=ended if order.status == OrderStatus.CANCELLED else None,
        refunded_at=ended if order.status == OrderStatus.REFUNDED else None,
        goods=goods,
        is_own=is_own,
    )


def order_goods(orders: Collection[Order]) -> dict[int, Goods]:
    lines: dict[int, list[tuple[int | None, int | None, int]]] = defaultdict(list)
    rows = OrderLine.objects.filter(order__in=[order.pk for order in orders], is_gift=False).order_by()
    for order_id, *row in rows.values_list("order_id", "product_id", "product__category_id", "quantity"):
        lines[order_id].append((row[0], row[1], row[2]))
    return {
        order.pk: Goods(
            currency=order.currency,
            total_minor=order.total_minor,
            item_count=sum(quantity for _product, _category, quantity in lines[order.pk]),
            language=order.language,
            product_ids=_numbers(product for product, _category, _quantity in lines[order.pk]),
            category_ids=_numbers(category for _product, category, _quantity in lines[order.pk]),
            products_minor=order.products_minor,
        )
        for order in orders
    }


def _countries(asked: Collection[int], purchases: dict[int, list[tuple[Purchase, str]]]) -> dict[int, str]:
    """Where each lives: by the newest address kept, else by the last order."""
    rows = Address.objects.filter(customer__in=asked).order_by("created_at", "id")
    kept = dict(rows.values_list("customer_id", "country"))
    ordered = {pk: next((place for _one, place in reversed(rows) if place), "") for pk, rows in purchases.items()}
    return {**ordered, **kept}


def _answers(circle: _Circle, asked: Collection[int]) -> dict[int, list[Answer]]:
    everybody = set[int]().union(*circle.own.values())
    by_customer: dict[int, list[Consent]] = defaultdict(list)
    for row in Consent.objects.filter(customer__in=everybody).order_by("at", "id"):
        by_customer[row.customer_id].append(row)
    return {
        pk: [
            Answer(row.at, row.purpose, row.is_given, is_own=row.customer_id == pk)
            for one in sorted(circle.own[pk])
            for row in by_customer[one]
        ]
        for pk in asked
    }


def _blocks(circle: _Circle, asked: Collection[int]) -> dict[int, list[Block]]:
    everybody = set[int]().union(*circle.own.values())
    hashes = {pk: hash_of(circle.customers[pk]) for pk in everybody}
    shops = {circle.customers[pk].shop_id for pk in asked}
    listed: dict[tuple[int, str], list[Suppression]] = defaultdict(list)
    for row in Suppression.objects.filter(shop__in=shops, address_hash__in=[one for one in hashes.values() if one]):
        listed[row.shop_id, row.address_hash].append(row)
    return {
        pk: [
            Block(row.at, row.scope, row.reason, is_own=one == pk)
            for one in sorted(circle.own[pk])
            for row in listed[circle.customers[pk].shop_id, hashes[one]]
        ]
        for pk in asked
    }


def hash_of(customer: Customer) -> str:
    """What stands for a customer's address in the lists; "" for one that is none."""
    try:
        return address_hash(customer.email)
    except BadAddress:
        return ""


def _voices(circle: _Circle, asked: Collection[int]) -> dict[int, list[Voice]]:
    by_person = _by_person(circle, Enrolment.objects.select_related("campaign").order_by("at", "id"))
    return {
        pk: [
            Voice(
                enrolment_id=row.pk,
                campaign_id=row.campaign_id,
                kind=row.campaign.kind,
                priority=row.campaign.priority,
                arm=row.arm,
                at=row.at,
                ended_at=row.ended_at,
                activity_at=row.activity_at,
                cart_id=row.cart_id,
            )
            for one in circle.families[pk]
            for row in by_person[one]
        ]
        for pk in asked
    }


def _by_person(circle: _Circle, rows: Any) -> dict[int, list[Enrolment]]:
    found: dict[int, list[Enrolment]] = defaultdict(list)
    for row in rows.filter(person__in=frozenset[int]().union(*circle.families.values())):
        found[row.person_id or 0].append(row)
    return found


def _mails(circle: _Circle, asked: Collection[int]) -> dict[int, list[Mail]]:
    """Recovery mails that went out, or are about to, to any row of the person."""
    everybody = frozenset[int]().union(*circle.families.values())
    rows = Reminder.objects.filter(enrolment__person__in=everybody, message__state__in=WENT_OUT).order_by()
    by_person: dict[int, list[Mail]] = defaultdict(list)
    names = "enrolment__person_id", "message_id", "enrolment__campaign_id", "message__sent_at", "message__due_at"
    for person_id, message_id, campaign_id, sent_at, due_at in rows.values_list(*names):
        by_person[person_id].append(Mail(message_id, campaign_id, sent_at or due_at))
    return {pk: [mail for one in circle.families[pk] for mail in by_person[one]] for pk in asked}


# -- the past ----------------------------------------------------------------------------------------


def as_of(human: Human, moment: datetime, *, without: int | None = None) -> Human:
    """What was known of somebody at a moment. `without`: leave one campaign's doings out, to play them again."""
    voices = [voice for voice in human.voices if voice.at <= moment and voice.campaign_id != without]
    return replace(
        human,
        erased_at=by_then(human.erased_at, moment),
        purchases=tuple(
            replace(one, cancelled_at=by_then(one.cancelled_at, moment), refunded_at=by_then(one.refunded_at, moment))
            for one in human.purchases
            if one.placed_at <= moment
        ),
        answers=tuple(one for one in human.answers if one.at <= moment),
        blocks=tuple(one for one in human.blocks if one.at <= moment),
        voices=tuple(replace(voice, ended_at=by_then(voice.ended_at, moment)) for voice in voices),
        mails=tuple(mail for mail in human.mails if mail.at <= moment and mail.campaign_id != without),
    )


def by_then(at: datetime | None, moment: datetime) -> datetime | None:
    """A moment as far as it was known then."""
    return at if at is not None and at <= moment else None
