"""The shop's local times are moments and back, also when the clock is changed."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from ghostcart.connectors.prestashop.moments import LocalTimes

ZONES = ["Europe/Paris", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "UTC", "America/St_Johns"]


@pytest.mark.parametrize("zone", ZONES)
def test_every_moment_of_a_year_comes_back(zone):
    times = LocalTimes(ZoneInfo(zone))
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    while moment.year == 2026:
        text = times.local(moment)
        assert moment in (times.utc(text), times.later(text)), text
        moment += timedelta(minutes=7)


def test_the_hour_that_comes_twice_and_the_one_that_never_does():
    times = LocalTimes(ZoneInfo("Europe/Paris"))
    assert times.utc("2026-10-25 02:30:00") == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert times.later("2026-10-25 02:30:00") == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
    assert times.later("2026-10-25 03:30:00") is None
    assert times.utc("2026-03-29 02:30:00") == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)


@pytest.mark.parametrize("text", [None, "", "0000-00-00 00:00:00", "0001-01-01 00:00:00", "2026-02-31 00:00:00", "x"])
def test_what_is_no_time_is_none(text):
    assert LocalTimes(ZoneInfo("Europe/Paris")).utc(text) is None
