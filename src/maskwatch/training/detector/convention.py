"""One way of drawing a face, whatever the way of the set it comes from.

Sets draw faces tightly, with hair, as whole heads, or as what a mask covers. A network cannot know
which way it is asked for, and answers with a box between all and half a score. So every box becomes
one of the same kind: that of the faces which a detector found, after a change that the recipe names
(YuNet's are moved down and enlarged a little, to where the sets' ways meet; docs/LOG.md). Where a
person and the detector mean one face, the mean of that box and of the drawn one, fitted, is taken:
each has its own noise. Faces that only a person saw get the fitted box.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from maskwatch.training.data.holdout import TruthPhoto, with_undrawn
from maskwatch.training.data.machine_faces import found_boxes
from maskwatch.vision.detect import iou_matrix

AGREED_IOU, AGREED_SCORE = 0.3, 0.5
"""A found face of this score that overlaps a drawn one so much, and no other more, is that face."""

FEWEST_PAIRS = 30
"""A set with fewer faces that both saw tells nothing about its way of drawing."""

FOUND_CHANGE = (0.08, 0.09, 0.06)
"""What makes YuNet's boxes those of the convention, as the recipes from the eighth on name it."""

_FAR = 3.0  # pairs further from the first fit than so many median distances are left out
_NOTHING: NDArray[np.float64] = np.empty((0, 15))


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

    Fitted twice: boxes of more than three times the face's area overlap it enough only once they
    are fitted.

    Args:
        pairs: of each photo of the set the drawn boxes (n, 4) and the found faces (m, 15), whose
            boxes follow the convention.
    """
    photos = list(pairs)
    first = _fit(photos, [drawn_xyxy for drawn_xyxy, _ in photos])
    if first is None:
        return None
    return _fit(photos, [first.apply(drawn_xyxy) for drawn_xyxy, _ in photos])


def _fit(
    photos: Sequence[tuple[NDArray[np.float64], NDArray[np.float64]]],
    near_xyxy: Sequence[NDArray[np.float64]],
) -> BoxFit | None:
    """Fits drawn boxes to the found faces that those at `near_xyxy`, in the same order, are."""
    drawn, wanted = [np.empty((0, 4))], [np.empty((0, 4))]
    for (drawn_xyxy, machine), near in zip(photos, near_xyxy, strict=True):
        same = same_faces(near, machine)
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
    near_fit = distance <= _FAR * np.median(distance)
    return BoxFit(np.linalg.lstsq(features[near_fit], change[near_fit], rcond=None)[0])


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
    boxes = drawn_xyxy.copy() if fit is None else fit.apply(drawn_xyxy)
    same = same_faces(boxes, machine)
    agreed = same >= 0
    found = found_boxes(machine[same[agreed]])
    boxes[agreed] = found if fit is None else (found + boxes[agreed]) / 2
    return boxes, agreed | (fit is not None)


def in_convention(
    photos: Sequence[TruthPhoto], found: Mapping[str, NDArray[np.float64]]
) -> list[TruthPhoto]:
    """The same photos with their faces drawn in one way, whatever the way of their sets.

    Boxes of a set that draws whole heads say little about a detector that was taught faces. Each
    set is fitted from its own photos among these; see `convention_boxes`.

    Args:
        photos: as drawn, in any order.
        found: faces another detector found, see found_faces.read_found_faces.
    """
    by_set: dict[str, list[TruthPhoto]] = {}
    for photo in photos:
        by_set.setdefault(photo.name.split("/")[0], []).append(photo)
    alike: dict[str, TruthPhoto] = {}
    for members in by_set.values():
        machine = [change_found(found.get(one.name, _NOTHING), *FOUND_CHANGE) for one in members]
        fit = fit_boxes((one.boxes_xyxy, its) for one, its in zip(members, machine, strict=True))
        for one, its in zip(members, machine, strict=True):
            boxes, _ = convention_boxes(one.boxes_xyxy, its, fit)
            alike[one.name] = with_undrawn(replace(one, boxes_xyxy=boxes), {one.name: its})
    return [alike[photo.name] for photo in photos]


def _features(boxes_xyxy: NDArray[np.float64]) -> NDArray[np.float64]:
    width, height = _sizes(boxes_xyxy).T
    return np.column_stack([np.ones(len(boxes_xyxy)), np.log(height / width)])


def _centres(boxes_xyxy: NDArray[np.float64]) -> NDArray[np.float64]:
    return (boxes_xyxy[:, :2] + boxes_xyxy[:, 2:]) / 2


def _sizes(boxes_xyxy: NDArray[np.float64]) -> NDArray[np.float64]:
    return boxes_xyxy[:, 2:] - boxes_xyxy[:, :2]


def _boxes(centre: NDArray[np.float64], size: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.hstack([centre - size / 2, centre + size / 2])
