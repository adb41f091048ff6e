"""One way of drawing a face, whatever the way of the set it comes from.

Sets draw faces tightly, with hair, as whole heads, or as what a mask covers. A network cannot know
which way it is asked for, and answers with a box between all and half a score. So every box becomes
one of the same kind: that of the faces which a detector found, after a change that the recipe names
(YuNet's are moved down and enlarged a little, to where the sets' ways meet; docs/LOG.md). Where a
person and the detector mean one face, the mean of that box and of the drawn one, fitted, is taken:
each has its own noise. Faces that only a person saw get the fitted box.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from maskwatch.training.data.machine_faces import found_boxes
from maskwatch.vision.detect import iou_matrix

AGREED_IOU, AGREED_SCORE = 0.3, 0.5
"""A found face of this score that overlaps a drawn one so much, and no other more, is that face."""

FEWEST_PAIRS = 30
"""A set with fewer faces that both saw tells nothing about its way of drawing."""

_FAR = 3.0  # pairs further from the first fit than so many median distances are left out


@dataclass(frozen=True, slots=True)
class BoxFit:
    """How one set's boxes become those of the convention.

    Attributes:
        coefficients: (2, 4) for a constant and the logarithm of height by width: what to add to the
            centre's x and y, in widths and heights, and to the logarithms of width and height.
    """

    coefficients: NDArray[np.float64]

    def apply(self, drawn_xyxy: NDArray[np.float64]) -> NDArray[np.float64]:
        """The fitted boxes (n, 4) of drawn ones (n, 4)."""
        centre, size = _centres(drawn_xyxy), _sizes(drawn_xyxy)
        change = _features(drawn_xyxy) @ self.coefficients
        return _boxes(centre + change[:, :2] * size, size * np.exp(change[:, 2:]))


def change_found(
    machine: NDArray[np.float64], lower: float, wider: float, higher: float
) -> NDArray[np.float64]:
    """Found faces (n, 15) with their boxes changed, by shares of their height, width and height."""
    left, top, width, height = machine[:, :4].T
    changed = (
        left - wider / 2 * width,
        top + (lower - higher / 2) * height,
        (1 + wider) * width,
        (1 + higher) * height,
    )
    return np.column_stack([*changed, machine[:, 4:]])


def same_faces(drawn_xyxy: NDArray[np.float64], machine: NDArray[np.float64]) -> NDArray[np.intp]:
    """Which of the found faces (m, 15) each drawn one (n, 4) is: (n,) an index, -1 for none."""
    same = np.full(len(drawn_xyxy), -1)
    overlap = iou_matrix(drawn_xyxy, found_boxes(machine))
    if not overlap.size:
        return same
    best = overlap.argmax(axis=1)
    rows = np.arange(len(drawn_xyxy))
    agrees = (
        (overlap[rows, best] >= AGREED_IOU)
        & (overlap.argmax(axis=0)[best] == rows)
        & (machine[best, -1] >= AGREED_SCORE)
    )
    same[agrees] = best[agrees]
    return same


def fit_boxes(
    pairs: Iterable[tuple[NDArray[np.float64], NDArray[np.float64]]],
) -> BoxFit | None:
    """Fits a set's way of drawing; None where there is too little to tell it from.

    Args:
        pairs: of each photo of the set the drawn boxes (n, 4) and the found faces (m, 15), whose
            boxes follow the convention.
    """
    drawn, wanted = [np.empty((0, 4))], [np.empty((0, 4))]
    for drawn_xyxy, machine in pairs:
        same = same_faces(drawn_xyxy, machine)
        drawn.append(drawn_xyxy[same >= 0])
        wanted.append(found_boxes(machine[same[same >= 0]]))
    drawn_xyxy, wanted_xyxy = np.concatenate(drawn), np.concatenate(wanted)
    if len(drawn_xyxy) < FEWEST_PAIRS:
        return None
    size = _sizes(drawn_xyxy)
    change = np.hstack(
        [
            (_centres(wanted_xyxy) - _centres(drawn_xyxy)) / size,
            np.log(_sizes(wanted_xyxy) / size),
        ]
    )
    features = _features(drawn_xyxy)
    coefficients = np.linalg.lstsq(features, change, rcond=None)[0]
    distance = np.linalg.norm(change - features @ coefficients, axis=1)
    near = distance <= _FAR * np.median(distance)
    return BoxFit(np.linalg.lstsq(features[near], change[near], rcond=None)[0])


def convention_boxes(
    drawn_xyxy: NDArray[np.float64], machine: NDArray[np.float64], fit: BoxFit | None
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """The boxes to teach for drawn faces.

    Args:
        drawn_xyxy: (n, 4).
        machine: (m, 15) found faces of the same photo, whose boxes follow the convention.
        fit: of the set, None where none could be made.

    Returns:
        (n, 4) boxes, and (n,) whether they follow the convention; a drawn box of which nothing is
        known stays as it is.
    """
    same = same_faces(drawn_xyxy, machine)
    agreed = same >= 0
    boxes = drawn_xyxy.copy() if fit is None else fit.apply(drawn_xyxy)
    found = found_boxes(machine[same[agreed]])
    boxes[agreed] = found if fit is None else (found + boxes[agreed]) / 2
    return boxes, agreed | (fit is not None)


def _features(boxes_xyxy: NDArray[np.float64]) -> NDArray[np.float64]:
    width, height = _sizes(boxes_xyxy).T
    return np.column_stack([np.ones(len(boxes_xyxy)), np.log(height / width)])


def _centres(boxes_xyxy: NDArray[np.float64]) -> NDArray[np.float64]:
    return (boxes_xyxy[:, :2] + boxes_xyxy[:, 2:]) / 2


def _sizes(boxes_xyxy: NDArray[np.float64]) -> NDArray[np.float64]:
    return boxes_xyxy[:, 2:] - boxes_xyxy[:, :2]


def _boxes(centre: NDArray[np.float64], size: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.hstack([centre - size / 2, centre + size / 2])
