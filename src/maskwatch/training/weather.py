"""What comes between a camera and a face: fog, dirty or frozen panes, lamps, snow and rain.

For training only. evaluation/corruptions.py draws its own fog, frost and snow with other code, so
that no network is asked about the very pictures it has practised.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from maskwatch.schema import ImageRGB

_PLAIN_SHARE, _VEINED_SHARE = 0.4, 0.3
_BRIGHTEST = 255.0

Layer = NDArray[np.float32]
"""(H, W), 0 to 1."""


def lay_veil(image: ImageRGB, ratio: float, random: Generator) -> ImageRGB:
    """Takes contrast away unevenly: fog, smears and ice on a pane, a lamp in the picture.

    Args:
        image: (S, S, 3).
        ratio: the veil hides up to this share of what is behind it.
        random: decides everything.

    Returns:
        (S, S, 3).
    """
    side = image.shape[0]
    texture = clouds(side, random)
    if random.random() < _VEINED_SHARE:
        texture = (1 - np.abs(2 * texture - 1)) ** np.float32(random.uniform(1, 4))
    density = random.uniform(0, ratio) * (1 - random.uniform(0, 0.8) * (1 - texture))
    lightest = random.uniform(0.1, 1) * _BRIGHTEST
    darkest = lightest if random.random() < _PLAIN_SHARE else random.uniform(0, lightest)
    tint = random.uniform(0.85, 1, 3).astype(np.float32)
    veil = (darkest + (lightest - darkest) * texture)[..., None] * tint
    return np.asarray(image + (veil - image) * density[..., None], np.uint8)


def let_fall(image: ImageRGB, brightness: float, random: Generator) -> ImageRGB:
    """Bright flakes or drops in streaks, some in front of everything: snow and rain.

    Args:
        image: (S, S, 3).
        brightness: they add up to this share of white.
        random: decides everything.

    Returns:
        (S, S, 3).
    """
    side = image.shape[0]
    cells = max(2, round(side / random.uniform(1, 5)))
    grain = random.standard_normal((cells, cells), np.float32)
    flakes = np.asarray(cv2.resize(grain, (side, side), interpolation=cv2.INTER_CUBIC))
    flakes = np.clip(flakes - random.uniform(0.3, 2), 0, 1)
    flakes = smear(flakes, random.uniform(1, side / 8), random.uniform(0, np.pi))
    added = random.uniform(0, brightness * _BRIGHTEST) * flakes / max(float(flakes.max()), 1e-6)
    return np.asarray(np.clip(image + added[..., None], 0, _BRIGHTEST), np.uint8)


def smear(
    image: NDArray[np.uint8 | np.float32], length_px: float, angle: float
) -> NDArray[np.float32]:
    """A picture or layer moved this far while it was taken; `angle` in radians."""
    reach = int(np.ceil(length_px / 2))
    kernel = np.zeros((2 * reach + 1, 2 * reach + 1), np.float32)
    half = np.array([np.cos(angle), np.sin(angle)]) * length_px / 2
    start, end = (tuple(int(v) for v in np.rint(reach + way * half)) for way in (-1, 1))
    cv2.line(kernel, start, end, 1.0)
    return np.asarray(
        cv2.filter2D(image, cv2.CV_32F, kernel / kernel.sum(), borderType=cv2.BORDER_REPLICATE),
        np.float32,
    )


def clouds(side_px: int, random: Generator) -> Layer:
    """A cloudy layer: grain of ever finer cells, each a share fainter than the one before."""
    fade = random.uniform(1.2, 2.5)
    layer = np.zeros((side_px, side_px), np.float32)
    cells, weight = min(int(random.integers(2, 5)), side_px), 1.0
    while cells <= side_px:
        grain = random.random((cells, cells), np.float32)
        layer += weight * np.asarray(cv2.resize(grain, (side_px, side_px)))
        cells, weight = cells * 2, weight / fade
    low, high = float(layer.min()), float(layer.max())
    return np.asarray((layer - low) / max(high - low, 1e-6), np.float32)
