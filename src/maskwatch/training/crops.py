"""Manifest rows -> uint8 canvases in memory, cut by the very code that serves frames."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from maskwatch.crop import crop_faces
from maskwatch.errors import DataError, ImageError
from maskwatch.sources import load_image
from maskwatch.training.manifest import BOX


def canvas_side(input_side_px: int, context_ratio: float) -> int:
    """Side of a canvas: the crop and `context_ratio` of its side around it, at the same scale."""
    return input_side_px + 2 * round(input_side_px * context_ratio)


def load_canvases(
    table: pd.DataFrame, input_side_px: int, margin_ratio: float, context_ratio: float
) -> NDArray[np.uint8]:
    """Decode and cut every row of a manifest once; a photo with many faces is decoded once.

    A whole-image row gets no margin, as in serving.

    Args:
        table: manifest rows.
        input_side_px: side of the network's input.
        margin_ratio: how much a face box is widened.
        context_ratio: what to keep around the crop for the augmentation to draw on.

    Returns:
        (n, side, side, 3) with side = canvas_side(...), in the order of the table.

    Raises:
        DataError: images that cannot be read; training never replaces or skips one in silence.
    """
    side = canvas_side(input_side_px, context_ratio)
    canvases = np.empty((len(table), side, side, 3), np.uint8)
    positions = pd.Series(np.arange(len(table))).groupby(table["image_path"].to_numpy())
    boxes = table[list(BOX)].to_numpy(float)
    enlarge = side / input_side_px  # a canvas is a crop with a larger margin

    def fill(image_path: str, rows: Sequence[int]) -> ImageError | None:
        try:
            image_rgb = load_image(image_path)
        except ImageError as error:
            return error
        height, width = image_rgb.shape[:2]
        for row in rows:
            whole = bool(np.isnan(boxes[row, 0]))
            box = np.array([0, 0, width, height], float) if whole else boxes[row]
            square = (1 if whole else 1 + 2 * margin_ratio) * enlarge
            canvases[row] = crop_faces(image_rgb, box[None], side, (square - 1) / 2)[0]
        return None

    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:  # decoding releases the GIL
        jobs = [pool.submit(fill, str(path), list(rows)) for path, rows in positions.groups.items()]
        errors = [error for job in jobs if (error := job.result()) is not None]
    if errors:
        raise DataError(f"{len(errors)} images cannot be read; the first is {errors[0]}")
    return canvases


def row_seeds(table: pd.DataFrame) -> NDArray[np.uint64]:
    """A number for each row that depends on its picture and box only, never on its position.

    It seeds the row's alterations, so they are the same whatever the split or order.
    """
    boxes = np.nan_to_num(table[list(BOX)].to_numpy(float), nan=-1).astype(np.float32)
    picture = np.array([int(sha[:15], 16) for sha in table["sha256"]], np.uint64)
    weights = np.array([1, 1_000_003, 10_000_019, 100_000_007], np.uint64)
    place = (boxes.view(np.uint32).astype(np.uint64) * weights).sum(axis=1, dtype=np.uint64)
    return np.asarray(picture ^ place, np.uint64)
