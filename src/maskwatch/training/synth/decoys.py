"""Sheets that hide no mouth: beards, and face shields of clear plastic."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.random import Generator

from maskwatch.training.synth.drawn import draw_colour
from maskwatch.training.synth.kinds import Kind
from maskwatch.training.synth.material import SHEET_WH, Material, Pixels, sheet_grid

_HAIRS = (
    (0.06, 0.05, 0.05),
    (0.12, 0.09, 0.07),
    (0.22, 0.15, 0.10),
    (0.42, 0.30, 0.19),
    (0.50, 0.48, 0.46),
    (0.80, 0.79, 0.77),
)


def draw_beard(random: Generator) -> Material:
    """Hair from ear to ear, over the chin and around the mouth, which stays free."""
    u, v = sheet_grid()
    strands = _strands(random)
    edge = 0.10 * _strands(random) * np.ones_like(u)
    # the sheet begins under the eyes and ends under the chin
    cheek = 0.50 - 0.10 * np.cos(np.pi * np.abs(u)) + random.uniform(-0.04, 0.05)
    cheek = np.where(np.abs(u) > 0.75, cheek - (np.abs(u) - 0.75) * 1.6, cheek)
    moustache = 0.34 + 0.5 * np.abs(u) if random.random() < 0.8 else np.full_like(u, 9.0)
    top = np.minimum(cheek + 0.05, np.where(np.abs(u) < 0.42, moustache, 9.0))
    grown = np.clip((v - top) / 0.06 + edge + 0.5, 0, 1)
    lips = np.hypot(u / 0.34, (v - random.uniform(0.50, 0.53)) / random.uniform(0.085, 0.11))
    grown *= np.clip((lips - 1) / 0.25 + edge, 0, 1)
    end = 0.97 - 0.25 * np.abs(u) ** 3
    grown *= np.clip((end - v) / 0.06 + edge * 2, 0, 1)
    thick = random.uniform(0.6, 0.97)
    alpha = grown * np.clip(thick + 0.25 * strands, 0, 1)
    hair = np.array(_HAIRS[random.integers(len(_HAIRS))]) * random.uniform(0.85, 1.15)
    return _sheet(hair * (1 + 0.35 * strands[..., None]), alpha)


def draw_shield(random: Generator) -> Material:
    """Clear plastic under a band at the forehead, with reflections and edges that shine."""
    u, v = sheet_grid()
    alpha = np.full_like(u, random.uniform(0.03, 0.14))
    for _ in range(random.integers(1, 4)):  # reflections
        at, lean = random.uniform(-0.95, 0.95), random.uniform(-0.3, 0.3)
        width = random.uniform(0.02, 0.12)
        alpha += random.uniform(0.1, 0.5) * np.exp(-(((u - at - lean * (v - 0.5)) / width) ** 2))
    rim = np.maximum(
        np.exp(-(((np.abs(u) - 0.985) / 0.012) ** 2)), np.exp(-(((v - 0.985) / 0.012) ** 2))
    )
    alpha += random.uniform(0.2, 0.6) * rim
    colour = np.full((*u.shape, 3), random.uniform(0.85, 1.0), np.float32)
    band = v < random.uniform(0.07, 0.14)
    colour[band] = draw_colour(random)
    return _sheet(colour, np.where(band, random.uniform(0.8, 1.0), alpha))


OWN_MATERIAL: dict[Kind, Callable[[Generator], Material]] = {
    Kind.BEARD: draw_beard,
    Kind.SHIELD: draw_shield,
}


def _strands(random: Generator) -> Pixels:
    """Hair that runs downwards, of about unit size (160, 240)."""
    total = np.zeros((SHEET_WH[1], SHEET_WH[0]), np.float32)
    for rows, columns in ((12, 110), (30, 200)):
        coarse = random.standard_normal((rows, columns)).astype(np.float32)
        total += cv2.resize(coarse, SHEET_WH, interpolation=cv2.INTER_LINEAR)
    return np.asarray(total / 1.4, np.float32)


def _sheet(colour: Pixels, alpha: Pixels) -> Material:
    rgba = np.dstack([np.clip(colour, 0.01, 1), np.clip(alpha, 0, 1)]).astype(np.float32)
    return Material(rgba, 0.0, 1.0, 0.0, None, False, "drawn")
