"""How often a key may ask: a bucket of requests for each key, which fills again steadily. Kept in this process."""

import math
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from time import monotonic

WINDOW = 60
MOST_BUCKETS = 10_000


@dataclass(frozen=True, slots=True)
class Stand:
    """How a key stands after a request: `wait` seconds until the next one, if this one was too many."""

    quota: int
    left: int
    wait: int

    @property
    def headers(self) -> dict[str, str]:
        """As draft-ietf-httpapi-ratelimit-headers describes them."""
        full_in = math.ceil((self.quota - self.left) * WINDOW / self.quota)
        told = {
            "RateLimit-Policy": f'"requests";q={self.quota};w={WINDOW}',
            "RateLimit": f'"requests";r={self.left};t={full_in}',
        }
        return told | {"Retry-After": str(self.wait)} if self.wait else told


class Buckets:
    """Of each key what is left in its bucket, and since when. Used in the event loop alone."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self.clock = clock
        self.left: dict[Hashable, tuple[float, float]] = {}

    def knows(self, key: Hashable) -> bool:
        """Whether it asked lately."""
        return key in self.left

    def take(self, key_id: Hashable, quota: int) -> Stand:
        """Count one request of a key that may ask `quota` times in WINDOW seconds."""
        now, speed = self.clock(), quota / WINDOW
        left, since = self.left.pop(key_id, (float(quota), now))
        left = min(float(quota), left + (now - since) * speed)
        is_over = left < 1
        left = left if is_over else left - 1
        self.left[key_id] = (left, now)
        if len(self.left) > MOST_BUCKETS:
            del self.left[next(iter(self.left))]  # the one that asked longest ago: its bucket is full again
        return Stand(quota, int(left), max(1, math.ceil((1 - left) / speed)) if is_over else 0)
