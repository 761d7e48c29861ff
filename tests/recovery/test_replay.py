"""Replay: what a campaign would have done, by the same rules; of what it did, line by line the same."""

import os
from collections import Counter
from datetime import timedelta
from random import Random

import pytest

from ghostcart.carts import changes
from ghostcart.customers import services as customers
from ghostcart.customers.services import Consented
from ghostcart.mail import suppression
from ghostcart.mail.models import Message, State
from ghostcart.recovery import campaigns, replay
from ghostcart.recovery.models import Decision, Enrolment, Kind, VoucherKind
from tests.factories import ADDRESS, NOON, Shopper
from tests.races import order
from tests.recovery import following
from tests.recovery.following import DAY, HOUR, Pile, leaving, left, worker

pytestmark = pytest.mark.django_db
HALF = timedelta(minutes=30)
LONG = os.environ.get("GHOSTCART_LONG") == "1"
NO = Consented(is_given=False, text="No.", text_version="1", source="link")


@pytest.fixture
def shop():
    return following.shop()


def sent_rows(campaign, since):
    rows = Message.objects.filter(state=State.SENT, reminder__enrolment__campaign=campaign, sent_at__gt=since)
    return sorted(rows.values_list("sent_at", "address", "reminder__step__position", "language"))


def told(found):
    return sorted((row.at, row.address, row.position, row.language) for row in found.rows)


def live_through(shop, pile, start, end, chance):
    """A few days of a shop, half an hour at a time, a worker behind each: shoppers come, change, order, object."""
    shoppers, now = [], start
    while now <= end:
        if chance.random() < 0.25:
            consent = following.YES if chance.random() < 0.85 else None
            name = f"p{chance.randrange(25)}{chance.choice(['', '+x'])}@example.com"
            shoppers.append(leaving(shop, name, now, chance.choice(["MUG", "LAMP"]), consent=consent))
        if shoppers and chance.random() < 0.2:
            act(shop, chance.choice(shoppers[-12:]), now, chance)
        worker(now, pile)
        now += HALF


def act(shop, shopper, now, chance):
    cart, shopper.at = shopper.cart, now
    if cart.ordered_at or cart.customer is None:
        return
    match chance.randrange(7):
        case 0:
            order(shopper, cart.customer, address=ADDRESS | {"street": f"Via {cart.pk}"})
        case 1:
            other = Shopper(shop, at=now)
            other.add("MUG")
            order(other, cart.customer, address=ADDRESS | {"street": f"Via {cart.pk}"})
        case 2 | 3:
            shopper.do(changes.AddLine, sku="MUG")
        case 4:
            for key in list(cart.lines.values_list("key", flat=True)):
                shopper.do(changes.RemoveLine, key=key)
        case 5:
            customers.record_consent(cart.customer, NO, now)
        case 6:
            suppression.suppress(shop.pk, cart.customer.email, reason="unsubscribed", source="link", now=now)


@pytest.mark.parametrize("seed", range(12) if LONG else [1])
def test_replay_of_yesterday_is_what_was_sent_yesterday(shop, seed):
    shop.quiet_from, shop.quiet_until = 21 * 60, 8 * 60
    shop.save()
    campaign, thanks = following.campaign(shop, holdout_bp=2000), following.campaign(shop, Kind.THANKS)
    following.plain_steps(campaign, 3 * 60, 12 * 60, 30 * 60)
    following.plain_steps(thanks, 12 * 60)
    pile, end = Pile(), NOON + (6 if LONG else 2) * DAY
    live_through(shop, pile, NOON, end, Random(seed))
    for days in (1, 2):
        for one in (campaign, thanks):
            one.refresh_from_db()
            found = replay.run(one, now=end, days=days, as_it_was=True)
            assert told(found) == sent_rows(one, end - timedelta(days=days)), one.kind
    reasons = Counter(Decision.objects.values_list("reason", flat=True))
    print(f"\nseed {seed}: {len(pile.letters)} mails, the same in replay; decisions: {dict(reasons)}")


def test_it_writes_nothing_and_says_what_it_would_cost(shop):
    shopper = leaving(shop, "ada@example.com", NOON, "LAMP")
    left(shop, "bob@example.com", NOON, "LAMP")
    left(shop, "no@example.com", NOON, "LAMP", consent=None)
    shopper.at = NOON + 5 * DAY
    order(shopper, shopper.cart.customer)
    draft = following.campaign(shop, starts=False)
    found = replay.run(draft, now=NOON + 20 * DAY, days=30)
    assert not Message.objects.exists()
    assert not Enrolment.objects.exists()
    assert [(row.position, row.voucher) for row in found.rows if row.address == "bob@example.com"] == [
        (1, "none"), (2, "percent"), (3, "none"),
    ]  # fmt: skip
    totals = found.totals
    assert (totals.people, totals.mails, totals.vouchers) == (2, 5, 2)
    assert totals.cost_minor == {"EUR": 2 * 800}  # 10 % of 80.00: the products, as live
    assert (totals.bought_anyway, totals.bought_before) == (1, 1)
    assert totals.reasons["no_consent"] == 1


@pytest.mark.parametrize(
    ("voucher", "cost"),
    [
        ({"voucher": VoucherKind.AMOUNT, "amounts_minor": {"EUR": 20_000}}, 20_000),  # it is kept for a larger order
        ({"voucher": VoucherKind.PERCENT, "percent_bp": 1000}, 800),
    ],
)
def test_without_a_cart_a_voucher_costs_what_it_could_of_their_largest_order(shop, voucher, cost):
    for days, sku in ((-9, "LAMP"), (0, "MUG")):
        shopper = leaving(shop, at=NOON + days * DAY, sku=sku)
        order(shopper, shopper.cart.customer)
    thanks = following.campaign(shop, Kind.THANKS, starts=False)
    (step,) = following.plain_steps(thanks, 24 * 60)
    campaigns.save_step(step, **voucher)
    found = replay.run(thanks, now=NOON + 2 * DAY, days=2)
    assert (found.totals.mails, found.totals.cost_minor) == (1, {"EUR": cost})


def test_a_cart_that_rested_twice_is_met_twice(shop):
    shopper = leaving(shop, at=NOON)
    shopper.at = NOON + 4 * DAY
    shopper.do(changes.AddLine, sku="LAMP")
    draft = following.campaign(shop, starts=False)
    found = replay.run(draft, now=NOON + 6 * DAY, days=30)
    assert [(row.position, row.total_minor) for row in found.rows] == [(1, 1740), (2, 1740), (1, 9740)]


def test_it_tells_overlaps_with_other_campaigns(shop):
    running = following.campaign(shop)
    left(shop, at=NOON + HOUR)
    worker(NOON + 25 * HOUR)
    campaigns.end(running, NOON + 27 * HOUR)
    draft = following.campaign(shop, starts=False)
    found = replay.run(draft, now=NOON + 2 * DAY, days=7)
    assert found.totals.reasons["other_voice"] == 1  # at the time the other one was speaking
    later = replay.run(draft, now=NOON + 2 * DAY, days=7, progress=lambda done, of: None)
    assert later == found


def test_days_before_the_span_are_played_but_not_told(shop):
    left(shop, at=NOON)
    draft = following.campaign(shop, starts=False)
    found = replay.run(draft, now=NOON + 75 * HOUR, days=1)
    assert [row.position for row in found.rows] == [2]
