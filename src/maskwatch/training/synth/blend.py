"""A layer goes into a photo: its light, its shadow, its blur and its grain are the photo's own."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator

from maskwatch.schema import ImageRGB
from maskwatch.training.synth.head import CHIN, Pose, surface
from maskwatch.training.synth.material import Pixels
from maskwatch.training.synth.render import Layer


@dataclass(frozen=True, slots=True)
class Look:
    """What a photo does to whatever stands before its camera.

    Attributes:
        white_rgb: (3,) in 0 to 1, what a white sheet would give.
        light: (h, w) around 1, how much falls where on the face.
        blur_px: sigma of the photo's blur.
        grain: standard deviation of its noise, 0 to 1.
        colourful: 1, but 0 for a photo in black and white.
    """

    white_rgb: Pixels
    light: Pixels
    blur_px: float
    grain: float
    colourful: float


def look_of(image_rgb: ImageRGB, pose: Pose, random: Generator) -> Look:
    """Estimate the look of a photo around a face."""
    photo = image_rgb.astype(np.float32) / 255
    grey = np.asarray(cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY), np.float32)
    oval = _face_oval(pose, grey.shape)
    return Look(
        white_rgb=_white(photo, grey, oval, random),
        light=_light(grey, oval, pose.scale_px, random),
        blur_px=_blur(grey, oval),
        grain=_grain(grey, oval),
        colourful=float(np.clip((photo.max(axis=2) - photo.min(axis=2)).mean() / 0.04, 0, 1)),
    )


def blend(image_rgb: ImageRGB, layer: Layer, look: Look, pose: Pose, random: Generator) -> ImageRGB:
    """Lay a rendered layer over a photo (h, w, 3)."""
    photo = image_rgb.astype(np.float32) / 255
    sigma = float(np.hypot(look.blur_px, random.uniform(0.25, 0.6)))
    stack = cv2.GaussianBlur(np.dstack([layer.colour, layer.cover]), (0, 0), sigma)
    colour, cover = stack[..., :3], stack[..., 3:]
    grey = colour.mean(axis=2, keepdims=True)
    lit = (grey + (colour - grey) * look.colourful) * look.white_rgb * look.light[..., None]
    grain = random.normal(0, 1, (*cover.shape[:2], 1)).astype(np.float32)
    if look.blur_px > 0.7:  # compression and enlargement leave soft grain
        grain = cv2.GaussianBlur(grain, (0, 0), 0.7)[..., None] * 2.2
    lit = lit + grain * look.grain * cover
    shade = _shadow(layer.cover, pose.scale_px, random)[..., None]
    mixed = photo * shade * (1 - cover) + lit
    return np.asarray(np.clip(mixed * 255 + 0.5, 0, 255), np.uint8)


def _shadow(cover: Pixels, scale_px: float, random: Generator) -> Pixels:
    """What a sheet leaves of the light on the skin beside it (h, w)."""
    reach = scale_px * random.uniform(0.03, 0.09)
    across, down = random.normal(0, 0.4) * reach, random.uniform(0, 1.2) * reach
    shift = np.array([[1, 0, across], [0, 1, down]])
    moved = cv2.warpAffine(cover, shift, (cover.shape[1], cover.shape[0]))
    soft = cv2.GaussianBlur(moved, (0, 0), max(reach, 0.3))
    return np.asarray(1 - random.uniform(0.1, 0.45) * soft, np.float32)


def _face_oval(pose: Pose, shape: tuple[int, ...]) -> Pixels:
    """1 on the skin of cheeks, nose and chin, 0 elsewhere (h, w)."""
    heights = np.linspace(0.15, CHIN - 0.05, 16)
    left, right = (pose.project(surface(np.full(16, a), heights)) for a in (-62.0, 62.0))
    outline = np.rint(np.concatenate([left, right[::-1]])).astype(np.int32)
    oval = np.zeros(shape[:2], np.uint8)
    cv2.fillPoly(oval, [np.clip(outline, -4000, 4000)], 1)
    if not oval.any():
        oval[:] = 1
    return oval.astype(np.float32)


def _light(grey: Pixels, oval: Pixels, scale_px: float, random: Generator) -> Pixels:
    """Low-pass luminance of the skin, spread beyond the face, without the lips and nostrils."""
    sigma = 0.42 * scale_px
    share = cv2.GaussianBlur(oval, (0, 0), sigma) + 1e-3
    middle = float((grey * oval).sum() / oval.sum())
    smooth = (cv2.GaussianBlur(grey * oval, (0, 0), sigma) + 1e-3 * middle) / share
    strength = random.uniform(0.5, 0.85)
    relative = np.clip(smooth / max(middle, 0.02), 0.4, 1.6) ** strength
    return np.asarray(relative, np.float32)


def _white(photo: Pixels, grey: Pixels, oval: Pixels, random: Generator) -> Pixels:
    """Between the brightest that the picture shows and what skin of that brightness suggests.

    Skin gives back some 25 to 70 % of the light; a picture without anything white in it still
    tells by its brightest skin how bright white could at least be.
    """
    skin = float(np.percentile(grey[oval > 0], 80))
    brightest = float(np.percentile(grey, 97))
    guesses = sorted((brightest, min(skin * 1.5, 1.0)))
    level = 0.35 * guesses[0] + 0.65 * guesses[1]
    level = np.clip(level * random.uniform(0.9, 1.12), 0.12, 1.05)
    average = photo.reshape(-1, 3).mean(axis=0)
    cast = (average / max(float(average.mean()), 0.02)) ** 0.35  # grey world, a third of it
    return np.asarray(level * np.clip(cast, 0.8, 1.25), np.float32)


def _blur(grey: Pixels, oval: Pixels) -> float:
    """Sigma of the photo's blur, from how much a further blur changes it (Crete et al. 2007).

    A sharp edge loses much of its slope when it is blurred again, a soft one little.
    """
    again = np.asarray(cv2.GaussianBlur(grey, (0, 0), 1.0), np.float32)
    inside = cv2.dilate(oval, np.ones((5, 5), np.uint8)) > 0
    slopes = [_slope(picture)[inside] for picture in (grey, again)]
    strong = slopes[0] >= np.percentile(slopes[0], 90)
    kept = float(slopes[1][strong].sum() / max(slopes[0][strong].sum(), 1e-6))
    # an edge of sigma s keeps s / sqrt(s^2 + 1)
    kept = min(max(kept, 0.3), 0.93)
    return min(max(kept / float(np.sqrt(1 - kept**2)) - 0.3, 0.0), 2.0)


def _slope(grey: Pixels) -> Pixels:
    x = cv2.Sobel(grey, cv2.CV_32F, 1, 0)
    y = cv2.Sobel(grey, cv2.CV_32F, 0, 1)
    return np.asarray(cv2.magnitude(x, y), np.float32)


def _grain(grey: Pixels, oval: Pixels) -> float:
    """Noise of the skin by the median of its Laplacian (Immerkaer 1996, with a robust mean)."""
    kernel = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
    rough = np.abs(cv2.filter2D(grey, -1, kernel))[oval > 0]
    return float(np.clip(np.median(rough) / 0.6745 / 6, 0, 0.05))
