"""The interval is honest under daily looking: no gain out of nothing, and the truth stays inside."""

import random

import pytest

from ghostcart.recovery.statistics import (
    FARTHEST,
    Arm,
    difference_of_means,
    difference_of_rates,
    people_still_needed,
)

SHOPS = 1_000
DAYS = 120
A_DAY = 25


def look_daily(chance: float, gain: float, shops: int, interval=difference_of_rates) -> tuple[float, float]:
    """The share of shops that ever see a proven gain, and of those whose interval ever misses the truth."""
    luck = random.Random(7)
    proved = missed = 0
    for _shop in range(shops):
        people, buyers = [0, 0], [0, 0]
        saw_gain = saw_miss = False
        for _day in range(DAYS):
            for _person in range(A_DAY):
                contacted = luck.random() >= 0.1
                people[contacted] += 1
                buyers[contacted] += luck.random() < chance + gain * contacted
            effect = interval(Arm(people[1], buyers[1]), Arm(people[0], buyers[0]))
            if effect is not None:
                saw_gain |= effect.is_gain
                saw_miss |= not effect.low <= gain <= effect.high
        proved += saw_gain
        missed += saw_miss
    return proved / shops, missed / shops


@pytest.mark.parametrize("chance", [0.02, 0.09, 0.3])
def test_a_campaign_that_does_nothing_hardly_ever_shows_a_gain_to_who_looks_daily(chance):
    proved, _missed = look_daily(chance, 0.0, SHOPS)
    print(f"{proved:.1%} of {SHOPS} shops ever saw a proven gain (at most 5 %)")
    assert proved <= 0.05


def test_a_true_gain_of_three_points_stays_inside_the_interval():
    proved, missed = look_daily(0.09, 0.03, SHOPS)
    print(f"the truth was outside at some look in {missed:.1%} of {SHOPS} shops; {proved:.0%} had proof in {DAYS} days")
    assert missed <= 0.05


def test_guard_the_usual_interval_promises_gains_to_who_looks_daily():
    def usual(contacted: Arm, held_out: Arm):
        """The textbook interval for one look: 1.96 standard errors."""
        effect = difference_of_rates(contacted, held_out)
        if effect is None:
            return None
        error = sum(arm.rate * (1 - arm.rate) / arm.people for arm in (contacted, held_out)) ** 0.5
        return type(effect)(effect.estimate, effect.estimate - 1.96 * error, effect.estimate + 1.96 * error)

    proved, _missed = look_daily(0.09, 0.0, 200, usual)
    assert proved > 0.1


def test_money_is_judged_alike():
    luck = random.Random(3)
    proved = 0
    for _shop in range(60):
        arms = [Arm(0, 0), Arm(0, 0)]
        ever = False
        for _day in range(DAYS):
            for _person in range(A_DAY):
                contacted = luck.random() >= 0.1
                spent = round(luck.lognormvariate(8, 0.8)) if luck.random() < 0.09 else 0
                arms[contacted] += Arm(1, spent > 0, spent, spent * spent)
            effect = difference_of_means(arms[1], arms[0])
            ever |= effect is not None and effect.is_gain
        proved += ever
    assert proved <= 3


def test_few_people_get_no_figure_but_are_told_how_many_are_missing():
    contacted, held_out = Arm(90, 9), Arm(10, 1)
    assert difference_of_rates(contacted, held_out) is None
    needed = people_still_needed(contacted, held_out, gain=0.03)
    assert 5_000 < needed < 20_000
    assert people_still_needed(contacted, held_out, gain=0.06) < needed
    assert people_still_needed(Arm(0, 0), Arm(0, 0), gain=0.03) == FARTHEST


def test_that_many_people_are_enough():
    contacted, held_out = Arm(900, 108), Arm(100, 9)
    people = 1_000 + people_still_needed(contacted, held_out, gain=0.03)
    effect = difference_of_rates(
        Arm(round(people * 0.9), round(people * 0.9 * 0.12)), Arm(round(people * 0.1), round(people * 0.1 * 0.09))
    )
    assert effect is not None
    assert effect.is_gain
