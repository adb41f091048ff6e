"""Frame -> faces. A detector is anything with one method; FaceDetector is the one that ships."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from maskwatch.boxes import (
    POINT_VALUES,
    STRIDES_PX,
    Floats,
    decode_faces,
    grid_points,
    suppress_overlaps,
)
from maskwatch.errors import ModelError, SettingError
from maskwatch.model_card import SHIPPED_DETECTOR, SIDE_RANGE_PX, load_detector
from maskwatch.runtime import create_session
from maskwatch.schema import Face, FaceOrigin, ImageRGB

# beyond this a small picture only gets blurred, and costs as much as a large one
_MAX_ENLARGEMENT = 4.0
_PAD_VALUE = 127
# of the least score; turned faces are found but scored lower (docs/RESULTS.md, section 4)
_FAINT = 0.55
# pictures up to so many times the coarse side need no second look: it would show the same
_ONE_LOOK = 1.25


class Detector(Protocol):
    """Finds faces.

    Attributes:
        origin: what reports say about where its boxes come from.
    """

    origin: FaceOrigin

    def detect(self, image_rgb: ImageRGB) -> tuple[Face, ...]:
        """Find the faces of one image (H, W, 3); an empty tuple where there is none."""
        ...


class WholeImage:
    """Takes the whole picture for one face, as the student report did."""

    origin = FaceOrigin.WHOLE_IMAGE

    def detect(self, image_rgb: ImageRGB) -> tuple[Face, ...]:
        """One face that fills the picture."""
        height, width = image_rgb.shape[:2]
        return (Face(box_xyxy=(0.0, 0.0, float(width), float(height))),)


class FaceDetector:
    """MaskWatch's own network for finding faces. Stateless, so threads may share one.

    Attributes:
        card: what the network is and how to feed it.
        min_score: a candidate with less is no face.
    """

    origin = FaceOrigin.DETECTED

    def __init__(
        self,
        model: Path | None = None,
        side_px: int | None = None,
        min_score: float | None = None,
    ) -> None:
        """Load and verify the network.

        Args:
            model: ONNX file with its card beside it; the shipped one if None.
            side_px: what the longer side of a picture is scaled to, 32 to 4096; the card's,
                one for photos and one for live video, if None. More finds smaller faces and costs
                time with its square.
            min_score: a candidate with less is no face, between 0 and 1; the card's if None.

        Raises:
            ModelError: the model or its card is missing, altered or unusable.
            SettingError: a value is out of its range.
        """
        path = model or SHIPPED_DETECTOR
        content, self.card = load_detector(path)
        self._side_px = self.card.side_px if side_px is None else side_px
        self._live_side_px = self.card.live_side_px if side_px is None else side_px
        self.min_score = self.card.min_score if min_score is None else min_score
        low, high = SIDE_RANGE_PX
        if not low <= self._side_px <= high:
            raise SettingError(f"detector side: must be {low} to {high} pixels, not {side_px}")
        if not 0 < self.min_score < 1:
            raise SettingError(f"detector min_score: must lie between 0 and 1, not {min_score}")
        self._session = create_session(content, str(path))
        self._input_name = self._session.get_inputs()[0].name
        width, height = 64, 32
        try:  # the first run is slow (it plans memory), and a wrong shape shows here, not later
            answer = self._run(np.zeros((height, width, 3), np.uint8))
        except Exception as error:
            raise ModelError(f"{path}: the network is no face detector") from error
        expected = (len(grid_points(width, height)[0]), POINT_VALUES)
        if answer.shape != expected:
            raise ModelError(f"{path}: the network answers {answer.shape}, not {expected}")

    def detect(self, image_rgb: ImageRGB) -> tuple[Face, ...]:
        """Find the faces of one image (H, W, 3), the surest first."""
        return self._detect(image_rgb, self._side_px, self.min_score)

    def detect_live(self, image_rgb: ImageRGB) -> tuple[Face, ...]:
        """Find the faces of one frame (H, W, 3) of a video, the surest first.

        Looks at the card's side for live video unless another was given. Faces that score less than
        `min_score` come along: where one was just seen, they are that face turned away, not chance.
        """
        return self._detect(image_rgb, self._live_side_px, _FAINT * self.min_score)

    def _detect(self, image_rgb: ImageRGB, side_px: int, min_score: float) -> tuple[Face, ...]:
        card = self.card
        # a face that fills much more than the coarse side is larger than any that was learnt
        if 0 < _ONE_LOOK * card.coarse_side_px < max(_scaled_size(image_rgb, side_px)):
            looks = [
                self._look(image_rgb, side_px, min_score, card.fine_face_px),
                self._look(image_rgb, card.coarse_side_px, min_score),
            ]
        else:
            looks = [self._look(image_rgb, side_px, min_score)]
        boxes, scores, landmarks = (np.concatenate(parts) for parts in zip(*looks, strict=True))
        faces = []
        for voters in suppress_overlaps(boxes, scores, card.nms_iou):
            weights = scores[voters] / scores[voters].sum()
            box = weights @ boxes[voters]
            points = weights @ landmarks[voters].reshape(len(voters), -1)
            landmarks_xy = tuple((x, y) for x, y in points.reshape(-1, 2).tolist())
            faces.append(Face(tuple(box.tolist()), float(scores[voters[0]]), landmarks_xy))
        return tuple(faces)

    def _look(
        self, image_rgb: ImageRGB, side_px: int, min_score: float, largest_px: float = np.inf
    ) -> tuple[Floats, Floats, Floats]:
        """Boxes inside the picture (n, 4), scores (n,), landmarks (n, 5, 2) at one scale."""
        height, width = image_rgb.shape[:2]
        padded, ratio_xy = letter_box(image_rgb, side_px)
        rows, columns = padded.shape[:2]
        boxes, scores, landmarks = decode_faces(self._run(padded), columns, rows, min_score)
        fits = (boxes[:, 2:] - boxes[:, :2]).max(axis=1, initial=0) <= largest_px
        boxes = np.clip(boxes / np.tile(ratio_xy, 2), 0, np.tile((width, height), 2))
        chosen = fits & (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
        return boxes[chosen], scores[chosen], landmarks[chosen] / ratio_xy

    def _run(self, padded_rgb: ImageRGB) -> NDArray[np.float32]:
        answer = self._session.run(None, {self._input_name: padded_rgb[None]})[0]
        return np.asarray(answer[0], np.float32)


def letter_box(image_rgb: ImageRGB, side_px: int) -> tuple[ImageRGB, NDArray[np.float32]]:
    """Scale a picture to a longer side and pad it, right and bottom, with grey to whole cells.

    Args:
        image_rgb: (H, W, 3).
        side_px: of the longer side; a small picture is enlarged four times at most.

    Returns:
        The padded picture, and pixels of it a pixel of the image, (2,) for x and y: they differ
        where a side would have less than one pixel.
    """
    height, width = image_rgb.shape[:2]
    columns, rows = _scaled_size(image_rgb, side_px)
    cell = STRIDES_PX[-1]
    padded = np.full((-(-rows // cell) * cell, -(-columns // cell) * cell, 3), _PAD_VALUE, np.uint8)
    padded[:rows, :columns] = _scaled(image_rgb, (columns, rows))
    return padded, np.array([columns / width, rows / height], np.float32)


def _scaled(image_rgb: ImageRGB, size_wh: tuple[int, int]) -> ImageRGB:
    """Scale a picture to a size: whole blocks of pixels to their mean, the rest linearly.

    Area averaging alone loses no pixel either but takes two to six times as long where the ratio is
    no whole number, and the network finds the same (docs/LOG.md).
    """
    height, width = image_rgb.shape[:2]
    block = max(width, height) // max(size_wh)
    if block > 1:
        means_wh = max(1, width // block), max(1, height // block)
        image_rgb = np.asarray(
            cv2.resize(image_rgb, means_wh, interpolation=cv2.INTER_AREA), np.uint8
        )
    return np.asarray(cv2.resize(image_rgb, size_wh, interpolation=cv2.INTER_LINEAR), np.uint8)


def _scaled_size(image_rgb: ImageRGB, side_px: int) -> tuple[int, int]:
    """Width and height of a picture whose longer side is scaled to `side_px`."""
    height, width = image_rgb.shape[:2]
    scale = min(side_px / max(width, height), _MAX_ENLARGEMENT)
    return max(1, round(width * scale)), max(1, round(height * scale))
