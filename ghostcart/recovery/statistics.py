"""What the reminders caused: the difference between those written to and those held out, with an honest interval.

The interval is a confidence sequence: it holds at every look together, so a merchant may look daily and stop when they
like. The method is the Gaussian-mixture sequence of Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas, "Time-uniform
central limit theory and asymptotic confidence sequences" (Annals of Statistics 52(6), 2024), equation (9), on the
difference of two means. It is asymptotic: below `LEAST` people nothing is said.

Pure: numbers in, numbers out. Floats are fine here, they are estimates; money stays in minor units.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import ceil, inf, log, sqrt

ALPHA = 0.05
"""How often, at most, any look at all may show an interval that misses the truth."""
TIGHTEST_AT = 3_000
"""The number of people at which the interval is tightest; it is valid at all others as well."""
LEAST, LEAST_BUYERS = 50, 12
"""People that each arm must have, and buyers that both must have together, before anything is said."""
FARTHEST = 10_000_000

_RHO_SQUARED = (-2 * log(ALPHA) + log(-2 * log(ALPHA)) + 1) / TIGHTEST_AT


@dataclass(frozen=True, slots=True)
class Arm:
    """People of one arm whose time is over: how many, how many of them bought, and for how much (any one unit)."""

    people: int
    buyers: int
    total: float = 0.0
    squares: float = 0.0
    """The sum of each person's amount squared."""

    @property
    def rate(self) -> float:
        return self.buyers / self.people if self.people else 0.0

    @property
    def mean(self) -> float:
        return self.total / self.people if self.people else 0.0

    @property
    def rate_variance(self) -> float:
        """Of one person's yes or no. One yes and one no are added: no arm is ever certain."""
        rate = (self.buyers + 1) / (self.people + 2)
        return rate * (1 - rate)

    @property
    def mean_variance(self) -> float:
        if self.people < 2:
            return inf
        return max(0.0, (self.squares - self.total * self.mean) / (self.people - 1))

    def __add__(self, other: "Arm") -> "Arm":
        return Arm(
            self.people + other.people,
            self.buyers + other.buyers,
            self.total + other.total,
            self.squares + other.squares,
        )


@dataclass(frozen=True, slots=True)
class Effect:
    """A difference per person, contacted minus held out, between `low` and `high`."""

    estimate: float
    low: float
    high: float

    @property
    def is_gain(self) -> bool:
        return self.low > 0

    @property
    def is_loss(self) -> bool:
        return self.high < 0

    def times(self, people: int) -> "Effect":
        """For all the people who were written to."""
        return Effect(self.estimate * people, self.low * people, self.high * people)


def together(effects: Iterable[Effect | None]) -> Effect | None:
    """What several samples show in all, without those of which nothing can be said yet. The limits are added, which
    makes the interval wider than it need be unless all of them err to the same side."""
    known = [effect for effect in effects if effect is not None]
    if not known:
        return None
    sums = (sum(getattr(effect, name) for effect in known) for name in ("estimate", "low", "high"))
    return Effect(*sums)


def is_too_early(contacted: Arm, held_out: Arm) -> bool:
    return min(contacted.people, held_out.people) < LEAST or contacted.buyers + held_out.buyers < LEAST_BUYERS


def difference_of_rates(contacted: Arm, held_out: Arm) -> Effect | None:
    """How much likelier a person bought because they were written to; None when it is too early to say."""
    if is_too_early(contacted, held_out):
        return None
    return _effect(contacted.rate - held_out.rate, "rate_variance", contacted, held_out)


def difference_of_means(contacted: Arm, held_out: Arm) -> Effect | None:
    """How much more a person spent because they were written to; None when it is too early to say."""
    if is_too_early(contacted, held_out) or min(contacted.buyers, held_out.buyers) < 2:
        return None
    return _effect(contacted.mean - held_out.mean, "mean_variance", contacted, held_out)


def people_still_needed(contacted: Arm, held_out: Arm, gain: float) -> int:
    """How many more people must pass through before a true gain of `gain` (0.03 = 3 points) would show itself.

    Supposes that both arms go on as they are. Nothing is needed when it would show already.
    """
    people = contacted.people + held_out.people
    if people == 0 or gain <= 0 or not contacted.people or not held_out.people:
        return FARTHEST
    share = held_out.people / people
    one, other = (_larger("rate_variance", arm, contacted + held_out) for arm in (contacted, held_out))
    spread = one / (1 - share) + other / share
    enough = max(ceil(LEAST / share), _smallest(lambda n: _radius(spread / n, n) < gain))
    return max(0, enough - people)


def _larger(kind: str, arm: Arm, both: Arm) -> float:
    """The variance of an arm, never below that of all people: a small arm with few buyers by luck looks too certain,
    and just then the difference looks like a gain."""
    return max(getattr(arm, kind), getattr(both, kind))


def _effect(estimate: float, kind: str, contacted: Arm, held_out: Arm) -> Effect:
    both = contacted + held_out
    variance = sum(_larger(kind, arm, both) / arm.people for arm in (contacted, held_out))
    radius = _radius(variance, both.people)
    return Effect(estimate, estimate - radius, estimate + radius)


def _radius(variance: float, people: int) -> float:
    spread = people * _RHO_SQUARED + 1
    return sqrt(variance) * sqrt(2 * spread / (people * _RHO_SQUARED) * log(sqrt(spread) / ALPHA))


def _smallest(holds: Callable[[int], bool]) -> int:
    """The smallest number for which `holds`, which once true stays true; FARTHEST if none below it does."""
    low, high = 1, 1
    while not holds(high):
        low, high = high, high * 2
        if high > FARTHEST:
            return FARTHEST
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle + 1, high)
    return high
