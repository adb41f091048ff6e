"""Alter training crops: geometry in one warp, then light, then what cameras do to pictures.

Every alteration is a function of (seed, epoch, picture), so a run that resumes, another split, or a
cache of frozen features meets exactly the same pictures.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from maskwatch.schema import ImageRGB
from maskwatch.training.recipes.classifier import AugmentRecipe

# shares of crops that get a veil, streaks, blur, low resolution, noise, compression
_SHARES = np.array([2, 1, 2, 2, 2, 2]) / 6


def centre_crop(canvas: ImageRGB, side_px: int) -> ImageRGB:
    """The unaltered crop in the middle of its canvas, for validation and test."""
    start = (canvas.shape[0] - side_px) // 2
    return canvas[start : start + side_px, start : start + side_px]


def augment_crop(
    canvas: ImageRGB, side_px: int, recipe: AugmentRecipe, seed: tuple[int, int, int]
) -> ImageRGB:
    """One altered crop.

    Args:
        canvas: (C, C, 3), the crop with its surroundings, see crops.load_canvases.
        side_px: side of the crop.
        recipe: what may be altered and how far.
        seed: (recipe seed, epoch, row seed).

    Returns:
        (side_px, side_px, 3).
    """
    random = np.random.default_rng(seed)
    image = cv2.warpAffine(
        canvas,
        _random_warp(canvas.shape[0], side_px, recipe, random),
        (side_px, side_px),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,  # Keras' fill_mode="nearest"
    )
    image = relight(_as_uint8(image), recipe, random)
    return degrade(image, recipe, random)


def _random_warp(
    canvas_px: int, side_px: int, recipe: AugmentRecipe, random: Generator
) -> NDArray[np.float64]:
    """Inverse affine map (2, 3) from crop pixels to canvas pixels."""
    angle = np.deg2rad(random.uniform(-recipe.rotation_deg, recipe.rotation_deg))
    zoom_xy = random.uniform(1 - recipe.zoom_ratio, 1 + recipe.zoom_ratio, 2)
    shift_xy = random.uniform(-recipe.shift_ratio, recipe.shift_ratio, 2) * side_px
    mirror = -1.0 if recipe.flip and random.random() < 0.5 else 1.0
    cos, sin = np.cos(angle), np.sin(angle)
    linear = np.array([[cos, -sin], [sin, cos]]) @ np.diag([mirror * zoom_xy[0], zoom_xy[1]])
    middle = (side_px - 1) / 2
    offset = (canvas_px - 1) / 2 + shift_xy - linear @ np.array([middle, middle])
    return np.column_stack([linear, offset])


def relight(image: ImageRGB, recipe: AugmentRecipe, random: Generator) -> ImageRGB:
    """Change brightness, contrast and colour with one multiplication and one addition."""
    low, high = recipe.brightness
    # drawn on a log scale: half as bright is as far from normal as twice as bright
    gain = np.exp(random.uniform(np.log(low), np.log(high)))
    stretch = 1 + random.uniform(-recipe.contrast_ratio, recipe.contrast_ratio)
    colour = 1 + random.uniform(-recipe.colour_ratio, recipe.colour_ratio, 3)
    if gain == 1 and stretch == 1 and (colour == 1).all():
        return image
    mean = image.mean()
    values = (np.arange(256)[:, None] - mean) * stretch + mean
    # what happens to a value depends on nothing but the value: a table is 20 times faster
    table = _as_uint8(np.clip(values * gain * colour, 0, 255))
    return _as_uint8(cv2.LUT(image, table.reshape(1, 256, 3)))


def degrade(image: ImageRGB, recipe: AugmentRecipe, random: Generator) -> ImageRGB:
    """What weather and cameras do to square pictures, each to some of them."""
    side = image.shape[0]
    veil, fall, blur, low, noise, jpeg = random.random(6) < _SHARES
    if recipe.haze_ratio and veil:
        image = lay_veil(image, recipe.haze_ratio, random)
    if recipe.snow_ratio and fall:
        image = let_fall(image, recipe.snow_ratio, random)
    if recipe.blur_sigma_px and blur:
        image = _blur(image, recipe.blur_sigma_px, random)
    if recipe.low_side_px and low:
        small = int(random.integers(min(recipe.low_side_px, side), side + 1))
        image = _as_uint8(cv2.resize(image, (small, small), interpolation=cv2.INTER_AREA))
        image = _as_uint8(cv2.resize(image, (side, side), interpolation=cv2.INTER_LINEAR))
    if recipe.noise_sigma and noise:
        image = _add_noise(image, recipe, random)
    if recipe.jpeg_quality and jpeg:
        quality = int(random.integers(recipe.jpeg_quality, 101))
        _, encoded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
        image = _as_uint8(cv2.imdecode(encoded, cv2.IMREAD_COLOR))
    return image


def _blur(image: ImageRGB, most_sigma_px: float, random: Generator) -> ImageRGB:
    """Out of focus or moved; a line of this length has the spread of a normal curve of sigma."""
    sigma_px = random.uniform(0.1, most_sigma_px)
    if random.random() < 0.5:
        return _as_uint8(smear(image, sigma_px * np.sqrt(12), random.uniform(0, np.pi)))
    return _as_uint8(cv2.GaussianBlur(image, (0, 0), sigma_px))


def _add_noise(image: ImageRGB, recipe: AugmentRecipe, random: Generator) -> ImageRGB:
    side = image.shape[0]
    sigma = random.uniform(0, recipe.noise_sigma)
    shape: tuple[int, ...] = image.shape
    if recipe.noise_grain_px > 1:
        # on a log scale: most grain is fine
        coarse = np.exp(random.uniform(0, np.log(recipe.noise_grain_px)))
        shape = (max(2, round(side / coarse)),) * 2 + (int(random.choice([1, 3])),)
    grain = random.normal(0, sigma, shape)
    if grain.shape != image.shape:
        enlarged = cv2.resize(grain, (side, side), interpolation=cv2.INTER_LINEAR)
        grain = np.asarray(enlarged, np.float64).reshape(side, side, -1)
    return _as_uint8(np.clip(image + grain, 0, 255))


def _as_uint8(image: object) -> ImageRGB:
    """OpenCV's type stubs allow more types than its functions return here."""
    return np.asarray(image, np.uint8)


# What comes between a camera and a face: fog, dirty or frozen panes, lamps, snow and rain.
#
# For training only. evaluation/corruptions.py draws its own fog, frost and snow with other code, so
# that no network is asked about the very pictures it has practised.

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
