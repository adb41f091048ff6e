"""Runs a detector over photos, so that what it said can be scored in several ways."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from maskwatch.detect import Detector
from maskwatch.pipeline import Analyzer
from maskwatch.schema import CLASSES, BoxXYXY, FaceOrigin, ImageRGB
from maskwatch.sources import load_image
from maskwatch.training.detector.holdout import TruthPhoto
from maskwatch.training.detector.matching import Found
from maskwatch.training.detector.turning import turn_photo

SCORE_FLOOR = 0.02
"""Lowest detection score to ask a detector for; what WIDER FACE figures are measured from."""


@dataclass(frozen=True, slots=True)
class TurnedAnswer:
    """What a detector says of a turned photo.

    Attributes:
        found: on the canvas of `turn_photo`.
        truth_xyxy: (n, 4) the faces there.
    """

    found: Found
    truth_xyxy: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class PhotoAnswer:
    """What a detector says of one photo.

    Attributes:
        upright: of the photo as it is.
        turned: by degrees, counter-clockwise; 0 among them if there are any.
    """

    upright: Found
    turned: Mapping[int, TurnedAnswer]


def ask(
    detector: Detector,
    photos: Sequence[TruthPhoto],
    classifier: Path | None = None,
    turns_deg: Sequence[int] = (),
    progress: Callable[[int], None] = lambda _photos: None,
) -> list[PhotoAnswer]:
    """Runs a detector over photos, and on request over the same photos turned.

    Args:
        detector: asked for faces down to `SCORE_FLOOR`, or recall and precision end early.
        photos: in which to look.
        classifier: ONNX file that names the states of the faces found in photos whose states are
            known; None leaves states out.
        turns_deg: above zero, each tried both ways; if any, the upright photo is put on the same
            canvas as well.
        progress: called with the number of photos done since the last call.

    Raises:
        ImageError: a photo cannot be read.
        ModelError: the classifier cannot be used.
    """
    analyzer = None if classifier is None else Analyzer(classifier, detector)
    angles = (0, *(sign * turn for turn in turns_deg for sign in (-1, 1))) if turns_deg else ()
    answers = []
    for photo in photos:
        image_rgb = load_image(photo.path)
        if analyzer is None or photo.labels is None:
            upright = _find(detector, image_rgb)
        else:
            upright = _judge(analyzer, image_rgb, detector.origin)
        turned = {}
        for angle in angles:
            canvas_rgb, truth_xyxy = turn_photo(image_rgb, photo.boxes_xyxy, angle)
            turned[angle] = TurnedAnswer(_find(detector, canvas_rgb), truth_xyxy)
        answers.append(PhotoAnswer(upright, turned))
        progress(1)
    return answers


def _find(detector: Detector, image_rgb: ImageRGB) -> Found:
    faces = detector.detect(image_rgb)
    return _found([face.box_xyxy for face in faces], [face.detection_score for face in faces], None)


def _judge(analyzer: Analyzer, image_rgb: ImageRGB, origin: FaceOrigin) -> Found:
    report = analyzer.analyze(image_rgb)
    # where the detector found none the analyzer may take the whole picture; that is no detection
    faces = report.faces if report.face_origin is origin else ()
    return _found(
        [face.box_xyxy for face in faces],
        [face.detection_score for face in faces],
        [[face.probabilities[state] for state in CLASSES] for face in faces],
    )


def _found(
    boxes: Sequence[BoxXYXY], scores: Sequence[float], probabilities: list[list[float]] | None
) -> Found:
    order = np.argsort(-np.array(scores, float), kind="stable")
    return Found(
        np.array(boxes, float).reshape(-1, 4)[order],
        np.array(scores, float)[order],
        None if probabilities is None else np.array(probabilities, float).reshape(-1, 3)[order],
    )
