"""Average precision by pycocotools, the implementation that published figures come from."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from maskwatch.training.detector.matching import Found, longer_side_px

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
