"""When to try again what could not be handed over: fast at first, then a few times a day, for three days in all."""

from datetime import datetime, timedelta

_MINUTES = (5, 15, 30, 60, 120, 240, 480, 480, 720, 720, 720, 720)
WAITS = tuple(timedelta(minutes=minutes) for minutes in _MINUTES)
"""After the first attempt, after the second, ...: 71 hours and 50 minutes together."""
JITTER = 0.1
"""So that what failed together does not come back together."""


def next_try(attempts: int, now: datetime, stale_at: datetime | None, chance: float) -> datetime | None:
    """When to try again after that many attempts; None: no more. `chance` in 0..1 spreads it by up to a tenth."""
    if attempts > len(WAITS):
        return None
    at = now + WAITS[max(attempts, 1) - 1] * (1 + JITTER * (2 * chance - 1))
    return None if stale_at is not None and at >= stale_at else at
