"""Audited manifest + faces another detector found -> the photos that scenes are made of.

Sets with hand-drawn boxes teach where faces are; the other detector's landmarks are taken over
where its face is the drawn one, and faces that only it saw are ignored, because annotators miss
some. Photos of the other sets have its sure faces as boxes and its doubtful ones ignored.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from maskwatch.boxes import iou_matrix
from maskwatch.errors import DataError
from maskwatch.training.catalog import PUBLIC_SETS
from maskwatch.training.detector.holdout import known_name
from maskwatch.training.found_faces import (
    FOUND_SCORE,
    SAME_FACE_IOU,
    found_boxes,
    is_undrawn,
)
from maskwatch.training.manifest import BOX, PARTS, has_box

VAL_SHARE = 12
"""One in so many groups of photos with drawn boxes is kept for choosing, by hash."""


@dataclass(frozen=True, slots=True)
class Photo:
    """One photo and its faces.

    Attributes:
        path: the file.
        name: "SET/path inside the set".
        is_drawn: a person drew the boxes.
        boxes_xyxy: (n, 4) in pixels.
        landmarks_xy: (n, 5, 2), NaN where not known: right eye, left eye, nose, right and left
            corner of the mouth, as the person has them.
        ignore_xyxy: (m, 4) what may be a face.
    """

    path: Path
    name: str
    is_drawn: bool
    boxes_xyxy: NDArray[np.float64]
    landmarks_xy: NDArray[np.float64]
    ignore_xyxy: NDArray[np.float64]


def take_photos(
    table: pd.DataFrame,
    found: Mapping[str, NDArray[np.float64]],
    held_out: frozenset[str],
) -> dict[str, list[Photo]]:
    """The photos of the parts "train", "val" and "test".

    The photos of `held_out` are "test"; other photos of their near-identical groups are in no part.
    One in `VAL_SHARE` groups with drawn boxes, by the hash of the group, is "val"; its other
    members are in no part if their boxes are not drawn. Sets that may not be shipped, and photos
    of which nothing is known, are left out.

    Args:
        table: an audited manifest.
        found: see found_faces.read_found_faces.
        held_out: names of the test photos.

    Raises:
        DataError: no photo is left to train on, or the manifest has no groups.
    """
    if table["group"].isna().any():
        raise DataError("the manifest has no groups; run `maskwatch data audit` first")
    rows = table[table["source"].map(_may_be_shipped).astype(bool)]
    names = {
        path: known_name(path, source, found.keys() | held_out)
        for path, source in zip(rows["image_path"], rows["source"], strict=True)
    }
    groups = dict(zip(rows["image_path"], rows["group"], strict=True))
    test_groups = {groups[path] for path, name in names.items() if name in held_out}
    drawn = _drawn(rows)
    val_groups = {groups[path] for path in drawn if _is_val(groups[path])}

    parts: dict[str, list[Photo]] = {name: [] for name in PARTS}
    for path, faces in rows.groupby("image_path", sort=True):
        path, name = str(path), names[str(path)]
        if name in held_out:
            part = "test"
        elif groups[path] in test_groups or (groups[path] in val_groups and path not in drawn):
            continue
        else:
            part = "val" if groups[path] in val_groups else "train"
        machine = found.get(name, np.empty((0, 15)))
        if path in drawn:
            boxes = faces.loc[has_box(faces), list(BOX)].to_numpy(float)
            parts[part].append(_drawn_photo(Path(path), name, boxes, machine))
        elif len(machine) and machine[:, -1].max() >= FOUND_SCORE:
            parts[part].append(_found_photo(Path(path), name, machine))
    if not parts["train"]:
        raise DataError("no photo with boxes is left to train the detector on")
    return parts


def _may_be_shipped(source: str) -> bool:
    public = PUBLIC_SETS.get(source)
    return public is None or public.shippable


def _drawn(rows: pd.DataFrame) -> set[str]:
    """Pictures whose boxes a person drew: a picture with a found box has a row without one too."""
    all_boxes = has_box(rows).groupby(rows["image_path"]).all()
    return set(all_boxes.index[all_boxes])


def _is_val(group: str) -> bool:
    return int(hashlib.sha256(f"val {group}".encode()).hexdigest(), 16) % VAL_SHARE == 0


def _drawn_photo(
    path: Path, name: str, boxes: NDArray[np.float64], machine: NDArray[np.float64]
) -> Photo:
    machine_boxes = found_boxes(machine)
    overlap = iou_matrix(boxes, machine_boxes)
    landmarks = np.full((len(boxes), 5, 2), np.nan)
    if overlap.size:
        best = overlap.argmax(axis=1)
        same = overlap.max(axis=1) >= SAME_FACE_IOU
        landmarks[same] = machine[best[same], 4:14].reshape(-1, 5, 2)
    undrawn = machine_boxes[is_undrawn(machine_boxes, boxes)]
    return Photo(path, name, True, boxes, landmarks, undrawn)


def _found_photo(path: Path, name: str, machine: NDArray[np.float64]) -> Photo:
    sure = machine[:, -1] >= FOUND_SCORE
    boxes = found_boxes(machine)
    landmarks = machine[sure, 4:14].reshape(-1, 5, 2)
    return Photo(path, name, False, boxes[sure], landmarks, boxes[~sure])
