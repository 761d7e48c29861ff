"""Quiet hours on the shop's wall clock, right on the nights when that clock is moved. Pure."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

DAY = 24 * 60


def is_quiet(moment: datetime, zone: ZoneInfo, quiet_from: int, quiet_until: int) -> bool:
    """Whether a clock on the wall shows a quiet minute; from 21:00 until 8:00 goes over midnight."""
    local = moment.astimezone(zone)
    minute = local.hour * 60 + local.minute
    if quiet_from <= quiet_until:
        return quiet_from <= minute < quiet_until
    return minute >= quiet_from or minute < quiet_until


def first_allowed(moment: datetime, zone: ZoneInfo, quiet_from: int, quiet_until: int) -> datetime:
    """The moment itself, or else the first instant after it that is not quiet; in UTC.

    Quiet hours end where the wall clock shows their end, or where it is moved out of them.
    """
    moment = moment.astimezone(UTC)
    if not is_quiet(moment, zone, quiet_from, quiet_until):
        return moment
    today = moment.astimezone(zone).date()
    ends = [at for days in range(3) for at in _shown(today + timedelta(days=days), quiet_until % DAY, zone)]
    ends += _moved(moment, moment + timedelta(days=2), zone)
    return min(at for at in ends if at > moment and not is_quiet(at, zone, quiet_from, quiet_until))


def _shown(day: date, minute: int, zone: ZoneInfo) -> list[datetime]:
    """When the wall clock shows this minute of a day: twice the same instant, or two where the hour comes again."""
    shown = datetime.combine(day, time(minute // 60, minute % 60), zone)
    return [shown.replace(fold=fold).astimezone(UTC) for fold in (0, 1)]


def _moved(start: datetime, end: datetime, zone: ZoneInfo) -> list[datetime]:
    """The instant between two at which the wall clock is moved, if it is (to the second)."""
    offset = start.astimezone(zone).utcoffset()
    if end.astimezone(zone).utcoffset() == offset:
        return []
    start = start.replace(microsecond=0)
    while end - start > timedelta(seconds=1):
        middle = start + timedelta(seconds=(end - start).total_seconds() // 2)
        start, end = (middle, end) if middle.astimezone(zone).utcoffset() == offset else (start, middle)
    return [end.replace(microsecond=0)]
