"""The live loop: every frame is judged, measured and handed on, in order.

Run: pytest tests/unit/live/test_loop.py
"""

from __future__ import annotations

import time
from collections.abc import Generator

import numpy as np
import pytest
from support.fakes import report

from maskwatch.io.video_source import VideoSource
from maskwatch.live.loop import Judged, Meter, Pace, status_text, watch
from maskwatch.schema import Frame, FrameReport, ImageRGB

IMAGE = np.zeros((4, 6, 3), np.uint8)


class Given(VideoSource):
    """A source of frames at these times."""

    def __init__(self, *times_s: float, live: bool = False) -> None:
        self.live = live
        self._times_s = times_s
        super().__init__("rtsp://user:secret@host/")

    def _read(self) -> Generator[Frame]:
        for index, time_s in enumerate(self._times_s):
            if self.stopped:
                return
            self.dropped = index
            yield Frame(IMAGE, time_s, index)


class Notes:
    """Notes when it was asked about what."""

    def __init__(self) -> None:
        self.times_s: list[float] = []

    def update(self, image_rgb: ImageRGB, time_s: float) -> FrameReport:
        assert image_rgb is IMAGE
        self.times_s.append(time_s)
        return report(source=None)

    def close(self) -> None:
        raise AssertionError("nothing fails")


def test_no_frame_at_all() -> None:
    seen: list[Judged] = []
    watch(Given(), Notes(), [seen.append])
    assert seen == []


def test_every_frame_goes_to_every_sink_in_order() -> None:
    notes, meter = Notes(), Meter()
    calls: list[tuple[str, Judged]] = []
    sinks = [lambda seen: calls.append(("a", seen)), lambda seen: calls.append(("b", seen))]
    watch(Given(0.0, 0.5, 0.6), notes, [meter, *sinks])
    assert notes.times_s == [0.0, 0.5, 0.6]
    assert [(name, seen.frame.index) for name, seen in calls] == [
        ("a", 0),
        ("b", 0),
        ("a", 1),
        ("b", 1),
        ("a", 2),
        ("b", 2),
    ]
    assert [seen.dropped for _, seen in calls[::2]] == [0, 1, 2]
    assert {seen.report.source for _, seen in calls} == {"rtsp://***@host/"}
    assert meter.frames == 3


@pytest.mark.parametrize("live", [True, False])
def test_the_latency_of_a_live_frame_counts_from_its_arrival(live: bool) -> None:
    seen: list[Judged] = []
    watch(Given(time.monotonic() - 100, live=live), Notes(), [seen.append])
    assert (seen[0].latency_s >= 100) == live
    assert (seen[0].arrived_s == seen[0].frame.time_s) == live


def test_a_file_plays_at_its_own_speed() -> None:
    source = Given(0.0, 0.1, 0.3)
    began_s = time.monotonic()
    watch(source, Notes(), [Pace(source)])
    assert time.monotonic() - began_s >= 0.3


def test_stopping_does_not_wait_for_the_next_frame() -> None:
    source = Given(0.0, 3600.0)
    seen: list[Judged] = []

    def stop(frame: Judged) -> None:
        seen.append(frame)
        if frame.frame.index:
            source.stop()

    watch(source, Notes(), [stop, Pace(source)])
    assert len(seen) == 2


def test_the_line_on_the_video() -> None:
    assert status_text(29.7, 0.0094, 0.05) == "30 frames/s, latency 9 ms, age 0.1 s"
