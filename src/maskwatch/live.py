"""Frames in, reports out, as fast as they come: the loop behind `maskwatch live`."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from maskwatch.meter import Meter
from maskwatch.schema import Frame, FrameReport, ImageRGB
from maskwatch.style import ENGLISH, Words
from maskwatch.video_source import VideoSource


class FrameStream(Protocol):
    """Judges one frame after the other, as maskwatch.stream.Stream does."""

    def update(self, image_rgb: ImageRGB, time_s: float) -> FrameReport:
        """Judge the next frame."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """A frame and what was found in it.

    Attributes:
        frame: the frame.
        report: what was found.
        arrived_s: when the frame was at hand, on the monotonic clock: on arrival if it is live,
            else once it was decoded.
        latency_s: from then to the report.
        dropped: how many frames of the source were dropped so far.
    """

    frame: Frame
    report: FrameReport
    arrived_s: float
    latency_s: float
    dropped: int


def watch(
    source: VideoSource,
    stream: FrameStream,
    meter: Meter,
    sinks: Sequence[Callable[[Seen], None]] = (),
) -> None:
    """Judge every frame of a source and hand it to all sinks, until the source ends or is stopped.

    Args:
        source: where the frames come from.
        stream: what judges them.
        meter: counts them.
        sinks: called for each frame, in this order.

    Raises:
        VideoError: the source cannot be opened, or failed.
    """
    for frame in source:
        arrived_s = frame.time_s if source.live else time.monotonic()
        report = replace(stream.update(frame.image_rgb, frame.time_s), source=source.name)
        now_s = time.monotonic()
        meter.add(now_s, now_s - arrived_s)
        seen = Seen(frame, report, arrived_s, now_s - arrived_s, source.dropped)
        for sink in sinks:
            sink(seen)


class Pace:
    """A sink that plays a file at its own speed instead of as fast as possible."""

    def __init__(self, source: VideoSource) -> None:
        self._source = source
        self._began_s = 0.0

    def __call__(self, seen: Seen) -> None:
        """Wait until it is time for the next frame, or the source is stopped."""
        if not seen.frame.index:
            self._began_s = time.monotonic()
        due_s = self._began_s + seen.frame.time_s
        while not self._source.stopped and (left_s := due_s - time.monotonic()) > 0:
            time.sleep(min(left_s, 0.05))


def status_text(rate_fps: float, latency_s: float, age_s: float, words: Words = ENGLISH) -> str:
    """What stands on live video: frames a second, and how old what one sees is."""
    return words.status.format(
        rate=f"{rate_fps:.0f}", latency=f"{latency_s * 1000:.0f}", age=words.number(age_s)
    )
