"""A shop with a running campaign, shoppers who leave carts, and a worker that is told what time it is."""

import itertools
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from ghostcart.carts import changes
from ghostcart.carts.models import Cart
from ghostcart.customers import identity
from ghostcart.customers import services as customers
from ghostcart.customers.models import Customer
from ghostcart.customers.services import Consented
from ghostcart.mail import outbox
from ghostcart.mail.handover import Letter, Receipt
from ghostcart.mail.writing import Write
from ghostcart.recovery import campaigns, claims, scan, tidying
from ghostcart.recovery.models import Campaign, Decision, Kind, Step
from ghostcart.shops.models import Shop
from tests import factories
from tests.factories import NOON, Shopper
from tests.mail import post

YES = Consented(is_given=True, text="Remind me of my cart.", text_version="1")
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
_count = itertools.count(1)


class Pile:
    """A way out for mail that keeps every letter."""

    key = name = "pile"
    is_open = True

    def __init__(self) -> None:
        self.letters: list[Letter] = []

    def open(self) -> "Pile":
        return self

    def hand_over(self, letter: Letter, commit: Callable[[], None]) -> Receipt:
        commit()
        self.letters.append(letter)
        return Receipt("taken")

    def leave(self) -> None:
        pass

    def recipients(self) -> list[str]:
        return [letter.recipient for letter in self.letters]


def shop(**more: Any) -> Shop:
    """Without quiet hours, in Rome's zone."""
    return factories.shop(**{"quiet_from": 0, "quiet_until": 0, **more})


def campaign(
    shop: Shop, kind: str = Kind.ABANDONED, now: datetime = NOON, *, starts: bool = True, **more: Any
) -> Campaign:
    """A campaign with its first steps, nobody held out, running since `now`."""
    made = campaigns.create(shop, kind, f"{kind} {next(_count)}", now)
    campaigns.save(made, **{"holdout_bp": 0, **more})
    if starts:
        campaigns.start(made, now)
    return made


def plain_steps(campaign: Campaign, *minutes: int, since: str = Step.Since.ACTIVITY) -> list[Step]:
    """Exactly these steps, without vouchers."""
    campaign.steps.all().delete()
    made = []
    for delay in minutes:
        step = campaigns.add_step(campaign)
        campaigns.save_step(step, delay_minutes=delay, since=since)
        made.append(step)
    return made


def customer(shop: Shop, email: str, consent: Consented | None = YES, at: datetime = NOON, **more: Any) -> Customer:
    return customers.identify(shop.pk, email=email, consent=consent, now=at, **{"language": "it", **more})


def left(
    shop: Shop, who: Customer | str = "ada@example.com", at: datetime = NOON, sku: str = "MUG", **more: Any
) -> Cart:
    """A cart that somebody who may be written to leaves at this moment."""
    return leaving(shop, who, at, sku, **more).cart


def leaving(
    shop: Shop, who: Customer | str = "ada@example.com", at: datetime = NOON, sku: str = "MUG", **more: Any
) -> Shopper:
    shopper = Shopper(shop, at=at, language="it")
    person = customer(shop, who, at=at, **more) if isinstance(who, str) else who
    shopper.do(changes.AddLine, sku=sku)
    shopper.do(changes.Identify, customer_id=person.pk, label=person.label)
    return shopper


def worker(now: datetime, pile: Pile | None = None, write: Write = post.write) -> Pile:
    """All that a worker does at one moment; the letters that went out."""
    pile = pile or Pile()
    while identity.catch_up(now):
        pass
    while scan.enrol(now):
        pass
    outbox.recover(now)
    while outbox.send_due(lambda: now, worker="w", decide={"reminder": claims.decide}, transport=pile, write=write):
        pass
    tidying.tidy(now)
    return pile


def days(start: datetime, end: datetime, step: timedelta, pile: Pile | None = None) -> Pile:
    """A worker that comes by every `step`."""
    pile, now = pile or Pile(), start
    while now <= end:
        worker(now, pile)
        now += step
    return pile


def why(cart: Cart) -> list[tuple[str, str]]:
    """What was decided about a cart, oldest first."""
    return list(Decision.objects.filter(cart=cart).order_by("id").values_list("verdict", "reason"))
