"""What pictures are made from: bare faces, and masks cut out of photos. Training photos only."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pandas as pd

from maskwatch.detect import Detector
from maskwatch.errors import DataError, ImageError
from maskwatch.schema import BoxXYXY
from maskwatch.sources import load_image
from maskwatch.training.catalog import MASK, NO_MASK, PUBLIC_SETS, SYNTHETIC
from maskwatch.training.manifest import BOX, has_box
from maskwatch.training.synth.faces import MIN_FACE_PX, FacePicture, cut_picture, find_face
from maskwatch.training.synth.material import Material
from maskwatch.training.synth.sampled import MAX_YAW_DEG, cut_material

MAX_FACES, MAX_MATERIALS = 2400, 240
"""More would only cost memory: some 100 kB a face and 600 kB a material."""

ENOUGH_BOXES = 1000
"""With so many faces in boxes, whole pictures of that label are not searched for more."""

BARE_YAW_DEG = 32.0
"""A bare face that is turned further shows too little of its mask."""

CLOSE_UP_SHARE = 0.4
"""Of the bare faces at most so many fill their picture, unless there are hardly any others."""

_BATCH = 64


@dataclass(frozen=True, slots=True)
class Supply:
    """What there is to paint with.

    Attributes:
        faces: bare ones, in the order in which they are to be used.
        materials: cut from photos; perhaps none.
    """

    faces: tuple[FacePicture, ...]
    materials: tuple[Material, ...]


def usable_rows(table: pd.DataFrame) -> pd.DataFrame:
    """The rows that pictures may be made from.

    A row qualifies if its whole near-identical group is in the `train` part, its source allows
    models to be shipped, and no box is smaller than `MIN_FACE_PX`. A whole picture counts only if
    no row has a box in it, and only where boxes are few.

    Raises:
        DataError: the manifest is not audited, not split, or holds synthetic pictures already.
    """
    if (table["source"] == SYNTHETIC).any():
        raise DataError("the manifest holds synthetic pictures already; give the one without them")
    if not table["split"].eq("train").any():
        raise DataError(
            "the manifest has no training rows; make a split with `maskwatch data split`"
        )
    missing = int(table["group"].isna().sum())
    if missing:
        raise DataError(
            f"{missing} of {len(table)} rows have no group; run `maskwatch data audit` first"
        )
    held_out = table["split"] != "train"
    bound = [name for name, public in PUBLIC_SETS.items() if not public.shippable]
    boxed = has_box(table)
    sides = table[list(BOX)].to_numpy(float)
    longer = np.fmax(sides[:, 2] - sides[:, 0], sides[:, 3] - sides[:, 1])
    fine = (
        ~table["group"].isin(table.loc[held_out, "group"])
        & ~table["image_path"].isin(table.loc[held_out, "image_path"])
        & ~table["source"].isin(bound)
        & (boxed | ~table["image_path"].isin(table.loc[boxed, "image_path"]))
        & ~(longer < MIN_FACE_PX)
    )
    fine &= table["label"].isin([MASK, NO_MASK])
    boxes_of_label = (boxed & fine).groupby(table["label"]).transform("sum")
    return pd.DataFrame(table[fine & (boxed | (boxes_of_label < ENOUGH_BOXES))])


def find_supply(
    rows: pd.DataFrame,
    detector: Detector,
    seed: int,
    count: int,
    progress: Callable[[int], None] | None = None,
) -> Supply:
    """Look for bare faces, and for masks to cut out.

    Args:
        rows: see `usable_rows`.
        detector: must give landmarks.
        seed: decides the order.
        count: of pictures that will be made; fewer need fewer faces.
        progress: called with the number of rows that were looked at.

    Raises:
        DataError: there is no bare face that is large, frontal and whole enough.
        ImageError: a photo cannot be read.
    """
    random = np.random.default_rng((seed, len(rows)))
    bare = _one_group_after_another(rows[rows["label"] == NO_MASK], random)
    masked = _one_group_after_another(rows[rows["label"] == MASK], random)
    wanted = min(MAX_FACES, max(count // 2, 8))
    faces = _mixed(_found(bare, detector, BARE_YAW_DEG, progress), wanted)
    if not faces:
        raise DataError(
            f"no bare face of the training part is at least {MIN_FACE_PX} pixels large, seen from "
            "the front and found by the detector"
        )
    materials: list[Material] = []
    for face in _found(masked, detector, MAX_YAW_DEG, progress):
        material = cut_material(face)
        materials += [material] if material is not None else []
        if len(materials) >= min(MAX_MATERIALS, max(count // 8, 4)):
            break
    return Supply(tuple(faces), tuple(materials))


def _one_group_after_another(
    rows: pd.DataFrame, random: np.random.Generator
) -> list[tuple[str, BoxXYXY | None, str]]:
    """Photo, box and group in random order: every group once, then every group again, and so on."""
    # the order of a table says nothing about its data, so it must not decide anything
    ordered = rows.sort_values(["sha256", *BOX, "label"], kind="stable")
    shuffled = ordered.iloc[random.permutation(len(ordered))]
    turn = shuffled.groupby("group").cumcount().to_numpy()
    shuffled = shuffled.iloc[np.argsort(turn, kind="stable")]
    boxes = shuffled[list(BOX)].to_numpy(float)
    return [
        (path, None if np.isnan(box[0]) else (box[0], box[1], box[2], box[3]), group)
        for path, box, group in zip(
            shuffled["image_path"], boxes.tolist(), shuffled["group"], strict=True
        )
    ]


def _found(
    rows: list[tuple[str, BoxXYXY | None, str]],
    detector: Detector,
    max_yaw_deg: float,
    progress: Callable[[int], None] | None,
) -> Iterator[FacePicture]:
    """The usable faces in the order of the rows; photos are read a batch ahead at most."""

    def look(row: tuple[str, BoxXYXY | None, str]) -> FacePicture | None:
        path, box, group = row
        image_rgb = load_image(path)
        found = find_face(detector, image_rgb, box)
        return None if found is None else cut_picture(image_rgb, *found, group, max_yaw_deg)

    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        for start in range(0, len(rows), _BATCH):
            try:
                pictures = list(pool.map(look, rows[start : start + _BATCH]))
            except ImageError as error:
                raise DataError(f"a picture of the manifest cannot be read: {error}") from error
            if progress:
                progress(len(pictures))
            yield from (picture for picture in pictures if picture is not None)


def _mixed(found: Iterator[FacePicture], wanted: int) -> list[FacePicture]:
    """Faces with surroundings first choice, and so many close-ups among them as are allowed."""
    roomy: list[FacePicture] = []
    close: list[FacePicture] = []
    for face in found:
        (close if face.is_close_up else roomy).append(face)
        if len(roomy) >= wanted * (1 - CLOSE_UP_SHARE):
            break
    most = max(round(len(roomy) * CLOSE_UP_SHARE / (1 - CLOSE_UP_SHARE)), 8)
    faces = roomy + close[: min(most, wanted)]
    order = np.random.default_rng(len(faces)).permutation(len(faces))
    return [faces[index] for index in order[:wanted]]
