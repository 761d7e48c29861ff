"""Answers kept for requests that come again: with the same Idempotency-Key they have one effect and one answer."""

from collections.abc import Callable
from datetime import datetime

from django.db import transaction

from ghostcart.carts.errors import IdempotencyConflict
from ghostcart.carts.models import IdempotencyKey


@transaction.atomic
def once(shop_id: int, scope: str, key: str, request_hash: str, now: datetime, work: Callable[[], str]) -> str:
    """What `work` answers, or what it answered to the same request before; kept in the transaction of its effect.

    Whoever sends the same at the same moment waits here for the first. What is refused is not kept: it had no effect.
    Raises IdempotencyConflict if the key came with another request.
    """
    kept, is_new = IdempotencyKey.objects.get_or_create(
        shop_id=shop_id, scope=scope, key=key, defaults={"request_hash": request_hash, "answer": "", "at": now}
    )
    if not is_new:
        if kept.request_hash != request_hash:
            raise IdempotencyConflict
        return kept.answer
    kept.answer = work()
    kept.save(update_fields=["answer"])
    return kept.answer
