"""Frame rate and latency, of the last second and of the whole.

Run: pytest tests/unit/live/test_loop_meter.py
"""

from __future__ import annotations

import pickle

import pytest
from support import fakes

from maskwatch.live.loop import Meter, Rate


def done(meter: Meter, now_s: float, latency_s: float) -> None:
    """A frame is judged now."""
    meter(fakes.judged(fakes.report(), arrived_s=now_s - latency_s, latency_s=latency_s))


def test_before_the_first_frame_and_after_one() -> None:
    meter = Meter()
    assert meter.rate_fps == 0
    assert meter.recent() == "  0.0 frames/s  latency p50 0.0 p95 0.0 ms"
    assert meter.whole() == "0 frames in 0.0 s, 0.0 frames/s, latency p50 0.0 p95 0.0 ms"
    done(meter, 100.0, 0.01)
    assert meter.rate_fps == 0
    assert meter.whole() == "1 frame in 0.0 s, 100.0 frames/s, latency p50 10.0 p95 10.0 ms"


def test_a_steady_run() -> None:
    meter = Meter()
    for index in range(101):
        done(meter, index / 50, 0.004 if index < 100 else 0.104)
        assert meter.rate_fps == pytest.approx(50 if index else 0)
    assert meter.recent() == " 50.0 frames/s  latency p50 4.0 p95 4.0 ms"
    assert meter.whole().startswith("101 frames in 2.0 s, 50.4 frames/s, latency p50 4.0")


def test_the_last_second_forgets_what_was_before() -> None:
    meter = Meter()
    for index in range(100):
        done(meter, index / 100, 0.5)
    for index in range(11):
        done(meter, 5 + index / 10, 0.002)
    assert meter.recent() == " 10.0 frames/s  latency p50 2.0 p95 2.0 ms"


def test_frames_that_come_seldom_have_a_rate_too() -> None:
    meter = Meter()
    for index in range(5):
        done(meter, index * 2.0, 0.004)
        assert meter.rate_fps == pytest.approx(0.5 if index else 0)


def test_a_rate_does_not_grow() -> None:
    """A camera is watched for months."""
    rate = Rate()

    def size_after(frames: int) -> int:
        for _ in range(frames):
            done(rate, rate.frames / 10, 0.004)
        return len(pickle.dumps(rate))

    assert size_after(100) == pytest.approx(size_after(5000), abs=50)
