"""What there is to say of a camera now, for the lines of status and for the broker."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from maskwatch.errors import VideoFault
from maskwatch.schema import MaskState


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
