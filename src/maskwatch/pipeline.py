"""Image -> report: the one path that every door takes."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from numbers import Integral
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from maskwatch.errors import ModelError, SettingError
from maskwatch.io.image_decoding import Reduction
from maskwatch.io.images import ImageSource, load_image, read_file, source_name
from maskwatch.models.card import SHIPPED_MODEL, DetectorCard, ModelCard, fingerprint
from maskwatch.models.device import Device
from maskwatch.schema import (
    BoxXYXY,
    Face,
    FaceOrigin,
    FaceQuality,
    FaceVerdict,
    FrameReport,
    ImageRGB,
)
from maskwatch.vision.classify import Classifier
from maskwatch.vision.crop import crop_faces
from maskwatch.vision.detect import Detector, FaceDetector, WholeImage
from maskwatch.vision.edge import (
    fills,
    looks_like_crop,
    overlapping,
    with_border,
    without_border,
)
from maskwatch.vision.quality import measure_quality
from maskwatch.vision.scaling import scale_face, scale_verdict
from maskwatch.vision.tiles import Tiles


class Analyzer:
    """Tells for every face of an image what it shows. Stateless; one per process, shared freely.

    It may be pickled: the other process loads the same networks from their files. After a fork it
    says so instead of judging, for its threads are not there.

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
        tiles: Tiles = "off",
        device: str | None = None,
    ) -> None:
        """Load the networks.

        Args:
            model: ONNX file of the classifier with its card beside it; the shipped one if None.
            detector: what finds the faces: an object such as WholeImage(), or an ONNX file with
                its card beside it; the shipped one if None.
            detector_side_px: what the longer side of a picture is scaled to before the search, 32
                to 4096; the card's if None. More finds smaller faces and takes longer.
            tiles: "auto" searches photos of more than 2,000 pixels tile by tile as well, see
                FaceDetector; frames of a video never.
            device: what the networks run on: "cpu", "openvino", "cuda", "coreml" or "directml", or
                "auto" for the fastest that is installed and answers the same; the variable
                MASKWATCH_DEVICE, else "auto", if None.

        Raises:
            ModelError: a model or its card is missing, altered or unusable.
            SettingError: a value is of the wrong type, or the side is out of range or given along
                with an own detector, or tiles are, or there is no such device here.
            MissingExtraError: OpenVINO is not installed.
        """
        _check_networks(model, detector, detector_side_px)
        self._classifier = Classifier(Path(model) if model is not None else SHIPPED_MODEL, device)
        self._detector: Detector
        if detector is None or isinstance(detector, os.PathLike | str):
            path = Path(detector) if detector is not None else None
            self._detector = FaceDetector(path, detector_side_px, tiles=tiles, device=device)
        elif detector_side_px is not None:
            raise SettingError("detector_side_px: an own detector has no side to set")
        elif tiles != "off":
            raise SettingError("tiles: an own detector knows of none")
        else:
            self._detector = detector

    @property
    def card(self) -> ModelCard:
        """The card of the classifier."""
        return self._classifier.card

    @property
    def classifier(self) -> Classifier:
        """What judges the crops."""
        return self._classifier

    @property
    def devices(self) -> dict[str, Device]:
        """What the classifier, and the detector if it is a FaceDetector, run on by now."""
        networks = {"classifier": self._classifier.network}
        if isinstance(self._detector, FaceDetector):
            networks["detector"] = self._detector.network
        return {name: network.device for name, network in networks.items()}

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
        image: ImageSource,
        boxes: ArrayLike | None = None,
    ) -> FrameReport:
        """Find and judge the faces of one image.

        Where none is found in a picture that looks like a cut-out face (see `looks_like_crop`), it
        is searched again with a grey border. If there is one then that fills it (see `fills`), the
        whole picture is taken for it, and the report's `face_origin` says WHOLE_IMAGE; smaller ones
        are faces as any other.

        Args:
            image: a path, an image file as bytes or as an open binary file, a PIL image or an RGB
                uint8 array (H, W, 3).
            boxes: (n, 4) faces that are already known, (left, top, right, bottom) in pixels of the
                upright image; they replace the detector, and the report keeps their order.

        Raises:
            ImageError: the image cannot be read.
            SettingError: a box is not a box, lies outside the image or covers no pixel of it.
        """
        if boxes is None:
            verdicts, origin, size_wh = self._find_and_judge(image)
            detector = self.detector_card.name if self.detector_card else None
        else:
            image_rgb = load_image(image)
            size_wh = size_of(image_rgb)
            faces = tuple(Face(box) for box in _checked_boxes(boxes, *size_wh))
            origin, detector = FaceOrigin.GIVEN, None
            verdicts = self.judge(image_rgb, faces, origin)
        return FrameReport(
            faces=verdicts,
            image_size_wh=size_wh,
            face_origin=origin,
            model=self.card.name,
            source=source_name(image),
            detector=detector,
        )

    def _find_and_judge(
        self, image: ImageSource
    ) -> tuple[tuple[FaceVerdict, ...], FaceOrigin, tuple[int, int]]:
        """The faces of a photo, where they come from, and its width and height.

        A large JPEG is opened at a fraction of its size, which shows the detector the same, and
        opened whole only where a face in it is smaller than what the classifier sees.
        """
        content = read_file(image) if hasattr(image, "read") else image  # a pipe is read once
        enough_px = getattr(self._detector, "enough_px", None)
        reduction = Reduction(enough_px) if enough_px else None
        image_rgb = load_image(content, reduction=reduction)
        found, origin = self._find(image_rgb)
        faces = reading_order(found)
        width, height = size_of(image_rgb)
        whole_wh = reduction.whole_wh if reduction else None
        if whole_wh is None:
            return self.judge(image_rgb, faces, origin), origin, (width, height)
        ratio_xy = whole_wh[0] / width, whole_wh[1] / height
        if self._lacks_detail(faces):
            faces = tuple(scale_face(face, ratio_xy) for face in faces)
            return self.judge(load_image(content), faces, origin), origin, whole_wh
        verdicts = self.judge(image_rgb, faces, origin)
        return tuple(scale_verdict(face, ratio_xy) for face in verdicts), origin, whole_wh

    def _lacks_detail(self, faces: Sequence[Face]) -> bool:
        """Whether a face would have to be enlarged for the classifier."""
        card = self.card
        least_px = card.input_side_px / (1 + 2 * card.crop_margin_ratio)
        return any(
            max(right - left, bottom - top) < least_px
            for left, top, right, bottom in (face.box_xyxy for face in faces)
        )

    def _find(self, image_rgb: ImageRGB) -> tuple[tuple[Face, ...], FaceOrigin]:
        faces = self._detected(image_rgb)
        if not faces and looks_like_crop(*size_of(image_rgb)):
            faces = without_border(self._detected(with_border(image_rgb)), image_rgb)
            if fills(faces, image_rgb):
                return WholeImage().detect(image_rgb), WholeImage.origin
        return faces, self._detector.origin

    def _detected(self, image_rgb: ImageRGB) -> tuple[Face, ...]:
        """What the detector finds in a picture; one of the user's own may answer with anything."""
        return overlapping(self._detector.detect(image_rgb), image_rgb)

    def find_live(
        self, image_rgb: ImageRGB, window_xyxy: BoxXYXY | None = None
    ) -> tuple[tuple[Face, ...], NDArray[np.bool_]]:
        """Find the faces of one frame of a video, for a Stream.

        Args:
            image_rgb: (H, W, 3).
            window_xyxy: the part to look at; all of it if None, and for a detector of one's own.

        Returns:
            The faces, and (n,) whether each is one beyond doubt; see FaceDetector.detect_live.
        """
        if isinstance(self._detector, FaceDetector):
            faces = self._detector.detect_live(image_rgb, window_xyxy)
            least = self._detector.live_min_score
        else:
            faces, least = self._detected(image_rgb), 0.0
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
        qualities = self.qualities(image_rgb, faces, origin)
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

    def qualities(
        self, image_rgb: ImageRGB, faces: Sequence[Face], origin: FaceOrigin
    ) -> tuple[FaceQuality, ...]:
        """How well each face can be seen, without judging it; see `judge`."""
        return measure_quality(image_rgb, faces, self._margin_ratio(origin))

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


def size_of(image_rgb: ImageRGB) -> tuple[int, int]:
    """Width and height of a picture (H, W, 3)."""
    height, width = image_rgb.shape[:2]
    return width, height


def reading_order(faces: Sequence[Face]) -> tuple[Face, ...]:
    """Sort faces by rows from top to bottom, each row from left to right."""
    return tuple(faces[index] for index in reading_places(faces))


def reading_places(faces: Sequence[Face]) -> list[int]:
    """Where each face of `reading_order` stands among the faces given.

    A face belongs to a row when its centre is no lower than the bottom of the row's first face.
    """
    boxes_xyxy = [face.box_xyxy for face in faces]
    rows: list[list[int]] = []
    for place in sorted(range(len(faces)), key=lambda n: boxes_xyxy[n][1] + boxes_xyxy[n][3]):
        _, top, _, bottom = boxes_xyxy[place]
        if rows and (top + bottom) / 2 <= boxes_xyxy[rows[-1][0]][3]:
            rows[-1].append(place)
        else:
            rows.append([place])
    return [place for row in rows for place in sorted(row, key=lambda n: boxes_xyxy[n][0])]


def _check_networks(model: object, detector: object, side_px: object) -> None:
    paths = (str, os.PathLike)
    if model is not None and not isinstance(model, paths):
        raise SettingError(f"model: must be the path of an ONNX file, not {type(model).__name__}")
    detects = hasattr(detector, "detect") and not isinstance(detector, type)
    if not (detector is None or isinstance(detector, paths) or detects):
        expected = "the path of an ONNX file or an object that detects"
        raise SettingError(f"detector: must be {expected}, not {detector!r}")
    if side_px is not None and (isinstance(side_px, bool) or not isinstance(side_px, Integral)):
        raise SettingError(f"detector_side_px: must be a whole number of pixels, not {side_px!r}")


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
    clipped = np.clip(array, 0, [width, height, width, height])
    # a pixel's width at least; what lies in the first pixel of a picture was meant as shares
    sides = clipped[:, 2:] - clipped[:, :2]
    covers = (sides >= 1).all(axis=1) & ((array[:, 2:] > 1).any(axis=1) | (width * height == 1))
    bad = ~(np.isfinite(array).all(axis=1) & covers)
    if bad.any():
        index = int(bad.argmax())
        box = array[index]
        hint = "; shares of the picture? multiply them by its sides" if abs(box).max() <= 1 else ""
        raise SettingError(
            f"boxes[{index}]: {box.tolist()} is not (left, top, right, bottom) of at least a pixel "
            f"inside the {width} x {height} image{hint}"
        )
    return [(float(a), float(b), float(c), float(d)) for a, b, c, d in clipped]


# Which networks judge: told once, loaded wherever they are needed, and the same everywhere.


@dataclass(frozen=True, slots=True)
class Networks:
    """What an Analyzer is made from, wherever it is made.

    Attributes:
        model: file of the classifier; the shipped one if None.
        detector: file of the face detector; the shipped one if None.
        detector_side_px: what the longer side of a picture is scaled to; the card's if None.
        whole_image: take each picture for one face instead of looking for faces.
        tiles: whether large photos are also searched tile by tile.
        hashes: see `network_hashes`; None until they have been loaded once.
        device: what they run on, see Analyzer; where they are loaded, decides if None.
    """

    model: Path | None = None
    detector: Path | None = None
    detector_side_px: int | None = None
    whole_image: bool = False
    tiles: Tiles = "off"
    hashes: tuple[str, ...] | None = None
    device: str | None = None

    def load(self) -> Analyzer:
        """Make the Analyzer.

        Raises:
            ModelError: a network cannot be loaded, or is another one than the hashes say.
            SettingError: the side is out of range, or there is no such device here.
            MissingExtraError: OpenVINO is not installed.
        """
        finder = WholeImage() if self.whole_image else self.detector
        analyzer = Analyzer(self.model, finder, self.detector_side_px, self.tiles, self.device)
        if self.hashes not in (None, network_hashes(analyzer)):
            raise ModelError("the networks of a worker are not those the run was begun with")
        return analyzer

    def pinned(self) -> Networks:
        """The same with hashes, so that no worker takes other networks unnoticed."""
        return replace(self, hashes=network_hashes(self.load()))


def network_hashes(analyzer: Analyzer) -> tuple[str, str, str]:
    """Of its classifier and its detector, "" where it has none, and of what their cards say."""
    card, detector = analyzer.card, analyzer.detector_card
    return card.sha256, detector.sha256 if detector else "", fingerprint(card, detector)
