"""Streams that come in parts of seconds are shown at their own pace, on a clock that is given.

Run: pytest tests/unit/io/test_pace.py
"""

from __future__ import annotations

import pytest

from maskwatch.io.connections import Pace


class Clock:
    """Goes on only while somebody sleeps, or is told to."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def now(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds


@pytest.mark.parametrize(
    ("arrivals", "due_s"),
    [
        # two parts of a second, each at once, the second while the first is shown
        ([(0.0, 7.0), (0.0, 7.5), (0.9, 8.0), (0.0, 8.5)], [0.0, 0.5, 1.0, 1.5]),
        # a little late: its own time, and the pace stays
        ([(0.0, 7.0), (0.9, 7.5), (0.0, 8.0)], [0.0, 0.5, 1.0]),
        # far behind: from now on
        ([(0.0, 7.0), (4.0, 7.5), (0.0, 8.0)], [0.0, 4.0, 4.5]),
        # parts are missing, or the clock begins anew
        ([(0.0, 7.0), (0.1, 17.0), (0.0, 17.5)], [0.0, 0.1, 0.6]),
        ([(0.0, 7.0), (0.1, 0.0), (0.0, 0.5)], [0.0, 0.1, 0.6]),
        # nobody says when it was taken
        ([(0.0, None), (0.3, None)], [0.0, 0.3]),
    ],
)
def test_when_pictures_are_due(
    arrivals: list[tuple[float, float | None]], due_s: list[float]
) -> None:
    """Each arrives so many seconds after the one before was handed on."""
    clock = Clock()
    pace = Pace(clock.now, clock.sleep)
    shown_s = []
    for later_s, media_s in arrivals:
        clock.now_s += later_s
        shown_s.append(pace.wait(media_s) - 100.0)
    assert shown_s == pytest.approx(due_s)
