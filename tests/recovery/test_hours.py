"""Quiet hours: moved to the first allowed instant, also on the nights when clocks are moved."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ghostcart.recovery.hours import first_allowed, is_quiet

ZONES = ("Europe/Rome", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "Asia/Kathmandu", "UTC",
         "Pacific/Kiritimati", "Etc/GMT+12")  # fmt: skip
MINUTE = timedelta(minutes=1)


def utc(*parts):
    return datetime(*parts, tzinfo=UTC)


def test_it_works():
    rome = ZoneInfo("Europe/Rome")
    assert first_allowed(utc(2026, 11, 22, 12), rome, 21 * 60, 8 * 60) == utc(2026, 11, 22, 12)
    assert first_allowed(utc(2026, 11, 22, 23), rome, 21 * 60, 8 * 60) == utc(2026, 11, 23, 7)


def test_the_end_is_allowed_and_the_beginning_is_quiet():
    rome = ZoneInfo("Europe/Rome")
    assert is_quiet(utc(2026, 11, 22, 20), rome, 21 * 60, 8 * 60)
    assert not is_quiet(utc(2026, 11, 23, 7), rome, 21 * 60, 8 * 60)


def test_the_same_hour_twice_means_none():
    assert not is_quiet(utc(2026, 11, 22, 21), ZoneInfo("UTC"), 21 * 60, 21 * 60)


@pytest.mark.parametrize(
    ("zone", "moment", "quiet", "expected"),
    [
        # clocks go forward: the night is an hour (half an hour) shorter
        ("Europe/Rome", utc(2026, 3, 28, 22), (1260, 480), utc(2026, 3, 29, 6)),
        ("America/New_York", utc(2026, 3, 8, 3), (1260, 480), utc(2026, 3, 8, 12)),
        ("Australia/Lord_Howe", utc(2026, 10, 3, 12), (1260, 480), utc(2026, 10, 3, 21)),
        # and back
        ("Europe/Rome", utc(2026, 10, 24, 22), (1260, 480), utc(2026, 10, 25, 7)),
        ("America/New_York", utc(2026, 11, 1, 3), (1260, 480), utc(2026, 11, 1, 13)),
        ("Australia/Lord_Howe", utc(2026, 4, 4, 12), (1260, 480), utc(2026, 4, 4, 21, 30)),
        # the end lies in the hour that is left out: it ends where the clock jumps
        ("Europe/Rome", utc(2026, 3, 29, 0, 30), (60, 150), utc(2026, 3, 29, 1)),
        # the end comes twice: the first one counts, and the repeated minutes before it are quiet again
        ("Europe/Rome", utc(2026, 10, 25, 0, 10), (60, 150), utc(2026, 10, 25, 0, 30)),
        ("Europe/Rome", utc(2026, 10, 25, 1, 10), (60, 150), utc(2026, 10, 25, 1, 30)),
        # the clock goes back out of the quiet hours
        ("Europe/Rome", utc(2026, 10, 25, 0, 45), (150, 240), utc(2026, 10, 25, 1)),
    ],
)
def test_nights_on_which_clocks_are_moved(zone, moment, quiet, expected):
    assert first_allowed(moment, ZoneInfo(zone), *quiet) == expected


MOVED = [
    (zone, night)
    for zone, nights in {
        "Europe/Rome": ((2026, 3, 29), (2026, 10, 25)),
        "America/New_York": ((2026, 3, 8), (2026, 11, 1)),
        "Australia/Lord_Howe": ((2026, 4, 4), (2026, 10, 3)),
        "Africa/Casablanca": ((2026, 2, 15), (2026, 3, 22)),
    }.items()
    for night in nights
]


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(MOVED), st.integers(-24 * 60, 24 * 60), st.integers(0, 59),
    st.integers(0, 1439), st.integers(0, 1439),
)  # fmt: skip
def test_it_is_the_first_minute_that_a_wall_clock_allows(place, minutes, seconds, quiet_from, quiet_until):
    """The model walks minute by minute and looks at the clock."""
    zone, night = place
    zone = ZoneInfo(zone)
    moment = utc(*night) + timedelta(minutes=minutes, seconds=seconds)
    found = first_allowed(moment, zone, quiet_from, quiet_until)
    walk = moment
    if is_quiet(walk, zone, quiet_from, quiet_until):
        walk = walk.replace(second=0) + MINUTE
        while is_quiet(walk, zone, quiet_from, quiet_until):
            walk += MINUTE
    assert found == walk


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(ZONES), st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1)),
    st.integers(0, 1439), st.integers(0, 1439),
)  # fmt: skip
def test_it_is_never_quiet_never_before_and_stays_where_it_is(zone, moment, quiet_from, quiet_until):
    zone, moment = ZoneInfo(zone), moment.replace(tzinfo=UTC)
    found = first_allowed(moment, zone, quiet_from, quiet_until)
    assert moment <= found <= moment + timedelta(hours=25)
    assert not is_quiet(found, zone, quiet_from, quiet_until)
    assert first_allowed(found, zone, quiet_from, quiet_until) == found
