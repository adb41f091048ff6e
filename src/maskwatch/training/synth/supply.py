"""What pictures are made from: bare faces, and masks cut out of photos. Training photos only."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from maskwatch.errors import DataError, ImageError
from maskwatch.io.images import load_image
from maskwatch.models.runtime import available_cpus
from maskwatch.schema import BoxXYXY
from maskwatch.training.data.catalog import MASK, NO_MASK, PUBLIC_SETS
from maskwatch.training.data.manifest import BOX, has_box, require_real
from maskwatch.training.synth.head import (
    CHIN,
    MIN_FACE_PX,
    FacePicture,
    cut_picture,
    find_face,
    surface,
)
from maskwatch.training.synth.materials import SHEET_WH, Material, Pixels
from maskwatch.vision.detect import Detector

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
    require_real(table)
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

    with ThreadPoolExecutor(max_workers=available_cpus()) as pool:
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
        # where close-ups are few, more of the others are looked for
        if len(roomy) >= wanted - min(len(close), wanted * CLOSE_UP_SHARE):
            break
    most = max(round(len(roomy) * CLOSE_UP_SHARE / (1 - CLOSE_UP_SHARE)), 8)
    faces = roomy + close[: min(most, wanted)]
    order = np.random.default_rng(len(faces)).permutation(len(faces))
    return [faces[index] for index in order[:wanted]]


# Real masks, cut out of photos of people who wear them right, as sheets of material.
#
# The head's surface is unrolled (angle by height), so that a mask lies flat and turned heads look
# alike; there GrabCut (Rother et al. 2004) tells the mask from skin, hair and background. Where
# that is not certain the photo gives no material.

MAX_YAW_DEG = 14.0
"""A head that is turned further hides part of its mask."""

MIN_SCALE_PX = 26.0
"""Distance of the eyes; a smaller mask has no texture left."""

_ANGLES_DEG, _HEIGHTS = (-86.0, 86.0), (-0.25, 2.1)  # the part of the head that is unrolled
_CUT_WH = (144, 112)  # at which GrabCut runs


def cut_material(face: FacePicture) -> Material | None:
    """The mask a face wears, or None where it cannot be cut out cleanly."""
    if face.pose.scale_px < MIN_SCALE_PX or abs(face.pose.yaw_deg) > MAX_YAW_DEG:
        return None
    flat, seen = _unroll(face)
    mask = _segment(flat, seen)
    extent = None if mask is None else _extent(mask)
    if mask is None or extent is None:
        return None
    left, top, right, bottom = extent
    part, cover = flat[top:bottom, left:right], mask[top:bottom, left:right].astype(np.float32)
    if _contrast(flat, mask) < 0.13:
        return None
    colour = cv2.resize(_spread(part, cover), SHEET_WH, interpolation=cv2.INTER_CUBIC)
    alpha = cv2.resize(cover, SHEET_WH, interpolation=cv2.INTER_CUBIC)
    alpha = np.clip((cv2.GaussianBlur(alpha, (0, 0), 3) - 0.5) * 4 + 0.3, 0, 1)
    white = max(float(np.percentile(face.image_rgb, 97)) / 255, 0.3)
    rgba = np.dstack([np.clip(colour / white, 0.01, 1), alpha]).astype(np.float32)
    strap = np.percentile(part[cover > 0.5], 75, axis=0) / white
    strap_rgb = (min(float(strap[0]), 1), min(float(strap[1]), 1), min(float(strap[2]), 1))
    return Material(rgba, 0.0, 1.0, 0.0, strap_rgb, False, "sampled")


def _unroll(face: FacePicture) -> tuple[Pixels, NDArray[np.bool_]]:
    """The lower head (112, 144, 3) in 0 to 1, angle by height, and where the photo shows it."""
    angle, height = np.meshgrid(
        np.linspace(*_ANGLES_DEG, _CUT_WH[0]), np.linspace(*_HEIGHTS, _CUT_WH[1])
    )
    points = surface(angle, height)
    tent = np.exp(-((angle / 26) ** 2)) * np.exp(-(((height - 0.66) / 0.45) ** 2))
    points[..., 2] += 0.28 * tent
    places = face.pose.project(points).astype(np.float32)
    rows, columns = face.image_rgb.shape[:2]
    seen = (places >= 0).all(axis=-1) & (places[..., 0] < columns) & (places[..., 1] < rows)
    map_x, map_y = np.ascontiguousarray(places[..., 0]), np.ascontiguousarray(places[..., 1])
    flat = cv2.remap(
        face.image_rgb, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(flat, np.float32) / np.float32(255), np.asarray(seen, bool)


def _segment(flat: Pixels, seen: NDArray[np.bool_]) -> NDArray[np.uint8] | None:
    """1 where the mask is (112, 144), None where GrabCut finds no sensible one."""
    angle, height = np.meshgrid(
        np.linspace(*_ANGLES_DEG, _CUT_WH[0]), np.linspace(*_HEIGHTS, _CUT_WH[1])
    )
    guess = np.full(angle.shape, cv2.GC_PR_BGD, np.uint8)
    guess[(height > 0.35) & (height < 1.65) & (np.abs(angle) < 62)] = cv2.GC_PR_FGD
    core = (np.abs(angle) / 38) ** 2 + ((height - 1.0) / 0.48) ** 2 < 1
    guess[core] = cv2.GC_FGD
    eyes = (height < 0.08) | ((height < 0.2) & (np.abs(angle) > 22))
    guess[eyes | (height > 1.98) | ~seen] = cv2.GC_BGD
    if not seen[core].all():
        return None
    cv2.setRNGSeed(0)  # its colour clusters start at random
    picture = np.asarray(flat * 255, np.uint8)
    outer, inner = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.grabCut(picture, guess, (0, 0, 1, 1), outer, inner, 4, cv2.GC_INIT_WITH_MASK)
    mask = ((guess == cv2.GC_FGD) | (guess == cv2.GC_PR_FGD)).astype(np.uint8)
    mask = np.asarray(cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((7, 7), np.uint8)))
    count, parts = cv2.connectedComponents(mask)
    if count < 2:
        return None
    mask = (parts == parts[core][len(parts[core]) // 2]).astype(np.uint8)
    outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    filled = np.zeros_like(mask)
    cv2.drawContours(filled, outlines, -1, 1, -1)
    return filled if filled[core].mean() > 0.97 else None


def _extent(mask: NDArray[np.uint8]) -> tuple[int, int, int, int] | None:
    """Left, top, right, bottom of a mask of usual size and shape; None of any other."""
    rows = np.flatnonzero(mask.any(axis=1))
    columns = np.flatnonzero(mask.sum(axis=0) > 6)
    if not len(rows) or not len(columns):
        return None
    left, right, top, bottom = columns[0], columns[-1] + 1, rows[0], rows[-1] + 1
    middle = np.flatnonzero(mask[:, _CUT_WH[0] // 2])
    heights = np.interp([middle[0], middle[-1]], [0, _CUT_WH[1] - 1], _HEIGHTS)
    angles = np.interp([left, right], [0, _CUT_WH[0] - 1], _ANGLES_DEG)
    solid = mask[top:bottom, left:right].mean()
    hull = cv2.convexHull(np.argwhere(mask).astype(np.int32))
    sane = (
        0.08 < heights[0] < 0.52
        and CHIN - 0.25 < heights[1] < CHIN + 0.3
        and -84 < angles[0] < -42
        and 42 < angles[1] < 84
        and abs(angles[0] + angles[1]) < 22
        and solid > 0.62
        and mask.sum() / max(cv2.contourArea(hull), 1) > 0.90
    )
    return (int(left), int(top), int(right), int(bottom)) if sane else None


def _contrast(flat: Pixels, mask: NDArray[np.uint8]) -> float:
    """Distance of the mask's colour from what borders on it, 0 to 1.

    A mask of the colour of the skin is one that GrabCut cannot be trusted with.
    """
    wide, narrow = (cv2.dilate(mask, np.ones((side, side), np.uint8)) for side in (11, 3))
    near = np.asarray(wide - narrow)
    near[_CUT_WH[1] * 3 // 4 :] = 0  # the neck may be a coat
    inner = cv2.erode(mask, np.ones((5, 5), np.uint8))
    if not near.any() or not inner.any():
        return 0.0
    return float(np.linalg.norm(np.median(flat[inner > 0], 0) - np.median(flat[near > 0], 0)))


def _spread(part: Pixels, cover: Pixels) -> Pixels:
    """Carry the mask's colour over its border, so that no skin shines through there."""
    inner = cv2.erode((cover > 0.5).astype(np.uint8), np.ones((5, 5), np.uint8)).astype(np.float32)
    total, weight = part * inner[..., None], inner.copy()
    for sigma in (2.0, 6.0, 20.0):
        blurred = cv2.GaussianBlur(part * inner[..., None], (0, 0), sigma)
        share = cv2.GaussianBlur(inner, (0, 0), sigma)
        missing = (weight < 0.5) & (share > 0.02)
        total[missing] = blurred[missing] / share[missing][:, None]
        weight[missing] = 1
    return total
