"""Which detection is which face, and what that makes of a list of photos.

The rule is COCO's (pycocotools): detections take faces in order of their score, each the free face
it overlaps most, at an IoU of at least 0.5. Some faces may be set aside as too small to count: a
detection prefers a face that counts; one that gets a small face, or gets none and is itself too
small, is ignored, neither a hit nor false. Faces that nobody drew can be set aside in the same way.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from maskwatch.vision.detect import iou_matrix

MIN_IOU = 0.5
LOOSE_IOU = 0.3
"""From this overlap on it is the face, however the set draws faces."""

FALSE_PER_PHOTO = 0.1
"""Recall is given where one photo in ten shows a false face."""

_RECALL_STEPS = np.linspace(0, 1, 101)  # COCO's


@dataclass(frozen=True, slots=True)
class Found:
    """What was found in one picture, best first.

    Attributes:
        boxes_xyxy: (n, 4) in pixels.
        scores: (n,), falling.
        probabilities: (n, 3) of the states in the order of schema.CLASSES; None if not judged.
    """

    boxes_xyxy: NDArray[np.float64]
    scores: NDArray[np.float64]
    probabilities: NDArray[np.float64] | None = None

    def from_score(self, low: float) -> Found:
        """Those of at least that score."""
        count = int((self.scores >= low).sum())
        probabilities = None if self.probabilities is None else self.probabilities[:count]
        return Found(self.boxes_xyxy[:count], self.scores[:count], probabilities)


@dataclass(frozen=True, slots=True)
class Outcomes:
    """The detections of many photos together, best first, and the faces there were.

    Attributes:
        scores: (d,), falling; of equal ones the earlier photo comes first.
        photo: (d,) index of the photo.
        is_hit: (d,) it is a face that counts.
        is_false: (d,) it is none; neither hit nor false means ignored.
        faces: (p,) faces that count in each photo.
    """

    scores: NDArray[np.float64]
    photo: NDArray[np.intp]
    is_hit: NDArray[np.bool_]
    is_false: NDArray[np.bool_]
    faces: NDArray[np.intp]


def longer_side_px(boxes_xyxy: NDArray[np.float64]) -> NDArray[np.float64]:
    """The size of a face: the longer side of its box (n, 4) -> (n,)."""
    return np.asarray((boxes_xyxy[:, 2:] - boxes_xyxy[:, :2]).max(axis=1), np.float64)


def match(
    boxes_xyxy: NDArray[np.float64],
    truth_xyxy: NDArray[np.float64],
    counts: NDArray[np.bool_] | None = None,
    min_iou: float = MIN_IOU,
) -> NDArray[np.intp]:
    """The face each detection takes.

    Args:
        boxes_xyxy: (n, 4) detections, best first.
        truth_xyxy: (m, 4) faces.
        counts: (m,) False for faces that are taken only where no other can be; all count if None.
        min_iou: overlap from which a detection can be the face.

    Returns:
        (n,) index of a face, -1 for none.
    """
    taken = np.full(len(boxes_xyxy), -1)
    overlap = iou_matrix(boxes_xyxy, truth_xyxy)
    counts = np.ones(len(truth_xyxy), bool) if counts is None else counts
    free = np.ones(len(truth_xyxy), bool)
    for index, row in enumerate(overlap):
        fits = free & (row >= min_iou)
        fits = fits & counts if (fits & counts).any() else fits
        if fits.any():
            # of equal overlaps the last, as pycocotools does it
            best = len(row) - 1 - int(np.where(fits, row, -1.0)[::-1].argmax())
            taken[index], free[best] = best, False
    return taken


def compare(
    found: Sequence[Found],
    truths_xyxy: Sequence[NDArray[np.float64]],
    smallest_px: float = 0.0,
    undrawn_xyxy: Sequence[NDArray[np.float64]] | None = None,
    min_iou: float = MIN_IOU,
) -> Outcomes:
    """Matches the detections of many photos with their faces.

    Args:
        found: of each photo.
        truths_xyxy: (n, 4) faces of each photo.
        smallest_px: faces with a shorter longer side do not count.
        undrawn_xyxy: (m, 4) further faces of each photo that do not count; none if None.
        min_iou: overlap from which a detection can be a face.
    """
    undrawn_xyxy = undrawn_xyxy or [np.empty((0, 4))] * len(found)
    hits, false, faces = [], [], []
    for detections, drawn_xyxy, further_xyxy in zip(found, truths_xyxy, undrawn_xyxy, strict=True):
        truth_xyxy = np.concatenate([drawn_xyxy, further_xyxy])
        counts = longer_side_px(truth_xyxy) >= smallest_px
        counts[len(drawn_xyxy) :] = False
        taken = match(detections.boxes_xyxy, truth_xyxy, counts, min_iou)
        hits.append(np.append(counts, False)[taken])  # -1, no face, picks the False
        false.append((taken < 0) & (longer_side_px(detections.boxes_xyxy) >= smallest_px))
        faces.append(int(counts.sum()))
    scores = np.concatenate([np.empty(0), *(detections.scores for detections in found)])
    photo = np.repeat(np.arange(len(found)), [len(detections.scores) for detections in found])
    order = np.argsort(-scores, kind="stable")
    nothing = np.empty(0, bool)
    return Outcomes(
        scores[order],
        photo[order],
        np.concatenate([nothing, *hits])[order],
        np.concatenate([nothing, *false])[order],
        np.array(faces, np.intp),
    )


def average_precision(outcomes: Outcomes, weights: NDArray[np.integer] | None = None) -> float:
    """COCO's average precision: the mean of the best precision at 101 recalls; NaN without faces.

    Equal to pycocotools; test_detector_scores.py. It is here for the intervals, which need it
    a thousand times.

    Args:
        outcomes: from `compare`.
        weights: (p,) how often each photo is in the sample; once if None.
    """
    hits, false, faces = _sums(outcomes, weights)
    if faces == 0:
        return float("nan")
    precision = hits / np.maximum(hits + false, 1)
    best_from_here = np.maximum.accumulate(precision[::-1])[::-1]
    at = np.searchsorted(hits / faces, _RECALL_STEPS)
    return float(np.append(best_from_here, 0.0)[at].mean())


def recall_at_false_rate(
    outcomes: Outcomes, weights: NDArray[np.integer] | None = None
) -> tuple[float, float | None]:
    """The recall at `FALSE_PER_PHOTO`, and the lowest score that keeps to it.

    The score is None, and the recall 0, where even the best detections break the limit or there
    are none; the recall is NaN without faces.

    Args:
        outcomes: from `compare`.
        weights: (p,) how often each photo is in the sample; once if None.
    """
    hits, false, faces = _sums(outcomes, weights)
    photos = len(outcomes.faces) if weights is None else int(weights.sum())
    # detections of one score pass or fail together, so only the last of them is a place to cut
    is_last = np.append(np.diff(outcomes.scores) != 0, True)[: len(hits)]
    allowed = np.flatnonzero(is_last & (false <= FALSE_PER_PHOTO * photos))
    if faces == 0:
        return float("nan"), None
    if len(allowed) == 0:
        return 0.0, None
    return float(hits[allowed[-1]] / faces), float(outcomes.scores[allowed[-1]])


def cheapest_score(outcomes: Outcomes, miss_cost: float) -> float | None:
    """The lowest score to accept so that missed and false faces together cost least.

    None without faces or hits.

    Args:
        outcomes: from `compare`.
        miss_cost: how many false faces a missed one is as bad as.
    """
    hits, false, faces = _sums(outcomes, None)
    if faces == 0 or not outcomes.is_hit.any():
        return None
    return float(outcomes.scores[(miss_cost * (faces - hits) + false).argmin()])


def _sums(
    outcomes: Outcomes, weights: NDArray[np.integer] | None
) -> tuple[NDArray[np.integer], NDArray[np.integer], int]:
    """Hits and false faces down to each detection, and the faces there are."""
    if weights is None:
        weights = np.ones(len(outcomes.faces), np.intp)
    each = weights[outcomes.photo]
    hits, false = np.cumsum(each * outcomes.is_hit), np.cumsum(each * outcomes.is_false)
    return hits, false, int(weights @ outcomes.faces)


# Average precision by pycocotools, the implementation that published figures come from.

MOST_FACES = 1000
"""Detections counted in a photo. COCO's 100 would cut off crowds, of which it has none."""

SIZES_PX = {
    "all": (0.0, 1e9),
    "under 20": (0.0, float(np.nextafter(20, 0))),
    "20 to 60": (20.0, 60.0),
    "over 60": (float(np.nextafter(60, 61)), 1e9),
}
"""Lowest and highest longer side of a face box, in pixels of the photo."""


def face_precision(
    found: Sequence[Found], truths_xyxy: Sequence[NDArray[np.float64]]
) -> dict[str, dict[str, float | None]]:
    """AP50 and AP50-95 of faces, whatever they wear, for each range of `SIZES_PX`.

    Args:
        found: of each photo.
        truths_xyxy: (n, 4) faces of each photo.

    Returns:
        {"all": {"ap50": ..., "ap50_95": ...}, "under 20": ..., ...}, None where there is no face.
    """
    truth = [(boxes, np.zeros(len(boxes), int)) for boxes in truths_xyxy]
    answers = [(item.boxes_xyxy, item.scores, np.zeros(len(item.scores), int)) for item in found]
    precision = _precision(truth, answers, 1, SIZES_PX)
    return {
        name: {
            "ap50": _mean(precision[0, :, 0, index]),
            "ap50_95": _mean(precision[:, :, 0, index]),
        }
        for index, name in enumerate(SIZES_PX)
    }


def class_precision(
    found: Sequence[Found],
    truths_xyxy: Sequence[NDArray[np.float64]],
    labels: Sequence[NDArray[np.intp]],
) -> list[float | None]:
    """AP50 of each of the three states, None where it does not occur.

    Each detection is an answer for every state, scored detection score x probability of the state:
    the standard for detectors with one score per class, where an answer is ranked among the others
    of its class and not hidden by a likelier one.

    Args:
        found: of each photo, judged.
        truths_xyxy: (n, 4) faces of each photo.
        labels: (n,) index into schema.CLASSES of each face.
    """
    answers = []
    for item in found:
        assert item.probabilities is not None
        classes = item.probabilities.shape[1]
        answers.append(
            (
                np.repeat(item.boxes_xyxy, classes, axis=0),
                (item.scores[:, None] * item.probabilities).ravel(),
                np.tile(np.arange(classes), len(item.scores)),
            )
        )
    truth = list(zip(truths_xyxy, labels, strict=True))
    precision = _precision(truth, answers, 3, {"all": SIZES_PX["all"]})
    return [_mean(precision[0, :, index, 0]) for index in range(3)]


def _precision(
    truth: Sequence[tuple[NDArray[np.float64], NDArray[np.integer]]],
    answers: Sequence[tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.integer]]],
    classes: int,
    sizes_px: Mapping[str, tuple[float, float]],
) -> NDArray[np.float64]:
    """Precision (10 IoUs from 0.5, 101 recalls, classes, sizes), -1 without faces."""
    if not truth:
        return np.full((10, 101, classes, len(sizes_px)), -1.0)
    with contextlib.redirect_stdout(io.StringIO()):  # it tells of every step
        known = _dataset([(boxes, np.ones(len(boxes)), labels) for boxes, labels in truth], classes)
        evaluation = COCOeval(known, _dataset(answers, classes), "bbox")
        evaluation.params.areaRng = [list(limits) for limits in sizes_px.values()]
        evaluation.params.areaRngLbl = list(sizes_px)
        evaluation.params.maxDets = [MOST_FACES]
        evaluation.evaluate()
        evaluation.accumulate()
    return np.asarray(evaluation.eval["precision"][..., 0], np.float64)


def _dataset(
    photos: Sequence[tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.integer]]],
    classes: int,
) -> COCO:
    """Boxes, scores and classes of each photo as pycocotools wants them."""
    annotations: list[dict[str, Any]] = []
    for photo, (boxes_xyxy, scores, labels) in enumerate(photos):
        first = len(annotations) + 1  # ids count from one: zero means "not matched"
        rows = zip(
            boxes_xyxy.tolist(),
            longer_side_px(boxes_xyxy).tolist(),
            scores.tolist(),
            labels.tolist(),
            strict=True,
        )
        annotations += (
            {
                "id": number,
                "image_id": photo,
                "category_id": label,
                "bbox": [left, top, right - left, bottom - top],
                "area": side_px,  # what its size ranges look at; we range by the longer side
                "iscrowd": 0,
                "score": score,
            }
            for number, ((left, top, right, bottom), side_px, score, label) in enumerate(
                rows, first
            )
        )
    dataset = COCO()
    dataset.dataset = {
        "images": [{"id": photo} for photo in range(len(photos))],
        "categories": [{"id": label} for label in range(classes)],
        "annotations": annotations,
    }
    dataset.createIndex()
    return dataset


def _mean(precision: NDArray[np.float64]) -> float | None:
    return None if (precision < 0).all() else float(precision.mean())
