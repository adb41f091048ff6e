"""The rows of one part of a split as arrays; needs no training framework, so evaluation uses it."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from maskwatch.errors import DataError, ImageError, ImageFault
from maskwatch.io.images import load_image, read_file
from maskwatch.models.runtime import available_cpus
from maskwatch.schema import CLASSES, ImageRGB
from maskwatch.training.data.catalog import SYNTHETIC, UNCLEAR
from maskwatch.training.data.manifest import BOX, has_box
from maskwatch.vision.crop import crop_faces


@dataclass(frozen=True, slots=True)
class Part:
    """The rows of one part of the split.

    Attributes:
        table: its manifest rows.
        labels: (n,) class indices; of unclear faces NONE_OF_THEM.
        groups: (n,) near-identical group of each row; the picture itself where none is known.
        seeds: (n,) row seeds.
    """

    table: pd.DataFrame
    labels: NDArray[np.int64]
    groups: NDArray[Any]
    seeds: NDArray[np.uint64]

    @property
    def is_synthetic(self) -> NDArray[np.bool_]:
        """Whether each face (n,) was synthesised."""
        return np.asarray(self.table["source"] == SYNTHETIC, np.bool_)

    @property
    def is_face(self) -> NDArray[np.bool_]:
        """Whether each row (n,) is a box in a picture; the others are whole pictures."""
        return np.asarray(has_box(self.table), np.bool_)

    def join(self, other: Part) -> Part:
        """The rows of both."""
        return Part(
            pd.concat([self.table, other.table], ignore_index=True),
            np.concatenate([self.labels, other.labels]),
            np.concatenate([self.groups, other.groups]),
            np.concatenate([self.seeds, other.seeds]),
        )

    def take(self, rows: NDArray[Any]) -> Part:
        """The part of these rows, given as positions (k,) or as a mask (n,)."""
        table = self.table.iloc[np.arange(len(self.labels))[rows]].reset_index(drop=True)
        return Part(table, self.labels[rows], self.groups[rows], self.seeds[rows])


NONE_OF_THEM = -1
"""In place of a class index: the face is unclear, see catalog.UNCLEAR."""


def take_part(table: pd.DataFrame, name: str, min_face_px: float = 0.0) -> Part:
    """The rows of a part that show one of the classes, without boxes smaller than `min_face_px`."""
    rows = table[table["split"] == name]
    return as_part(rows[~(longer_side_px(rows) < min_face_px)])  # whole images have NaN


def take_unclear(table: pd.DataFrame, name: str, min_face_px: float = 0.0) -> Part:
    """The unclear rows of a part, likewise."""
    rows = table[(table["split"] == name) & (table["label"] == UNCLEAR)]
    return _as_part(rows[~(longer_side_px(rows) < min_face_px)])


def as_part(rows: pd.DataFrame) -> Part:
    """Those of any rows of a manifest that show one of the classes, as a part."""
    return _as_part(rows[rows["label"] != UNCLEAR])


def _as_part(rows: pd.DataFrame) -> Part:
    rows = rows.reset_index(drop=True)
    return Part(rows, class_indices(rows), groups_of(rows).to_numpy(str), row_seeds(rows))


def groups_of(table: pd.DataFrame) -> pd.Series[str]:
    """Near-identical group of each row; the picture itself where none is known."""
    return table["group"].where(table["group"].notna(), table["sha256"])


def class_indices(table: pd.DataFrame) -> NDArray[np.int64]:
    """Labels of a manifest as indices into schema.CLASSES, NONE_OF_THEM where it is unclear."""
    order = {state.value: index for index, state in enumerate(CLASSES)} | {UNCLEAR: NONE_OF_THEM}
    return np.asarray(table["label"].map(order), np.int64)


def longer_side_px(table: pd.DataFrame) -> NDArray[np.float64]:
    """Longer side (n,) of each box in pixels of its photo; NaN for whole pictures."""
    boxes = table[list(BOX)].to_numpy(float)
    return np.asarray(np.fmax(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]), np.float64)


# Manifest rows -> uint8 canvases in memory, cut by the very code that serves frames.


def canvas_side(input_side_px: int, context_ratio: float) -> int:
    """Side of a canvas: the crop and `context_ratio` of its side around it, at the same scale."""
    return input_side_px + 2 * round(input_side_px * context_ratio)


CHANGED = "has changed since the manifest was made"


class _Content(io.BytesIO):
    """The content of a file, which messages call by the file's name."""

    def __init__(self, path: str | Path) -> None:
        super().__init__(read_file(path))
        self.name = str(path)


def load_unchanged(path: str | Path, sha256: str) -> ImageRGB:
    """The picture of a manifest, if it is still the one; its file is read once.

    Raises:
        ImageError: it cannot be read, or is another one.
    """
    content = _Content(path)
    if hashlib.sha256(content.getbuffer()).hexdigest() != sha256:
        raise ImageError(content.name, CHANGED, ImageFault.UNAVAILABLE)
    return load_image(content)


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
        DataError: images that cannot be read or have changed since the manifest was made; training
            never replaces or skips one in silence.
    """
    side = canvas_side(input_side_px, context_ratio)
    canvases = np.empty((len(table), side, side, 3), np.uint8)
    positions = pd.Series(np.arange(len(table))).groupby(table["image_path"].to_numpy())
    boxes, digests = table[list(BOX)].to_numpy(float), table["sha256"].to_numpy()
    enlarge = side / input_side_px  # a canvas is a crop with a larger margin

    def fill(image_path: str, rows: Sequence[int]) -> ImageError | None:
        try:
            image_rgb = load_unchanged(image_path, digests[rows[0]])
        except ImageError as error:
            return error
        height, width = image_rgb.shape[:2]
        for row in rows:
            whole = bool(np.isnan(boxes[row, 0]))
            box = np.array([0, 0, width, height], float) if whole else boxes[row]
            square = (1 if whole else 1 + 2 * margin_ratio) * enlarge
            canvases[row] = crop_faces(image_rgb, box[None], side, (square - 1) / 2)[0]
        return None

    with ThreadPoolExecutor(max_workers=available_cpus()) as pool:  # decoding releases the GIL
        jobs = [pool.submit(fill, str(path), list(rows)) for path, rows in positions.groups.items()]
        errors = [error for job in jobs if (error := job.result()) is not None]
    if errors:
        raise DataError(f"{len(errors)} images cannot be used; the first is {errors[0]}")
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
