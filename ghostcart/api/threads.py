"""Blocking Django code called from the asynchronous wire."""

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from anyio import to_thread
from django.db import close_old_connections

T = TypeVar("T")


def _in_django(function: Callable[[], T]) -> T:
    """Outside a Django request nobody else gives a thread's connection back, or heals it."""
    close_old_connections()
    try:
        return function()
    finally:
        close_old_connections()


async def in_django(function: Callable[..., T], *args: Any, **named: Any) -> T:
    """Run blocking code in a thread and wait for it."""
    return await to_thread.run_sync(_in_django, partial(function, *args, **named))
