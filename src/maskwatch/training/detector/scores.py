"""What a face detector is worth: precision, recall, states and turned photos, with intervals.

Intervals come from a bootstrap over photos, see metrics.py: faces of one photo share its light
and its crowd, so the photo is the unit. The face size everywhere is the longer side of the box in
pixels of the photo.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskwatch.models.evaluation import UNDEFINED, Estimate
from maskwatch.schema import CLASSES
from maskwatch.training.data.holdout import TruthPhoto
from maskwatch.training.detector.answers import PhotoAnswer, ask, turn_boxes
from maskwatch.training.detector.average_precision import (
    LOOSE_IOU,
    SIZES_PX,
    Found,
    Outcomes,
    average_precision,
    class_precision,
    compare,
    face_precision,
    longer_side_px,
    match,
    recall_at_false_rate,
)
from maskwatch.training.metrics import draw_weights, estimate
from maskwatch.vision.detect import Detector

SMALLEST_PX = 20
"""Recall is that of faces from this size on."""


@dataclass(frozen=True, slots=True)
class DetectorScores:
    """The scores on some photos; None where one is undefined.

    Attributes:
        photos: how many there are.
        faces: how many faces by size, "all" among the sizes.
        ap50: average precision at IoU 0.5, of faces whatever they wear.
        ap30: the same at IoU 0.3, which forgives a set's way of drawing faces.
        ap50_95: mean over the IoUs 0.5 to 0.95.
        ap50_by_size: of the faces of each size; detections of other sizes do not count.
        recall: share of the faces from `SMALLEST_PX` on that are found at 0.1 false faces per
            photo.
        threshold: the lowest detection score that keeps to that.
        recall_undrawn_aside: the same recall where a detection on a face that another detector is
            sure of, and that nobody drew, is not false; undefined where none looked.
        undrawn_faces: how many faces those are, from `SMALLEST_PX` on.
        state_faces: how many faces there are of each state, in the photos where states are known;
            empty where it was not asked.
        state_ap50: of each state in those photos, detector and classifier together.
        map50: its mean over the states that occur.
        turned_recall: of the faces from `SMALLEST_PX` on that are found upright on the same
            canvas, the share found when turned so many degrees, both ways together, at
            `threshold`; empty where it was not asked.
        turned_faces: how many faces that share is of, each counted once.
    """

    photos: int
    faces: Mapping[str, int]
    ap50: Estimate
    ap30: float | None
    ap50_95: float | None
    ap50_by_size: Mapping[str, float | None]
    recall: Estimate
    threshold: float | None
    recall_undrawn_aside: Estimate
    undrawn_faces: int
    state_faces: Mapping[str, int]
    state_ap50: Mapping[str, float | None]
    map50: float | None
    turned_recall: Mapping[int, float | None]
    turned_faces: int

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, rounded to four digits."""
        plain: dict[str, Any] = rounded(asdict(self))
        return plain


def evaluate(
    detector: Detector,
    photos: Sequence[TruthPhoto],
    classifier: Path | None = None,
    turns_deg: Sequence[int] = (),
    progress: Callable[[int], None] = lambda _photos: None,
) -> DetectorScores:
    """Scores a detector on photos.

    Args:
        detector: asked for faces down to `SCORE_FLOOR`, or its recall and precision end early.
        photos: with all their faces.
        classifier: ONNX file that names the states of the found faces; None leaves states out.
        turns_deg: above zero; empty leaves turned photos out, which take most of the time.
        progress: called with the number of photos done since the last call.

    Raises:
        ImageError: a photo cannot be read.
        ModelError: the classifier cannot be used.
    """
    return score(photos, ask(detector, photos, classifier, turns_deg, progress))


def score(
    photos: Sequence[TruthPhoto], answers: Sequence[PhotoAnswer], seed: int = 0
) -> DetectorScores:
    """Scores answers.

    Args:
        photos: with all their faces.
        answers: to each photo, from `ask`.
        seed: of the bootstrap.
    """
    truths = [photo.boxes_xyxy for photo in photos]
    found = [answer.upright for answer in answers]
    sides = longer_side_px(np.concatenate([np.empty((0, 4)), *truths]))
    precision = face_precision(found, truths)
    everything, countable = compare(found, truths), compare(found, truths, SMALLEST_PX)
    threshold = recall_at_false_rate(countable)[1]
    recall_aside, undrawn_faces = _undrawn_aside(photos, found, seed)
    state_faces, state_ap50 = _states(photos, found)
    defined = [value for value in state_ap50.values() if value is not None]
    turned_recall, turned_faces = _turned(photos, answers, threshold)
    return DetectorScores(
        photos=len(photos),
        faces={
            name: int(((sides >= low) & (sides <= high)).sum())
            for name, (low, high) in SIZES_PX.items()
        },
        ap50=_estimate(average_precision, everything, seed),
        ap30=_loose_precision(found, truths),
        ap50_95=precision["all"]["ap50_95"],
        ap50_by_size={name: row["ap50"] for name, row in precision.items() if name != "all"},
        recall=_estimate(_recall, countable, seed),
        threshold=threshold,
        recall_undrawn_aside=recall_aside,
        undrawn_faces=undrawn_faces,
        state_faces=state_faces,
        state_ap50=state_ap50,
        map50=float(np.mean(defined)) if defined else None,
        turned_recall=turned_recall,
        turned_faces=turned_faces,
    )


def _loose_precision(
    found: Sequence[Found], truths_xyxy: Sequence[NDArray[np.float64]]
) -> float | None:
    value = average_precision(compare(found, truths_xyxy, min_iou=LOOSE_IOU))
    return None if np.isnan(value) else value


def _recall(outcomes: Outcomes, weights: NDArray[np.integer]) -> float:
    return recall_at_false_rate(outcomes, weights)[0]


def _undrawn_aside(
    photos: Sequence[TruthPhoto], found: Sequence[Found], seed: int
) -> tuple[Estimate, int]:
    """The recall with undrawn faces set aside, and how many those are."""
    undrawn = [photo.doubted_xyxy for photo in photos]
    if all(photo.undrawn_xyxy is None for photo in photos):
        return UNDEFINED, 0
    truths = [photo.boxes_xyxy for photo in photos]
    count = int((longer_side_px(np.concatenate(undrawn)) >= SMALLEST_PX).sum())
    return _estimate(_recall, compare(found, truths, SMALLEST_PX, undrawn), seed), count


def _estimate(
    measure: Callable[[Outcomes, NDArray[np.integer]], float], outcomes: Outcomes, seed: int
) -> Estimate:
    """What is measured, with its interval over photos drawn with replacement."""
    count = len(outcomes.faces)
    draws = [measure(outcomes, weights) for weights in draw_weights(count, seed)]
    return estimate(measure(outcomes, np.ones(count, np.int64)), draws)


def _states(
    photos: Sequence[TruthPhoto], found: Sequence[Found]
) -> tuple[dict[str, int], dict[str, float | None]]:
    """Faces and AP50 of each state where states are known; empty if they were not judged."""
    known = [
        (item, photo.boxes_xyxy, photo.labels)
        for item, photo in zip(found, photos, strict=True)
        if item.probabilities is not None and photo.labels is not None
    ]
    if not known:
        return {}, {}
    judged, truths, labels = zip(*known, strict=True)
    counts = np.bincount(np.concatenate(labels), minlength=len(CLASSES))
    precision = class_precision(judged, truths, labels)
    names = [state.value for state in CLASSES]
    return (
        dict(zip(names, counts.tolist(), strict=True)),
        dict(zip(names, precision, strict=True)),
    )


def _turned(
    photos: Sequence[TruthPhoto], answers: Sequence[PhotoAnswer], threshold: float | None
) -> tuple[dict[int, float | None], int]:
    """Share of the faces found upright that are found by degrees, and how many those are."""
    turns = sorted({abs(angle) for answer in answers for angle in answer.turned} - {0})
    upright = [_faces_found(*pair, 0, threshold) for pair in zip(photos, answers, strict=True)]
    count = sum(int(is_found.sum()) for is_found in upright)
    shares: dict[int, float | None] = {}
    for turn in turns:
        again = sum(
            int((_faces_found(photo, answer, angle, threshold) & is_found).sum())
            for photo, answer, is_found in zip(photos, answers, upright, strict=True)
            for angle in (-turn, turn)
        )
        shares[turn] = again / (2 * count) if count else None
    return shares, count


def _faces_found(
    photo: TruthPhoto, answer: PhotoAnswer, angle: int, threshold: float | None
) -> NDArray[np.bool_]:
    """Which faces (n,) that count are found on the turned photo."""
    is_found = np.zeros(len(photo.boxes_xyxy), bool)
    if threshold is None or angle not in answer.turned:
        return is_found
    counts = longer_side_px(photo.boxes_xyxy) >= SMALLEST_PX
    turned = answer.turned[angle]
    truth_xyxy = turn_boxes(photo.boxes_xyxy, turned.size_px, angle)
    taken = match(turned.found.from_score(threshold).boxes_xyxy, truth_xyxy, counts)
    is_found[taken[taken >= 0]] = True
    return is_found & counts


def rounded(value: Any) -> Any:
    """Plain JSON values with four digits."""
    if isinstance(value, Mapping):
        return {str(key): rounded(item) for key, item in value.items()}
    return round(value, 4) if isinstance(value, float) else value
