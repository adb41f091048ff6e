"""The frames of one source judged as fast as they come, for `maskwatch live`; how fast that is."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence

import numpy as np

from maskwatch.io.style import ENGLISH, Words
from maskwatch.io.video_source import VideoSource
from maskwatch.live.judge import FrameStream, Judge, Judged, Sink, from_source


def watch(source: VideoSource, stream: FrameStream, sinks: Sequence[Sink] = ()) -> None:
    """Judge every frame of a source and hand it to all sinks, until the source ends or is stopped.

    Args:
        source: where the frames come from.
        stream: what judges them.
        sinks: called for each frame, in this order.

    Raises:
        VideoError: the source cannot be opened, or failed.
    """
    judge = Judge(stream, sinks, source.name)
    for frame in source:
        judge.see(from_source(source, frame), source.dropped, frame.image_rgb)


class Pace:
    """A sink that plays a file at its own speed instead of as fast as possible."""

    def __init__(self, source: VideoSource) -> None:
        self._source = source
        self._began_s = 0.0

    def __call__(self, judged: Judged) -> None:
        """Wait until it is time for the next frame, or the source is stopped."""
        if not judged.frame.index:
            self._began_s = time.monotonic()
        due_s = self._began_s + judged.frame.time_s
        while not self._source.stopped and (left_s := due_s - time.monotonic()) > 0:
            time.sleep(min(left_s, 0.05))


def status_text(rate_fps: float, latency_s: float, age_s: float, words: Words = ENGLISH) -> str:
    """What stands on live video: frames a second, and how old what one sees is."""
    return words.status.format(
        rate=f"{rate_fps:.0f}", latency=f"{latency_s * 1000:.0f}", age=words.number(age_s)
    )


# How fast frames are judged: rate and latency, of the last second and of the whole run.

# the middle and the slowest are reckoned over so many frames: some minutes
_FRAMES = 10_000


class Rate:
    """A sink that knows how fast frames are judged now; it does not grow, however long it runs.

    Attributes:
        frames: how many there were.
        rate_fps: frames a second, over the last second or the last two frames.
    """

    def __init__(self) -> None:
        self.frames = 0
        self.rate_fps = 0.0
        self._recent: deque[tuple[float, float]] = deque()

    def __call__(self, judged: Judged) -> None:
        """Count a frame."""
        now_s = judged.arrived_s + judged.latency_s
        self.frames += 1
        self._recent.append((now_s, judged.latency_s))
        while len(self._recent) > 2 and self._recent[0][0] < now_s - 1:
            self._recent.popleft()
        span_s = now_s - self._recent[0][0]
        self.rate_fps = (len(self._recent) - 1) / span_s if span_s else 0.0

    def recent(self) -> str:
        """The last second in words."""
        latencies_s = [latency_s for _, latency_s in self._recent]
        return f"{self.rate_fps:5.1f} frames/s  latency {_spread_ms(latencies_s)}"


class Meter(Rate):
    """A Rate that can tell of the whole run as well."""

    def __init__(self) -> None:
        super().__init__()
        self._began_s = self._ended_s = 0.0
        self._latencies_s: deque[float] = deque(maxlen=_FRAMES)

    def __call__(self, judged: Judged) -> None:
        """Count a frame."""
        if not self.frames:
            self._began_s = judged.arrived_s
        super().__call__(judged)
        self._ended_s = judged.arrived_s + judged.latency_s
        self._latencies_s.append(judged.latency_s)

    def whole(self) -> str:
        """The whole run in words; of a long one, the latencies of the last minutes."""
        span_s = self._ended_s - self._began_s
        rate_fps = self.frames / span_s if span_s else 0.0
        number = "1 frame" if self.frames == 1 else f"{self.frames} frames"
        speed = f"{number} in {span_s:.1f} s, {rate_fps:.1f} frames/s"
        return f"{speed}, latency {_spread_ms(self._latencies_s)}"


def _spread_ms(latencies_s: deque[float] | list[float]) -> str:
    middle, slow = np.percentile(np.array(latencies_s or [0.0]) * 1000, (50, 95))
    return f"p50 {middle:.1f} p95 {slow:.1f} ms"
