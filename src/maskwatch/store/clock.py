"""Which moments can be true: a clock may be ahead and put right later, or have lost its time.

A computer without a battery begins in 1970 after a power cut, or in the year it was made in, until
a server tells it the time. What it says by then must not decide what is kept and what is deleted.
"""

from __future__ import annotations

from datetime import UTC, datetime

_FIRST_S = 1_767_225_600.0  # 2026-01-01T00:00:00Z; nothing of ours is older
_AHEAD_S = 3600.0  # a clock is a little out now and then


def believable(now_s: float) -> tuple[float, float] | None:
    """From when until when something of ours can be; None where the clock has lost its time.

    Args:
        now_s: what it says, UTC seconds since the epoch.
    """
    return None if now_s < _FIRST_S else (_FIRST_S, now_s + _AHEAD_S)


def in_calendar(time_s: float) -> datetime:
    """A moment as a date, in UTC.

    Args:
        time_s: UTC seconds since the epoch; whatever a damaged file holds.

    Raises:
        ValueError: it is none, or the calendar ends before it.
    """
    try:
        return datetime.fromtimestamp(time_s, UTC)
    except (ValueError, OverflowError, OSError, TypeError) as error:
        raise ValueError(f"no moment of the calendar: {time_s!r}") from error
