"""Comparing our carts with the shop's, a few at a time, newest first and round and round.

Finds carts that were deleted there, and every change that following could not see. A slice is one statement by primary
key; at the usual pace a shop with a million carts is gone through in three hours, and the newest ones every minute.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ghostcart.carts import intake as cart_intake
from ghostcart.carts.snapshots import CartSnapshot
from ghostcart.connectors.prestashop.basics import marks
from ghostcart.connectors.prestashop.reader import CARTS_AT_ONCE, Reader

AT_ONCE = 1000


@dataclass
class Walk:
    """`numbers`: carts that differ, to be read again; `take` marks the deleted ones."""

    numbers: set[int] = field(default_factory=set)
    take: Callable[[], None] = lambda: None


def walk(reader: Reader, cursor: dict[str, Any], now: datetime) -> Walk:
    """Compare the next slice. The cursor's `walk` is our own number of the last cart; None: from the newest."""
    turn = int(cursor.get("turn", 0)) + 1
    is_newest = turn % 6 == 0 and not cursor.get("hurry")  # now and then the newest, wherever we are
    cursor["turn"] = turn
    before = None if is_newest else cursor.get("walk")
    ours = cart_intake.told_before(reader.shop_id, reader.source, before, AT_ONCE)
    if not is_newest:
        cursor["walk"] = ours[-1].id if ours else None
        if not ours:
            cursor["hurry"] = False
    numbers = {int(one.external_id): one for one in ours if one.external_id.isdecimal()}
    if not numbers:
        return Walk()
    sql = f"SELECT id_cart, date_upd FROM {{p}}cart WHERE id_cart IN ({marks(numbers)}) AND id_shop = %s"
    theirs = dict(reader.database.tuples(sql, (*numbers, reader.number)))
    times = reader.basics.times
    found = Walk()
    for number, one in numbers.items():
        at = theirs.get(number)
        if at is not None and one.updated_at not in (times.utc(at), times.later(at)) and times.utc(at):
            found.numbers.add(number)
    if len(found.numbers) > CARTS_AT_ONCE:
        found.numbers = set(sorted(found.numbers)[-CARTS_AT_ONCE:])
        cursor["walk"] = before  # the rest of this slice comes next
    gone = [one for number, one in numbers.items() if number not in theirs and not one.is_ordered]
    if gone:
        found.take = lambda: _delete(reader, gone, now)
    return found


def _delete(reader: Reader, gone: list[cart_intake.Told], now: datetime) -> None:
    told = [
        CartSnapshot(external_id=one.external_id, currency="", created_at=now, updated_at=now, is_deleted=True)
        for one in gone
    ]
    cart_intake.take(reader.shop_id, reader.source, told, now)
