"""When the page says that no connection comes up, and from where browsers keep the camera.

Run: pytest tests/test_connection.py
"""

from __future__ import annotations

import pytest

from maskwatch.app.connection import CONNECT_S, Attempt, keeps_camera

LATE_S = 100 + CONNECT_S


@pytest.mark.parametrize(
    ("looks", "failed"),
    [
        ([], False),
        ([(False, 0, 100), (False, 0, 1000)], False),  # never started
        ([(True, 0, 100), (True, 0, LATE_S - 0.1)], False),  # still time
        ([(True, 0, 100), (True, 0, LATE_S)], True),
        ([(True, 0, 100), (True, 5, LATE_S)], False),  # in time
        ([(True, 5, 100), (True, 5, 1000)], False),  # a camera that pauses is no lost connection
        ([(True, 5, 100), (True, 0, 1000)], False),  # and one that is about to stop neither
        ([(True, 0, 100), (True, 0, LATE_S), (True, 1, 200)], False),  # late, but here it is
        ([(True, 0, 100), (True, 0, LATE_S), (False, 0, 200)], True),  # the browser gave up
        ([(True, 0, 100), (False, 0, 105), (True, 0, LATE_S)], False),  # stopped, then anew
        ([(True, 0, 100), (True, 0, LATE_S), (False, 0, 150), (True, 0, 200)], False),
    ],
)
def test_an_attempt(looks: list[tuple[bool, int, float]], failed: bool) -> None:
    attempt = Attempt()
    for wanted, frames, now_s in looks:
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
