"""The score: each signal by itself, its weights as data, and what it does to an invented town of 37,000."""

import random
from collections import Counter
from datetime import timedelta

import pytest

from ghostcart.carts import changes
from ghostcart.carts.models import Cart
from ghostcart.customers import identity
from ghostcart.mail.models import By, EventKind, MessageEvent, State
from ghostcart.orders.models import Order
from ghostcart.recovery import history, scoring
from ghostcart.recovery.history import Who
from ghostcart.recovery.models import Reminder, VoucherGrant
from ghostcart.recovery.scoring import Facts, Rung, ladder, score
from ghostcart.vouchers.errors import UnknownVoucher
from ghostcart.vouchers.models import Voucher
from tests import factories, races
from tests.factories import NOON, Shopper
from tests.recovery import granting
from tests.recovery.granting import days

# -- weighing ----------------------------------------------------------------------------------------

SIGNALS = [
    ("voucher_lately", {"vouchers_lately": 1}, 30),
    ("vouchers_before", {"vouchers_before": 1}, 15),
    ("vouchers_before", {"vouchers_before": 9}, 30),
    ("mostly_discounted", {"orders": 4, "discounted_orders": 2}, 15),
    ("hasty", {"hasty_carts": 2}, 20),
    ("waits_for_vouchers", {"quick_returns": 2}, 15),
    ("same_cart_again", {"has_left_same_cart": True}, 10),
    ("many_addresses", {"new_addresses": 3}, 25),
    ("disposable", {"is_disposable": True}, 15),
    ("aliases", {"aliases": 2}, 10),
    ("codes", {"wrong_codes": 5}, 15),
    ("codes", {"leaked_codes": 1}, 15),
    ("new", {"is_new": True}, 10),
    ("at_minimum", {"carts_at_minimum": 2}, 10),
    ("full_price", {"full_price_orders": 3}, -20),
    ("long_known", {"days_known": 366}, -10),
]


@pytest.mark.parametrize(("code", "facts", "points"), SIGNALS)
def test_each_signal_adds_its_points_and_says_so(code, facts, points):
    told = score(Facts(**facts))
    assert told.reasons == [{"code": code, "points": points}]
    assert told.points == max(0, points)


@pytest.mark.parametrize(
    "facts",
    [
        {"orders": 5, "discounted_orders": 2}, {"discounted_orders": 1, "orders": 1}, {"hasty_carts": 1},
        {"quick_returns": 2, "plain_returns": 1}, {"new_addresses": 2}, {"wrong_codes": 4}, {"carts_at_minimum": 1},
        {"full_price_orders": 2}, {"days_known": 365},
    ],
)  # fmt: skip
def test_a_little_less_says_nothing(facts):
    assert score(Facts(**facts)).reasons == []


def test_the_score_ends_at_a_hundred_and_good_deeds_count_against_the_bad():
    worst = {"vouchers_lately": 1, "vouchers_before": 2, "hasty_carts": 3, "new_addresses": 9, "is_disposable": True}
    assert score(Facts(**worst)).points == 100
    assert score(Facts(vouchers_lately=1, full_price_orders=3)).points == 10


def test_every_signal_has_a_weight_and_a_sentence():
    assert set(scoring.WEIGHTS) == set(scoring.SENTENCES) == {code for code, _, _ in SIGNALS}


def test_a_shop_may_weigh_otherwise():
    assert score(Facts(hasty_carts=2), {"hasty": 50}).points == 50


# -- an invented town --------------------------------------------------------------------------------
# The figures show the arithmetic, not reality: how often who does what was made up (reliability-security.md 5d).

TOWN = {"honest": 30_000, "abandoners": 3_000, "rings": 2_500, "leakers": 1_000, "bots": 500}


def often(rng, share):
    return rng.random() < share


def honest(rng):
    orders = max(0, int(rng.gauss(2.2, 2)))
    discounted = sum(often(rng, 0.35) for _ in range(orders))
    return Facts(
        vouchers_lately=often(rng, 0.05), vouchers_before=often(rng, 0.1), orders=orders, discounted_orders=discounted,
        hasty_carts=2 * often(rng, 0.06), quick_returns=2 * often(rng, 0.01), plain_returns=often(rng, 0.3),
        has_left_same_cart=often(rng, 0.2), new_addresses=1 + 2 * often(rng, 0.04),
        is_disposable=often(rng, 0.005), aliases=1 + often(rng, 0.03), wrong_codes=5 * often(rng, 0.01),
        is_new=orders == 0 and often(rng, 0.5), carts_at_minimum=2 * often(rng, 0.02),
        full_price_orders=orders - discounted, days_known=rng.randrange(1200) if orders else rng.randrange(60),
    )  # fmt: skip


def abandoner(rng):
    """Leaves one cart after the other, comes back for the voucher only."""
    orders = rng.randrange(1, 5)
    return Facts(
        vouchers_before=rng.randrange(0, 4), orders=orders, discounted_orders=max(0, orders - often(rng, 0.3)),
        hasty_carts=rng.randrange(1, 6), quick_returns=rng.randrange(1, 4), has_left_same_cart=often(rng, 0.7),
        new_addresses=1 + often(rng, 0.3), aliases=1 + often(rng, 0.3), carts_at_minimum=rng.randrange(0, 4),
        wrong_codes=5 * often(rng, 0.2), days_known=rng.randrange(30, 400), vouchers_lately=often(rng, 0.6),
    )  # fmt: skip


def ring(rng):
    """Many accounts of one human, joined by device and address."""
    return Facts(
        vouchers_lately=1, vouchers_before=rng.randrange(0, 3), orders=6, discounted_orders=rng.randrange(3, 7),
        new_addresses=rng.randrange(3, 9), aliases=rng.randrange(1, 5), is_disposable=often(rng, 0.5),
        is_new=often(rng, 0.8), hasty_carts=rng.randrange(0, 4), has_left_same_cart=often(rng, 0.5), days_known=90,
    )  # fmt: skip


def leaker(rng):
    """Buys like others, and gives codes away."""
    return Facts(
        leaked_codes=1, vouchers_before=often(rng, 0.9), orders=4, discounted_orders=2, days_known=rng.randrange(700),
        has_left_same_cart=often(rng, 0.2), full_price_orders=2,
    )  # fmt: skip


def bot(rng):
    """Types addresses by the dozen."""
    return Facts(
        new_addresses=rng.randrange(3, 30), is_disposable=often(rng, 0.8), hasty_carts=rng.randrange(2, 9),
        is_new=True, wrong_codes=rng.randrange(0, 40), has_left_same_cart=often(rng, 0.9), aliases=2,
    )  # fmt: skip


KINDS = {"honest": honest, "abandoners": abandoner, "rings": ring, "leakers": leaker, "bots": bot}


def shares(seed):
    """{kind: {rung: share in percent}}"""
    rng = random.Random(seed)
    found = {}
    for kind, number in TOWN.items():
        rungs = Counter(ladder(score(KINDS[kind](rng)).points) for _ in range(number))
        found[kind] = {rung.value: round(100 * rungs[rung] / number, 1) for rung in Rung}
    return found


@pytest.mark.parametrize("seed", [1, 2026])
def test_honest_people_keep_their_vouchers_and_abusers_do_not(seed):
    found = shares(seed)
    print(f"\nseed {seed}, {sum(TOWN.values()):,} invented people")
    for kind, rungs in found.items():
        print(f"  {kind:11}", "  ".join(f"{rung} {share} %" for rung, share in rungs.items()))
    none = {kind: rungs["plain"] + rungs["person"] for kind, rungs in found.items()}
    assert none["honest"] < 3
    assert found["honest"]["person"] < 0.1
    assert found["honest"]["normal"] > 80
    assert none["abandoners"] > 80
    assert none["rings"] > 99
    assert found["leakers"]["normal"] < 50
    assert none["bots"] > 99


def test_without_weights_all_of_them_would_get_one():
    """The guard of the test above."""
    rng = random.Random(1)
    assert {ladder(score(ring(rng), {}).points) for _ in range(100)} == {Rung.NORMAL}


# -- reading the facts -------------------------------------------------------------------------------


@pytest.fixture
def ada(shop):
    return granting.person(shop, at=NOON - days(100))


def facts(person, cart=None, minimum=0, at=NOON):
    who = Who(identity.family(person.pk), identity.relatives(person.pk))
    return history.of(who, cart, minimum, at)


def order(shop, customer, at, discount=0):
    shopper = Shopper(shop, at=at)
    shopper.add("MUG")
    made = races.order(shopper, customer)
    Order.objects.filter(pk=made.pk).update(discount_minor=discount)
    return made


def test_a_new_face_has_no_history(shop, ada):
    assert facts(ada[1]) == Facts(days_known=100)


def test_orders_count_by_discount_and_year_and_called_off_ones_not_at_all(shop, ada):
    for back, discount in ((400, 0), (200, 0), (100, 500), (10, 500)):
        order(shop, ada[0], NOON - days(back), discount)
    Order.objects.filter(pk=order(shop, ada[0], NOON, 100).pk).update(status="cancelled")
    known = facts(ada[1])
    assert (known.orders, known.discounted_orders, known.full_price_orders) == (4, 2, 1)


def test_vouchers_of_relatives_count_and_their_good_deeds_do_not(shop, ada):
    ben, ben_as_person = granting.person(shop, "ben@example.com", NOON - days(800), device="sofa")
    granting.person(shop, device="sofa")
    for back in (10, 91, 300, 366):
        VoucherGrant.objects.create(shop=shop, campaign=granting.campaign(shop), person=ben_as_person, cost_minor=1,
                                    currency="EUR", day=NOON.date(), at=NOON - days(back))  # fmt: skip
    for _ in range(3):
        order(shop, ben, NOON - days(50))
    known = facts(ada[1])
    assert (known.vouchers_lately, known.vouchers_before) == (1, 2)
    assert (known.full_price_orders, known.days_known, known.orders) == (0, 100, 3)


def hasty_cart(shop, customer, seconds, back=5):
    shopper = Shopper(shop, at=NOON - days(back))
    shopper.add("CLOCK")
    shopper.do(changes.Identify, customer_id=customer.pk, label=customer.label)
    shopper.wait(seconds=seconds).do(changes.SetQuantity, key="CLOCK", quantity=2)
    return shopper


def test_who_types_an_address_and_leaves_within_a_minute_is_hasty(shop, ada):
    hasty_cart(shop, ada[0], 59)
    hasty_cart(shop, ada[0], 60)
    hasty_cart(shop, ada[0], 61)
    hasty_cart(shop, ada[0], 5, back=61)
    looked = hasty_cart(shop, ada[0], 5)
    looked.do(changes.ChooseShipping, method="express")
    assert facts(ada[1]).hasty_carts == 2


def test_the_same_products_again_are_noticed_and_a_mailed_copy_is_not(shop, ada):
    skus = [factories.product(shop, f"P{number}").sku for number in range(5)]

    def left(wanted, at):
        shopper = Shopper(shop, at=at)
        for sku in wanted:
            shopper.add(sku)
        shopper.do(changes.Identify, customer_id=ada[0].pk, label=ada[0].label)
        return shopper.cart

    now = left(skus, NOON)
    left(skus, NOON - days(31))
    left(skus[:3], NOON - days(3))
    assert not facts(ada[1], now).has_left_same_cart
    again = left(skus[:4], NOON - days(3))
    assert facts(ada[1], now).has_left_same_cart
    Cart.objects.filter(pk=now.pk).update(restored_from=again)
    now.refresh_from_db()
    assert not facts(ada[1], now).has_left_same_cart


def test_carts_just_above_the_minimum_are_counted(shop, ada):
    now = granting.cart(shop, ada[0])
    granting.cart(shop, ada[0], NOON - days(20))
    granting.cart(shop, ada[0], NOON - days(20), "MUG")
    assert facts(ada[1], now, 8000).carts_at_minimum == 2
    assert facts(ada[1], now, 7844).carts_at_minimum == 2
    assert facts(ada[1], now, 7843).carts_at_minimum == 0
    assert facts(ada[1], now, 0).carts_at_minimum == 0


def test_addresses_aliases_and_throw_away_providers_are_seen(shop, ada):
    granting.person(shop, "ada+new@example.com", NOON - days(3))
    assert (facts(ada[1]).aliases, facts(ada[1]).new_addresses, facts(ada[1]).is_disposable) == (2, 1, False)
    _, cleo = granting.person(shop, "cleo@Mailinator.com", NOON)
    assert (facts(cleo).is_disposable, facts(cleo).aliases) == (True, 1)
    assert len(history.disposable_domains()) > 50


def test_who_was_known_for_less_than_an_hour_is_new(shop):
    customer, person = granting.person(shop, "new@example.com", NOON)
    soon, later = (granting.cart(shop, customer, NOON + timedelta(minutes=minutes)) for minutes in (40, 55))
    assert facts(person, soon).is_new
    assert not facts(person, later).is_new


def test_guesses_and_leaks_are_seen(shop, ada):
    shopper = Shopper(shop)
    shopper.add("MUG")
    shopper.do(changes.Identify, customer_id=ada[0].pk, label=ada[0].label)
    for number in range(5):
        with pytest.raises(UnknownVoucher):
            shopper.do(changes.ApplyVoucher, code=f"WRONG{number}")
    Voucher.objects.create(
        shop=shop, code="LEAKED", kind="percent", percent_bp=1, person=ada[1], strangers=1, created_at=NOON
    )
    assert (facts(ada[1]).wrong_codes, facts(ada[1]).leaked_codes) == (5, 1)


def test_who_follows_voucher_mails_at_once_and_plain_ones_never_waits_for_vouchers(shop, ada):
    campaign = granting.campaign(shop)
    step = granting.voucher_step(campaign)

    def mail(carries, minutes, by=By.PERSON, kind=EventKind.CLICKED, back=20):
        sent_at = NOON - days(back)
        made = granting.reminder(step, ada[1], granting.cart(shop, ada[0], sent_at), sent_at, was_reminded=False)
        made.message.__class__.objects.filter(pk=made.message_id).update(state=State.SENT, sent_at=sent_at)
        if carries:
            VoucherGrant.objects.create(shop=shop, campaign=campaign, person=ada[1], reminder=made, cost_minor=1,
                                        currency="EUR", day=sent_at.date(), at=sent_at)  # fmt: skip
        if minutes is not None:
            at = sent_at + timedelta(minutes=minutes)
            MessageEvent.objects.create(message=made.message, shop=shop, kind=kind, by=by, at=at)
        Reminder.objects.filter(pk=made.pk).update(planned_at=sent_at)

    mail(True, 10)
    mail(True, 2, kind=EventKind.RESTORED)
    mail(True, 11)
    mail(True, 1, by=By.MACHINE)
    mail(True, 1, back=181)
    mail(False, None)
    assert (facts(ada[1]).quick_returns, facts(ada[1]).plain_returns) == (2, 0)
    mail(False, 500)
    assert facts(ada[1]).plain_returns == 1


def test_a_dozen_queries_read_it_all_however_much_there_is(shop, ada, django_assert_max_num_queries):
    now = granting.cart(shop, ada[0])
    for number in range(6):
        granting.cart(shop, ada[0], NOON - days(number + 1))
        order(shop, ada[0], NOON - days(number + 1))
    who = Who(identity.family(ada[1].pk), identity.relatives(ada[1].pk))
    with django_assert_max_num_queries(13):
        history.of(who, now, 1000, NOON)
