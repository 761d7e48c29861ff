"""A campaign played over the past, without sending: who would have got what and when, and who had bought anyway.

The same rules as live (`rules.passed_over`, `voice`, `arm`, `judge`, `due_at`), asked about what was known then. What
the campaign itself did in that time is left out, what the others did stays. Moments come out of a heap in their order:
a cart or customer that becomes due, or a mail.
What the past cannot tell is taken as it is today: stock, who is one person, the suspicion of machines, customer groups.
"""

import heapq
import itertools
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cache, partial
from typing import Any

from django.db.models import Q

from ghostcart.carts.models import Cart
from ghostcart.orders.models import Order
from ghostcart.recovery import enrolments, facts, past, rules, scan, triggers, worth
from ghostcart.recovery.history import ONE_IN
from ghostcart.recovery.kinds import TRAITS, Begins
from ghostcart.recovery.models import Arm, Campaign, CampaignState, Step, VoucherGrant, VoucherKind
from ghostcart.recovery.past import PastCart
from ghostcart.recovery.subject import Asking, Human, Mail, Plan, StepPlan, Trigger, Voice

BOUGHT_WITHIN = timedelta(days=30)
"""An order so long after the mail would have come anyway: nothing was sent."""
NEAR = timedelta(days=7)
"""Mails of other campaigns this close are an overlap."""
CHUNK = 200

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Row:
    """One mail that would have gone out. Costs are in minor units of `currency`, the most that the voucher can take."""

    at: datetime
    customer_id: int
    person_id: int
    address: str
    cart_id: int | None
    order_id: int | None
    step_id: int
    position: int
    language: str
    total_minor: int
    currency: str
    voucher: str
    cost_minor: int
    bought_anyway: bool
    overlaps: tuple[int, ...]
    """Other campaigns that wrote to the person within a week."""


@dataclass(slots=True)
class Totals:
    people: int = 0
    mails: int = 0
    held_out: int = 0
    bought_before: int = 0
    """Stopped in time: they ordered before the mail was due."""
    bought_anyway: int = 0
    overlaps: int = 0
    vouchers: int = 0
    cost_minor: Counter[str] = field(default_factory=Counter)
    """The most that the vouchers can cost, by currency."""
    reasons: Counter[str] = field(default_factory=Counter)
    """How often each rule said no."""


@dataclass(frozen=True, slots=True)
class Replay:
    start: datetime
    end: datetime
    rows: tuple[Row, ...]
    totals: Totals


def run(
    campaign: Campaign, *, now: datetime, days: int = 90, progress: Progress | None = None, as_it_was: bool = False
) -> Replay:
    """Play a campaign over the last days, as it stands now, saved or not. Writes nothing.

    `as_it_was`: only with what happened since it was started, to compare with what it did.
    """
    plan = replace(facts.plan_of(campaign), state=CampaignState.RUNNING)
    play = _Play(plan, {step.pk: step for step in Step.objects.filter(campaign=campaign)}, now)
    start = now - timedelta(days=days)
    begins = start - sum((step.delay for step in plan.steps), rules.STALE_AFTER)
    if as_it_was and campaign.started_at:
        begins = max(begins, campaign.started_at)
    for done, of in play.gather(begins - rules.offset(plan)):
        if progress:
            progress(done, of)
    play.play(begins)
    rows = tuple(row for row in play.rows if start < row.at <= now)
    return Replay(start, now, rows, play.totals(rows, start))


@dataclass(slots=True)
class _Sequence:
    """An enrolment that was never made."""

    id: int
    human: Human
    trigger: Trigger
    at: datetime
    past: PastCart | None
    ended_at: datetime | None = None


class _Play:
    def __init__(self, plan: Plan, steps: dict[int, Step], now: datetime) -> None:
        self.plan, self.steps, self.now = plan, steps, now
        self.rows: list[Row] = []
        self.stops: list[tuple[datetime, str]] = []
        self.held_out: list[tuple[datetime, int]] = []
        self._moments: list[tuple[datetime, int, Callable[[datetime], None]]] = []
        self._order = itertools.count()
        self._sequences: dict[int, list[_Sequence]] = defaultdict(list)
        self._mails: dict[int, list[Mail]] = defaultdict(list)
        self._vouchers: dict[int, list[datetime]] = defaultdict(list)
        self._remembered: set[int] = set()
        self._shipping = cache(partial(worth.shipping, plan.shop.id))

    # -- what happened ---------------------------------------------------------------------------

    def gather(self, since: datetime) -> Iterator[tuple[int, int]]:
        """Read all that could have taken somebody in; tells how far it is."""
        begins = TRAITS[self.plan.kind].begins
        if begins == Begins.STAFF:
            return
        is_of_carts = begins == Begins.CART
        wanted: Any = self._carts(since) if is_of_carts else self._orders(since)
        ids = list(wanted.values_list("pk", flat=True))
        for place in range(0, len(ids), CHUNK):
            some = list(wanted.model.objects.filter(pk__in=ids[place : place + CHUNK]).order_by("pk"))
            people = facts.humans({one.customer_id for one in some})
            self._remember_vouchers(people.values())
            (self._add_carts if is_of_carts else self._add_orders)(some, people)
            yield min(place + CHUNK, len(ids)), len(ids)

    def _carts(self, since: datetime) -> Any:
        named = Cart.objects.filter(shop=self.plan.shop.id, customer__isnull=False, last_activity_at__gt=since)
        return named.filter(Q(deleted_at=None) | Q(deleted_at__gt=since)).order_by("pk")

    def _orders(self, since: datetime) -> Any:
        return Order.objects.filter(shop=self.plan.shop.id, customer__isnull=False, placed_at__gt=since).order_by("pk")

    def _add_carts(self, carts: list[Cart], people: dict[int, Human]) -> None:
        delay = rules.first_delay(self.plan)
        for cart, one in zip(carts, past.carts(carts), strict=True):
            human = people.get(cart.customer_id or 0)
            for state, following in itertools.zip_longest(one.states, one.states[1:]):
                rested_until = following.activity_at if following else self.now
                if human and state.customer_id and state.line_count and state.activity_at + delay <= rested_until:
                    self._at(state.activity_at + delay, self._rested(human, one, state.activity_at))

    def _add_orders(self, orders: list[Order], people: dict[int, Human]) -> None:
        goods = facts.order_goods(orders)
        for order in orders:
            if human := people.get(order.customer_id or 0):
                purchase = facts.purchase(order, goods[order.pk])
                self._at(order.placed_at + rules.offset(self.plan), self._ordered(human, purchase.id))

    def _remember_vouchers(self, people: Iterable[Human]) -> None:
        """The vouchers that other campaigns gave: one in ninety days for a person."""
        roots = {pk: human.person_id for human in people for pk in human.family}
        given = VoucherGrant.objects.filter(person__in=roots).exclude(campaign=self.plan.id)
        unseen = [(pk, at) for pk, at in given.values_list("person_id", "at") if pk and pk not in self._remembered]
        for pk, at in unseen:
            self._vouchers[roots[pk]].append(at)
        self._remembered |= roots.keys()

    def _at(self, moment: datetime, do: Callable[[datetime], None]) -> None:
        if moment <= self.now:
            heapq.heappush(self._moments, (moment, next(self._order), do))

    def play(self, begins: datetime) -> None:
        while self._moments:
            moment, _order, do = heapq.heappop(self._moments)
            if moment > begins:
                do(moment)

    # -- as a campaign does it -------------------------------------------------------------------

    def _rested(self, human: Human, one: PastCart, activity_at: datetime) -> Callable[[datetime], None]:
        def do(moment: datetime) -> None:
            basket = one.at(moment)
            if basket is None or basket.activity_at != activity_at:
                return
            if not (basket.ordered_at or basket.merged_at or basket.deleted_at):
                self._take_in(human, triggers.of_cart(basket), one, moment)

        return do

    def _ordered(self, human: Human, order_id: int) -> Callable[[datetime], None]:
        def do(moment: datetime) -> None:
            known = self._as_of(human, moment)
            order = next((one for one in known.purchases if one.id == order_id), None)
            trigger = triggers.of_order(self.plan, known, order) if order else None
            if trigger is not None:
                self._take_in(human, trigger, None, moment)

        return do

    def _take_in(self, human: Human, trigger: Trigger, one: PastCart | None, moment: datetime) -> None:
        known = self._as_of(human, moment)
        if any(sequence.trigger.name == trigger.name for sequence in self._sequences[human.person_id]):
            return
        reason, ends, _details = scan.admission(self.plan, known, trigger, moment)
        if reason:
            self.stops.append((moment, reason))
            return
        for sequence in self._sequences[human.person_id]:
            if sequence.id in {number for number, _why in ends}:
                sequence.ended_at = moment
        if rules.arm(self.plan, human) == Arm.HELD_OUT:
            self.held_out.append((moment, human.person_id))
            return
        sequence = _Sequence(-next(self._order) - 1, human, trigger, moment, one)
        self._sequences[human.person_id].append(sequence)
        first = self.plan.step_after(-1)
        if first is not None:
            due = max(moment, rules.due_at(self.plan, first, trigger.activity_at, None))
            self._plan(sequence, first, due, None)

    def _plan(self, sequence: _Sequence, step: StepPlan, due: datetime, previous_at: datetime | None) -> None:
        planned_at = previous_at or sequence.at
        natural = rules.due_at(self.plan, step, sequence.trigger.activity_at, previous_at)
        stale_at = max(natural, planned_at) + rules.STALE_AFTER

        def do(moment: datetime) -> None:
            self._mail(sequence, step, previous_at, stale_at, moment, do)

        self._at(due, do)

    def _mail(
        self,
        sequence: _Sequence,
        step: StepPlan,
        previous_at: datetime | None,
        stale_at: datetime,
        moment: datetime,
        again: Callable[[datetime], None],
    ) -> None:
        known = self._as_of(sequence.human, moment)
        asking = Asking(
            plan=self.plan,
            step=step,
            human=known,
            trigger=self._trigger(sequence, known, moment),
            enrolment_id=sequence.id,
            enrolled_at=sequence.at,
            stale_at=stale_at,
            previous="sent" if previous_at else "",
            previous_at=previous_at,
            is_over=sequence.ended_at is not None,
        )
        verdict = rules.judge(asking, moment)
        if verdict.at is not None:
            self._at(verdict.at, again)
        elif not verdict.is_go:
            self.stops.append((moment, verdict.reason))
            sequence.ended_at = sequence.ended_at or moment
        else:
            self._send(sequence, step, moment)

    def _trigger(self, sequence: _Sequence, known: Human, moment: datetime) -> Trigger:
        """What took them in, as it stood at the moment."""
        trigger = sequence.trigger
        if sequence.past is not None:
            return replace(trigger, basket=sequence.past.at(moment) or trigger.basket)
        order = trigger.purchase
        return replace(trigger, purchase=next((one for one in known.purchases if order and one.id == order.id), order))

    def _send(self, sequence: _Sequence, step: StepPlan, moment: datetime) -> None:
        human, trigger = sequence.human, sequence.trigger
        self._mails[human.person_id].append(Mail(-1, self.plan.id, moment))
        self.rows.append(self._row(human, trigger, step, moment))
        following = self.plan.step_after(step.position)
        if following is None:
            sequence.ended_at = moment
            return
        due = max(moment, rules.due_at(self.plan, following, trigger.activity_at, moment))
        self._plan(sequence, following, due, moment)

    def _as_of(self, human: Human, moment: datetime) -> Human:
        """What was known then, with what this play did so far in place of what the campaign did."""
        known = facts.as_of(human, moment, without=self.plan.id)
        mine = [
            Voice(
                enrolment_id=one.id,
                campaign_id=self.plan.id,
                kind=self.plan.kind,
                priority=self.plan.priority,
                arm=Arm.CONTACTED,
                at=one.at,
                ended_at=one.ended_at,
                activity_at=one.trigger.activity_at,
                cart_id=one.trigger.basket.id if one.trigger.basket else None,
            )
            for one in self._sequences[human.person_id]
        ]
        return replace(known, voices=(*known.voices, *mine), mails=(*known.mails, *self._mails[human.person_id]))

    # -- what came of it -------------------------------------------------------------------------

    def _row(self, human: Human, trigger: Trigger, step: StepPlan, moment: datetime) -> Row:
        model, goods = self.steps[step.id], trigger.goods
        voucher, cost = self._voucher(model, human, trigger, moment)
        near = {mail.campaign_id for mail in human.mails if abs(mail.at - moment) <= NEAR} - {self.plan.id}
        until = moment + BOUGHT_WITHIN
        return Row(
            at=moment,
            customer_id=human.customer_id,
            person_id=human.person_id,
            address=human.address,
            cart_id=trigger.basket.id if trigger.basket else None,
            order_id=trigger.purchase.id if trigger.purchase else None,
            step_id=step.id,
            position=step.position,
            language=enrolments.language_for(model.texts, human, trigger),
            total_minor=goods.total_minor if goods else 0,
            currency=goods.currency if goods else "",
            voucher=voucher,
            cost_minor=cost,
            bought_anyway=any(one.is_own and one.counts and moment < one.placed_at <= until for one in human.purchases),
            overlaps=tuple(sorted(near)),
        )

    def _voucher(self, step: Step, human: Human, trigger: Trigger, moment: datetime) -> tuple[str, int]:
        """The kind of voucher and the most that it costs. The guard's score is not asked: it is about today."""
        given, goods = self._vouchers[human.person_id], trigger.goods
        if goods is None or step.voucher == VoucherKind.NONE or any(moment - ONE_IN < at <= moment for at in given):
            return VoucherKind.NONE.value, 0
        has_cart, currency = trigger.basket is not None, goods.currency
        products = goods.products_minor if has_cart else _most_ordered(human, currency, moment)
        what = worth.against(step, currency, products, has_cart=has_cart, dearest=lambda: self._shipping(currency))
        if what.problem:
            return VoucherKind.NONE.value, 0
        given.append(moment)
        return step.voucher, what.cost_minor

    def totals(self, rows: tuple[Row, ...], start: datetime) -> Totals:
        reasons = Counter(reason for at, reason in self.stops if at > start)
        costs: Counter[str] = Counter()
        for row in rows:
            costs[row.currency] += row.cost_minor
        return Totals(
            people=len({row.person_id for row in rows}),
            mails=len(rows),
            held_out=len({person for at, person in self.held_out if at > start}),
            bought_before=reasons["ordered"] + reasons["bought"] + reasons["bought_by_relative"],
            bought_anyway=len({row.person_id for row in rows if row.bought_anyway}),
            overlaps=sum(bool(row.overlaps) for row in rows),
            vouchers=sum(row.voucher != VoucherKind.NONE for row in rows),
            cost_minor=+costs,
            reasons=reasons,
        )


def _most_ordered(human: Human, currency: str, moment: datetime) -> int:
    """The products of their largest order in a currency until then."""
    theirs = [one for one in human.purchases if one.is_own and one.counts and one.placed_at <= moment]
    return max((one.goods.products_minor for one in theirs if one.goods.currency == currency), default=0)
