"""Audited manifest + faces another detector found -> the photos that scenes are made of.

Sets with hand-drawn boxes teach where faces are, in one way of drawing (convention.py); the other
detector's landmarks are taken over where its face is the drawn one. Annotators miss faces: those
that only the other detector saw are faces where it is sure, and ignored where it is in doubt.
Photos of the other sets have its sure faces as boxes and its doubtful ones ignored. Test photos
keep the boxes that were drawn.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from maskwatch.errors import DataError
from maskwatch.training.data.catalog import PUBLIC_SETS
from maskwatch.training.data.holdout import known_name
from maskwatch.training.data.machine_faces import FOUND_SCORE, found_boxes, is_undrawn
from maskwatch.training.data.manifest import BOX, PARTS, has_box
from maskwatch.training.detector.convention import (
    BoxFit,
    change_found,
    convention_boxes,
    fit_boxes,
    same_faces,
)

VAL_SHARE = 12
"""One in so many groups of photos with drawn boxes is kept for choosing, by hash."""

UNDRAWN_SCORE = 0.7
"""A face that nobody drew is one from this score on ..."""
DOUBTED_SCORE = 0.45
"""... and may be one from this on. Under it lie bags, beams and hands, which are to be learnt."""

_NOTHING: NDArray[np.float64] = np.empty((0, 15))


@dataclass(frozen=True, slots=True)
class Photo:
    """One photo and its faces.

    Attributes:
        path: the file.
        name: "SET/path inside the set".
        is_drawn: a person drew the boxes.
        boxes_xyxy: (n, 4) in pixels.
        is_placed: (n,) the box is drawn as all others are; a box of which that is not known says
            that there is a face, not how large it is.
        landmarks_xy: (n, 5, 2), NaN where not known: right eye, left eye, nose, right and left
            corner of the mouth, as the person has them.
        ignore_xyxy: (m, 4) what may be a face.
        sha256: of the file, as the manifest has it; empty where that is not known.
    """

    path: Path
    name: str
    is_drawn: bool
    boxes_xyxy: NDArray[np.float64]
    is_placed: NDArray[np.bool_]
    landmarks_xy: NDArray[np.float64]
    ignore_xyxy: NDArray[np.float64]
    sha256: str = ""


def take_photos(
    table: pd.DataFrame,
    found: Mapping[str, NDArray[np.float64]],
    held_out: frozenset[str],
    left_out: Collection[str] = (),
    found_change: tuple[float, float, float] = (0.0, 0.0, 0.0),
) -> dict[str, list[Photo]]:
    """The photos of the parts "train", "val" and "test".

    The photos of `held_out` are "test"; other photos of their near-identical groups are in no part.
    One in `VAL_SHARE` groups with drawn boxes, by the hash of the group, is "val"; its other
    members are in no part if their boxes are not drawn. Sets that may not be shipped, the sets
    `left_out` with the groups of their photos, and photos of which nothing is known are left out.

    Args:
        table: an audited manifest.
        found: see found_faces.read_found_faces.
        held_out: names of the test photos.
        left_out: sources kept for a test of their own.
        found_change: see recipe.DetectorRecipe.

    Raises:
        DataError: no photo is left to train on, or the manifest has no groups.
    """
    if table["group"].isna().any():
        raise DataError("the manifest has no groups; run `maskwatch data audit` first")
    is_left_out = table["source"].isin(list(left_out))
    twins = table["group"].isin(table.loc[is_left_out, "group"])
    rows = table[table["source"].map(_may_be_shipped).astype(bool) & ~twins]
    found = {name: change_found(machine, *found_change) for name, machine in found.items()}
    known = found.keys() | held_out
    names = {
        path: known_name(path, source, known)
        for path, source in zip(rows["image_path"], rows["source"], strict=True)
    }
    groups = dict(zip(rows["image_path"], rows["group"], strict=True))
    digests = dict(zip(rows["image_path"], rows["sha256"], strict=True))
    test_groups = {groups[path] for path, name in names.items() if name in held_out}
    drawn = _drawn(rows)
    val_groups = {groups[path] for path in drawn if _is_val(groups[path])}
    learnt = drawn - {path for path, name in names.items() if name in held_out}
    fits = _fits(rows[rows["image_path"].isin(learnt)], names, found)

    parts: dict[str, list[Photo]] = {name: [] for name in PARTS}
    for path, faces in rows.groupby("image_path", sort=True):
        path, name = str(path), names[str(path)]
        if name in held_out:
            part = "test"
        elif groups[path] in test_groups or (groups[path] in val_groups and path not in drawn):
            continue
        else:
            part = "val" if groups[path] in val_groups else "train"
        machine = found.get(name, _NOTHING)
        if path in drawn:
            boxes = faces[list(BOX)].to_numpy(float)
            if part == "test" or not found:  # without another detector the sets' way is the way
                photo = _photo_as_drawn(Path(path), name, boxes, machine)
            else:
                fit = fits.get(str(faces["source"].iloc[0]))
                photo = _drawn_photo(Path(path), name, boxes, machine, fit)
        elif len(machine) and machine[:, -1].max() >= FOUND_SCORE:
            photo = _found_photo(Path(path), name, machine)
        else:
            continue
        parts[part].append(replace(photo, sha256=digests[path]))
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


def _fits(
    drawn: pd.DataFrame, names: Mapping[str, str], found: Mapping[str, NDArray[np.float64]]
) -> dict[str, BoxFit | None]:
    """Each set's way of drawing, from its rows with drawn boxes."""
    return {
        str(source): fit_boxes(
            (photo[list(BOX)].to_numpy(float), found.get(names[str(path)], _NOTHING))
            for path, photo in rows.groupby("image_path")
        )
        for source, rows in drawn.groupby("source")
    }


def _drawn_photo(
    path: Path,
    name: str,
    drawn_xyxy: NDArray[np.float64],
    machine: NDArray[np.float64],
    fit: BoxFit | None,
) -> Photo:
    boxes, is_placed = convention_boxes(drawn_xyxy, machine, fit)
    undrawn = machine[is_undrawn(found_boxes(machine), boxes)]
    sure = undrawn[:, -1] >= UNDRAWN_SCORE
    return Photo(
        path,
        name,
        True,
        np.concatenate([boxes, found_boxes(undrawn[sure])]),
        np.append(is_placed, np.ones(sure.sum(), bool)),
        np.concatenate([_landmarks(boxes, machine), _points(undrawn[sure])]),
        found_boxes(undrawn[~sure & (undrawn[:, -1] >= DOUBTED_SCORE)]),
    )


def _photo_as_drawn(
    path: Path, name: str, drawn_xyxy: NDArray[np.float64], machine: NDArray[np.float64]
) -> Photo:
    boxes = found_boxes(machine)
    return Photo(
        path,
        name,
        True,
        drawn_xyxy,
        np.ones(len(drawn_xyxy), bool),
        _landmarks(drawn_xyxy, machine),
        boxes[is_undrawn(boxes, drawn_xyxy)],
    )


def _found_photo(path: Path, name: str, machine: NDArray[np.float64]) -> Photo:
    sure = machine[:, -1] >= FOUND_SCORE
    boxes = found_boxes(machine)
    is_placed = np.ones(int(sure.sum()), bool)
    return Photo(path, name, False, boxes[sure], is_placed, _points(machine[sure]), boxes[~sure])


def _landmarks(
    drawn_xyxy: NDArray[np.float64], machine: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Landmarks (n, 5, 2) of drawn faces, NaN where the other detector did not see them."""
    same = same_faces(drawn_xyxy, machine)
    landmarks = np.full((len(drawn_xyxy), 5, 2), np.nan)
    landmarks[same >= 0] = _points(machine[same[same >= 0]])
    return landmarks


def _points(machine: NDArray[np.float64]) -> NDArray[np.float64]:
    """Landmarks (n, 5, 2) of found faces."""
    return machine[:, 4:14].reshape(-1, 5, 2)
