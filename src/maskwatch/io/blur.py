"""Heads made too coarse to tell who, for pictures and films that are passed on.

A disc over the whole head becomes blocks of one colour each, BLOCKS across the face. People
recognise even a face they know well only from some 16 blocks across on (Harmon and Julesz 1973;
Bachmann 1991), and still see that its lower half has another colour. What the detector does not
find stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np
from numpy.typing import NDArray

from maskwatch.schema import BoxXYXY, FaceOrigin, FrameReport, ImageRGB

BLOCKS = 6
"""Across the longer side of a face."""

HEAD_RADIUS = 0.95
"""Of the disc, in longer sides of the face: hair, ears and chin lie in it however it is turned."""

HOLD_S = 1.0
"""A head that is no longer found stays covered so long where it was: it is missed more often than
it is gone."""


def blur_heads(image_rgb: ImageRGB, report: FrameReport) -> ImageRGB:
    """A copy of a picture in which nobody that the report speaks of can be recognised.

    Args:
        image_rgb: the upright picture (H, W, 3) the report speaks of.
        report: what was found in it; a picture that is one face becomes coarse as a whole.
    """
    if report.face_origin is FaceOrigin.WHOLE_IMAGE and report.faces:
        return _coarse(image_rgb, max(image_rgb.shape[:2]) / BLOCKS)
    return _without(image_rgb, (face.box_xyxy for face in report.faces))


class FilmBlur:
    """The same for one frame of a film after the other; not for several threads."""

    def __init__(self) -> None:
        self._seen: list[tuple[NDArray[np.float64], float]] = []
        """Boxes as shares of the frame, and when they were there."""
        self._time_s = 0.0

    def apply(self, image_rgb: ImageRGB, report: FrameReport, time_s: float) -> ImageRGB:
        """The next frame, without the heads in it and those that were there a moment ago.

        Args:
            image_rgb: (H, W, 3).
            report: what was found in it.
            time_s: when it shows, on any clock. One that goes back by no more than HOLD_S counts as
                no time passed; by more, and it begins anew.
        """
        back_s, self._time_s = max(0.0, self._time_s - time_s), time_s
        seen = [(shares, at_s - back_s) for shares, at_s in self._seen if back_s <= HOLD_S]
        self._seen = [one for one in seen if time_s - one[1] <= HOLD_S]
        height, width = image_rgb.shape[:2]
        sides_px = np.array((width, height, width, height), float)
        held = [tuple((shares * sides_px).tolist()) for shares, _ in self._seen]
        self._seen += [(face.box_xyxy / sides_px, time_s) for face in report.faces]
        return _without(blur_heads(image_rgb, report), held)


def _without(image_rgb: ImageRGB, boxes_xyxy: Iterable[BoxXYXY]) -> ImageRGB:
    """A copy with a coarse disc over the head at each box of a face."""
    coarse_rgb = image_rgb.copy()
    height, width = image_rgb.shape[:2]
    for left, top, right, bottom in boxes_xyxy:
        longer = max(right - left, bottom - top)
        x, y, radius = (left + right) / 2, (top + bottom) / 2, HEAD_RADIUS * longer
        x0, y0 = max(0, int(x - radius)), max(0, int(y - radius))
        x1, y1 = min(width, int(x + radius) + 2), min(height, int(y + radius) + 2)
        if x0 >= x1 or y0 >= y1:
            continue
        part = coarse_rgb[y0:y1, x0:x1]
        rows, columns = np.ogrid[y0:y1, x0:x1]
        inside = (columns - x) ** 2 + (rows - y) ** 2 <= radius**2
        part[inside] = _coarse(part, longer / BLOCKS)[inside]
    return coarse_rgb


def _coarse(image_rgb: ImageRGB, block_px: float) -> ImageRGB:
    """A picture (H, W, 3) as blocks of one colour each."""
    height, width = image_rgb.shape[:2]
    size_wh = max(1, round(width / block_px)), max(1, round(height / block_px))
    blocks_rgb = cv2.resize(image_rgb, size_wh, interpolation=cv2.INTER_AREA)
    whole_rgb = cv2.resize(blocks_rgb, (width, height), interpolation=cv2.INTER_NEAREST)
    return np.asarray(whole_rgb, np.uint8)
