"""Where a verdict rests, as a picture that colour-blind people can read; without Streamlit.

The crop loses its colours. Over it lies blue where a little of the probability is lost and yellow
where much is: the two that nobody confuses, and the more the lighter. A line goes round where at
least half of the greatest loss is reached, so that colour is not the only sign.
"""

from __future__ import annotations

import textwrap

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from maskwatch.io.style import font_for
from maskwatch.schema import ImageRGB

LITTLE, MUCH = (0, 114, 178), (240, 228, 66)
"""Blue and yellow of Okabe and Ito."""

HEAT_PX = 320
"""Side of the picture."""

_SAVED_TEXT_PX = 16

WEAK = 0.05
"""Where less than this is lost, no place counts for more than others."""

ROWS, COLUMNS = ("upper", "middle", "lower"), ("left", "centre", "right")
"""Parts of a crop, for words about a place."""


def full_scale(drop: NDArray[np.float64]) -> float:
    """The loss that is shown in the last colour: the greatest, unless that is next to nothing."""
    return max(float(drop.max()), 2 * WEAK)


def heat_picture(crop_rgb: ImageRGB, drop: NDArray[np.float64]) -> ImageRGB:
    """The crop with the losses on it, (HEAT_PX, HEAT_PX, 3).

    Args:
        crop_rgb: (S, S, 3).
        drop: (rows, columns) of probability that is lost, see explain.Explanation.
    """
    size = (HEAT_PX, HEAT_PX)
    grey = cv2.cvtColor(cv2.resize(crop_rgb, size), cv2.COLOR_RGB2GRAY)
    loss = np.clip(cv2.resize(drop, size, interpolation=cv2.INTER_LINEAR), 0, 1, dtype=float)
    picture = tinted(np.repeat(grey[..., None], 3, axis=2), loss / full_scale(drop))
    if loss.max() >= WEAK:
        inside = (loss >= loss.max() / 2).astype(np.uint8)
        outlines, _ = cv2.findContours(inside, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        for colour, breadth_px in (((20, 20, 20), 5), ((255, 255, 255), 2)):
            cv2.drawContours(picture, outlines, -1, colour, breadth_px)
    return picture


def saved_picture(crop_rgb: ImageRGB, drop: NDArray[np.float64], words: str) -> ImageRGB:
    """The crop, the losses on it and what they say, as one picture to keep."""
    crop = cv2.resize(crop_rgb, (HEAT_PX, HEAT_PX), interpolation=cv2.INTER_CUBIC)
    pictures = np.hstack([crop, heat_picture(crop_rgb, drop)])
    font = font_for(words, _SAVED_TEXT_PX)
    lines = textwrap.wrap(words, pictures.shape[1] * 2 // _SAVED_TEXT_PX)
    height = round(1.4 * _SAVED_TEXT_PX * len(lines)) + _SAVED_TEXT_PX
    plate = Image.new("RGB", (pictures.shape[1], height), "white")
    ImageDraw.Draw(plate).multiline_text(
        (_SAVED_TEXT_PX / 2, _SAVED_TEXT_PX / 2), "\n".join(lines), "black", font, spacing=5
    )
    return np.vstack([pictures, np.asarray(plate)])


def legend_strip() -> ImageRGB:
    """The colours from nothing lost at the left to most at the right, (14, 240, 3)."""
    return tinted(np.full((14, 240, 3), 128, np.uint8), np.tile(np.linspace(0, 1, 240), (14, 1)))


def tinted(grey_rgb: ImageRGB, shares: NDArray[np.float64]) -> ImageRGB:
    """A grey picture (H, W, 3) under the colours of shares (H, W), each from 0 to 1."""
    share = shares[..., None]
    colour = (1 - share) * np.array(LITTLE) + share * np.array(MUCH)
    opacity = np.minimum(2.5 * share, 0.75)
    return np.asarray((1 - opacity) * grey_rgb + opacity * colour, np.uint8)


def place_of(drop: NDArray[np.float64]) -> str:
    """Where most is lost, such as "lower_centre"; sides are those of the picture."""
    row, column = np.unravel_index(int(drop.argmax()), drop.shape)
    rows, columns = drop.shape
    return f"{ROWS[int(row) * 3 // rows]}_{COLUMNS[int(column) * 3 // columns]}"
