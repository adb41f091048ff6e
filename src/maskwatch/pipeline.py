"""Image -> report: the one path that every door takes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from maskwatch.classify import Classifier
from maskwatch.crop import crop_faces
from maskwatch.detect import Detector, WholeImage
from maskwatch.errors import SettingError
from maskwatch.model_card import SHIPPED_MODEL, ModelCard
from maskwatch.schema import (
    Face,
    FaceOrigin,
    FaceVerdict,
    FrameReport,
    ImageRGB,
)
from maskwatch.sources import load_image

if TYPE_CHECKING:
    from PIL import Image


class Analyzer:
    """Tells for every face of an image what it shows. Stateless; one per process, shared freely.

    Example:
        >>> analyzer = Analyzer()
        >>> report = analyzer.analyze("photo.jpg")
        >>> [(face.state.value, face.confidence) for face in report.faces]
        [('mask', 0.98...)]
    """

    def __init__(self, model: Path | str | None = None, detector: Detector | None = None) -> None:
        """Load the networks.

        Args:
            model: ONNX file with its card beside it; the shipped one if None.
            detector: what finds the faces; the whole image is the face if None.

        Raises:
            ModelError: the model or its card is missing, altered or unusable.
        """
        self._classifier = Classifier(Path(model) if model is not None else SHIPPED_MODEL)
        self._detector = detector or WholeImage()

    @property
    def card(self) -> ModelCard:
        """The card of the classifier."""
        return self._classifier.card

    def analyze(
        self,
        image: str | Path | bytes | Image.Image | ImageRGB,
        boxes: ArrayLike | None = None,
    ) -> FrameReport:
        """Find and judge the faces of one image.

        Args:
            image: a path, the bytes of an image file, a PIL image or an RGB uint8 array (H, W, 3).
            boxes: (n, 4) faces that are already known, (left, top, right, bottom) in pixels of the
                upright image; they replace the detector.

        Raises:
            ImageError: the image cannot be read.
            SettingError: a box is not a box or lies outside the image.
        """
        image_rgb = load_image(image)
        height, width = image_rgb.shape[:2]
        if boxes is None:
            faces, origin = self._detector.detect(image_rgb), self._detector.origin
        else:
            faces = tuple(Face(box) for box in _checked_boxes(boxes, width, height))
            origin = FaceOrigin.GIVEN
        return FrameReport(
            faces=self._judge(image_rgb, reading_order(faces), origin),
            image_size_wh=(width, height),
            face_origin=origin,
            model=self.card.name,
            source=str(image) if isinstance(image, str | Path) else None,
        )

    def _judge(
        self, image_rgb: ImageRGB, faces: Sequence[Face], origin: FaceOrigin
    ) -> tuple[FaceVerdict, ...]:
        card = self.card
        boxes_xyxy = np.array([face.box_xyxy for face in faces], float).reshape(-1, 4)
        # a picture that is the face has no surroundings to take in
        margin_ratio = 0.0 if origin is FaceOrigin.WHOLE_IMAGE else card.crop_margin_ratio
        crops = crop_faces(image_rgb, boxes_xyxy, card.input_side_px, margin_ratio)
        verdicts = []
        for face, row in zip(faces, self._classifier.probabilities(crops), strict=True):
            state, confidence = self._classifier.decide(row)
            verdicts.append(
                FaceVerdict(
                    box_xyxy=face.box_xyxy,
                    detection_score=face.detection_score,
                    state=state,
                    confidence=confidence,
                    probabilities=dict(zip(card.classes, map(float, row), strict=True)),
                )
            )
        return tuple(verdicts)


def reading_order(faces: Sequence[Face]) -> tuple[Face, ...]:
    """Sort faces by rows from top to bottom, each row from left to right.

    A face belongs to a row when its centre is no lower than the bottom of the row's first face.
    """
    rows: list[list[Face]] = []
    for face in sorted(faces, key=lambda face: face.box_xyxy[1] + face.box_xyxy[3]):
        _, top, _, bottom = face.box_xyxy
        if rows and (top + bottom) / 2 <= rows[-1][0].box_xyxy[3]:
            rows[-1].append(face)
        else:
            rows.append([face])
    return tuple(f for row in rows for f in sorted(row, key=lambda face: face.box_xyxy[0]))


def _checked_boxes(
    boxes: ArrayLike, width: int, height: int
) -> list[tuple[float, float, float, float]]:
    try:
        array: NDArray[np.float64] = np.asarray(boxes, float)
    except (ValueError, TypeError) as error:
        raise SettingError("boxes: must be numbers of shape (n, 4)") from error
    if array.size == 0:
        return []
    if array.ndim != 2 or array.shape[1] != 4:
        raise SettingError(f"boxes: must have shape (n, 4), not {array.shape}")
    left, top, right, bottom = array.T
    bad = ~(
        np.isfinite(array).all(axis=1)
        & (np.minimum(right, width) > np.maximum(left, 0))
        & (np.minimum(bottom, height) > np.maximum(top, 0))
    )
    if bad.any():
        index = int(bad.argmax())
        raise SettingError(
            f"boxes[{index}]: {array[index].tolist()} is not (left, top, right, bottom) "
            f"inside the {width} x {height} image"
        )
    clipped = np.clip(array, 0, [width, height, width, height])
    return [(float(a), float(b), float(c), float(d)) for a, b, c, d in clipped]
