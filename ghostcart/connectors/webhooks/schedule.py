"""When a delivery is tried again: at once, then after the waits that Standard Webhooks recommends."""

from datetime import datetime, timedelta

WAITS = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
"""After the first attempt, after the second, ...: ten attempts in a little more than three days."""
JITTER = 0.1
"""So that what failed together does not come back together: each wait is up to a tenth longer."""
LONGEST_ASKED = timedelta(hours=24)
GIVEN_UP_AFTER = timedelta(days=5)
"""An endpoint that took nothing for so long is told nothing any more."""
QUIET = timedelta(days=2)
"""Failures further apart than this are not one failing: longer than any wait."""


def next_try(attempts: int, now: datetime, chance: float, asked: timedelta | None = None) -> datetime | None:
    """When to try again after that many attempts; None: no more.

    `chance` in 0..1 spreads it; `asked` is how long the receiver asked to be left alone (Retry-After).
    """
    if attempts > len(WAITS):
        return None
    wait = WAITS[max(attempts, 1) - 1] * (1 + JITTER * chance)
    return now + max(wait, min(asked or timedelta(), LONGEST_ASKED))


def failing_since(since: datetime | None, last: datetime | None, now: datetime) -> datetime:
    """Since when an endpoint fails, after one more failure."""
    return now if since is None or last is None or now - last > QUIET else since
