"""A whole shop by its web service: read once in slices by number, then followed by the dates of its changes.

A look asks for what changed since a little before the last one, a page of each kind at a time, and for the carts that
are gone. Load on the shop: about five requests a look when nothing happened, two looks a minute, never two at once.
"""

from datetime import datetime, timedelta
from functools import partial

from ghostcart.carts import intake as cart_intake
from ghostcart.carts.snapshots import CartSnapshot
from ghostcart.connectors.portions import Cursor, Look, Portion, Slice
from ghostcart.connectors.prestashop.moments import AHEAD, earlier
from ghostcart.connectors.prestashop.webservice import PAGE, Row, number
from ghostcart.connectors.prestashop.webservice_basics import text
from ghostcart.connectors.prestashop.webservice_reader import WebserviceReader

STAGES = ("products", "customers", "carts", "orders")
OVERLAP = timedelta(minutes=2)
"""How far behind the last look the next one begins: transactions commit late there, and clocks differ."""


# -- the first reading -------------------------------------------------------------------------------


def begin(reader: WebserviceReader, now: datetime) -> tuple[Cursor, int]:
    """Where an import starts, and at most how much there is to read: the highest numbers, as nobody counts."""
    total = 0
    for resource in STAGES[:3]:
        asked = {"display": "[id]", "sort": "[id_DESC]", "limit": "0,1", "id_shop": str(reader.number)}
        total += sum(number(row) for row in reader.webservice.rows(resource, **asked))
    return {"stage": STAGES[0], "after": 0, "follow": _start(reader, now)}, total


def _start(reader: WebserviceReader, now: datetime) -> Cursor:
    here = reader.basics.times.local(now)
    return {"since": dict.fromkeys(STAGES, here), "walk": None}


def next_slice(reader: WebserviceReader, cursor: Cursor, now: datetime) -> Slice:
    """Read the slice at the cursor."""
    stage, after = str(cursor["stage"]), int(cursor["after"])
    rows = reader.page(stage, after)
    portion = reader.read(stage, rows, now, is_history=True) if rows else Portion()
    size = 0 if stage == "orders" else len(rows)
    if len(rows) == PAGE:
        return Slice(portion, {**cursor, "after": number(rows[-1])}, size)
    place = STAGES.index(stage) + 1
    if place == len(STAGES):
        return Slice(portion, {"follow": cursor["follow"]}, 0, is_last=True)
    return Slice(portion, {**cursor, "stage": STAGES[place], "after": 0}, size)


# -- following ---------------------------------------------------------------------------------------


def look(reader: WebserviceReader, cursor: Cursor, now: datetime) -> Look:
    """Read what changed. Nothing is written yet."""
    found = Look({**cursor, "since": dict(cursor["since"])})
    for resource in STAGES:
        rows = _changed(reader, found, resource, now)
        if rows:
            found.size += len(rows)
            found.takes.append(partial(reader.take, reader.read(resource, rows, now), now))
            found.afterwards.append(partial(reader.remember, resource, rows))
    _gone(reader, found, now)
    return found


def _changed(reader: WebserviceReader, found: Look, resource: str, now: datetime) -> list[Row]:
    """The first page of what changed and was not taken as it is. The rest, if there is more, in the next look."""
    times, since = reader.basics.times, found.cursor["since"]
    here, until = times.local(now), times.local(now + AHEAD)
    start = earlier(min(since[resource], here), OVERLAP)
    fresh: list[Row] = []
    last = start
    for rows in reader.webservice.changed(resource, start, until, id_shop=str(reader.number)):
        last = max(last, text(rows[-1], "date_upd"))
        fresh += [row for row in rows if reader.recent.get((resource, number(row))) != text(row, "date_upd")]
        if len(fresh) >= PAGE:
            found.behind = True
            since[resource] = last
            return fresh
    since[resource] = max(since[resource], min(last, here))
    return fresh


def _gone(reader: WebserviceReader, found: Look, now: datetime) -> None:
    """Compare the next of our carts, a page a look and round and round, with what the shop has."""
    ours = cart_intake.told_before(reader.shop_id, reader.source_name, found.cursor["walk"], PAGE)
    found.cursor["walk"] = ours[-1].id if len(ours) == PAGE else None
    numbers = {int(one.external_id): one for one in ours if one.external_id.isdecimal() and not one.is_ordered}
    if not numbers:
        return
    there = reader.webservice.some("carts", sorted(numbers), display="[id]", id_shop=str(reader.number))
    gone = set(numbers) - {number(row) for row in there}
    told = [
        CartSnapshot(external_id=str(one), currency="", created_at=now, updated_at=now, is_deleted=True)
        for one in sorted(gone)
    ]
    if told:
        found.takes.append(lambda: reader.take(Portion(carts=told), now))
