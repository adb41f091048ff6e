"""Photos turned about their centre, and where their faces then are."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from maskwatch.schema import ImageRGB

TURNS_DEG = (15, 30, 45)
"""Each is tried both ways."""

_GREY = (128, 128, 128)


def turn_photo(
    image_rgb: ImageRGB, boxes_xyxy: NDArray[np.float64], turn_deg: float
) -> tuple[ImageRGB, NDArray[np.float64]]:
    """Turns a photo, and its faces, counter-clockwise about its centre.

    The canvas is a square as wide as the diagonal, whatever the turn and mid-grey around the
    photo, so that a detector which shrinks pictures to a fixed size sees every turn, and no turn,
    at one scale. A face is taken for the ellipse inside its box; its turned box is the ellipse's,
    because the box of the turned corners would grow by up to 41 % with nothing in it.

    Args:
        image_rgb: (H, W, 3).
        boxes_xyxy: (n, 4).
        turn_deg: any angle.

    Returns:
        The canvas (S, S, 3) and the boxes (n, 4) on it.
    """
    height, width = image_rgb.shape[:2]
    side = math.ceil(math.hypot(height, width)) + 1  # room for the rounding of the offset
    offset = np.array([(side - width) // 2, (side - height) // 2])
    # counter-clockwise as one sees it: y points down
    cos, sin = math.cos(math.radians(turn_deg)), math.sin(math.radians(turn_deg))
    turn = np.array([[cos, sin], [-sin, cos]])

    middle = np.array([width, height]) / 2
    centres = (boxes_xyxy[:, :2] + boxes_xyxy[:, 2:]) / 2
    centres = (centres - middle) @ turn.T + middle + offset
    half = (boxes_xyxy[:, 2:] - boxes_xyxy[:, :2]) / 2
    half = np.sqrt(half**2 @ (turn**2).T)
    # OpenCV counts from the middle of the first pixel, boxes from its corner
    shift = middle + offset - 0.5 - turn @ (middle - 0.5)
    canvas = cv2.warpAffine(
        image_rgb,
        np.column_stack([turn, shift]),
        (side, side),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=_GREY,
    )
    return np.asarray(canvas, np.uint8), np.concatenate([centres - half, centres + half], axis=1)
