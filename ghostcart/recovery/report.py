"""What came back, honestly: first what the reminders caused, then what is attributed to them.

Caused: of all people who came into a campaign, some were held out by lot. Both groups are followed for the same time
(`FOLLOWED`), whatever they did and whoever is thanked for it; the difference is what writing to them did. Attributed:
the ledger, which cannot know what would have happened anyway.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ghostcart.customers.models import Person
from ghostcart.orders import queries as order_queries
from ghostcart.orders.models import Order
from ghostcart.orders.queries import VALID
from ghostcart.recovery import models, statistics
from ghostcart.recovery.models import Campaign, Enrolment
from ghostcart.recovery.statistics import Arm, Effect

FOLLOWED = timedelta(days=14)
"""How long each person is followed from the day they came in. Whoever is not followed to the end yet is not counted."""
WORTH_SEEING = 0.03
"""The gain (in buyers per person) for which `needed` says how many more people it takes to see it."""


@dataclass(frozen=True, slots=True)
class Caused:
    """What a campaign caused. `orders`, `revenue` and `margin` are for all who were written to; amounts are minor units
    by currency; None where it is too early, and then `needed` says how many more people it takes."""

    contacted: Arm
    held_out: Arm
    rate: Effect | None
    orders: Effect | None
    revenue: dict[str, Effect | None]
    margin: dict[str, Effect | None]
    needed: int


@dataclass(slots=True)
class Followed:
    """A person whose time is over: since when, in which arm, and what they ordered meanwhile."""

    arm: str
    at: datetime
    customer_id: int | None = None
    orders: list[Order] = field(default_factory=list)
    revenue: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    margin: dict[str, int] = field(default_factory=lambda: defaultdict(int))


def caused(campaign: Campaign, now: datetime) -> Caused:
    """Compare the contacted with the held out of a campaign, from its start until `FOLLOWED` ago."""
    people = followed(campaign, now)
    for person in people:
        for order in person.orders:
            person.revenue[order.currency] += order.kept_minor
            earned = order_queries.margin(order)
            if earned is not None:
                person.margin[order.currency] += earned
    contacted, held_out = (
        [person for person in people if person.arm == arm] for arm in (models.Arm.CONTACTED, models.Arm.HELD_OUT)
    )
    one, other = _arm(contacted), _arm(held_out)
    rate = statistics.difference_of_rates(one, other)
    return Caused(
        contacted=one,
        held_out=other,
        rate=rate,
        orders=rate and rate.times(one.people),
        revenue=_amounts(contacted, held_out, "revenue"),
        margin=_amounts(contacted, held_out, "margin"),
        needed=statistics.people_still_needed(one, other, WORTH_SEEING),
    )


def followed(campaign: Campaign, now: datetime) -> list[Followed]:
    """Everybody who is counted, the newest first, with their orders."""
    people = _followed(campaign, now)
    for person, order in _orders_of(people, campaign, now):
        person.orders.append(order)
    return sorted(people.values(), key=lambda person: person.at, reverse=True)


def _followed(campaign: Campaign, now: datetime) -> dict[int, Followed]:
    """Everybody whose time is over, by the root of their family, with the first time they came in."""
    enrolled = Enrolment.objects.filter(campaign=campaign, at__lte=now - FOLLOWED, person__isnull=False)
    people: dict[int, Followed] = {}
    for person_id, merged, arm, at, customer_id in enrolled.order_by("at").values_list(
        "person_id", "person__merged_into_id", "arm", "at", "customer_id"
    ):
        people.setdefault(merged or person_id, Followed(arm, at, customer_id))
    return people


def _orders_of(people: dict[int, Followed], campaign: Campaign, now: datetime) -> Iterator[tuple[Followed, Order]]:
    """The valid orders that each of these people placed while they were followed."""
    if not people:
        return
    first = min(person.at for person in people.values())
    orders = (
        Order.objects.filter(shop_id=campaign.shop_id, placed_at__gt=first, placed_at__lte=now, status__in=VALID)
        .filter(customer__person__isnull=False)
        .select_related("customer__person")
        .prefetch_related("lines")
    )
    for order in orders.iterator(1000):
        owner: Person = order.customer.person  # type: ignore[assignment, union-attr]
        person = people.get(owner.merged_into_id or owner.pk)
        if person and person.at < order.placed_at <= person.at + FOLLOWED:
            yield person, order


def _arm(people: Collection[Followed], amounts: Iterable[int] = ()) -> Arm:
    spent = list(amounts)
    return Arm(
        people=len(people),
        buyers=sum(bool(person.orders) for person in people),
        total=sum(spent),
        squares=sum(amount * amount for amount in spent),
    )


def _amounts(contacted: Collection[Followed], held_out: Collection[Followed], what: str) -> dict[str, Effect | None]:
    """The difference in money per currency, times all who were written to."""
    currencies = sorted({currency for person in (*contacted, *held_out) for currency in getattr(person, what)})
    found: dict[str, Effect | None] = {}
    for currency in currencies:
        one, other = (
            _arm(arm, (getattr(person, what).get(currency, 0) for person in arm)) for arm in (contacted, held_out)
        )
        effect = statistics.difference_of_means(one, other)
        found[currency] = effect and effect.times(one.people)
    return found
