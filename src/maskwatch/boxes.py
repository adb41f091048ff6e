"""A detector's answer -> boxes, scores, landmarks; and which of many boxes to keep. Pure NumPy.

Every cell of three grids is a point that may see a face (FCOS, Tian et al. 2019, "FCOS: Fully
Convolutional One-Stage Object Detection"). A box is coded as the offset of its centre and the
logarithm of its size, in cells (YOLOX, Ge et al. 2021), and five landmarks the same way as the
centre (YuNet, Wu et al. 2023).
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

STRIDES_PX = (8, 16, 32)
"""Side of a cell in each grid, in the order in which the points come."""

LANDMARKS = 5
POINT_VALUES = 5 + 2 * LANDMARKS
"""Values a point: score logit, centre dx, dy, log width, log height, then x, y a landmark."""

MAX_CANDIDATES = 2000
"""Only so many of the best boxes are compared; a crowd of 200 faces has some 1,500."""

VOTE_IOU = 0.6
"""A box that overlaps a kept one by so much sees the same face just as well ..."""
VOTE_SCORE = 0.7
"""... if it is nearly as sure. Both were chosen on validation photos."""

# e^8 cells are more than any picture; more would only overflow (torchvision clips alike)
_MAX_LOG_SIZE = 8.0

Floats = NDArray[np.floating]


@lru_cache(maxsize=8)  # frames of a video have one size; a photo's takes some 100 kB
def grid_points(width: int, height: int) -> tuple[Floats, Floats]:
    """The middles of all cells; not to be written to.

    Args:
        width: of the network's input in pixels, a multiple of 32.
        height: the same.

    Returns:
        (A, 2) x and y in pixels, and (A,) side of the cell in pixels.
    """
    middles, sides = [], []
    for stride in STRIDES_PX:
        rows, columns = np.mgrid[: height // stride, : width // stride]
        cells = np.stack([columns.ravel(), rows.ravel()], axis=1)
        middles.append((cells + 0.5) * stride)
        sides.append(np.full(len(cells), stride))
    points = np.concatenate(middles).astype(np.float32), np.concatenate(sides).astype(np.float32)
    for values in points:
        values.flags.writeable = False
    return points


def decode_faces(
    output: Floats, width: int, height: int, min_score: float
) -> tuple[Floats, Floats, Floats]:
    """Read the faces out of what the network says about one input.

    Args:
        output: (A, 15) values of all points.
        width: of the input in pixels.
        height: the same.
        min_score: points with less see no face; between 0 and 1.

    Returns:
        (n, 4) boxes (left, top, right, bottom), (n,) scores and (n, 5, 2) landmarks, in pixels of
        the input, in the order of the points.
    """
    # nearly all points see nothing: compare logits, and compute only what is left
    chosen = output[:, 0] >= math.log(min_score / (1 - min_score))
    rows = output[chosen]
    middles, sides = (values[chosen] for values in grid_points(width, height))
    scores = 1 / (1 + np.exp(-rows[:, 0]))
    centres = middles + rows[:, 1:3] * sides[:, None]
    halves = np.exp(np.minimum(rows[:, 3:5], _MAX_LOG_SIZE)) * sides[:, None] / 2
    offsets = rows[:, 5:].reshape(-1, LANDMARKS, 2) * sides[:, None, None]
    return np.hstack([centres - halves, centres + halves]), scores, middles[:, None] + offsets


def iou_matrix(boxes_xyxy: Floats, others_xyxy: Floats) -> Floats:
    """Intersection over union of each of (n, 4) boxes with each of (m, 4) others: (n, m).

    A box without area overlaps nothing, not even itself.
    """
    corner = np.maximum(boxes_xyxy[:, None, :2], others_xyxy[None, :, :2])
    opposite = np.minimum(boxes_xyxy[:, None, 2:], others_xyxy[None, :, 2:])
    common: Floats = np.maximum(opposite - corner, 0).prod(axis=-1)
    union = _areas(boxes_xyxy)[:, None] + _areas(others_xyxy)[None] - common
    return np.divide(common, union, out=np.zeros_like(common), where=union > 0)


def suppress_overlaps(boxes_xyxy: Floats, scores: Floats, max_iou: float) -> list[NDArray[np.intp]]:
    """Greedy non-maximum suppression: the best box stays, what overlaps it goes, and so on.

    What goes may still have a say on where the face is. Box voting (Gidaris and Komodakis 2015,
    "Object detection via a multi-region and semantic segmentation-aware CNN model"): the mean of
    the boxes that saw the same face is nearer to it than the best of them.

    Args:
        boxes_xyxy: (n, 4).
        scores: (n,).
        max_iou: boxes that overlap more than this show the same face.

    Returns:
        For each box that stays, best first (equal scores in the order given), the indices of the
        boxes that vote on its place: its own, then those that it suppressed and that are close.
    """
    order = np.argsort(-scores, kind="stable")[:MAX_CANDIDATES]
    faces = []
    while order.size:
        best, rest = order[:1], order[1:]
        overlap = iou_matrix(boxes_xyxy[best], boxes_xyxy[rest])[0]
        close = (overlap >= max(VOTE_IOU, max_iou)) & (scores[rest] >= VOTE_SCORE * scores[best])
        faces.append(np.concatenate([best, rest[close]]))
        order = rest[overlap <= max_iou]
    return faces


def _areas(boxes_xyxy: Floats) -> Floats:
    sizes: Floats = boxes_xyxy[:, 2:] - boxes_xyxy[:, :2]
    return sizes[:, 0] * sizes[:, 1]
