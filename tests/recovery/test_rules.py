"""The rules alone: no database, no clock."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ghostcart.recovery import rules, triggers
from ghostcart.recovery.audience import Audience
from ghostcart.recovery.models import Arm
from ghostcart.recovery.subject import (
    Answer,
    Asking,
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

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
GOODS = Goods("EUR", 8000, 2, "it", frozenset({1, 2}), frozenset({10}))
SHOP = ShopTerms(1, ZoneInfo("Europe/Rome"), "it", "IT", 21 * 60, 8 * 60, 3, 7, False)
STEPS = (StepPlan(1, 1, DAY, True, False), StepPlan(2, 2, 3 * DAY, True, False), StepPlan(3, 3, 4 * DAY, False, False))
PLAN = Plan(1, SHOP, "abandoned", "running", 10, Audience(), STEPS, 0, "salt", NOW - 30 * DAY, 0, 0, "EUR")
HUMAN = Human(
    1, 1, frozenset({1}), "ada@example.com", "it", "IT", "", None, answers=(Answer(NOW, "reminders", True, True),)
)
LEFT = NOW - DAY
BASKET = Basket(7, 1, GOODS, LEFT - HOUR, LEFT, None, None, None, 2, False, False)


def bought(at, *, is_own=True, products=frozenset({99}), **more):
    values = {"cancelled_at": None, "refunded_at": None} | more
    return Purchase(5, 9, at, goods=replace(GOODS, product_ids=products), is_own=is_own, **values)


def verdict(human=HUMAN, basket=BASKET, plan=PLAN, now=NOW, **more):
    asking = Asking(plan, STEPS[0], human, triggers.of_cart(basket), 3, NOW - HOUR, Arm.CONTACTED, NOW + 3 * DAY)
    if basket is not BASKET:
        asking = replace(asking, trigger=replace(triggers.of_cart(BASKET), basket=basket))
    found = rules.judge(replace(asking, **more), now)
    return found.word, found.reason


def test_it_works():
    assert verdict() == ("go", "")


@pytest.mark.parametrize(
    ("basket", "reason"),
    [
        ({"ordered_at": NOW}, "ordered"),
        ({"deleted_at": NOW}, "deleted"),
        ({"merged_at": NOW}, "merged"),
        ({"line_count": 0}, "emptied"),
        ({"activity_at": NOW}, "changed"),
        ({"is_bot": True}, "bot"),
        ({"is_sold_out": True}, "sold_out"),
    ],
)
def test_what_the_cart_says(basket, reason):
    assert verdict(basket=replace(BASKET, **basket)) == ("no", reason)


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        (bought(LEFT), ("no", "bought")),
        (bought(NOW + HOUR), ("no", "bought")),  # the clock of another host is ahead
        (bought(NOW, is_own=False), ("no", "bought_by_relative")),
        (bought(NOW, refunded_at=NOW), ("no", "bought")),
        (bought(NOW, cancelled_at=NOW), ("go", "")),  # help those whose payment failed
        (bought(LEFT - timedelta(minutes=1)), ("go", "")),  # and then they went on filling the cart
        (bought(LEFT - timedelta(minutes=1), products=frozenset({1})), ("no", "bought")),  # left over from a purchase
        (bought(LEFT - timedelta(minutes=1), products=frozenset({1}), is_own=False), ("go", "")),
        (bought(LEFT - DAY, products=frozenset({1, 2})), ("go", "")),  # a cart begun after the order is a new one
    ],
)
def test_an_order_stops_what_it_settles(order, expected):
    assert verdict(human=replace(HUMAN, purchases=(order,))) == expected


@pytest.mark.parametrize(
    ("answers", "buyers", "purchases", "may"),
    [
        ((), False, (), False),
        ((("reminders", True, True),), False, (), True),
        ((("reminders", True, True), ("reminders", False, True)), False, (), False),
        ((("reminders", True, True), ("reminders", False, False)), False, (), False),  # under another address
        ((("reminders", True, False),), False, (), False),  # consent is given for one address
        ((("newsletter", True, True),), False, (), False),
        ((), True, (), False),
        ((), True, (bought(NOW - 90 * DAY),), True),
        ((), True, (bought(NOW - 90 * DAY, cancelled_at=NOW - 80 * DAY),), False),
        ((), True, (bought(NOW - 90 * DAY, is_own=False),), False),
        ((("reminders", False, True),), True, (bought(NOW - 90 * DAY),), False),
        ((), False, (bought(NOW - 90 * DAY),), False),
    ],
)
def test_consent(answers, buyers, purchases, may):
    told = tuple(Answer(NOW - DAY + n * HOUR, what, yes, own) for n, (what, yes, own) in enumerate(answers))
    plan = replace(PLAN, shop=replace(SHOP, buyers_may_be_reminded=buyers))
    found = verdict(human=replace(HUMAN, answers=told, purchases=purchases), plan=plan)
    assert found == (("go", "") if may else ("no", "no_consent"))


@pytest.mark.parametrize(
    ("scope", "reason", "is_own", "expected"),
    [
        ("all", "unsubscribed", True, "unsubscribed"),
        ("all", "unsubscribed", False, "unsubscribed"),  # whichever spelling they used
        ("abandoned", "unsubscribed", True, "unsubscribed"),
        ("thanks", "unsubscribed", True, ""),
        ("all", "complained", False, "complained"),
        ("all", "bounced", True, "bounced"),
        ("all", "bounced", False, ""),  # a typing error that never arrived
    ],
)
def test_whom_not_to_write_to(scope, reason, is_own, expected):
    human = replace(HUMAN, blocks=(Block(NOW, scope, reason, is_own),))
    assert verdict(human=human) == (("no", expected) if expected else ("go", ""))


def test_erased_before_all():
    assert verdict(human=replace(HUMAN, erased_at=NOW), basket=replace(BASKET, ordered_at=NOW)) == ("no", "erased")


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("paused", ("later", "campaign_paused")),
        ("draft", ("later", "campaign_paused")),
        ("ended", ("no", "campaign_ended")),
    ],
)
def test_the_state_of_the_campaign(state, expected):
    assert verdict(plan=replace(PLAN, state=state)) == expected


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("sent", ("go", "")),
        ("in_doubt", ("go", "")),
        ("due", ("later", "previous_waits")),
        ("failed_temp", ("later", "previous_waits")),
        ("committing", ("later", "previous_waits")),
        ("cancelled", ("no", "previous_failed")),
        ("failed_perm", ("no", "previous_failed")),
    ],
)
def test_the_step_before(state, expected):
    assert verdict(previous=state) == expected


def test_a_removed_step_an_ended_part_and_a_late_mail():
    assert verdict(step=replace(STEPS[0], is_removed=True)) == ("no", "step_removed")
    assert verdict(is_over=True) == ("no", "ended")
    assert verdict(stale_at=NOW) == ("no", "stale")


def test_quiet_hours_move_it_and_a_stale_one_dies_of_them():
    night = NOW + 12 * HOUR
    human, basket = HUMAN, BASKET
    found = rules.judge(
        Asking(PLAN, STEPS[0], human, triggers.of_cart(basket), 3, NOW, "contacted", night + DAY), night
    )
    assert (found.word, found.reason, found.at) == ("later", "quiet_hours", datetime(2026, 11, 23, 7, tzinfo=UTC))
    assert verdict(now=night, stale_at=night + HOUR) == ("no", "stale")


# -- the cap ------------------------------------------------------------------------------------------


def mails(*hours_ago):
    return tuple(Mail(number, 2, NOW - hour * HOUR) for number, hour in enumerate(hours_ago, start=100))


def test_the_cap_moves_a_mail_to_when_there_is_room():
    human = replace(HUMAN, mails=mails(1, 60, 120))
    found = rules.judge(
        Asking(PLAN, STEPS[0], human, triggers.of_cart(BASKET), 3, NOW, "contacted", NOW + 30 * DAY), NOW
    )
    assert (found.word, found.reason, found.at) == ("later", "cap", NOW + 7 * DAY - 120 * HOUR)


def test_no_cap_no_mail():
    assert verdict(plan=replace(PLAN, shop=replace(SHOP, cap=0))) == ("no", "cap")


@settings(max_examples=300, deadline=None)
@given(st.lists(st.integers(0, 30 * 24), max_size=12), st.integers(1, 5), st.integers(1, 14))
def test_never_more_than_the_cap_in_any_window(hours, cap, days):
    """Mails that wait as told never exceed the cap in a window; and nobody waits longer than a window."""
    shop, sent = replace(SHOP, cap=cap, cap_days=days), []
    for wish in sorted(hours):
        at = max(NOW + wish * HOUR, sent[-1] if sent else NOW)
        while free := rules.cap_free_at([Mail(n, 1, one) for n, one in enumerate(sent, 1)], shop, at):
            assert at < free <= at + days * DAY
            at = free
        sent.append(at)
    for last in sent:
        assert sum(last - days * DAY < one <= last for one in sent) <= cap


# -- arms ---------------------------------------------------------------------------------------------


@settings(max_examples=100, deadline=None)
@given(st.text(min_size=1, max_size=40), st.integers(0, 9000))
def test_the_share_held_out_is_near_what_was_asked(salt, share):
    held = sum(rules.arm_by_hash(salt, number, share) == Arm.HELD_OUT for number in range(2000))
    assert abs(held / 2000 - share / 10_000) < 0.06  # five standard deviations


def test_two_campaigns_hold_out_different_people():
    both = Counter(
        (rules.arm_by_hash("one", number, 5000), rules.arm_by_hash("two", number, 5000)) for number in range(4000)
    )
    assert all(850 < count < 1150 for count in both.values())


def voice(**more):
    values = {
        "enrolment_id": 4, "campaign_id": 1, "kind": "abandoned", "priority": 10, "arm": "contacted", "ended_at": None,
        "at": NOW - 2 * DAY, "activity_at": NOW - 3 * DAY, "cart_id": 8, "trigger": "cart:8@1",
    }  # fmt: skip
    return Voice(**values | more)


def test_the_first_arm_of_any_row_of_the_person_stays():
    plan = replace(PLAN, holdout_bp=9000)
    earlier = voice(arm="held_out", at=NOW - 9 * DAY, ended_at=NOW)
    assert rules.arm(plan, replace(HUMAN, voices=(voice(), earlier))) == Arm.HELD_OUT
    assert rules.arm(plan, replace(HUMAN, voices=(replace(earlier, at=NOW), voice()))) == Arm.CONTACTED
    elsewhere = replace(earlier, campaign_id=2)
    assert rules.arm(replace(PLAN, holdout_bp=0), replace(HUMAN, voices=(elsewhere,))) == Arm.CONTACTED


# -- one voice ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("other", "reason", "ends"),
    [
        ({}, "", [(4, "newer_cart")]),
        ({"cart_id": 7, "trigger": "cart:7@1"}, "", [(4, "changed")]),
        ({"activity_at": NOW}, "other_voice", []),
        ({"campaign_id": 2, "priority": 5}, "other_voice", []),
        ({"campaign_id": 2, "priority": 10}, "other_voice", []),
        ({"campaign_id": 2, "priority": 20}, "", [(4, "outranked")]),
        ({"campaign_id": 2, "priority": 5, "ended_at": NOW}, "", []),
        ({"campaign_id": 2, "arm": "held_out", "ended_at": NOW}, "held_out_elsewhere", []),
        ({"campaign_id": 2, "arm": "held_out", "kind": "thanks"}, "", []),
        ({"campaign_id": 2, "arm": "held_out", "at": NOW - 31 * DAY}, "", []),
    ],
)
def test_one_voice_at_a_time(other, reason, ends):
    human = replace(HUMAN, voices=(voice(**other),))
    assert rules.voice(PLAN, human, triggers.of_cart(BASKET), NOW) == (reason, ends)


def test_of_two_voices_of_one_person_the_first_goes_on():
    other = voice(campaign_id=2, priority=5)
    assert verdict(human=replace(HUMAN, voices=(other,))) == ("no", "other_voice")
    assert verdict(human=replace(HUMAN, voices=(replace(other, priority=20),))) == ("go", "")


# -- when ---------------------------------------------------------------------------------------------


def test_delays_count_from_the_activity_or_the_step_before():
    assert rules.due_at(PLAN, STEPS[0], LEFT, None) == LEFT + DAY
    assert rules.due_at(PLAN, STEPS[1], LEFT, LEFT + DAY + HOUR) == LEFT + 3 * DAY
    assert rules.due_at(PLAN, STEPS[2], LEFT, NOW) == NOW + 4 * DAY


def test_after_a_late_mail_the_next_keeps_its_distance():
    late = LEFT + 20 * DAY
    assert rules.due_at(PLAN, STEPS[1], LEFT, late) == late + DAY


@pytest.mark.parametrize(
    ("size", "days", "cleared", "is_unusual"),
    [
        (50, (), 0, False),
        (51, (), 0, True),
        (51, (0, 0, 0, 10, 10, 10, 11), 0, True),
        (51, (0, 0, 0, 11, 11, 11, 11), 0, False),
        (120, (), 100, False),
        (121, (), 100, True),
    ],
)
def test_runs_far_above_the_usual(size, days, cleared, is_unusual):
    assert rules.is_unusual(size, days, cleared) == is_unusual


# -- audiences ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("audience", "missed"),
    [
        ({}, ""),
        ({"languages": ["de"]}, "languages"),
        ({"languages": ["de", "it"]}, ""),
        ({"countries": ["DE"]}, "countries"),
        ({"currencies": ["CHF"]}, "currencies"),
        ({"value_min_minor": {"EUR": 8000}}, ""),
        ({"value_min_minor": {"EUR": 8001}}, "value_min_minor"),
        ({"value_min_minor": {"CHF": 1}}, "value_min_minor"),
        ({"value_max_minor": {"EUR": 7999}}, "value_max_minor"),
        ({"items_min": 3}, "items_min"),
        ({"items_max": 1}, "items_max"),
        ({"product_ids_in": [2, 3]}, ""),
        ({"product_ids_in": [3]}, "product_ids_in"),
        ({"product_ids_out": [2]}, "product_ids_out"),
        ({"category_ids_in": [11]}, "category_ids_in"),
        ({"category_ids_out": [10]}, "category_ids_out"),
        ({"buyers": "new"}, "buyers"),
        ({"buyers": "returning"}, ""),
        ({"orders_min": 2}, "orders_min"),
        ({"orders_max": 0}, "orders_max"),
        ({"newsletter": "yes"}, "newsletter"),
        ({"newsletter": "no"}, ""),
        ({"groups": ["trade"]}, "groups"),
    ],
)
def test_audiences(audience, missed):
    human = replace(HUMAN, purchases=(bought(NOW - 90 * DAY),))
    assert Audience.parse(audience).missed(human, GOODS, NOW) == missed


@pytest.mark.parametrize(
    "audience",
    [{"shoe_size": 43}, {"languages": "it"}, {"items_min": "2"}, {"items_min": True}, {"value_min_minor": {"EUR": -1}},
     {"buyers": "old"}, {"items_min": 3, "items_max": 2}, {"product_ids_in": ["x"]}],
)  # fmt: skip
def test_what_cannot_be_read_meets_nobody(audience):
    read = Audience.parse(audience)
    assert read.problems
    assert read.missed(HUMAN, GOODS, NOW)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.text(max_size=20), st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5), lambda inner: st.lists(inner) | st.dictionaries(
        st.text(max_size=3), inner), max_leaves=5)))  # fmt: skip
def test_no_audience_breaks_reading(audience):
    Audience.parse(audience).missed(HUMAN, GOODS, NOW)
