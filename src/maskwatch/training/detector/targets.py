"""Faces of a scene -> what each point of the network's output should say.

The points are those of FCOS (Tian et al. 2019): one at the centre of each cell of the strides 8, 16
and 32. A point answers for a face if it is near the face's centre ("centre sampling", FCOS v2) and
its stride fits the face's size; neighbouring strides overlap, so that no size falls between two.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from maskwatch.boxes import STRIDES_PX, grid_points
from maskwatch.training.detector.scenes import Scene

FACE_PX = ((0.0, 48.0), (32.0, 112.0), (80.0, np.inf))
"""Sizes of the faces of each stride: root of the box's area."""

NEAR_SHARE = 0.2
"""A point is near within this share of the box's width and height around the centre ..."""
NEAR_CELLS = 0.75
"""... and within so many cells, so that the smallest face has a point of its own."""

COLUMNS = 19
"""State (1 face, 0 background, -1 ignored), box_xyxy, landmarks and their weight, point, stride."""


def output_points(side_px: int) -> NDArray[np.float32]:
    """The points (A, 3) of a square input: x, y and stride in pixels."""
    middles, strides = grid_points(side_px, side_px)
    return np.column_stack([middles, strides]).astype(np.float32)


def make_targets(scene: Scene, points: NDArray[np.float32]) -> NDArray[np.float32]:
    """Targets (A, COLUMNS) of a scene.

    Args:
        scene: with n faces.
        points: (A, 3), see output_points.
    """
    targets = np.zeros((len(points), COLUMNS), np.float32)
    targets[:, 1:5] = (0, 0, 1, 1)  # any valid box: the loss multiplies it by zero
    targets[:, 16:] = points
    ignored = _inside(points, scene.ignore_xyxy).any(axis=1)
    targets[ignored, 0] = -1
    boxes = scene.boxes_xyxy
    if not len(boxes):
        return targets
    size = boxes[:, 2:] - boxes[:, :2]
    offset = np.abs(points[:, None, :2] - (boxes[:, :2] + boxes[:, 2:]) / 2)
    reach = np.maximum(size * NEAR_SHARE, NEAR_CELLS * points[:, None, 2:])
    area = size.prod(axis=1)
    limits = dict(zip(STRIDES_PX, FACE_PX, strict=True))
    low, high = np.array([limits[int(stride)] for stride in points[:, 2]]).T
    fits = (np.sqrt(area) >= low[:, None]) & (np.sqrt(area) < high[:, None])
    is_near = (offset <= reach).all(axis=2) & fits
    owner = np.where(is_near, area, np.inf).argmin(axis=1)  # of two faces the smaller one
    is_face = is_near.any(axis=1)
    faces = owner[is_face]
    landmarks = scene.landmarks_xy[faces].reshape(-1, 10)
    known = ~np.isnan(landmarks).any(axis=1)
    targets[is_face, 0] = 1
    targets[is_face, 1:5] = boxes[faces]
    targets[is_face, 5:15] = np.where(known[:, None], landmarks, 0)
    targets[is_face, 15] = known
    return targets


def _inside(points: NDArray[np.float32], boxes: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which points (A, 3) lie in which boxes (m, 4): (A, m)."""
    x, y = points[:, None, 0], points[:, None, 1]
    left, top, right, bottom = boxes.T
    return np.asarray((x >= left) & (x <= right) & (y >= top) & (y <= bottom), np.bool_)
