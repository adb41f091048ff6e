"""The rows of one part of a split as arrays; needs no training framework, so evaluation uses it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from maskwatch.schema import CLASSES
from maskwatch.training.catalog import SYNTHETIC, UNCLEAR
from maskwatch.training.crops import row_seeds
from maskwatch.training.manifest import BOX, has_box
from maskwatch.training.scores import score


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
    groups = rows["group"].where(rows["group"].notna(), rows["sha256"])
    return Part(rows, class_indices(rows), groups.to_numpy(str), row_seeds(rows))


def class_indices(table: pd.DataFrame) -> NDArray[np.int64]:
    """Labels of a manifest as indices into schema.CLASSES, NONE_OF_THEM where it is unclear."""
    order = {state.value: index for index, state in enumerate(CLASSES)} | {UNCLEAR: NONE_OF_THEM}
    return np.asarray(table["label"].map(order), np.int64)


def longer_side_px(table: pd.DataFrame) -> NDArray[np.float64]:
    """Longer side (n,) of each box in pixels of its photo; NaN for whole pictures."""
    boxes = table[list(BOX)].to_numpy(float)
    return np.asarray(np.fmax(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]), np.float64)


def score_slices(part: Part, answers: NDArray[np.float32], unsure_below: float) -> dict[str, Any]:
    """Scores of a part as a whole and of each source, faces and whole pictures apart."""
    slices = {"all": score(part.labels, answers, list(part.groups), unsure_below)}
    names = slice_names(part.table)
    for name in np.unique(names):
        rows = names == name
        slices[str(name)] = score(
            part.labels[rows], answers[rows], list(part.groups[rows]), unsure_below
        )
    return slices


def slice_names(table: pd.DataFrame) -> NDArray[Any]:
    """The slice (n,) that each row belongs to, "SOURCE faces" or "SOURCE pictures"."""
    kinds = np.where(has_box(table), "faces", "pictures")
    return np.asarray(table["source"].astype(str).to_numpy() + " " + kinds)
