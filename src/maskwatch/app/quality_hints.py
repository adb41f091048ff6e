"""How well a face can be seen, in words, and what to change at the camera; without Streamlit."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from maskwatch.app.i18n import Catalogue
from maskwatch.schema import FaceQuality, FaceVerdict, FrameReport, ImageRGB
from maskwatch.vision.quality import ROLL_DEG, SHARPNESS, SIDE_PX, VISIBLE_RATIO, YAW_DEG, Ramp

_MARKS = {"good": "✓", "limited": "!", "poor": "✕"}


def quality_lines(say: Catalogue, quality: FaceQuality) -> list[str]:
    """How well a face can be seen, a line each measure, such as "✓ Size: 84 pixels, good".

    A turn that is not known has no line.
    """
    measures: list[tuple[str, str, float | None, Ramp]] = [
        ("quality.size", say.whole(round(quality.side_px)), quality.side_px, SIDE_PX),
        ("quality.sharpness", say.percent(quality.sharpness, 0), quality.sharpness, SHARPNESS),
        ("quality.visible", say.percent(quality.visible_ratio, 0), quality.visible_ratio,
         VISIBLE_RATIO),
        ("quality.turned", _degrees(quality.yaw_deg), _size(quality.yaw_deg), YAW_DEG),
        ("quality.tilted", _degrees(quality.roll_deg), _size(quality.roll_deg), ROLL_DEG),
    ]  # fmt: skip
    lines = []
    for key, value, measured, ramp in measures:
        if measured is not None:
            level = quality_level(measured, ramp)
            words = say.text(f"levels.{level}")
            lines.append(f"{_MARKS[level]} {say.text(key, value=value)}, {words}")
    return lines


def quality_level(measured: float, ramp: Ramp) -> str:
    """How good a measure is: "good" takes nothing from a verdict, "poor" takes all."""
    zero, one = ramp
    share = (measured - zero) / (one - zero)
    return "good" if share >= 1 else "limited" if share > 0 else "poor"


def _size(turn_deg: float | None) -> float | None:
    return None if turn_deg is None else abs(turn_deg)


def _degrees(turn_deg: float | None) -> str:
    return "" if turn_deg is None else f"{abs(turn_deg):.0f}"


NEAR_PX = 40.0
"""In smaller faces a mask worn incorrectly is often missed (docs/RESULTS.md)."""

DARK = 50.0
"""Mean grey level of a face, of 255, below which little of it is left."""

LASTS_S = 1.0
"""What is wrong for a moment is not told."""

NOBODY = "nobody"


class ViewCheck:
    """Looks at the nearest face of one camera, frame by frame.

    Attributes:
        hints: what to change, as names of texts, the most important first; empty if all is well.
    """

    def __init__(self) -> None:
        self.hints: tuple[str, ...] = ()
        self._since_s: dict[str, float] = {}

    def update(self, image_rgb: ImageRGB, report: FrameReport, time_s: float) -> None:
        """Take in the next frame, which is (H, W, 3), and what was found in it."""
        found = tuple(faults(image_rgb, report))
        self._since_s = {fault: self._since_s.get(fault, time_s) for fault in found}
        lasting = (fault for fault in found if time_s - self._since_s[fault] >= LASTS_S)
        self.hints = tuple(lasting)


def faults(image_rgb: ImageRGB, report: FrameReport) -> Iterator[str]:
    """What hinders the verdict on the nearest face."""
    if not report.faces:
        yield NOBODY
        return
    face = max(report.faces, key=_side_px)
    if _side_px(face) < NEAR_PX:
        yield "closer"
    if _brightness(image_rgb, face) < DARK:
        yield "dark"
    if face.quality is None:
        return
    for fault, measured, ramp in (
        ("cut", face.quality.visible_ratio, VISIBLE_RATIO),
        ("blurred", face.quality.sharpness, SHARPNESS),
        ("turned", abs(face.quality.yaw_deg or 0.0), YAW_DEG),
        ("tilted", abs(face.quality.roll_deg or 0.0), ROLL_DEG),
    ):
        if quality_level(measured, ramp) != "good":
            yield fault


def _side_px(face: FaceVerdict) -> float:
    left, top, right, bottom = face.box_xyxy
    return max(right - left, bottom - top)


def _brightness(image_rgb: ImageRGB, face: FaceVerdict) -> float:
    """Mean grey level of what of the face is in the picture; white where that is nothing."""
    left, top, right, bottom = (max(0, round(value)) for value in face.box_xyxy)
    part = image_rgb[top:bottom, left:right]
    return float(np.mean(part)) if part.size else 255.0
