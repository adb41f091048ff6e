"""The edge of a picture: faces that reach beyond it, and a face that somebody cut out.

A detector that learnt from photos can miss a face without surroundings. With a border there are
some; what is found then is either what the picture is of, or a face at its edge.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from maskwatch.schema import Face, ImageRGB

CROP_SIDE_PX = 256
CROP_ASPECT = 0.6
"""A picture no larger and no narrower than this is probably a face that somebody cut out."""

BORDER_VALUE = 127
"""Grey of the border in which a cut-out face is looked for again."""

FILLS_RATIO = 0.5
"""What a cut-out face takes of the shorter side of its picture, at least."""


def overlapping(faces: Iterable[Face], image_rgb: ImageRGB) -> tuple[Face, ...]:
    """The faces of which at least a part lies in a picture (H, W, 3)."""
    height, width = image_rgb.shape[:2]
    return tuple(
        face
        for face in faces
        for left, top, right, bottom in (face.box_xyxy,)
        if left < width and top < height and right > 0 and bottom > 0
    )


def looks_like_crop(width: int, height: int) -> bool:
    """Whether a picture may be a face that somebody cut out, by its size and shape alone.

    A photo from a camera is larger, and a strip is no face.
    """
    shorter, longer = sorted((width, height))
    return longer <= CROP_SIDE_PX and shorter >= CROP_ASPECT * longer


def with_border(image_rgb: ImageRGB) -> ImageRGB:
    """A picture (H, W, 3) with grey round it, as wide as a third of its longer side."""
    edge = (_border_px(image_rgb),) * 2
    return np.pad(image_rgb, (edge, edge, (0, 0)), constant_values=BORDER_VALUE)


def without_border(faces: Sequence[Face], image_rgb: ImageRGB) -> tuple[Face, ...]:
    """Faces found in a picture (H, W, 3) with its border, in that itself and cut at its edge."""
    by_px = _border_px(image_rgb)
    height, width = image_rgb.shape[:2]
    inside = []
    for face in overlapping((_moved(face, -by_px) for face in faces), image_rgb):
        left, top, right, bottom = face.box_xyxy
        box_xyxy = max(left, 0.0), max(top, 0.0), min(right, width), min(bottom, height)
        inside.append(replace(face, box_xyxy=box_xyxy))
    return tuple(inside)


def fills(faces: Sequence[Face], image_rgb: ImageRGB) -> bool:
    """Whether one of the faces is large enough to be what a picture (H, W, 3) is of."""
    least_px = FILLS_RATIO * min(image_rgb.shape[:2])
    return any(
        max(right - left, bottom - top) >= least_px
        for left, top, right, bottom in (face.box_xyxy for face in faces)
    )


def _border_px(image_rgb: ImageRGB) -> int:
    longer_px = int(max(image_rgb.shape[:2]))
    return max(1, longer_px // 3)


def _moved(face: Face, by_px: int) -> Face:
    left, top, right, bottom = (value + by_px for value in face.box_xyxy)
    points_xy = face.landmarks_xy and tuple((x + by_px, y + by_px) for x, y in face.landmarks_xy)
    return replace(face, box_xyxy=(left, top, right, bottom), landmarks_xy=points_xy)
