"""Days and hours of a time zone, for data that is kept in UTC."""

from __future__ import annotations

from bisect import bisect_left
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import partial

_DAY_S = 24 * 60 * 60


def day_span(zone: tzinfo, first: date, last: date) -> tuple[int, int]:
    """From when until when these days last, in UTC seconds since the epoch."""
    begin, end = (
        datetime(day.year, day.month, day.day, tzinfo=zone)
        for day in (first, last + timedelta(days=1))
    )
    return int(begin.timestamp()), int(end.timestamp())


def zone_offsets(zone: tzinfo, from_s: int, until_s: int) -> list[tuple[int, int, int]]:
    """How many seconds a zone is ahead of UTC, for a database that knows no zones.

    Args:
        zone: changes its offset at most once within 24 hours.
        from_s: UTC seconds since the epoch.
        until_s: the same, later.

    Returns:
        Spans (from_s, until_s, offset_s) without gaps, in order.
    """
    changes_s = [from_s]
    for day_s in range(from_s, until_s, _DAY_S):
        seconds = range(day_s, min(day_s + _DAY_S, until_s))
        changed_s = bisect_left(seconds, True, key=partial(_differs, zone, _ahead_s(zone, day_s)))
        if changed_s < len(seconds):
            changes_s.append(seconds[changed_s])
    ends_s = [*changes_s[1:], until_s]
    return [
        (start, end, _ahead_s(zone, start)) for start, end in zip(changes_s, ends_s, strict=True)
    ]


def _differs(zone: tzinfo, ahead_s: int, time_s: int) -> bool:
    return _ahead_s(zone, time_s) != ahead_s


def _ahead_s(zone: tzinfo, time_s: int) -> int:
    ahead = datetime.fromtimestamp(time_s, UTC).astimezone(zone).utcoffset() or timedelta()
    return int(ahead.total_seconds())
