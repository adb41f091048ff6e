"""Hours of a rule: over midnight, on holidays, in time zones, and where clocks are changed.

Run: pytest tests/unit/watch/test_hours.py
"""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskwatch.errors import SettingError
from maskwatch.watch.hours import Hours

WORK = ("mon-fri 07:00-18:00",)
NIGHT = ("fri 22:00-06:00",)
# 2026-11-23 is a Monday


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("weekly", "moment", "within"),
    [
        (WORK, "2026-11-23T06:59:59", False),
        (WORK, "2026-11-23T07:00:00", True),
        (WORK, "2026-11-27T17:59:59.999", True),
        (WORK, "2026-11-27T18:00:00", False),
        (WORK, "2026-11-28T12:00:00", False),
        (NIGHT, "2026-11-27T21:59:00", False),
        (NIGHT, "2026-11-27T22:00:00", True),
        (NIGHT, "2026-11-28T05:59:00", True),  # of Friday's night
        (NIGHT, "2026-11-28T06:00:00", False),
        (NIGHT, "2026-11-27T05:00:00", False),  # of Thursday's, which is not meant
        (("sat-mon 10:00-11:00",), "2026-11-29T10:30:00", True),  # over the end of the week
        (("sat-mon 10:00-11:00",), "2026-11-24T10:30:00", False),
        (("Sun 00:00-24:00",), "2026-11-29T23:59:59.999999", True),
        (("sun 00:00-24:00",), "2026-11-30T00:00:00", False),
        (("sun 00:00-24:00",), "2026-11-28T23:59:59", False),
        (("mon 08:00-09:00", "mon 10:00-11:00"), "2026-11-23T10:00:00", True),
        (("mon 08:00-09:00", "mon 10:00-11:00"), "2026-11-23T09:30:00", False),
    ],
)  # fmt: skip
def test_hours_of_the_week(weekly: tuple[str, ...], moment: str, within: bool) -> None:
    assert Hours(weekly, "UTC").cover(at(moment)) == within


@pytest.mark.parametrize(
    ("holidays", "moment", "within"),
    [
        (("2026-11-23",), "2026-11-23T12:00:00", False),
        (("2026-11-23",), "2026-11-24T12:00:00", True),
        (("2026-11-23/2026-11-25",), "2026-11-25T12:00:00", False),
        (("2026-11-23/2026-11-25",), "2026-11-26T12:00:00", True),
        ((), "2026-11-23T12:00:00", True),
    ],
)
def test_holidays(holidays: tuple[str, ...], moment: str, within: bool) -> None:
    assert Hours(WORK, "UTC", holidays).cover(at(moment)) == within


def test_a_night_that_begins_before_a_holiday_goes_on_into_it() -> None:
    hours = Hours(("mon-sun 22:00-06:00",), "UTC", ("2026-12-25",))
    assert hours.cover(at("2026-12-25T05:00:00")) and not hours.cover(at("2026-12-25T23:00:00"))
    assert not hours.cover(at("2026-12-26T05:00:00"))


@pytest.mark.parametrize(
    ("zone", "moment", "within"),
    [
        ("Asia/Jakarta", "2026-11-23T00:00:00", True),  # 07:00 there
        ("Asia/Jakarta", "2026-11-22T23:59:00", False),
        ("Europe/Berlin", "2026-07-06T05:00:00", True),  # 07:00 in summer
        ("Europe/Berlin", "2026-11-23T05:30:00", False),  # 06:30 in winter
    ],
)
def test_time_zones(zone: str, moment: str, within: bool) -> None:
    assert Hours(WORK, zone).cover(at(moment)) == within


@given(st.floats(0, 4e9))
def test_a_week_of_whole_days_holds_every_moment_wherever_it_is(utc_s: float) -> None:
    assert Hours(("mon-sun 00:00-24:00",), "Europe/Berlin").cover(utc_s)
    assert Hours(("mon-sun 00:00-24:00",)).cover(utc_s)
    day, night = Hours(("mon-sun 06:00-22:00",), "UTC"), Hours(("mon-sun 22:00-06:00",), "UTC")
    assert day.cover(utc_s) != night.cover(utc_s)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"weekly": ()}, "weekly must be at least one"),
        ({"weekly": ("mon 7-18",)}, r"weekly\[0\] must be such as mon-fri 07:00-18:00"),
        ({"weekly": ("mon 07:00-25:00",)}, r"weekly\[0\]"),
        ({"weekly": (*WORK, "monday 07:00-18:00")}, r"weekly\[1\]"),
        ({"weekly": WORK, "time_zone": "Berlin"}, "time_zone must be a name such as"),
        ({"weekly": WORK, "time_zone": "../etc/passwd"}, "time_zone must be a name such as"),
        ({"weekly": WORK, "holidays": ("25.12.2026",)}, r"holidays\[0\] must be a day"),
        ({"weekly": WORK, "holidays": ("2027-01-06/2026-12-24",)}, r"holidays\[0\] must be a day"),
    ],
)
def test_what_is_no_time(values: dict, message: str) -> None:
    with pytest.raises(SettingError, match=message):
        Hours(**values)
