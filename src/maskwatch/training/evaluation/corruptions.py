"""The 15 common corruptions of ImageNet-C, each at 5 strengths.

After Hendrycks and Dietterich 2019, "Benchmarking Neural Network Robustness to Common Corruptions
and Perturbations", with their parameters, which are made for pictures of `SIDE_PX`. Written anew on
NumPy and OpenCV, because the packages that hold them draw from NumPy's global generator, bring
scikit-image, numba and a second OpenCV along, and ship photos of frost. What differs from theirs
stands beside the function. A corruption is a function of (picture, family, strength, seed), and one
seed gives the same grain, flakes and shifts at every strength.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from maskwatch.models.evaluation_document import FullImitated
from maskwatch.schema import ImageRGB

SIDE_PX = 224
"""Side of the pictures that radii and shifts are made for."""

STRENGTHS = (1, 2, 3, 4, 5)

Pixels = NDArray[np.float32]
"""RGB (H, W, 3) or one layer (H, W), 0 to 1; what lies outside is cut off at the very end."""


def corrupt(image_rgb: ImageRGB, family: str, strength: int, seed: tuple[int, ...]) -> ImageRGB:
    """One corrupted picture.

    Args:
        image_rgb: (H, W, 3), sides about `SIDE_PX`.
        family: one of FAMILIES.
        strength: one of STRENGTHS.
        seed: what randomness there is comes from it alone.

    Returns:
        (H, W, 3) uint8.
    """
    function, parameters = _FAMILIES[family]
    image = _as_pixels(image_rgb) / np.float32(255)
    corrupted = function(image, parameters[strength - 1], np.random.default_rng(seed))
    return np.asarray(np.clip(corrupted * 255, 0, 255).round(), np.uint8)


def _gaussian_noise(image: Pixels, sigma: float, random: Generator) -> Pixels:
    """Normal grain of this spread: little light."""
    return _as_pixels(image + sigma * random.standard_normal(image.shape, np.float32))


def _shot_noise(image: Pixels, photons: float, random: Generator) -> Pixels:
    """Poisson grain, so many photons for a white pixel: the grain of light itself."""
    return _as_pixels(random.poisson(image * photons) / photons)


def _impulse_noise(image: Pixels, share: float, random: Generator) -> Pixels:
    """A share of the values becomes black or white: bit errors."""
    draw = random.random(image.shape, np.float32)
    return np.where(draw < share, _as_pixels(draw < share / 2), image)


def _defocus_blur(image: Pixels, disc: tuple[int, float], _random: Generator) -> Pixels:
    """A disc of this radius in pixels, its edge softened by this sigma: out of focus."""
    radius, soft = disc
    reach = np.arange(-radius - 2, radius + 3)
    kernel = (reach[:, None] ** 2 + reach**2 <= radius**2).astype(np.float32)
    kernel = _as_pixels(cv2.GaussianBlur(kernel, (5, 5), soft))
    return _filter(image, kernel)


def _glass_blur(image: Pixels, glass: tuple[float, int, int], random: Generator) -> Pixels:
    """Blur (sigma), pixels thrown about (reach, how often), blur: frosted glass.

    Theirs exchanges neighbours one after the other; here every pixel is taken from a neighbour, all
    at once, which looks the same and needs no loop over pixels.
    """
    sigma, reach, times = glass
    image = _soften(image, sigma)
    rows, columns = np.indices(image.shape[:2])
    for _ in range(times):
        shift = random.integers(-reach, reach + 1, (2, *image.shape[:2]))
        down = np.clip(rows + shift[0], 0, image.shape[0] - 1)
        across = np.clip(columns + shift[1], 0, image.shape[1] - 1)
        image = image[down, across]
    return _soften(image, sigma)


def _motion_blur(image: Pixels, motion: tuple[int, float], random: Generator) -> Pixels:
    """A trail (radius, sigma) at -45 to 45 degrees: the camera or the face moved."""
    return _filter(image, _trail(*motion, random.uniform(-45, 45)))


def _zoom_blur(image: Pixels, zoom: tuple[float, float], _random: Generator) -> Pixels:
    """Mean of the picture and of its enlargements from 1 (end, step): moved towards the camera."""
    layers = [_enlarge(image, factor) for factor in np.arange(1, *zoom)]
    return _as_pixels((image + np.sum(layers, axis=0)) / (len(layers) + 1))


def _snow(image: Pixels, snow: tuple[float, ...], random: Generator) -> Pixels:
    """Flakes from grain (mean, spread), enlarged, cut off, with trails; the rest pales (share)."""
    mean, spread, factor, least, radius, sigma, share = snow
    flakes = mean + spread * random.standard_normal(image.shape[:2], np.float32)
    flakes = _enlarge(flakes, factor)
    flakes = np.clip(np.where(flakes < least, 0, flakes), 0, 1).astype(np.float32)
    flakes = _filter(flakes, _trail(int(radius), sigma, random.uniform(-135, -45)))
    pale = np.maximum(image, cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None] * 1.5 + 0.5)
    image = _as_pixels(share * image + (1 - share) * pale)
    return _as_pixels(image + (flakes + flakes[::-1, ::-1])[..., None])


def _frost(image: Pixels, weights: tuple[float, float], random: Generator) -> Pixels:
    """Weights of the picture and of the frost on the glass before it.

    Theirs lays one of five photos of frost over the picture; here crystals are drawn: the crests of
    a clouded surface, pulled long in two directions, bluish white.
    """
    crests = []
    for angle in random.uniform(0, 180, 2):
        clouds = _filter(_clouds(image, 1.5, random), _trail(6, 4, float(angle)))
        crests.append(1 - np.abs(2 * _stretch(clouds) - 1))
    layer = _stretch(np.maximum(*crests) ** 4 * (0.3 + 0.7 * _clouds(image, 1.3, random)))
    frost = layer[..., None] * np.array((0.84, 0.93, 1), np.float32)
    return _as_pixels(weights[0] * image + weights[1] * frost)


def _fog(image: Pixels, fog: tuple[float, float], random: Generator) -> Pixels:
    """Clouds (weight, how fast their detail fades) before the picture; its white stays white."""
    weight, fade = fog
    white = float(image.max())
    clouds = _clouds(image, fade, random)[..., None]
    return _as_pixels((image + weight * clouds) * white / (white + weight))


def _brightness(image: Pixels, add: float, _random: Generator) -> Pixels:
    """So much is added to the value (HSV): too much light."""
    hsv = cv2.cvtColor(image, cv2.COLOR_RGB2HSV)
    hsv[..., 2] = np.clip(hsv[..., 2] + add, 0, 1)
    return _as_pixels(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB))


def _contrast(image: Pixels, share: float, _random: Generator) -> Pixels:
    """What is left of the distance from the mean colour: haze, flat light."""
    mean = image.mean(axis=(0, 1), keepdims=True)
    return _as_pixels((image - mean) * share + mean)


def _elastic_transform(image: Pixels, alpha_px: float, random: Generator) -> Pixels:
    """A slight skew, then pixels wander: shifts of this size, smooth over some five pixels.

    Strengths 3 to 5 are theirs. Their 1 and 2 skew the whole picture by up to a fifth of its side,
    which takes a face out of its crop; here they are milder cases of the same wandering.
    """
    side = float(min(image.shape[:2]))
    corners = np.array([(0.6, 0.6), (0.9, 0.1), (0.1, 0.1)], np.float32) * side
    moved = corners + random.uniform(-0.02, 0.02, corners.shape).astype(np.float32) * side
    skew = cv2.getAffineTransform(corners, moved)
    image = _as_pixels(_warp(image, skew))
    rows, columns = np.indices(image.shape[:2], dtype=np.float32)
    shifts = random.uniform(-1, 1, (2, *image.shape[:2])).astype(np.float32)
    down, across = (alpha_px * _soften(shift, 0.01 * SIDE_PX) for shift in shifts)
    return _as_pixels(
        cv2.remap(
            image, columns + across, rows + down, cv2.INTER_LINEAR, None, cv2.BORDER_REFLECT_101
        )
    )


def _pixelate(image: Pixels, share: float, _random: Generator) -> Pixels:
    """Scaled to this share of its side and back in blocks: few pixels."""
    height, width = image.shape[:2]
    small_wh = (max(1, int(width * share)), max(1, int(height * share)))
    small = cv2.resize(image, small_wh, interpolation=cv2.INTER_AREA)
    return _as_pixels(cv2.resize(small, (width, height), interpolation=cv2.INTER_NEAREST_EXACT))


def _jpeg_compression(image: Pixels, quality: float, _random: Generator) -> Pixels:
    """Saved as a JPEG of this quality."""
    bgr = cv2.cvtColor((image * 255).round().astype(np.uint8), cv2.COLOR_RGB2BGR)
    _, content = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, int(quality)])
    decoded = cv2.imdecode(content, cv2.IMREAD_COLOR)
    assert decoded is not None  # OpenCV reads what it wrote
    return _as_pixels(cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB)) / np.float32(255)


def _clouds(image: Pixels, fade: float, random: Generator) -> Pixels:
    """A clouded surface (H, W) from 0 to 1: octaves of grain, each finer and `fade` times fainter.

    Theirs is the diamond-square algorithm, whose octaves are the same.
    """
    height, width = image.shape[:2]
    clouds = np.zeros((height, width), np.float32)
    for octave in range(1, 9):
        grain = random.uniform(-1, 1, (2**octave + 1, 2**octave + 1)).astype(np.float32)
        layer = cv2.resize(grain, (width, height), interpolation=cv2.INTER_LINEAR)
        clouds += _as_pixels(layer) / fade**octave
    return _stretch(clouds)


def _stretch(layer: NDArray[np.floating]) -> Pixels:
    """The same values, from 0 to 1."""
    low, high = layer.min(), layer.max()
    return _as_pixels((layer - low) / max(float(high - low), 1e-6))


def _enlarge(image: Pixels, factor: float) -> Pixels:
    """The middle of the picture, `factor` times as large, at the same size."""
    height, width = image.shape[:2]
    middle = np.array([(width - 1) / 2, (height - 1) / 2])
    linear = np.eye(2) * factor
    return _as_pixels(_warp(image, np.column_stack([linear, middle - linear @ middle])))


def _trail(radius: int, sigma: float, angle_deg: float) -> Pixels:
    """Kernel of a one-sided trail, 2 radius + 1 pixels long, that fades like a normal curve."""
    steps = np.arange(2 * radius + 1)
    angle = np.deg2rad(angle_deg)
    reach = 2 * radius
    kernel = np.zeros((2 * reach + 1, 2 * reach + 1), np.float32)
    rows = np.rint(reach + steps * np.sin(angle)).astype(int)
    columns = np.rint(reach + steps * np.cos(angle)).astype(int)
    np.add.at(kernel, (rows, columns), np.exp(-(steps**2) / (2 * sigma**2)))
    return kernel


def _filter(image: Pixels, kernel: Pixels) -> Pixels:
    """The kernel's weighted mean; edges repeat."""
    return _as_pixels(
        cv2.filter2D(image, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REPLICATE)
    )


def _soften(image: Pixels, sigma: float) -> Pixels:
    return _as_pixels(cv2.GaussianBlur(image, (0, 0), sigma))


def _warp(image: Pixels, forward: cv2.typing.MatLike) -> Pixels:
    size_wh = (image.shape[1], image.shape[0])
    warped = cv2.warpAffine(
        image, forward, size_wh, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101
    )
    return _as_pixels(warped)


def _as_pixels(values: object) -> Pixels:
    """OpenCV's type stubs allow more types than its functions return here."""
    return np.asarray(values, np.float32)


_Corruption = Callable[[Pixels, Any, Generator], Pixels]
_FAMILIES: dict[str, tuple[_Corruption, tuple[Any, ...]]] = {
    "gaussian noise": (_gaussian_noise, (0.08, 0.12, 0.18, 0.26, 0.38)),
    "shot noise": (_shot_noise, (60, 25, 12, 5, 3)),
    "impulse noise": (_impulse_noise, (0.03, 0.06, 0.09, 0.17, 0.27)),
    "defocus blur": (_defocus_blur, ((3, 0.1), (4, 0.5), (6, 0.5), (8, 0.5), (10, 0.5))),
    "glass blur": (_glass_blur, ((0.7, 1, 2), (0.9, 2, 1), (1, 2, 3), (1.1, 3, 2), (1.5, 4, 2))),
    "motion blur": (_motion_blur, ((10, 3), (15, 5), (15, 8), (15, 12), (20, 15))),
    "zoom blur": (
        _zoom_blur,
        ((1.11, 0.01), (1.16, 0.01), (1.21, 0.02), (1.26, 0.02), (1.31, 0.03)),
    ),
    "snow": (
        _snow,
        (
            (0.1, 0.3, 3, 0.5, 10, 4, 0.8),
            (0.2, 0.3, 2, 0.5, 12, 4, 0.7),
            (0.55, 0.3, 4, 0.9, 12, 8, 0.7),
            (0.55, 0.3, 4.5, 0.85, 12, 8, 0.65),
            (0.55, 0.3, 2.5, 0.85, 12, 12, 0.55),
        ),
    ),
    "frost": (_frost, ((1, 0.4), (0.8, 0.6), (0.7, 0.7), (0.65, 0.7), (0.6, 0.75))),
    "fog": (_fog, ((1.5, 2), (2, 2), (2.5, 1.7), (2.5, 1.5), (3, 1.4))),
    "brightness": (_brightness, (0.1, 0.2, 0.3, 0.4, 0.5)),
    "contrast": (_contrast, (0.4, 0.3, 0.2, 0.1, 0.05)),
    "elastic transform": (
        _elastic_transform,
        tuple(244 * share for share in (0.02, 0.035, 0.05, 0.07, 0.12)),
    ),
    "pixelate": (_pixelate, (0.6, 0.5, 0.4, 0.3, 0.25)),
    "jpeg compression": (_jpeg_compression, (25, 18, 15, 10, 7)),
}

FAMILIES = tuple(_FAMILIES)


# Which of the 15 corruptions the training itself draws kin of, so that their mean cannot flatter.
#
# What a network has practised it does well in; only what it has never met tells how it takes a
# surprise. Judged from training/classifier/augment.py with everything switched on, whatever the
# recipe of a model leaves out. In doubt a family counts as imitated: kin that was practised would
# make the mean of the others look better than it is.

IMITATED: Mapping[str, str] = {
    "gaussian noise": "training adds normal noise, in grains of several sizes",
    "shot noise": "training adds noise; that it follows the light is new",
    "impulse noise": "training adds noise; that single values break off is new",
    "defocus blur": "training blurs; its disc is softer and smaller",
    "glass blur": "training blurs and scales down; thrown pixels look much like it",
    "motion blur": "training smears along a line",
    "zoom blur": "training blurs and zooms, though never both in one stroke",
    "snow": "training draws bright streaks; that everything else pales is new",
    "frost": "training lays clouded and veined veils over pictures; their crystals are finer",
    "fog": "training lays clouded veils over pictures",
    "brightness": "training brightens and darkens",
    "contrast": "training takes contrast away, by itself and with veils",
    "pixelate": "training scales down and up again; that blocks stay sharp is new",
    "jpeg compression": "training saves as JPEG, though seldom as badly",
}
"""Family -> what training does that is kin to it."""

NOT_IMITATED: Mapping[str, str] = {
    "elastic transform": "faces are turned, zoomed and shifted whole, never bent",
}
"""Family -> why nothing in training is kin to it."""


UNPRACTISED = tuple(family for family in FAMILIES if family in NOT_IMITATED)
"""The families without a counterpart in training, in the order of FAMILIES."""


def reasons() -> dict[str, FullImitated]:
    """For each family whether training imitates it, and why it is thought so."""
    said = {**IMITATED, **NOT_IMITATED}
    return {family: FullImitated(family in IMITATED, said[family]) for family in FAMILIES}
