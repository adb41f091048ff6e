"""Which detection is which face, and what that makes of a list of photos.

The rule is COCO's (pycocotools): detections take faces in order of their score, each the free face
it overlaps most, at an IoU of at least 0.5. Some faces may be set aside as too small to count: a
detection prefers a face that counts; one that gets a small face, or gets none and is itself too
small, is ignored, neither a hit nor false. Faces that nobody drew can be set aside in the same way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from maskwatch.boxes import iou_matrix

MIN_IOU = 0.5
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
) -> NDArray[np.intp]:
    """The face each detection takes.

    Args:
        boxes_xyxy: (n, 4) detections, best first.
        truth_xyxy: (m, 4) faces.
        counts: (m,) False for faces that are taken only where no other can be; all count if None.

    Returns:
        (n,) index of a face, -1 for none.
    """
    taken = np.full(len(boxes_xyxy), -1)
    overlap = iou_matrix(boxes_xyxy, truth_xyxy)
    counts = np.ones(len(truth_xyxy), bool) if counts is None else counts
    free = np.ones(len(truth_xyxy), bool)
    for index, row in enumerate(overlap):
        fits = free & (row >= MIN_IOU)
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
) -> Outcomes:
    """Matches the detections of many photos with their faces.

    Args:
        found: of each photo.
        truths_xyxy: (n, 4) faces of each photo.
        smallest_px: faces with a shorter longer side do not count.
        undrawn_xyxy: (m, 4) further faces of each photo that do not count; none if None.
    """
    undrawn_xyxy = undrawn_xyxy or [np.empty((0, 4))] * len(found)
    hits, false, faces = [], [], []
    for detections, drawn_xyxy, further_xyxy in zip(found, truths_xyxy, undrawn_xyxy, strict=True):
        truth_xyxy = np.concatenate([drawn_xyxy, further_xyxy])
        counts = longer_side_px(truth_xyxy) >= smallest_px
        counts[len(drawn_xyxy) :] = False
        taken = match(detections.boxes_xyxy, truth_xyxy, counts)
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

    Equal to pycocotools; tests/test_detector_scores.py. It is here for the intervals, which need it
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


def best_score(outcomes: Outcomes) -> float | None:
    """The lowest score to accept for the best F1, where a miss and a false face weigh the same.

    None without faces or hits.
    """
    hits, false, faces = _sums(outcomes, None)
    if faces == 0 or not outcomes.is_hit.any():
        return None
    return float(outcomes.scores[(2 * hits / (hits + false + faces)).argmax()])


def at_score(outcomes: Outcomes, low: float) -> tuple[float | None, float | None]:
    """Recall and false faces per photo from that score on; None without faces, or photos."""
    passes = outcomes.scores >= low
    faces, photos = int(outcomes.faces.sum()), len(outcomes.faces)
    return (
        int((outcomes.is_hit & passes).sum()) / faces if faces else None,
        int((outcomes.is_false & passes).sum()) / photos if photos else None,
    )


def _sums(
    outcomes: Outcomes, weights: NDArray[np.integer] | None
) -> tuple[NDArray[np.integer], NDArray[np.integer], int]:
    """Hits and false faces down to each detection, and the faces there are."""
    if weights is None:
        weights = np.ones(len(outcomes.faces), np.intp)
    each = weights[outcomes.photo]
    hits, false = np.cumsum(each * outcomes.is_hit), np.cumsum(each * outcomes.is_false)
    return hits, false, int(weights @ outcomes.faces)
