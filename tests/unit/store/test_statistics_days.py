"""Days and hours of every zone, beside what the calendar of Python says of each hour.

Run: pytest tests/unit/store/test_statistics_days.py
"""

from __future__ import annotations

import itertools
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maskwatch.store.statistics import day_span, zone_offsets

FIRST, LAST = date(2024, 1, 1), date(2030, 12, 31)
ZONES = sorted(available_timezones())
# where the clock is changed at midnight, by half an hour, or across the date line, and plain ones
TELLING = [
    "Africa/Cairo",
    "America/Havana",
    "America/Santiago",
    "Asia/Beirut",
    "Atlantic/Azores",
    "America/Asuncion",
    "Africa/Casablanca",
    "Australia/Lord_Howe",
    "Pacific/Chatham",
    "America/Scoresbysund",
    "America/Godthab",
    "Antarctica/Troll",
    "Europe/Berlin",
    "Asia/Kathmandu",
    "Pacific/Apia",
    "Asia/Jakarta",
    "UTC",
]


def check(zone: ZoneInfo, first: date, last: date, step_s: int = 3600) -> None:
    """Compare with each hour: its offset, and whether it belongs to these days."""
    from_s, until_s = day_span(zone, first, last)
    spans = zone_offsets(zone, from_s, until_s)
    assert (spans[0][0], spans[-1][1]) == (from_s, until_s)
    assert all(before[1] == after[0] for before, after in itertools.pairwise(spans))
    for start_s, end_s, ahead_s in spans:
        assert start_s < end_s
        for time_s in (*range(start_s, end_s, step_s), end_s - 1):
            local = datetime.fromtimestamp(time_s, zone)
            assert local.utcoffset() == timedelta(seconds=ahead_s), local
    assert first == datetime.fromtimestamp(from_s, zone).date()
    assert datetime.fromtimestamp(from_s - 1, zone).date() < first
    assert datetime.fromtimestamp(until_s - 1, zone).date() == last
    assert datetime.fromtimestamp(until_s, zone).date() > last


@pytest.mark.parametrize("name", [name for name in TELLING if name in ZONES])
def test_every_hour_of_three_years_where_clocks_are_changed_in_odd_ways(name: str) -> None:
    check(ZoneInfo(name), FIRST, date(2026, 12, 31))


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(ZONES),
    st.dates(FIRST, LAST - timedelta(days=60)),
    st.integers(0, 60),
)
def test_any_days_of_any_zone(name: str, first: date, days: int) -> None:
    check(ZoneInfo(name), first, first + timedelta(days=days))


@pytest.mark.slow
def test_every_hour_of_every_zone() -> None:
    for name in ZONES:  # the ends of spans are looked at to the second, so wide steps miss nothing
        check(ZoneInfo(name), FIRST, LAST, 6 * 3600)


@pytest.mark.slow
def test_every_day_that_statistics_may_begin_or_end_with() -> None:
    for zone in map(ZoneInfo, ZONES):
        for number in range((LAST - FIRST).days):
            day = FIRST + timedelta(days=number)
            from_s, _ = day_span(zone, day, day)
            assert datetime.fromtimestamp(from_s, zone).date() == day
            assert datetime.fromtimestamp(from_s - 1, zone).date() < day
