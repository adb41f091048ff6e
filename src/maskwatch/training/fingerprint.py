"""What is kept of a picture to recognise it again: a small relit copy and its key points.

The relit copy has its local mean and contrast evened out, so that a darkened or brightened picture
gives nearly the same copy. Key points are SIFT (Lowe 2004) with RootSIFT scaling (Arandjelovic and
Zisserman 2012). The descriptor of a mirrored picture is a fixed reordering of the 4 x 4 x 8
histogram (MI-SIFT, Ma et al. 2010), so looking for mirrored copies needs no second detection.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from maskwatch.schema import ImageRGB

AREA_PX = 96 * 96
SHORTEST_SIDE_PX = 24  # of the relit copy; a sliver of a picture is stretched to this
KEY_POINTS = 64
CONTRAST_LEVELS = 40
NOISE_LEVELS = 3.0  # contrast below this many grey levels is mostly JPEG noise and stays damped

_MIRRORED_BINS = np.arange(128).reshape(4, 4, 8)[::-1][:, :, -np.arange(8) % 8].ravel()


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What is kept of one picture, about 17 kB.

    Attributes:
        relit: uint8 (H, W) of about AREA_PX pixels, 1 to 255, local mean 128 and standard
            deviation about CONTRAST_LEVELS.
        points: float32 (N, 4): x, y and size in pixels of `relit`, angle in radians.
        descriptors: uint8 (N, 128), RootSIFT of length about 512.
    """

    relit: NDArray[np.uint8]
    points: NDArray[np.float32]
    descriptors: NDArray[np.uint8]

    def mirrored(self) -> Fingerprint:
        """The fingerprint of the picture with left and right swapped."""
        points = self.points.copy()
        points[:, 0] = self.relit.shape[1] - 1 - points[:, 0]
        points[:, 3] = np.pi - points[:, 3]
        relit = np.ascontiguousarray(self.relit[:, ::-1])
        return Fingerprint(relit, points, mirrored_descriptors(self.descriptors))

    def detail(self) -> float:
        """How fine the structure is: squared difference of neighbour pixels over variance.

        About 0.01 to 0.04 for a face of 12 to 25 px, 0.1 and more for a sharp picture.
        """
        relit = self.relit.astype(np.float32)
        steps = np.square(np.diff(relit, axis=0)).mean() + np.square(np.diff(relit, axis=1)).mean()
        return float(steps / (2 * relit.var() + 1e-6))


def take_fingerprint(image_rgb: ImageRGB) -> Fingerprint:
    """The fingerprint of one picture of at least one pixel."""
    grey = np.asarray(cv2.cvtColor(image_rgb, cv2.COLOR_RGB2GRAY), np.uint8)
    relit = _relight(_shrink(grey))
    # the thresholds are loose because a blurred face has few corners, and weak ones place as well
    sift = cv2.SIFT.create(nfeatures=KEY_POINTS, contrastThreshold=0.01, edgeThreshold=20)
    found, histograms = sift.detectAndCompute(relit, None)
    if histograms is None:
        return Fingerprint(relit, np.zeros((0, 4), np.float32), np.zeros((0, 128), np.uint8))
    points = np.array([(*p.pt, p.size, np.deg2rad(p.angle)) for p in found], np.float32)
    shares = histograms / np.maximum(histograms.sum(axis=1, keepdims=True), 1e-9)
    return Fingerprint(relit, points, np.minimum(np.sqrt(shares) * 512, 255).astype(np.uint8))


def mirrored_descriptors(descriptors: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """SIFT descriptors (N, 128) as they would be in the mirrored picture."""
    return descriptors[:, _MIRRORED_BINS]


def _shrink(grey: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Resize to about AREA_PX pixels; proportions are kept so that a rotation stays one."""
    height, width = grey.shape
    scale = (AREA_PX / (height * width)) ** 0.5
    longest_px = AREA_PX // SHORTEST_SIDE_PX
    size_wh = [
        int(np.clip(round(side * scale), SHORTEST_SIDE_PX, longest_px)) for side in (width, height)
    ]
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(grey.astype(np.float32), size_wh, interpolation=method))


def _relight(grey: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Even out local mean and contrast over windows of about a quarter of the picture."""
    sigma_px = AREA_PX**0.5 / 8
    detail = grey - cv2.GaussianBlur(grey, (0, 0), sigma_px)
    contrast = np.sqrt(cv2.GaussianBlur(detail * detail, (0, 0), sigma_px))
    relit = 128 + CONTRAST_LEVELS * detail / (contrast + NOISE_LEVELS)
    return np.clip(relit, 1, 255).astype(np.uint8)
