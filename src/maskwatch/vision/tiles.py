"""Large photos in overlapping tiles, so that small faces keep their pixels (SAHI, Akyon 2022)."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

Tiles = Literal["off", "auto"]
"""Whether large photos are also searched tile by tile."""

TILED_FROM_PX = 2000
"""A photo with a longer side than this is large: scaled to the detector's side it loses half."""

TILE_PX = 960
"""Side of a tile; each costs as much as a whole photo."""

OVERLAP_PX = 192
"""Neighbours share so much, so a face up to this size is whole in one of them at least."""

# of a tile's box, so much lies inside a larger face where it is but a part of that
_INSIDE_SHARE = 0.8


def tile_corners(width: int, height: int) -> list[tuple[int, int]]:
    """Left and top of tiles that cover a picture of this size evenly, row by row."""
    return [(left, top) for top in _starts(height) for left in _starts(width)]


def _starts(length_px: int) -> list[int]:
    spare_px = max(0, length_px - TILE_PX)
    steps = -(-spare_px // (TILE_PX - OVERLAP_PX))
    return [int(start) for start in np.linspace(0, spare_px, steps + 1)]


def is_whole(
    boxes_xyxy: NDArray[np.floating], corner_xy: tuple[int, int], size_wh: tuple[int, int]
) -> NDArray[np.bool_]:
    """Which faces (n,) a tile shows whole and small enough; the others are found elsewhere.

    Args:
        boxes_xyxy: (n, 4) in pixels of the photo.
        corner_xy: left and top of the tile.
        size_wh: of the photo.
    """
    corner, size = np.array(corner_xy), np.array(size_wh)
    # at the photo's own edge a face is cut for everybody
    low = np.where(corner > 0, corner + 1, -np.inf)
    high = np.where(corner + TILE_PX < size, corner + TILE_PX - 1, np.inf)
    inside = (boxes_xyxy[:, :2] >= low).all(axis=1) & (boxes_xyxy[:, 2:] <= high).all(axis=1)
    small = (boxes_xyxy[:, 2:] - boxes_xyxy[:, :2]).max(axis=1, initial=0) <= OVERLAP_PX
    return np.asarray(inside & small, np.bool_)


def is_part(
    boxes_xyxy: NDArray[np.floating], faces_xyxy: NDArray[np.floating]
) -> NDArray[np.bool_]:
    """Which boxes (n, 4) lie within one of larger faces (m, 4): an ear, a cheek, a print: (n,)."""
    low = np.maximum(boxes_xyxy[:, None, :2], faces_xyxy[None, :, :2])
    high = np.minimum(boxes_xyxy[:, None, 2:], faces_xyxy[None, :, 2:])
    common = np.maximum(high - low, 0).prod(axis=2)
    area = (boxes_xyxy[:, 2:] - boxes_xyxy[:, :2]).prod(axis=1)[:, None]
    larger = (faces_xyxy[:, 2:] - faces_xyxy[:, :2]).prod(axis=1)[None] > 2 * area
    return np.asarray((larger & (common >= _INSIDE_SHARE * area)).any(axis=1), np.bool_)
