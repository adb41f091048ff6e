"""A camera now: what there is to say of it, and what it sees, for who looks at the page."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from maskwatch.errors import VideoFault
from maskwatch.io.draw import annotate
from maskwatch.io.style import ENGLISH, Words
from maskwatch.live.loop import Judged
from maskwatch.schema import MaskState
from maskwatch.watch.pictures import Picture, as_jpeg, shrunk
from maskwatch.watch.zones import Zone, covered


class Condition(StrEnum):
    """How a camera fares. Only while it is LIVE is it known what it sees."""

    STARTING = "starting"
    LIVE = "live"
    SILENT = "silent"
    LOST = "lost"
    ENDED = "ended"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class CameraView:
    """One camera now.

    Attributes:
        name: of the camera.
        condition: how it fares.
        in_view: people in the newest frame, by state; empty where that is not known.
        violation: whether a violation is, or was just, in view.
        frames: judged so far.
        dropped: frames so far that gave way to newer ones.
        latency_s: of the newest frame, from its arrival until it was judged.
        trouble: why there are no pictures, without a password.
        fault: the kind of that, None where nobody foresaw it.
        rate_fps: frames that are judged in a second, now.
        is_slow: whether they come so far apart that answers rest on one or two views.
    """

    name: str
    condition: Condition
    in_view: Mapping[MaskState, int] = field(default_factory=dict)
    violation: bool = False
    frames: int = 0
    dropped: int = 0
    latency_s: float = 0.0
    trouble: str = ""
    fault: VideoFault | None = None
    rate_fps: float = 0.0
    is_slow: bool = False


ASKED_S = 5.0
"""Frames are held in memory for so long after somebody has asked for one."""


class LiveView:
    """The newest frame of one camera, as long as somebody asks for it; for several threads."""

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        """Begin with nobody looking; `now_s` is a clock that never goes back."""
        self._now_s = now_s
        self._asked_s = -ASKED_S
        self._newest: tuple[Judged, Sequence[Zone]] | None = None

    def offer(self, judged: Judged, zones: Sequence[Zone] = ()) -> None:
        """Take in the next frame, and where its camera looks; let it go if nobody has asked."""
        asked = self._now_s() - self._asked_s < ASKED_S
        self._newest = (judged, zones) if asked else None

    def clear(self) -> None:
        """The camera is gone: what it last showed is not what is there now."""
        self._newest = None

    def picture(
        self, longest_px: int, plain: bool = False, words: Words = ENGLISH
    ) -> Picture | None:
        """The newest frame; None where none has come since somebody has asked.

        Args:
            longest_px: of its longer side, at most.
            plain: as the camera took it, to draw zones on; else marked with what was found in it,
                and with what is ignored painted over.
            words: what is written on it.
        """
        self._asked_s = self._now_s()
        if self._newest is None:
            return None
        judged, zones = self._newest
        image_rgb, report = shrunk(judged.frame.image_rgb, judged.report, longest_px)
        if not plain:
            image_rgb = annotate(covered(zones, image_rgb), report, longest_px, words)
        return as_jpeg(image_rgb)
