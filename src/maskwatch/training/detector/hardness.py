"""Which faces are hard to find: turned, looking down, dark, or without landmarks that anyone saw.

Most faces in photos look at the camera. Those that detectors miss do not, so scenes are drawn for
them more often than they occur (recipe: scenes.hard_share).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from maskwatch.schema import ImageRGB
from maskwatch.training.detector.photos import Photo

TURNED_SHARE = 0.25
"""The nose is off the middle of the eyes by this share of the face's width in half profile."""

NARROW_SHARE = 0.28
"""Eyes nearer to each other than this share of the face's width are those of a profile."""

LOW_NOSE_SHARE = 0.12
"""The nose this little below the eyes, as a share of the height: looking down, or up."""

TILTED_SLOPE = 0.35
"""The line through the eyes is this steep from some 20 degrees on."""

DARK_GREY = 60
"""Mean grey value, of 255, under which a face is dark."""


def is_hard(image_rgb: ImageRGB, photo: Photo) -> NDArray[np.bool_]:
    """Which faces (n,) of a photo are hard.

    Args:
        image_rgb: (H, W, 3) the photo.
        photo: its faces, in its pixels.
    """
    width, height = (photo.boxes_xyxy[:, 2:] - photo.boxes_xyxy[:, :2]).T
    right_eye, left_eye, nose = photo.landmarks_xy[:, :3].transpose(1, 0, 2)
    across, off = left_eye - right_eye, nose - (left_eye + right_eye) / 2
    with np.errstate(invalid="ignore"):  # NaN compares as False: those are told below
        turned = (np.abs(off[:, 0]) > TURNED_SHARE * width) | (
            np.linalg.norm(across, axis=1) < NARROW_SHARE * width
        )
        nodding = np.abs(off[:, 1]) < LOW_NOSE_SHARE * height
        tilted = np.abs(across[:, 1]) > TILTED_SLOPE * np.abs(across[:, 0])
    unknown = np.isnan(photo.landmarks_xy).any(axis=(1, 2))
    dark = np.array([_grey(image_rgb, box) < DARK_GREY for box in photo.boxes_xyxy], bool)
    return np.asarray(turned | nodding | tilted | unknown | dark, np.bool_)


def _grey(image_rgb: ImageRGB, box_xyxy: NDArray[np.float64]) -> float:
    left, top, right, bottom = np.maximum(box_xyxy, 0).astype(int)
    inside = image_rgb[top : bottom + 1, left : right + 1]
    return float(inside.mean()) if inside.size else 255.0
