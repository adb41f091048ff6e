"""Image -> report: the one path that every door takes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from maskwatch.classify import Classifier
from maskwatch.crop import crop_faces
from maskwatch.detect import Detector, FaceDetector, WholeImage
from maskwatch.errors import SettingError
from maskwatch.model_card import SHIPPED_MODEL, DetectorCard, ModelCard
from maskwatch.quality import measure_quality
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

CROP_SIDE_PX = 256
CROP_ASPECT = 0.6
"""A picture no larger and no narrower than this is probably a face that somebody cut out."""


class Analyzer:
    """Tells for every face of an image what it shows. Stateless; one per process, shared freely.

    Example:
        >>> analyzer = Analyzer()
        >>> report = analyzer.analyze("photo.jpg")
        >>> [(face.state.value, face.confidence) for face in report.faces]
        [('mask', 0.98...)]
    """

    def __init__(
        self,
        model: Path | str | None = None,
        detector: Detector | Path | str | None = None,
        detector_side_px: int | None = None,
    ) -> None:
        """Load the networks.

        Args:
            model: ONNX file of the classifier with its card beside it; the shipped one if None.
            detector: what finds the faces: an object such as WholeImage(), or an ONNX file with
                its card beside it; the shipped one if None.
            detector_side_px: what the longer side of a picture is scaled to before the search, 32
                to 4096; the card's if None. More finds smaller faces and takes longer.

        Raises:
            ModelError: a model or its card is missing, altered or unusable.
            SettingError: the side is out of range, or given along with an own detector.
        """
        self._classifier = Classifier(Path(model) if model is not None else SHIPPED_MODEL)
        self._detector: Detector
        if detector is None or isinstance(detector, Path | str):
            path = Path(detector) if detector is not None else None
            self._detector = FaceDetector(path, detector_side_px)
        elif detector_side_px is None:
            self._detector = detector
        else:
            raise SettingError("detector_side_px: an own detector has no side to set")

    @property
    def card(self) -> ModelCard:
        """The card of the classifier."""
        return self._classifier.card

    @property
    def classifier(self) -> Classifier:
        """What judges the crops."""
        return self._classifier

    @property
    def origin(self) -> FaceOrigin:
        """Where the detector's boxes come from."""
        return self._detector.origin

    @property
    def detector_card(self) -> DetectorCard | None:
        """The card of the face detector, None for one that is no FaceDetector."""
        return self._detector.card if isinstance(self._detector, FaceDetector) else None

    def analyze(
        self,
        image: str | Path | bytes | Image.Image | ImageRGB,
        boxes: ArrayLike | None = None,
    ) -> FrameReport:
        """Find and judge the faces of one image.

        Where none is found and the picture looks like a cut-out face (see `looks_like_crop`), the
        whole picture is taken for one; the report's `face_origin` then says WHOLE_IMAGE.

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
            faces, origin = self._find(image_rgb)
            detector = self.detector_card.name if self.detector_card else None
        else:
            faces = tuple(Face(box) for box in _checked_boxes(boxes, width, height))
            origin, detector = FaceOrigin.GIVEN, None
        return FrameReport(
            faces=self.judge(image_rgb, reading_order(faces), origin),
            image_size_wh=(width, height),
            face_origin=origin,
            model=self.card.name,
            source=str(image) if isinstance(image, str | Path) else None,
            detector=detector,
        )

    def _find(self, image_rgb: ImageRGB) -> tuple[tuple[Face, ...], FaceOrigin]:
        height, width = image_rgb.shape[:2]
        faces = self._detector.detect(image_rgb)
        if not faces and looks_like_crop(width, height):
            return WholeImage().detect(image_rgb), WholeImage.origin
        return faces, self._detector.origin

    def find_live(self, image_rgb: ImageRGB) -> tuple[tuple[Face, ...], NDArray[np.bool_]]:
        """Find the faces of one frame of a video, for a Stream.

        Returns:
            The faces, and (n,) whether each is one beyond doubt; see FaceDetector.detect_live.
        """
        if isinstance(self._detector, FaceDetector):
            faces, least = self._detector.detect_live(image_rgb), self._detector.min_score
        else:
            faces, least = self._detector.detect(image_rgb), 0.0
        return faces, np.array([face.detection_score >= least for face in faces], bool)

    def judge(
        self, image_rgb: ImageRGB, faces: Sequence[Face], origin: FaceOrigin
    ) -> tuple[FaceVerdict, ...]:
        """Judge faces that were found, in their order.

        Args:
            image_rgb: (H, W, 3).
            faces: each must overlap it.
            origin: where their boxes come from.
        """
        card = self.card
        rows = self._classifier.probabilities(self.crops(image_rgb, faces, origin))
        qualities = measure_quality(image_rgb, faces, self._margin_ratio(origin))
        verdicts = []
        for face, row, quality in zip(faces, rows, qualities, strict=True):
            state, confidence = self._classifier.decide(row)
            verdicts.append(
                FaceVerdict(
                    box_xyxy=face.box_xyxy,
                    detection_score=face.detection_score,
                    state=state,
                    confidence=confidence,
                    probabilities=dict(zip(card.classes, map(float, row), strict=True)),
                    landmarks_xy=face.landmarks_xy,
                    quality=quality,
                )
            )
        return tuple(verdicts)

    def crops(
        self, image_rgb: ImageRGB, faces: Sequence[Face | FaceVerdict], origin: FaceOrigin
    ) -> NDArray[np.uint8]:
        """What the classifier sees of faces, (n, S, S, 3) in their order; see `judge`."""
        boxes_xyxy = np.array([face.box_xyxy for face in faces], float).reshape(-1, 4)
        side_px = self.card.input_side_px
        return crop_faces(image_rgb, boxes_xyxy, side_px, self._margin_ratio(origin))

    def _margin_ratio(self, origin: FaceOrigin) -> float:
        # a picture that is the face has no surroundings to take in
        return 0.0 if origin is FaceOrigin.WHOLE_IMAGE else self.card.crop_margin_ratio


def looks_like_crop(width: int, height: int) -> bool:
    """Whether a picture may be a face that somebody cut out, by its size and shape alone.

    A detector that learnt from photos can miss a face without surroundings; a photo from a camera
    is larger, and a strip is no face.
    """
    shorter, longer = sorted((width, height))
    return longer <= CROP_SIDE_PX and shorter >= CROP_ASPECT * longer


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
