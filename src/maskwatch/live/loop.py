"""One frame after the other is judged and handed on, behind every live door; how fast that is.

The command line, the live page, the service and `maskwatch watch` get their frames each in its own
way, and each says in its own way what failed. In between all do the same, and it is here.

After a failure everybody is forgotten, for what a stream remembers may be in disorder. It gives no
number twice, so those who count need not know.
"""

from __future__ import annotations

import logging
import time
import traceback
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, Protocol, TypeVar

import numpy as np

from maskwatch.errors import MaskWatchError
from maskwatch.io.addresses import without_addresses
from maskwatch.io.style import ENGLISH, Words
from maskwatch.io.video_source import VideoSource
from maskwatch.schema import Frame, FrameReport, ImageRGB

T = TypeVar("T")

LOG_EVERY_S = 30.0
"""A failure that comes with every frame fills no log: it is told once in so long."""


class FrameStream(Protocol):
    """Judges one frame after the other, as maskwatch.stream.Stream does."""

    def update(self, image_rgb: ImageRGB, time_s: float) -> FrameReport:
        """Judge the next frame."""
        ...

    def close(self) -> None:
        """Forget everybody; the next frame begins anew."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Arrived(Generic[T]):
    """A frame that waits to be judged.

    Attributes:
        content: as it came: pixels, the picture of a decoder, the bytes of a file.
        time_s: when it was taken, on any clock.
        index: its number from 0 on, counting frames that were dropped as well.
        arrived_s: when it was at hand, on the monotonic clock.
    """

    content: T
    time_s: float
    index: int
    arrived_s: float


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """A frame and what was found in it.

    Attributes:
        frame: the frame.
        report: what was found.
        arrived_s: when the frame was at hand, on the monotonic clock.
        latency_s: from then to the report.
        dropped: how many frames had given way to newer ones when it was this one's turn.
    """

    frame: Frame
    report: FrameReport
    arrived_s: float
    latency_s: float
    dropped: int


Sink = Callable[[Judged], object]
"""Called with every frame that was judged."""


class Judge:
    """Judges the frames of one camera, one at a time, and hands on what they show."""

    def __init__(
        self, stream: FrameStream, sinks: Sequence[Sink] = (), source: str | None = None
    ) -> None:
        """Begin with nobody seen.

        Args:
            stream: judges; used by the same thread only.
            sinks: called for each frame, in this order.
            source: what the reports say that they are of.
        """
        self._stream = stream
        self._sinks = sinks
        self._source = source

    def see(self, arrived: Arrived[Any], dropped: int, image_rgb: ImageRGB) -> FrameReport:
        """Take in the next frame.

        Args:
            arrived: the frame.
            dropped: see Judged.
            image_rgb: its pixels, (H, W, 3).

        Raises:
            Exception: whatever the stream or a sink raised; everybody is forgotten by then.
        """
        try:
            report = self._stream.update(image_rgb, arrived.time_s)
            judged = Judged(
                frame=Frame(image_rgb, arrived.time_s, arrived.index),
                report=replace(report, source=self._source),
                arrived_s=arrived.arrived_s,
                latency_s=time.monotonic() - arrived.arrived_s,
                dropped=dropped,
            )
            for sink in self._sinks:
                sink(judged)
        except Exception:
            self._stream.close()
            raise
        return judged.report


def from_source(source: VideoSource, frame: Frame) -> Arrived[ImageRGB]:
    """The frame that a source has just given; of a file it is at hand now that it is decoded."""
    arrived_s = frame.time_s if source.live else time.monotonic()
    return Arrived(frame.image_rgb, frame.time_s, frame.index, arrived_s)


def frame_document(index: int, time_s: float, dropped: int, latency_s: float) -> dict[str, Any]:
    """What a line of JSON says of a frame before its report."""
    return {
        "time_s": round(time_s, 3),
        "frame": index,
        "dropped": dropped,
        "latency_ms": round(latency_s * 1000, 2),
    }


class FailureLog:
    """Tells a log of failures, but of those that come with every frame only now and then."""

    def __init__(
        self, log: logging.Logger, what: str, now_s: Callable[[], float] = time.monotonic
    ) -> None:
        """Begin.

        Args:
            log: where it is told.
            what: fails, such as "door:".
            now_s: seconds on a clock that never goes back.
        """
        self._log = log
        self._what = what
        self._now_s = now_s
        self._quiet_until_s = -float("inf")

    def add(self, error: Exception) -> str:
        """Log it unless a failure was logged just now; what it is, in words for a person."""
        now_s = self._now_s()
        if now_s >= self._quiet_until_s:
            self._quiet_until_s = now_s + LOG_EVERY_S
            # not as exc_info: a library may say the address
            trace = without_addresses("".join(traceback.format_exception(error)))
            every_s = f"{LOG_EVERY_S:.0f} s"
            self._log.error("%s fails (next word in %s)\n%s", self._what, every_s, trace)
        # what is not ours may say too much
        return str(error) if isinstance(error, MaskWatchError) else type(error).__name__


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
