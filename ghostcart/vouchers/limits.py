"""Guessing codes: who tried too many wrong ones waits, and hears nothing of the next one, be it right or wrong.

Wrong codes are counted apart for a device, for the source of its requests (a new token is free, a new network is not)
and for the shop as a whole. A right code reads the counts in the query that finds the voucher, and writes nothing.
Of 2^60 codes, 100,000 of them good, 50 guesses a minute find one in 400,000 years.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path

from django.db import connection
from django.db.models import F, Q, QuerySet

from ghostcart.lib import sql
from ghostcart.lib.networks import network
from ghostcart.vouchers.errors import TooManyCodes
from ghostcart.vouchers.models import Voucher, WrongCodes

FOLDER = Path(__file__).parent / "sql"
KEPT = timedelta(days=60)
BATCH = 500


@dataclass(frozen=True, slots=True, order=True)
class Bucket:
    """What wrong codes are counted for: at most `most` of them within `window`."""

    key: str
    most: int
    window: timedelta


def buckets(shop_id: int, device: str, source: str) -> list[Bucket]:
    """Where a wrong code of this device (its token's hash) and this source (its network address) counts."""
    found = [Bucket(f"{shop_id}:shop", 50, timedelta(minutes=1))]
    if device:
        found.append(Bucket(device_key(shop_id, device), 10, timedelta(minutes=15)))
    if place := network(source):
        hashed = sha256(f"{shop_id}:{place}".encode()).hexdigest()[:40]
        found.append(Bucket(f"{shop_id}:source:{hashed}", 10, timedelta(minutes=15)))
    return found


def device_key(shop_id: int, device: str) -> str:
    return f"{shop_id}:device:{device[:40]}"


def full(where: Sequence[Bucket], now: datetime) -> QuerySet[WrongCodes]:
    """The counts that leave no room for one more try."""
    too_many = Q(pk__in=[])
    for bucket in where:
        too_many |= Q(key=bucket.key, count__gte=bucket.most, since__gt=now - bucket.window)
    return WrongCodes.objects.filter(too_many)


class Guesses:
    """The wrong codes of one batch of changes, on top of those counted before. Without a wrong one nothing is read."""

    def __init__(self) -> None:
        self._counts: dict[Bucket, int] = {}
        self._new: dict[Bucket, tuple[int, datetime]] = {}
        self._by_strangers: list[int] = []

    def are_too_many(self, where: Iterable[Bucket]) -> bool:
        """As far as this batch has looked: what was counted before it, the query that finds a voucher tells."""
        return any(self._counts.get(bucket, 0) >= bucket.most for bucket in where)

    def miss(self, where: Sequence[Bucket], now: datetime, voucher_id: int | None = None) -> None:
        """Count a wrong code; `voucher_id` if it is right, but somebody else's. Raises TooManyCodes."""
        fresh = [bucket for bucket in where if bucket not in self._counts]
        if fresh:
            known = {row.key: row for row in WrongCodes.objects.filter(key__in=[bucket.key for bucket in fresh])}
            for bucket in fresh:
                row = known.get(bucket.key)
                self._counts[bucket] = row.count if row and row.since > now - bucket.window else 0
        if self.are_too_many(where):
            raise TooManyCodes
        for bucket in where:
            self._counts[bucket] += 1
            self._new[bucket] = (self._new.get(bucket, (0, now))[0] + 1, now)
        if voucher_id is not None:
            self._by_strangers.append(voucher_id)

    def store(self) -> None:
        """Write what was counted, in one order of locks for all: keys, then vouchers."""
        if not self._new:
            return
        statement = sql.statement(FOLDER, "count_wrong_codes", connection.vendor)
        with connection.cursor() as cursor:
            for bucket in sorted(self._new):
                tries, now = self._new[bucket]
                times = {"tried_at": sql.to_db(now), "forgotten_at": sql.to_db(now - bucket.window)}
                cursor.execute(statement, {"key": bucket.key, "tries": tries, **times})
        for voucher_id in sorted(self._by_strangers):
            Voucher.objects.filter(pk=voucher_id).update(strangers=F("strangers") + 1)


def most_guesses(shop_id: int, devices: Iterable[str]) -> int:
    """The most wrong codes that one of these devices tried in the last weeks."""
    keys = [device_key(shop_id, device) for device in devices]
    return max(WrongCodes.objects.filter(key__in=keys).values_list("in_all", flat=True), default=0)


def forget(now: datetime) -> bool:
    """Counts that nothing was added to for 60 days go; says whether there were any."""
    old = WrongCodes.objects.filter(since__lte=now - KEPT).order_by("since").values("pk")[:BATCH]
    return bool(WrongCodes.objects.filter(pk__in=old).delete()[0])
