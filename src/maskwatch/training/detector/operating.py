"""What users get: at one lowest score, which faces are found, by state, size and turn.

Average precision goes over all scores; a camera runs at one. Recall is given at two overlaps: at
0.3 a face counts as found however its set draws faces, at 0.5 the box has to be right as well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskwatch.schema import CLASSES
from maskwatch.training.data.holdout import TruthPhoto
from maskwatch.training.detector.answers import PhotoAnswer, turn_boxes
from maskwatch.training.detector.average_precision import (
    LOOSE_IOU,
    MIN_IOU,
    SIZES_PX,
    Found,
    longer_side_px,
    match,
)
from maskwatch.training.detector.scores import SMALLEST_PX, rounded


@dataclass(frozen=True, slots=True)
class Operating:
    """One detector at one lowest score; a share without faces is None.

    Attributes:
        min_score: a detection with less does not count.
        recall: of the faces from `SMALLEST_PX` on, "all" and each state where states are known.
        loose_recall: the same at an IoU of 0.3.
        recall_by_size: of faces of all sizes, at an IoU of 0.3.
        found_by_look: how many of the faces from `SMALLEST_PX` on that look like that are found at
            an IoU of 0.3, and how many there are; see holdout.looks.
        turned_recall: of the faces from `SMALLEST_PX` on, by degrees, both ways together, at an
            IoU of 0.3; empty where it was not asked.
        false_per_photo: detections from `SMALLEST_PX` on that overlap no face by 0.5, faces that
            another detector is sure of set aside; None without photos.
        loose_false_per_photo: the same at 0.3.
    """

    min_score: float
    recall: Mapping[str, float | None]
    loose_recall: Mapping[str, float | None]
    recall_by_size: Mapping[str, float | None]
    found_by_look: Mapping[str, tuple[int, int]]
    turned_recall: Mapping[int, float | None]
    false_per_photo: float | None
    loose_false_per_photo: float | None

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, rounded to four digits."""
        plain: dict[str, Any] = rounded(asdict(self))
        return plain


def operate(
    photos: Sequence[TruthPhoto], answers: Sequence[PhotoAnswer], min_score: float
) -> Operating:
    """What a detector is worth at one lowest score.

    Args:
        photos: with all their faces.
        answers: to each photo.
        min_score: as served.
    """
    upright = [answer.upright.from_score(min_score) for answer in answers]
    faces = np.concatenate([np.empty((0, 4)), *(photo.boxes_xyxy for photo in photos)])
    size = longer_side_px(faces)
    state = np.concatenate(
        [
            np.empty(0, int),
            *(
                np.full(len(photo.boxes_xyxy), -1) if photo.labels is None else photo.labels
                for photo in photos
            ),
        ]
    )
    strict, false = _found(photos, upright, MIN_IOU)
    loose, loose_false = _found(photos, upright, LOOSE_IOU)
    groups = {"all": size >= SMALLEST_PX}
    groups |= {
        name.value: (size >= SMALLEST_PX) & (state == index)
        for index, name in enumerate(CLASSES)
        if (state == index).any()
    }
    return Operating(
        min_score,
        {name: _share(strict[members]) for name, members in groups.items()},
        {name: _share(loose[members]) for name, members in groups.items()},
        {
            name: _share(loose[(size >= low) & (size <= high)])
            for name, (low, high) in SIZES_PX.items()
            if name != "all"
        },
        _by_look(photos, loose, groups["all"]),
        _turned(photos, answers, min_score),
        false / len(photos) if photos else None,
        loose_false / len(photos) if photos else None,
    )


def _found(
    photos: Sequence[TruthPhoto], found: Sequence[Found], min_iou: float
) -> tuple[NDArray[np.bool_], int]:
    """Which of all faces are found, and how many detections are false."""
    hits, false = [np.empty(0, bool)], 0
    for photo, detections in zip(photos, found, strict=True):
        truth_xyxy = np.concatenate([photo.boxes_xyxy, photo.doubted_xyxy])
        counts = longer_side_px(truth_xyxy) >= SMALLEST_PX
        counts[len(photo.boxes_xyxy) :] = False
        taken = match(detections.boxes_xyxy, truth_xyxy, counts, min_iou)
        hits.append(np.isin(np.arange(len(photo.boxes_xyxy)), taken))
        false += int(((taken < 0) & (longer_side_px(detections.boxes_xyxy) >= SMALLEST_PX)).sum())
    return np.concatenate(hits), false


def _by_look(
    photos: Sequence[TruthPhoto], is_found: NDArray[np.bool_], counts: NDArray[np.bool_]
) -> dict[str, tuple[int, int]]:
    """How many that count are found, and how many there are, of all faces in order."""
    by_look: dict[str, tuple[int, int]] = {}
    for look in sorted({look for photo in photos for look in photo.looks}):
        looks_so = np.concatenate(
            [photo.looks.get(look, np.zeros(len(photo.boxes_xyxy), bool)) for photo in photos]
        )
        looks_so &= counts
        by_look[look] = (int((is_found & looks_so).sum()), int(looks_so.sum()))
    return by_look


def _turned(
    photos: Sequence[TruthPhoto], answers: Sequence[PhotoAnswer], min_score: float
) -> dict[int, float | None]:
    turns = sorted({abs(angle) for answer in answers for angle in answer.turned} - {0})
    asked = [pair for pair in zip(photos, answers, strict=True) if pair[1].turned]
    shares: dict[int, float | None] = {}
    for turn in turns:
        hits = [
            _found_turned(photo, answer, angle, min_score)
            for angle in (-turn, turn)
            for photo, answer in asked
        ]
        shares[turn] = _share(np.concatenate(hits))
    return shares


def _found_turned(
    photo: TruthPhoto, answer: PhotoAnswer, angle: int, min_score: float
) -> NDArray[np.bool_]:
    """Which of the faces that count are found on the turned photo."""
    turned = answer.turned[angle]
    truth_xyxy = turn_boxes(photo.boxes_xyxy, turned.size_px, angle)
    boxes_xyxy = turned.found.from_score(min_score).boxes_xyxy
    taken = match(boxes_xyxy, truth_xyxy, min_iou=LOOSE_IOU)
    is_found = np.isin(np.arange(len(photo.boxes_xyxy)), taken)
    return is_found[longer_side_px(photo.boxes_xyxy) >= SMALLEST_PX]


def _share(is_found: NDArray[np.bool_]) -> float | None:
    return float(is_found.mean()) if is_found.size else None
