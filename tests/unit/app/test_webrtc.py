"""When the page says that no connection comes up, and from where browsers keep the camera.

Run: pytest tests/unit/app/test_webrtc.py
"""

from __future__ import annotations

import pytest

from maskwatch.app.browser_camera import CONNECT_S, Attempt, keeps_camera

Look = tuple[bool, int, float]


def looks(from_s: float, until_s: float) -> list[Look]:
    """Once a second, and at the end: the browser connects, and no frame has come."""
    return [(True, 0, from_s + n) for n in range(int(until_s - from_s) + 1)] + [(True, 0, until_s)]


LATE_S = 100 + CONNECT_S


@pytest.mark.parametrize(
    ("seen", "failed"),
    [
        ([], False),
        ([(False, 0, 100), (False, 0, 1000)], False),  # never started
        (looks(100, LATE_S - 0.1), False),  # still time
        (looks(100, LATE_S), True),
        (
            [(True, 0, 100), (True, 0, LATE_S), (True, 0, 1000)],
            False,
        ),  # a slow machine
        ([*looks(100, LATE_S - 1), (True, 5, LATE_S)], False),  # in time
        ([(True, 5, 100 + n) for n in range(100)], False),  # a camera that pauses is not lost
        (
            [(True, 5, 99), *looks(100, LATE_S - 1.1)],
            False,
        ),  # its end is gone
        ([(True, 5, 99), *looks(100, LATE_S - 1)], True),
        ([(True, 5, 99), *looks(100, LATE_S - 2), (True, 1, LATE_S)], False),
        ([*looks(100, LATE_S), (True, 1, 200)], False),  # late, but here it is
        ([*looks(100, LATE_S), (False, 0, 200)], True),  # the browser gave up
        ([*looks(100, 105), (False, 0, 105), *looks(106, LATE_S)], False),  # stopped, then anew
        ([*looks(100, LATE_S), (False, 0, 150), (True, 0, 200)], False),
    ],
)
def test_an_attempt(seen: list[Look], failed: bool) -> None:
    attempt = Attempt()
    for wanted, frames, now_s in seen:
        attempt.update(wanted, frames, now_s)
    assert attempt.failed is failed


@pytest.mark.parametrize(
    ("url", "keeps"),
    [
        (None, False),
        ("", False),
        ("https://example.org/live", False),
        ("http://localhost:8501/live", False),
        ("http://app.localhost:8501", False),
        ("http://127.0.0.1:8501/live", False),
        ("http://[::1]:8501/live", False),
        ("http://192.168.1.5:8501/live", True),
        ("http://[fd00::5]:8501/live", True),
        ("http://server:8501/live", True),
    ],
)
def test_where_browsers_keep_the_camera(url: str | None, keeps: bool) -> None:
    assert keeps_camera(url) is keeps
