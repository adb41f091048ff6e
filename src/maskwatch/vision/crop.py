"""Face box -> padded square -> uint8 batch; training and serving both use this."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from maskwatch.schema import ImageRGB


def crop_faces(
    image_rgb: ImageRGB, boxes_xyxy: NDArray[np.floating], side_px: int, margin_ratio: float
) -> NDArray[np.uint8]:
    """Cut a square around each box and resize it.

    The square has the longer side of the box, widened by `margin_ratio` of it on each side, so
    that faces keep their shape. What lies outside the picture repeats its edge: black bars would
    tell the network where the picture ends.

    Args:
        image_rgb: (H, W, 3).
        boxes_xyxy: (n, 4); each must overlap the image.
        side_px: side of the crops.
        margin_ratio: 0 cuts the tightest square.

    Returns:
        (n, side_px, side_px, 3).
    """
    crops = np.empty((len(boxes_xyxy), side_px, side_px, 3), np.uint8)
    for index, box_xyxy in enumerate(boxes_xyxy):
        crops[index] = _crop_square(image_rgb, box_xyxy, side_px, margin_ratio)
    return crops


def _crop_square(
    image_rgb: ImageRGB, box_xyxy: NDArray[np.floating], side_px: int, margin_ratio: float
) -> ImageRGB:
    """Resize the part inside the picture first and pad after, so memory never exceeds the crop.

    (A 30,000 x 100 picture padded to a square first would take 2.7 GB.)
    """
    left, top, right, bottom = (float(value) for value in box_xyxy)
    square = max(right - left, bottom - top) * (1 + 2 * margin_ratio)
    x0, y0 = (left + right - square) / 2, (top + bottom - square) / 2
    height, width = image_rgb.shape[:2]
    in_left, in_right = _inside(x0, x0 + square, width)
    in_top, in_bottom = _inside(y0, y0 + square, height)

    scale = side_px / square
    to_left, to_right = _target(in_left - x0, in_right - x0, scale, side_px)
    to_top, to_bottom = _target(in_top - y0, in_bottom - y0, scale, side_px)
    inside = cv2.resize(
        image_rgb[in_top:in_bottom, in_left:in_right],
        (to_right - to_left, to_bottom - to_top),
        # area averages what it drops; linear is the better enlarger
        interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR,
    )
    pad = (to_top, side_px - to_bottom, to_left, side_px - to_right)
    if any(pad):
        inside = cv2.copyMakeBorder(inside, *pad, cv2.BORDER_REPLICATE)
    return np.asarray(inside, np.uint8)


def _inside(start: float, stop: float, limit: int) -> tuple[int, int]:
    """The whole pixels of [start, stop) that the picture has, at least one."""
    first = min(max(round(start), 0), limit - 1)
    return first, max(min(round(stop), limit), first + 1)


def _target(start: float, stop: float, scale: float, side_px: int) -> tuple[int, int]:
    """Where those pixels land in the crop, at least one pixel wide."""
    first = min(max(round(start * scale), 0), side_px - 1)
    return first, max(min(round(stop * scale), side_px), first + 1)
