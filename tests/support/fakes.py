"""Pictures without a camera and reports without a model."""

from __future__ import annotations

import numpy as np

from maskwatch.live.loop import Judged
from maskwatch.schema import (
    FaceOrigin,
    FaceVerdict,
    Frame,
    FrameReport,
    ImageRGB,
    MaskState,
    TrackedFace,
)

WIDTH, HEIGHT = 60, 40


def picture(width: int = WIDTH, height: int = HEIGHT) -> ImageRGB:
    """A picture whose every corner has its own colour, so that a turn or a flip shows."""
    image = np.zeros((height, width, 3), np.uint8)
    image[: height // 2, : width // 2] = (200, 30, 30)
    image[: height // 2, width // 2 :] = (30, 200, 30)
    image[height // 2 :, : width // 2] = (30, 30, 200)
    image[height // 2 :, width // 2 :] = (200, 200, 30)
    return image


def verdict(
    state: MaskState = MaskState.MASK,
    box_xyxy: tuple[float, float, float, float] = (0.0, 0.0, WIDTH, HEIGHT),
    confidence: float = 0.75,
) -> FaceVerdict:
    """One face; UNSURE leans to MASK."""
    rest = (1 - confidence) / 2
    probabilities = dict.fromkeys((s for s in MaskState if s is not MaskState.UNSURE), rest)
    probabilities[MaskState.MASK if state is MaskState.UNSURE else state] = confidence
    return FaceVerdict(box_xyxy, 1.0, state, confidence, probabilities)


def tracked(
    state: MaskState = MaskState.MASK,
    box_xyxy: tuple[float, float, float, float] = (0.0, 0.0, WIDTH, HEIGHT),
    confidence: float = 0.75,
    state_age_s: float = 0.0,
    track_id: int = 1,
    raw_state: MaskState | None = None,
) -> TrackedFace:
    """One face of a video; without a raw state, the frame alone says the same."""
    face = verdict(state, box_xyxy, confidence)
    return TrackedFace(
        box_xyxy,
        1.0,
        state,
        confidence,
        face.probabilities,
        track_id=track_id,
        raw_state=raw_state or state,
        state_age_s=state_age_s,
    )


def report(
    *faces: FaceVerdict,
    source: str | None = "photo.jpg",
    size_wh: tuple[int, int] = (WIDTH, HEIGHT),
    origin: FaceOrigin = FaceOrigin.WHOLE_IMAGE,
) -> FrameReport:
    """A report of these faces."""
    detector = "fake detector" if origin is FaceOrigin.DETECTED else None
    return FrameReport(faces, size_wh, origin, "fake", source, detector)


def judged(
    seen: FrameReport,
    image_rgb: ImageRGB | None = None,
    arrived_s: float = 0.0,
    latency_s: float = 0.01,
) -> Judged:
    """A frame that a camera gave and in which this was seen."""
    frame = Frame(picture() if image_rgb is None else image_rgb, arrived_s, 0)
    return Judged(frame, seen, arrived_s, latency_s, 0)


WITHOUT_ROOT = """
import os
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
"""
"""Code for a process that may not read everything, after its imports."""
