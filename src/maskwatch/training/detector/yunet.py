"""OpenCV's own face detector, YuNet (Wu et al. 2023), to compare with on the same photos."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from maskwatch.errors import ModelError
from maskwatch.schema import Face, FaceOrigin, ImageRGB
from maskwatch.training.detector.answers import SCORE_FLOOR

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
