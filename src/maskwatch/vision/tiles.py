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
"""Neighbours share so much, and no tile answers for a larger face."""

MARGIN_PX = 12
"""A box that ends nearer to a tile's border may be half a face. One of 168 px or less, the overlap
without both margins, lies farther from it in one tile at least."""

LEAST_PX = 24
"""What is seen scaled down counts only from so many pixels there on: boxes of smaller faces are so
rough that they would stand beside those of the finer tiles."""

# a look is at most so many times rougher than the next finer: faces that are too large for that
# one, of 168 px or more, have 33 px in it at least
_SCALE_STEP = 5
# of a tile's box, so much lies inside a larger face where it is but a part of that
_INSIDE_SHARE = 0.8


def tile_scales(shrunk: float) -> list[int]:
    """How many times the tiles of each round are scaled down, the roughest first, at last 1.

    Args:
        shrunk: how many times the photo is scaled down for the look at all of it.
    """
    scales = [1]
    while shrunk > _SCALE_STEP * scales[0]:
        scales.insert(0, _SCALE_STEP * scales[0])
    return scales


def tile_corners(width: int, height: int, scale: int = 1) -> list[tuple[int, int]]:
    """Left and top of tiles that cover a picture of this size evenly, row by row.

    Args:
        width: of the picture.
        height: the same.
        scale: a tile has TILE_PX times this, and neighbours share OVERLAP_PX times this.
    """
    lefts, tops = _starts(width, scale), _starts(height, scale)
    return [(left, top) for top in tops for left in lefts]


def _starts(length_px: int, scale: int) -> list[int]:
    spare_px = max(0, length_px - scale * TILE_PX)
    steps = -(-spare_px // (scale * (TILE_PX - OVERLAP_PX)))
    return [int(start) for start in np.linspace(0, spare_px, steps + 1)]


def is_whole(
    boxes_xyxy: NDArray[np.floating],
    corner_xy: tuple[int, int],
    size_wh: tuple[int, int],
    scale: int = 1,
) -> NDArray[np.bool_]:
    """Which faces (n,) a tile shows whole and small enough; the others are found elsewhere.

    Args:
        boxes_xyxy: (n, 4) in pixels of the photo.
        corner_xy: left and top of the tile.
        size_wh: of the photo.
        scale: of the tile, see `tile_corners`.
    """
    corner, size = np.array(corner_xy), np.array(size_wh)
    opposite, margin_px = corner + scale * TILE_PX, scale * MARGIN_PX
    # at the photo's own edge a face is cut for everybody
    low = np.where(corner > 0, corner + margin_px, -np.inf)
    high = np.where(opposite < size, opposite - margin_px, np.inf)
    inside = (boxes_xyxy[:, :2] >= low).all(axis=1) & (boxes_xyxy[:, 2:] <= high).all(axis=1)
    sizes_px = (boxes_xyxy[:, 2:] - boxes_xyxy[:, :2]).max(axis=1, initial=0)
    return np.asarray(inside & (sizes_px <= scale * OVERLAP_PX), np.bool_)


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
