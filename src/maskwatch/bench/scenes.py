"""Frames with as many faces as wanted, made of the drawn people of the sample photos."""

from __future__ import annotations

import math

import cv2
import numpy as np

from maskwatch.app.samples import SAMPLES
from maskwatch.schema import ImageRGB
from maskwatch.sources import load_image

SIZES_WH = ((640, 480), (1280, 720), (1920, 1080))
FACES = (0, 1, 5, 20)

# heads of the four people in the drawn group, hair and shoulders included: left, and all the same
_HEAD_LEFT_PX, _HEAD_TOP_PX, _HEAD_WH = (50, 260, 480, 690), 130, (220, 290)
_LARGEST_HEAD = 0.45
"""Of the height of the frame: somebody who sits before a laptop."""
_WALL = 150


def draw_frame(size_wh: tuple[int, int], faces: int) -> ImageRGB:
    """A frame (H, W, 3) in which the shipped detector finds exactly that many faces.

    People stand in rows, as large as there is room for.

    Args:
        size_wh: of the frame in pixels.
        faces: how many people, 0 or more.
    """
    width, height = size_wh
    frame = np.full((height, width, 3), _WALL, np.uint8)
    if not faces:
        return frame
    columns = math.ceil(math.sqrt(faces * width / height))
    rows = math.ceil(faces / columns)
    cell_wh = width // columns, height // rows
    scale = min(cell_wh[0] / _HEAD_WH[0], min(cell_wh[1], _LARGEST_HEAD * height) / _HEAD_WH[1])
    for index, head in enumerate(_heads(faces)):
        row, column = divmod(index, columns)
        person = cv2.resize(
            head,
            (int(_HEAD_WH[0] * scale), int(_HEAD_WH[1] * scale)),
            interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR,
        )
        top, left = row * cell_wh[1], column * cell_wh[0]
        frame[top : top + person.shape[0], left : left + person.shape[1]] = person
    return frame


def _heads(count: int) -> list[ImageRGB]:
    group = load_image(next(sample.path for sample in SAMPLES if sample.name == "group"))
    width, height = _HEAD_WH
    bottom = _HEAD_TOP_PX + height
    heads = [group[_HEAD_TOP_PX:bottom, left : left + width] for left in _HEAD_LEFT_PX]
    return [heads[index % len(heads)] for index in range(count)]
