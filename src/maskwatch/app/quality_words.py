"""How well a face can be seen, in words; without Streamlit."""

from __future__ import annotations

from maskwatch.app.i18n import Catalogue
from maskwatch.schema import FaceQuality
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
