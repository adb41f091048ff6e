"""Which moments can be true: a clock may be ahead and put right later, or have lost its time.

A computer without a battery begins in 1970 after a power cut, or in the year it was made in, until
a server tells it the time. What it says by then must not decide what is kept and what is deleted.
"""

from __future__ import annotations

_FIRST_S = 1_767_225_600.0  # 2026-01-01T00:00:00Z; nothing of ours is older
_AHEAD_S = 3600.0  # a clock is a little out now and then


def believable(now_s: float) -> tuple[float, float] | None:
    """From when until when something of ours can be; None where the clock has lost its time.

    Args:
        now_s: what it says, UTC seconds since the epoch.
    """
    return None if now_s < _FIRST_S else (_FIRST_S, now_s + _AHEAD_S)
