"""How fast frames are judged: rate and latency, of the last second and of the whole run."""

from __future__ import annotations

from collections import deque

import numpy as np

# the middle and the slowest are reckoned over so many frames: some minutes
_FRAMES = 10_000


class Meter:
    """Counts frames as they are done.

    Attributes:
        frames: how many there were.
        rate_fps: frames a second, over the last second.
    """

    def __init__(self) -> None:
        self.frames = 0
        self.rate_fps = 0.0
        self._began_s = self._ended_s = 0.0
        self._recent: deque[tuple[float, float]] = deque()
        self._latencies_s: deque[float] = deque(maxlen=_FRAMES)

    def add(self, now_s: float, latency_s: float) -> None:
        """Count a frame.

        Args:
            now_s: when it was done, on the monotonic clock.
            latency_s: how long it took.
        """
        if not self.frames:
            self._began_s = now_s - latency_s
        self.frames += 1
        self._ended_s = now_s
        self._latencies_s.append(latency_s)
        self._recent.append((now_s, latency_s))
        while self._recent[0][0] < now_s - 1:
            self._recent.popleft()
        span_s = now_s - self._recent[0][0]
        self.rate_fps = (len(self._recent) - 1) / span_s if span_s else 0.0

    def recent(self) -> str:
        """The last second in words."""
        latencies_s = [latency_s for _, latency_s in self._recent]
        return f"{self.rate_fps:5.1f} frames/s  latency {_spread_ms(latencies_s)}"

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
