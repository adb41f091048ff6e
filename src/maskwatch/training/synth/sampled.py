"""Real masks, cut out of photos of people who wear them right, as sheets of material.

The head's surface is unrolled (angle by height), so that a mask lies flat and turned heads look
alike; there GrabCut (Rother et al. 2004) tells the mask from skin, hair and background. Where that
is not certain the photo gives no material.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from maskwatch.training.synth.faces import FacePicture
from maskwatch.training.synth.head import CHIN, surface
from maskwatch.training.synth.material import SHEET_WH, Material, Pixels

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
