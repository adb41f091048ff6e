"""Runs a detector over photos, so that what it said can be scored in several ways."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from maskwatch.errors import ModelError
from maskwatch.io.images import load_image
from maskwatch.pipeline import Analyzer
from maskwatch.schema import CLASSES, BoxXYXY, Face, FaceOrigin, ImageRGB
from maskwatch.training.data.holdout import TruthPhoto
from maskwatch.training.detector.average_precision import Found
from maskwatch.vision.detect import Detector

SCORE_FLOOR = 0.02
"""Lowest detection score to ask a detector for; what WIDER FACE figures are measured from."""


@dataclass(frozen=True, slots=True)
class TurnedAnswer:
    """What a detector says of a turned photo.

    Attributes:
        found: on the canvas of `turn_image`.
        size_px: width and height of the photo as it is, which say where its faces lie there.
    """

    found: Found
    size_px: tuple[int, int]


@dataclass(frozen=True, slots=True)
class PhotoAnswer:
    """What a detector says of one photo.

    Attributes:
        upright: of the photo as it is.
        turned: by degrees, counter-clockwise; 0 among them if there are any. Empty where the photo
            was only asked as it is.
    """

    upright: Found
    turned: Mapping[int, TurnedAnswer]


def ask(
    detector: Detector,
    photos: Sequence[TruthPhoto],
    classifier: Path | None = None,
    turns_deg: Sequence[int] = (),
    progress: Callable[[int], None] = lambda _photos: None,
    turned_every: int = 1,
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
        turned_every: one photo in so many is turned, the first among them.

    Raises:
        ImageError: a photo cannot be read.
        ModelError: the classifier cannot be used.
    """
    analyzer = None if classifier is None else Analyzer(classifier, detector)
    angles = (0, *(sign * turn for turn in turns_deg for sign in (-1, 1))) if turns_deg else ()
    answers = []
    for index, photo in enumerate(photos):
        image_rgb = load_image(photo.path)
        if analyzer is None or photo.labels is None:
            upright = _find(detector, image_rgb)
        else:
            upright = _judge(analyzer, image_rgb, detector.origin)
        turned = {}
        for angle in () if index % turned_every else angles:
            canvas_rgb = turn_image(image_rgb, angle)
            turned[angle] = TurnedAnswer(_find(detector, canvas_rgb), image_rgb.shape[1::-1])
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


# Photos turned about their centre, and where their faces then are.

TURNS_DEG = (15, 30, 45)
"""Each is tried both ways."""

_GREY = (128, 128, 128)


def turn_image(image_rgb: ImageRGB, turn_deg: float) -> ImageRGB:
    """Turns a photo (H, W, 3) counter-clockwise about its centre; any angle.

    The canvas (S, S, 3) is a square as wide as the diagonal, whatever the turn and mid-grey around
    the photo, so that a detector which shrinks pictures to a fixed size sees every turn, and no
    turn, at one scale.
    """
    height, width = image_rgb.shape[:2]
    side, offset = _canvas((width, height))
    turn, middle = _turn_matrix(turn_deg), np.array([width, height]) / 2
    # OpenCV counts from the middle of the first pixel, boxes from its corner
    shift = middle + offset - 0.5 - turn @ (middle - 0.5)
    canvas = cv2.warpAffine(
        image_rgb,
        np.column_stack([turn, shift]),
        (side, side),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=_GREY,
    )
    return np.asarray(canvas, np.uint8)


def turn_boxes(
    boxes_xyxy: NDArray[np.float64], size_px: tuple[int, int], turn_deg: float
) -> NDArray[np.float64]:
    """The boxes (n, 4) on the canvas of `turn_image` of faces (n, 4) in a photo.

    A face is taken for the ellipse inside its box; its turned box is the ellipse's, because the box
    of the turned corners would grow by up to 41 % with nothing in it.

    Args:
        boxes_xyxy: (n, 4) in the photo as it is.
        size_px: its width and height.
        turn_deg: counter-clockwise.
    """
    turn, middle = _turn_matrix(turn_deg), np.array(size_px) / 2
    centres = (boxes_xyxy[:, :2] + boxes_xyxy[:, 2:]) / 2
    centres = (centres - middle) @ turn.T + middle + _canvas(size_px)[1]
    half = (boxes_xyxy[:, 2:] - boxes_xyxy[:, :2]) / 2
    half = np.sqrt(half**2 @ (turn**2).T)
    return np.concatenate([centres - half, centres + half], axis=1)


def _canvas(size_px: tuple[int, int]) -> tuple[int, NDArray[np.int64]]:
    """The side of the canvas, and where the photo's corner lies on it before the turn."""
    side = math.ceil(math.hypot(*size_px)) + 1  # room for the rounding of the offset
    return side, (side - np.array(size_px)) // 2


def _turn_matrix(turn_deg: float) -> NDArray[np.float64]:
    """Counter-clockwise as one sees it: y points down."""
    cos, sin = math.cos(math.radians(turn_deg)), math.sin(math.radians(turn_deg))
    return np.array([[cos, sin], [-sin, cos]])


# OpenCV's own face detector, YuNet (Wu et al. 2023), to compare with on the same photos.

_NMS_IOU = 0.3  # OpenCV's default
_MOST_CANDIDATES = 5000  # the same


class YuNet:
    """A Detector made of OpenCV's FaceDetectorYN. It holds the picture's size: one thread only."""

    origin = FaceOrigin.DETECTED

    def __init__(self, path: Path, scale: int = 1) -> None:
        """Load the network.

        Args:
            path: ONNX file of YuNet, as OpenCV's model zoo publishes it.
            scale: pictures are enlarged by this first; 1 leaves them as they are.

        Raises:
            ModelError: the file cannot be used, or this OpenCV has no FaceDetectorYN.
        """
        if not hasattr(cv2, "FaceDetectorYN"):
            raise ModelError(f"{path}: OpenCV {cv2.__version__} has no FaceDetectorYN to run it")
        if not path.is_file():
            raise ModelError(f"{path}: no such file")
        self._scale = scale
        try:
            self._network = cv2.FaceDetectorYN.create(
                str(path), "", (32, 32), SCORE_FLOOR, _NMS_IOU, _MOST_CANDIDATES
            )
            self.detect(np.zeros((32, 32, 3), np.uint8))  # a wrong file shows here, not later
        except cv2.error as error:
            raise ModelError(f"{path}: OpenCV cannot use it as YuNet ({error.err})") from error

    def detect(self, image_rgb: ImageRGB) -> tuple[Face, ...]:
        """Find the faces of one image (H, W, 3), cut at its edges."""
        height, width = image_rgb.shape[:2]
        size_wh = (width * self._scale, height * self._scale)
        bgr = cv2.resize(cv2.cvtColor(image_rgb, cv2.COLOR_RGB2BGR), size_wh)
        self._network.setInputSize(size_wh)
        _, rows = self._network.detect(bgr)
        if rows is None:
            return ()
        values = np.asarray(rows, np.float64)
        corners = np.concatenate([values[:, :2], values[:, :2] + values[:, 2:4]], axis=1)
        boxes = np.clip(corners / self._scale, 0, [width, height, width, height])
        inside = (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
        return tuple(
            Face((left, top, right, bottom), score)
            for (left, top, right, bottom), score in zip(
                boxes[inside].tolist(), values[inside, -1].tolist(), strict=True
            )
        )
