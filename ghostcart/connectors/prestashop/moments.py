"""Times as a PrestaShop writes them: local, without a zone, sometimes '0000-00-00 00:00:00'."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

AHEAD = timedelta(hours=26)
"""A shop's clock is not trusted further than this."""


def earlier(text: str, by: timedelta) -> str:
    """A local time moved back; what is none stays as it is."""
    try:
        return (datetime.fromisoformat(text) - by).isoformat(" ")
    except (ValueError, OverflowError):
        return text


class LocalTimes:
    """Turns a shop's local times into moments, fast: the offset of an hour is looked up once.

    In the hour that the clock shows twice, the first is meant unless the caller knows better (`later`); an hour that
    the clock skips is read as if it had not been skipped.
    """

    def __init__(self, zone: ZoneInfo) -> None:
        self.zone = zone
        self._offsets: dict[str, timedelta | None] = {}

    def utc(self, text: str | None) -> datetime | None:
        """The moment; None for a zero date or none at all."""
        if not text or text < "1000":
            return None
        try:
            moment = datetime.fromisoformat(text[:19]).replace(tzinfo=UTC)
        except ValueError:
            return None
        hour = text[:13]
        if hour not in self._offsets:
            if len(self._offsets) > 200_000:
                self._offsets.clear()
            self._offsets[hour] = self._offset(hour)
        offset = self._offsets[hour]
        if offset is None:
            return moment.replace(tzinfo=self.zone).astimezone(UTC)
        try:
            return moment - offset
        except OverflowError:
            return None

    def _offset(self, hour: str) -> timedelta | None:
        """Of a whole hour; None where the clock is changed within it."""
        start = datetime.fromisoformat(f"{hour}:00:00").replace(tzinfo=self.zone)
        first, last = start.utcoffset(), start.replace(minute=59, second=59).utcoffset()
        return first if first == last else None

    def later(self, text: str) -> datetime | None:
        """The second reading of a time that the clock shows twice; None for any other."""
        first = self.utc(text)
        if first is None:
            return None
        second = datetime.fromisoformat(text[:19]).replace(tzinfo=self.zone, fold=1).astimezone(UTC)
        return second if second > first else None

    def local(self, moment: datetime) -> str:
        """As the shop would write it."""
        return moment.astimezone(self.zone).strftime("%Y-%m-%d %H:%M:%S")
