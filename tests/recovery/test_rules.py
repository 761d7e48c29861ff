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
    Trigger,
    Voice,
)

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
GOODS = Goods("EUR", 8000, 2, "it", frozenset({1, 2}), frozenset({10}))
SHOP = ShopTerms(1, ZoneInfo("Europe/Rome"), 21 * 60, 8 * 60, 3, 7, False)
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
    asking = Asking(plan, STEPS[0], human, triggers.of_cart(basket), 3, NOW - HOUR, NOW + 3 * DAY)
    if basket is not BASKET:
        asking = replace(asking, trigger=replace(triggers.of_cart(BASKET), basket=basket))
    found = rules.judge(replace(asking, **more), now)
    return found.word, found.reason


def test_it_works():
    assert verdict() == ("go", "")


def test_who_left_no_address_cannot_be_written_to():
    assert verdict(human=replace(HUMAN, address="")) == ("no", "no_address")


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
    ("wanted", "held", "expected"),
    [
        ({1, 2, 3}, {1}, "go"),  # a third of it is no left-over
        ({1, 2, 3}, {1, 2, 9}, "no"),
        ({1, 2}, {1}, "no"),  # half is
        ({1}, {1}, "no"),
        (set(), {1}, "go"),  # products that nobody knows prove nothing
    ],
)
def test_a_cart_that_an_order_holds_half_of_is_left_over(wanted, held, expected):
    basket = replace(BASKET, goods=replace(GOODS, product_ids=frozenset(wanted)))
    order = bought(LEFT - HOUR, products=frozenset(held))  # in the moment the cart was begun
    assert verdict(human=replace(HUMAN, purchases=(order,)), basket=basket)[0] == expected


@pytest.mark.parametrize("kind", ["thanks", "best"])
@pytest.mark.parametrize("end", ["cancelled_at", "refunded_at"])
def test_nobody_is_thanked_for_an_order_that_is_no_more(kind, end):
    plan, order = replace(PLAN, kind=kind), bought(LEFT)
    assert rules.passed_over(plan, HUMAN, thanks(order)) == rules.GO
    void = thanks(replace(order, **{end: NOW}))
    assert rules.passed_over(plan, HUMAN, void).reason == "order_void"
    assert rules.passed_over(replace(plan, kind="lapsed"), HUMAN, void) == rules.GO
    assert rules.passed_over(plan, HUMAN, Trigger("x", LEFT)) == rules.GO  # about no order at all


def thanks(order):
    return Trigger(f"order:{order.id}", order.placed_at, purchase=order)


@pytest.mark.parametrize(
    ("order", "reason"),
    [
        (bought(LEFT), ""),
        (bought(LEFT + HOUR), "bought"),
        (bought(LEFT + HOUR, cancelled_at=NOW), ""),
        (bought(LEFT + HOUR, is_own=False), ""),
        (bought(LEFT - HOUR), ""),
    ],
)
def test_who_bought_again_has_not_lapsed(order, reason):
    found = rules.passed_over(replace(PLAN, kind="lapsed"), replace(HUMAN, purchases=(order,)), thanks(bought(LEFT)))
    assert found.reason == reason


def test_what_nobody_ordered_has_not_lapsed():
    silence = Trigger("lapsed:1", LEFT)
    assert rules.passed_over(replace(PLAN, kind="lapsed"), HUMAN, silence) == rules.GO


def test_a_later_order_ends_reminders_of_carts_and_not_thanks():
    human = replace(HUMAN, purchases=(bought(NOW),))
    assert rules.passed_over(replace(PLAN, kind="manual"), human, triggers.of_cart(BASKET)).reason == "bought"
    assert rules.passed_over(replace(PLAN, kind="thanks"), human, triggers.of_cart(BASKET)) == rules.GO
    assert rules.passed_over(replace(PLAN, kind="thanks"), human, thanks(bought(LEFT))) == rules.GO
    assert rules.passed_over(replace(PLAN, kind="manual"), human, Trigger("x", LEFT)) == rules.GO
    stopped = rules.passed_over(PLAN, human, triggers.of_cart(BASKET))
    assert stopped.details == {"order": 5}


def test_whom_the_merchant_did_not_mean_is_passed_over_with_the_reason():
    plan = replace(PLAN, audience=Audience.parse({"languages": ["de"]}))
    found = rules.passed_over(plan, HUMAN, triggers.of_cart(BASKET))
    assert (found.word, found.reason, found.details) == ("no", "audience", {"field": "languages"})
    assert verdict(plan=plan) == ("no", "audience")


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
        ("all", "imported", True, "unsubscribed"),
        ("all", "imported", False, ""),
        ("all", "staff", False, "staff"),
        ("all", "erased", False, "erased"),
    ],
)
def test_whom_not_to_write_to(scope, reason, is_own, expected):
    human = replace(HUMAN, blocks=(Block(NOW, scope, reason, is_own),))
    assert verdict(human=human) == (("no", expected) if expected else ("go", ""))


def test_a_block_that_does_not_concern_them_hides_none_that_does():
    blocks = (Block(NOW, "thanks", "unsubscribed", True), Block(NOW, "all", "complained", True))
    assert verdict(human=replace(HUMAN, blocks=blocks)) == ("no", "complained")


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


def test_a_reminder_by_hand_asks_for_no_arm_and_no_part_that_goes_on():
    by_hand = replace(PLAN, kind="manual", holdout_bp=10_000)
    assert verdict(plan=by_hand, is_over=True) == ("go", "")
    assert verdict(plan=replace(by_hand, kind="abandoned")) == ("no", "held_out")
    assert verdict(plan=by_hand, human=replace(HUMAN, voices=(voice(campaign_id=2, priority=1),))) == ("go", "")


def test_a_clock_that_leapt_holds_everything_for_an_hour():
    asking = Asking(replace(PLAN, is_clock_wrong=True), STEPS[0], HUMAN, triggers.of_cart(BASKET), 3, NOW, None)
    found = rules.judge(asking, NOW)
    assert (found.word, found.reason, found.at) == ("later", "clock_wrong", NOW + HOUR)
    assert rules.judge(replace(asking, plan=replace(asking.plan, state="ended")), NOW).reason == "campaign_ended"


@pytest.mark.parametrize(
    ("stale_at", "expected"),
    [(NOW + HOUR, ("no", "stale")), (NOW + HOUR + timedelta(seconds=1), ("later", "campaign_paused")),
     (None, ("later", "campaign_paused"))],
)  # fmt: skip
def test_what_would_have_to_wait_until_it_is_stale_is_dropped_at_once(stale_at, expected):
    paused = replace(PLAN, state="paused")
    assert verdict(plan=paused, stale_at=stale_at) == expected
    asking = Asking(paused, STEPS[0], HUMAN, triggers.of_cart(BASKET), 3, NOW, NOW + HOUR)
    assert rules.judge(asking, NOW).details == {"waited_for": "campaign_paused"}


def test_what_is_not_due_waits_until_then():
    second = {"step": STEPS[1], "previous": "sent", "previous_at": NOW - HOUR}
    asking = Asking(PLAN, STEPS[1], HUMAN, triggers.of_cart(BASKET), 3, NOW, None, "sent", NOW - HOUR)
    found = rules.judge(asking, NOW)
    assert (found.word, found.reason, found.at) == ("later", "not_yet", LEFT + 3 * DAY)
    assert verdict(**second, now=LEFT + 3 * DAY, stale_at=None) == ("go", "")
    assert verdict(**second, now=LEFT + 3 * DAY - timedelta(seconds=1), stale_at=None) == ("later", "not_yet")


def test_quiet_hours_move_it_and_a_stale_one_dies_of_them():
    night = NOW + 12 * HOUR
    human, basket = HUMAN, BASKET
    found = rules.judge(Asking(PLAN, STEPS[0], human, triggers.of_cart(basket), 3, NOW, night + DAY), night)
    assert (found.word, found.reason, found.at) == ("later", "quiet_hours", datetime(2026, 11, 23, 7, tzinfo=UTC))
    assert verdict(now=night, stale_at=night + HOUR) == ("no", "stale")


# -- the cap ------------------------------------------------------------------------------------------


def mails(*hours_ago):
    return tuple(Mail(number, 2, NOW - hour * HOUR) for number, hour in enumerate(hours_ago, start=100))


def test_the_cap_moves_a_mail_to_when_there_is_room():
    human = replace(HUMAN, mails=mails(1, 60, 120))
    found = rules.judge(Asking(PLAN, STEPS[0], human, triggers.of_cart(BASKET), 3, NOW, NOW + 30 * DAY), NOW)
    assert (found.word, found.reason, found.at) == ("later", "cap", NOW + 7 * DAY - 120 * HOUR)


@pytest.mark.parametrize(
    ("hours_ago", "besides", "free"),
    [((1, 2), 0, None), ((1, 2, 3), 0, 165), ((1, 2, 3), 101, None), ((1, 2, 7 * 24), 0, None), ((1, 2, 3, 4), 0, 165)],
)
def test_the_cap_counts_what_went_out_in_the_window_but_for_the_mail_itself(hours_ago, besides, free):
    found = rules.cap_free_at(mails(*hours_ago), SHOP, NOW, besides)
    assert found == (None if free is None else NOW + free * HOUR)


def test_a_cap_of_one_lets_one_through():
    plan = replace(PLAN, shop=replace(SHOP, cap=1))
    assert verdict(plan=plan) == ("go", "")
    assert verdict(plan=plan, human=replace(HUMAN, mails=mails(1)), stale_at=None) == ("later", "cap")


def test_while_the_step_before_is_on_its_way_the_next_asks_again_in_an_hour():
    asking = Asking(PLAN, STEPS[0], HUMAN, triggers.of_cart(BASKET), 3, NOW, None, "due")
    assert rules.judge(asking, NOW).at == NOW + HOUR


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


@pytest.mark.parametrize(("salt", "person", "lot"), [("salt", 1, 2457), ("salt", 2, 3459), ("pepper", 1, 68)])
def test_a_lot_that_was_drawn_is_drawn_the_same_for_ever(salt, person, lot):
    """People who were held out must not be written to after an update: the hash may not change."""
    assert rules.arm_by_hash(salt, person, lot) == Arm.CONTACTED
    assert rules.arm_by_hash(salt, person, lot + 1) == Arm.HELD_OUT


def test_of_two_rows_of_one_moment_the_first_one_counts():
    rows = (voice(enrolment_id=5, arm="held_out"), voice(enrolment_id=4))
    assert rules.arm(PLAN, replace(HUMAN, voices=rows)) == Arm.CONTACTED


def voice(**more):
    values = {
        "enrolment_id": 4, "campaign_id": 1, "kind": "abandoned", "priority": 10, "arm": "contacted", "ended_at": None,
        "at": NOW - 2 * DAY, "activity_at": NOW - 3 * DAY, "cart_id": 8,
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
        ({"cart_id": 7}, "", [(4, "changed")]),
        ({"activity_at": NOW}, "other_voice", []),
        ({"campaign_id": 2, "priority": 5}, "other_voice", []),
        ({"campaign_id": 2, "priority": 10}, "other_voice", []),
        ({"campaign_id": 2, "priority": 20}, "", [(4, "outranked")]),
        ({"campaign_id": 2, "priority": 5, "ended_at": NOW}, "", []),
        ({"campaign_id": 2, "arm": "held_out", "ended_at": NOW}, "held_out_elsewhere", []),
        ({"campaign_id": 2, "arm": "held_out", "kind": "thanks"}, "", []),
        ({"campaign_id": 2, "arm": "held_out", "at": NOW - 31 * DAY}, "", []),
        ({"campaign_id": 2, "arm": "held_out", "at": NOW - 30 * DAY}, "", []),
        ({"campaign_id": 2, "arm": "held_out", "at": NOW - 30 * DAY + HOUR}, "held_out_elsewhere", []),
        ({"arm": "held_out"}, "", []),  # in this very campaign: `arm` says so
        ({"activity_at": LEFT}, "other_voice", []),
        ({"cart_id": 7, "activity_at": LEFT}, "other_voice", []),  # told twice
        ({"cart_id": 7, "campaign_id": 2, "priority": 5}, "", [(4, "changed")]),
    ],
)
def test_one_voice_at_a_time(other, reason, ends):
    human = replace(HUMAN, voices=(voice(**other),))
    assert rules.voice(PLAN, human, triggers.of_cart(BASKET), NOW) == (reason, ends)


@pytest.mark.parametrize(
    ("other", "reason", "ends"),
    [
        ({}, "", [(4, "bought")]),
        ({"activity_at": LEFT}, "", [(4, "bought")]),
        ({"activity_at": NOW}, "other_voice", []),  # began after the order
        ({"activity_at": NOW, "priority": 20}, "", [(4, "outranked")]),
        ({"kind": "thanks"}, "other_voice", []),
        ({"campaign_id": 1}, "other_voice", []),
    ],
)
def test_an_order_ends_what_reminded_of_a_cart(other, reason, ends):
    human = replace(HUMAN, voices=(voice(**{"campaign_id": 2, "priority": 5, **other}),))
    assert rules.voice(replace(PLAN, kind="thanks"), human, thanks(bought(LEFT)), NOW) == (reason, ends)


def test_all_that_gives_way_ends_and_one_that_does_not_is_enough():
    one, other = voice(campaign_id=2, priority=20), voice(enrolment_id=6, campaign_id=3, priority=30)
    human = replace(HUMAN, voices=(one, voice(enrolment_id=5, ended_at=NOW), other))
    assert rules.voice(PLAN, human, triggers.of_cart(BASKET), NOW) == ("", [(4, "outranked"), (6, "outranked")])
    human = replace(HUMAN, voices=(one, replace(other, priority=1)))
    assert rules.voice(PLAN, human, triggers.of_cart(BASKET), NOW) == ("other_voice", [])


@pytest.mark.parametrize(
    "other",
    [{"arm": "held_out"}, {"ended_at": NOW}, {"enrolment_id": 3}, {"kind": "manual"}, {"priority": 10, "at": NOW}],
)
def test_who_does_not_speak_or_came_later_silences_nobody(other):
    assert verdict(human=replace(HUMAN, voices=(voice(**{"campaign_id": 2, "priority": 5, **other}),))) == ("go", "")


def test_of_one_priority_the_first_that_took_them_in_goes_on():
    same = {"campaign_id": 2, "at": NOW - HOUR}
    assert verdict(human=replace(HUMAN, voices=(voice(**same, enrolment_id=4),))) == ("go", "")
    assert verdict(human=replace(HUMAN, voices=(voice(**same, enrolment_id=2),))) == ("no", "other_voice")


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


def test_the_distance_is_that_of_the_steps_and_at_most_a_day():
    close = (replace(STEPS[0], delay=DAY), replace(STEPS[1], delay=DAY + 3 * HOUR), STEPS[2])
    plan, late = replace(PLAN, steps=close), LEFT + 9 * DAY
    assert rules.due_at(plan, close[1], LEFT, late) == late + 3 * HOUR
    swapped = (replace(STEPS[0], delay=5 * DAY), STEPS[1])
    assert rules.due_at(replace(PLAN, steps=swapped), STEPS[1], LEFT, late) == late  # never before the one before it
    first_by_mail = (replace(STEPS[0], delay=2 * DAY, is_since_activity=False), replace(STEPS[1], delay=20 * HOUR))
    assert rules.due_at(replace(PLAN, steps=first_by_mail), first_by_mail[1], LEFT, late) == late + 20 * HOUR


def test_a_trigger_of_three_days_past_is_too_late_unless_the_campaign_was_begun_for_it():
    plan, trigger = replace(PLAN, started_at=None), triggers.of_cart(BASKET)  # due now
    assert not rules.is_too_late(plan, trigger, NOW + 3 * DAY - timedelta(seconds=1))
    assert rules.is_too_late(plan, trigger, NOW + 3 * DAY)
    assert rules.is_too_late(replace(plan, started_at=NOW), trigger, NOW + 3 * DAY)
    assert not rules.is_too_late(replace(plan, started_at=NOW + HOUR), trigger, NOW + 3 * DAY)


def test_a_campaign_looks_back_by_its_first_step_and_of_lapsed_customers_by_their_days():
    assert rules.offset(replace(PLAN, days=60)) == DAY
    assert rules.offset(replace(PLAN, days=60, kind="lapsed")) == 61 * DAY
    removed = (replace(STEPS[0], is_removed=True), *STEPS[1:])
    assert rules.first_delay(replace(PLAN, steps=removed)) == 3 * DAY
    assert rules.first_delay(replace(PLAN, steps=())) == timedelta()
    assert rules.first_delay(replace(PLAN, steps=(replace(STEPS[1], position=0),))) == 3 * DAY


@pytest.mark.parametrize(("days", "is_leap"), [(45, False), (46, True), (-400, False)])
def test_a_month_and_a_half_unseen_is_a_wrong_clock(days, is_leap):
    assert rules.is_leap(PLAN, NOW - DAY - days * DAY, NOW) == is_leap
    assert not rules.is_leap(PLAN, None, NOW)


def test_what_a_person_spent_is_what_they_bought_and_kept():
    orders = (
        bought(NOW), bought(NOW - HOUR), bought(NOW - DAY), bought(NOW, is_own=False), bought(NOW, cancelled_at=NOW),
        bought(NOW, refunded_at=NOW), replace(bought(NOW), goods=replace(GOODS, currency="CHF")),
        bought(NOW + timedelta(seconds=1)),
    )  # fmt: skip
    human = replace(HUMAN, purchases=orders)
    assert human.spent("EUR", NOW - DAY, NOW) == 2 * 8000
    assert human.spent("CHF", NOW - DAY, NOW) == 8000
    assert HUMAN.spent("EUR", NOW - DAY, NOW) == 0


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
