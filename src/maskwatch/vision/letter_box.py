"""A picture -> what the detector's network takes: scaled, and padded to whole cells."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from maskwatch.schema import BoxXYXY, ImageRGB

STRIDES_PX = (8, 16, 32)
"""Side of a cell in each grid, in the order in which the points come."""

# beyond this a small picture only gets blurred, and costs as much as a large one
_MAX_ENLARGEMENT = 4.0
_PAD_VALUE = 127


def letter_box(image_rgb: ImageRGB, side_px: int) -> tuple[ImageRGB, NDArray[np.float32]]:
    """Scale a picture to a longer side and pad it, right and bottom, with grey to whole cells.

    Args:
        image_rgb: (H, W, 3).
        side_px: of the longer side; a small picture is enlarged four times at most.

    Returns:
        The padded picture, and pixels of it a pixel of the image, (2,) for x and y: they differ
        where a side would have less than one pixel.
    """
    height, width = image_rgb.shape[:2]
    columns, rows = scaled_size(image_rgb, side_px)
    cell = STRIDES_PX[-1]
    padded = np.full((-(-rows // cell) * cell, -(-columns // cell) * cell, 3), _PAD_VALUE, np.uint8)
    padded[:rows, :columns] = _scaled(image_rgb, (columns, rows))
    return padded, np.array([columns / width, rows / height], np.float32)


def _scaled(image_rgb: ImageRGB, size_wh: tuple[int, int]) -> ImageRGB:
    """Scale a picture to a size: whole blocks of pixels to their mean, the rest linearly.

    Area averaging alone loses no pixel either but takes two to six times as long where the ratio is
    no whole number, and the network finds the same (docs/LOG.md).
    """
    height, width = image_rgb.shape[:2]
    block = max(width, height) // max(size_wh)
    if block > 1:
        means_wh = max(1, width // block), max(1, height // block)
        image_rgb = np.asarray(
            cv2.resize(image_rgb, means_wh, interpolation=cv2.INTER_AREA), np.uint8
        )
    return np.asarray(cv2.resize(image_rgb, size_wh, interpolation=cv2.INTER_LINEAR), np.uint8)


def scaled_size(image_rgb: ImageRGB, side_px: int) -> tuple[int, int]:
    """Width and height of a picture whose longer side is scaled to `side_px`."""
    height, width = image_rgb.shape[:2]
    scale = min(side_px / max(width, height), _MAX_ENLARGEMENT)
    return max(1, round(width * scale)), max(1, round(height * scale))


def whole_cells(
    window_xyxy: BoxXYXY | None, ratio_xy: NDArray[np.floating], shape: tuple[int, ...]
) -> tuple[int, int, int, int]:
    """The cells of a padded picture that a window of the picture touches: left, top, right, bottom.

    In them the network sees the same pixels at the same places of its grids as in the whole.

    Args:
        window_xyxy: in pixels of the picture; all of it if None.
        ratio_xy: pixels of the padded picture a pixel of the picture.
        shape: of the padded picture, (H, W, 3).
    """
    rows, columns = shape[:2]
    if window_xyxy is None:
        return 0, 0, columns, rows
    cell = STRIDES_PX[-1]
    low, high = np.array(window_xyxy).reshape(2, 2) * ratio_xy / cell
    limit = np.array((columns, rows)) // cell
    first = np.clip(np.floor(low).astype(int), 0, limit - 1)
    last = np.clip(np.ceil(high).astype(int), first + 1, limit)
    left, top, right, bottom = (cell * np.concatenate([first, last])).tolist()
    return left, top, right, bottom


def is_within(
    boxes_xyxy: NDArray[np.floating],
    window_xyxy: tuple[int, int, int, int],
    shape: tuple[int, ...],
) -> NDArray[np.bool_]:
    """Which boxes (n, 4) the border of a window does not cut, but where the picture ends too.

    Args:
        boxes_xyxy: (n, 4) in pixels of the padded picture.
        window_xyxy: the same.
        shape: of the padded picture, (H, W, 3).
    """
    rows, columns = shape[:2]
    left, top, right, bottom = window_xyxy
    low = [left if left > 0 else -np.inf, top if top > 0 else -np.inf]
    high = [right if right < columns else np.inf, bottom if bottom < rows else np.inf]
    inside = (boxes_xyxy[:, :2] > low).all(axis=1) & (boxes_xyxy[:, 2:] < high).all(axis=1)
    return np.asarray(inside, np.bool_)
