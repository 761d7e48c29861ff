"""Facts that another shop tells us, each as a whole, by (source, external id): the newest version wins.

A version is the sender's own number or time. What comes late is left out, what comes again changes nothing, so a
sender may repeat itself and hurry as it likes.
"""

from collections.abc import Callable, Hashable, Iterable
from enum import StrEnum
from typing import TypeVar

T = TypeVar("T")


class Taken(StrEnum):
    """What became of a fact that was told."""

    CREATED = "created"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    STALE = "stale"  # a newer one was told before
    FORGOTTEN = "forgotten"  # it is of a person who was erased


def newest(told: Iterable[T], key: Callable[[T], Hashable], version: Callable[[T], int]) -> dict[Hashable, T]:
    """Of what is told several times at once, the newest; of equals, the last."""
    found: dict[Hashable, T] = {}
    for one in told:
        known = found.get(key(one))
        if known is None or version(one) >= version(known):
            found[key(one)] = one
    return found
