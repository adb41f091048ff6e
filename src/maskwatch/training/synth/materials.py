"""A mask as a sheet of material, whether it was drawn or cut from a photo."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Pixels = NDArray[np.floating]

SHEET_WH = (240, 160)
"""Width and height of a sheet in its own pixels."""


@dataclass(frozen=True, slots=True)
class Material:
    """A sheet that can be laid on a head.

    Attributes:
        rgba: (160, 240, 4) in 0 to 1, colour not multiplied by alpha: what share of the light the
            material gives back. The upper edge comes first.
        side_top: how far the upper edge has come down at the sides, as a share of the height.
        side_bottom: where the lower edge is at the sides, the same.
        lift: how far a stiff mask stands off the mouth, in eye distances.
        strap_rgb: colour of its loops, the same way; None where it has none.
        straps_round_head: its two bands go round the head, not the ears.
        way: "drawn" or "sampled".
    """

    rgba: NDArray[np.float32]
    side_top: float
    side_bottom: float
    lift: float
    strap_rgb: tuple[float, float, float] | None
    straps_round_head: bool
    way: str


def sheet_grid() -> tuple[Pixels, Pixels]:
    """Every pixel's place across (-1 left to 1) and down (0 upper edge to 1), each (160, 240)."""
    width, height = SHEET_WH
    u = np.linspace(-1, 1, width, dtype=np.float32)
    v = np.linspace(0, 1, height, dtype=np.float32)
    grid = np.meshgrid(u, v)
    return grid[0], grid[1]


# Masks that are drawn: surgical, KN95, cup and cloth, each in its usual colours and prints.

_SURGICAL = (  # share, colour
    (5, (0.55, 0.74, 0.88)),
    (3, (0.42, 0.66, 0.86)),
    (2, (0.60, 0.83, 0.80)),
    (3, (0.95, 0.96, 0.98)),
    (1, (0.93, 0.72, 0.80)),
    (2, (0.13, 0.13, 0.14)),
)
_STIFF = (
    (6, (0.97, 0.97, 0.96)),
    (1, (0.88, 0.86, 0.78)),
    (2, (0.12, 0.12, 0.13)),
    (1, (0.55, 0.57, 0.60)),
    (1, (0.70, 0.78, 0.84)),
    (1, (0.86, 0.68, 0.70)),
)
SKINS = ((0.93, 0.78, 0.68), (0.82, 0.64, 0.52), (0.62, 0.45, 0.35), (0.40, 0.28, 0.22))
Colour = tuple[float, float, float]


def draw_material(random: Generator) -> Material:
    """Any mask; the same generator state gives the same one."""
    kind = random.choice(4, p=(0.42, 0.16, 0.10, 0.32))
    return (_surgical, _kn95, _cup, _cloth)[kind](random)


def draw_fabric(random: Generator) -> Material:
    """A piece of cloth without loops, for what is no mask: a scarf, a band, a bag."""
    like_a_mask = random.random() < 0.35  # in the very colours that masks have
    sheet = _plain(_pick(_SURGICAL + _STIFF, random)) if like_a_mask else draw_print(random)
    sheet *= _folds(random, 0.12)[..., None]
    return _material(sheet, random, 0.0, 1.0, 0.0, None, False)


def _surgical(random: Generator) -> Material:
    u, v = sheet_grid()
    colour = _pick(_SURGICAL, random)
    sheet = _plain(colour)
    if random.random() < 0.12:
        sheet = draw_print(random)
    pleats = random.integers(2, 5)
    phase = (v - 0.2) / 0.62 * pleats
    inside = (phase > 0) & (phase < pleats)
    depth = random.uniform(0.08, 0.28)
    saw = np.where(inside, phase % 1, 0.5)
    shade = 1 + depth * (saw - 0.5) - 1.6 * depth * np.exp(-((1 - saw) ** 2) / 0.012) * inside
    sheet *= (shade * _folds(random, 0.09))[..., None]
    band = random.uniform(0.025, 0.06)
    edge = (v < band) | (v > 1 - band) | (np.abs(u) > 1 - band * 0.8)
    if random.random() < 0.6 and min(colour) > 0.3:  # the white binding
        sheet[edge] = 0.35 * sheet[edge] + 0.65 * 0.96
    sheet *= (1 - 0.2 * np.exp(-(((v - band) / 0.016) ** 2)))[..., None]  # the seam under it
    wire = np.exp(-(((v - 0.06) / 0.018) ** 2)) * (np.abs(u) < random.uniform(0.25, 0.4))
    sheet *= (1 + random.uniform(-0.06, 0.08) * wire)[..., None]
    sides = random.uniform(0.12, 0.26), random.uniform(0.66, 0.8)
    strap = (0.93, 0.93, 0.94) if random.random() < 0.8 else colour
    return _material(sheet, random, *sides, random.uniform(0.0, 0.06), strap, False)


def _kn95(random: Generator) -> Material:
    u, v = sheet_grid()
    colour = _pick(_STIFF, random)
    sheet = _plain(colour)
    half = random.uniform(0.04, 0.08)  # light falls on the two halves differently
    sheet *= (1 + half * np.tanh(u / 0.05) * random.choice([-1, 1]))[..., None]
    sheet *= (1 - 0.22 * np.exp(-((u / 0.012) ** 2)))[..., None]
    weld = np.exp(-(((np.abs(u) - 0.80 + 0.15 * np.abs(v - 0.5)) / 0.012) ** 2))
    dots = 0.5 + 0.5 * np.cos(v * 160)
    sheet *= (1 - 0.14 * weld * dots)[..., None]
    for line in (0.06, 0.94):
        sheet *= (1 - 0.10 * np.exp(-(((v - line) / 0.01) ** 2)))[..., None]
    sheet *= _folds(random, 0.08)[..., None]
    sides = random.uniform(0.34, 0.46), random.uniform(0.62, 0.74)
    strap = (0.9, 0.9, 0.9) if min(colour) > 0.3 else colour
    return _material(sheet, random, *sides, random.uniform(0.12, 0.25), strap, False)


def _cup(random: Generator) -> Material:
    u, v = sheet_grid()
    sheet = _plain(_pick(_STIFF[:2] if random.random() < 0.8 else _STIFF, random))
    radius = np.hypot(u, (v - 0.52) * 2)
    for ring in random.uniform(0.35, 0.9, random.integers(1, 4)):
        sheet *= (1 - 0.08 * np.exp(-(((radius - ring) / 0.02) ** 2)))[..., None]
    sheet *= (1.03 - 0.22 * radius**2)[..., None]  # rounder than the head
    if random.random() < 0.45:
        _valve(sheet, random)
    alpha = np.clip((1.02 - (np.abs(u) ** 2.6 + np.abs(2 * v - 1) ** 2.6)) / 0.03, 0, 1)
    strap = _pick(((2, (0.9, 0.9, 0.85)), (1, (0.85, 0.6, 0.2)), (1, (0.25, 0.45, 0.7))), random)
    made = _material(sheet, random, 0.12, 0.86, random.uniform(0.2, 0.32), strap, True)
    made.rgba[..., 3] *= alpha
    return made


def _valve(sheet: Pixels, random: Generator) -> None:
    u, v = sheet_grid()
    at_u = float(random.choice([0.0, 0.42, -0.42]))
    size = random.uniform(0.13, 0.19)
    radius = np.hypot((u - at_u) * 1.3, (v - 0.58) * 1.15)
    grey = random.uniform(0.3, 0.95)
    inside = np.clip((size - radius) / 0.02, 0, 1)[..., None]
    sheet[:] = sheet * (1 - inside) + grey * inside
    sheet *= (1 - 0.3 * np.exp(-(((radius - size) / 0.012) ** 2)))[..., None]
    bars = (np.cos(v * 130) > 0.2) & (radius < size * 0.75)
    sheet[bars] *= 0.8


def _cloth(random: Generator) -> Material:
    u, v = sheet_grid()
    sheet = draw_print(random)
    if random.random() < 0.6:  # a seam down the middle, or darts
        at = 0.0 if random.random() < 0.6 else random.uniform(0.3, 0.5)
        sheet *= (1 - 0.25 * np.exp(-(((np.abs(u) - at) / 0.01) ** 2)))[..., None]
    for line in (0.04, 0.96):  # stitches
        sheet *= (1 - 0.16 * np.exp(-(((v - line) / 0.008) ** 2)))[..., None]
    sheet *= _folds(random, 0.10)[..., None]
    sides = random.uniform(0.25, 0.42), random.uniform(0.62, 0.82)
    strap = tuple(float(c) for c in sheet.mean(axis=(0, 1)))
    if random.random() < 0.4:
        strap = (0.1, 0.1, 0.1) if random.random() < 0.6 else (0.93, 0.93, 0.93)
    return _material(
        sheet, random, *sides, random.uniform(0.02, 0.12), (strap[0], strap[1], strap[2]), False
    )


def draw_print(random: Generator) -> Pixels:
    """A cloth with or without a pattern (160, 240, 3)."""
    u, v = sheet_grid()
    x, y = u * 1.5, v  # square
    turn = random.uniform(0, np.pi)
    along, across = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
    first, second = draw_colour(random), draw_colour(random)
    pattern = random.choice(6, p=(0.42, 0.12, 0.10, 0.12, 0.14, 0.10))
    if pattern == 0:
        share = np.zeros_like(u)
    elif pattern == 1:  # stripes
        share = _step(np.sin(along * random.uniform(15, 60)) - random.uniform(-0.5, 0.5))
    elif pattern == 2:  # dots
        pitch = random.uniform(0.08, 0.22)
        near = np.hypot(along % pitch - pitch / 2, across % pitch - pitch / 2)
        share = _step((random.uniform(0.15, 0.35) * pitch - near) / pitch * 8)
    elif pattern == 3:  # checks
        count = random.uniform(15, 50)
        share = (_step(np.sin(along * count)) + _step(np.sin(across * count))) / 2
    else:  # patches, as on camouflage or with flowers; small ones look like a weave
        noise = _noise(random, random.uniform(3, 14) if pattern == 4 else random.uniform(20, 50))
        share = _step(noise * 6 - random.uniform(-1, 1))
        third = _step(_noise(random, random.uniform(4, 16)) * 6 - 3)[..., None]
        mixed = _plain(first) * (1 - third) + _plain(draw_colour(random)) * third
        return np.asarray(mixed * (1 - share[..., None]) + _plain(second) * share[..., None])
    return np.asarray(_plain(first) * (1 - share[..., None]) + _plain(second) * share[..., None])


def draw_colour(random: Generator) -> Colour:
    """Any colour that things people own have: black, white and skin colours more often."""
    draw = random.random()
    if draw < 0.22:
        grey = random.uniform(0.06, 0.16)
        return grey, grey, grey * random.uniform(0.95, 1.1)
    if draw < 0.36:
        grey = random.uniform(0.8, 0.95)
        return grey, grey, grey * random.uniform(0.93, 1.0)
    if draw < 0.50:
        red, green, blue = np.array(SKINS[random.integers(4)]) * random.uniform(0.9, 1.08)
        return float(red), float(green), float(blue)
    return colorsys.hsv_to_rgb(random.random(), random.uniform(0.1, 0.75), random.uniform(0.2, 0.9))


def _folds(random: Generator, strength: float) -> Pixels:
    """Soft creases across the sheet as a factor of light (160, 240)."""
    u, v = sheet_grid()
    shade = _noise(random, random.uniform(2, 4)) * strength * 1.2
    for _ in range(random.integers(2, 7)):
        turn = random.normal(0, 0.5)
        across = (v - random.uniform(0, 1)) * np.cos(turn) - (u - random.uniform(-1, 1)) * np.sin(
            turn
        ) * 0.6
        width = random.uniform(0.015, 0.06)
        shade += strength * random.uniform(-1, 1) * np.exp(-((across / width) ** 2))
    return np.asarray(1 + shade, np.float32)


def _noise(random: Generator, cells: float) -> Pixels:
    """Smooth noise of about unit size (160, 240), `cells` patches high."""
    rows = max(round(cells), 2)
    coarse = random.standard_normal((rows, round(rows * 1.5))).astype(np.float32)
    return np.asarray(cv2.resize(coarse, SHEET_WH, interpolation=cv2.INTER_CUBIC), np.float32)


def _step(values: Pixels) -> Pixels:
    return np.asarray(np.clip(values * 3 + 0.5, 0, 1), np.float32)


def _plain(colour: Colour) -> Pixels:
    return np.full((SHEET_WH[1], SHEET_WH[0], 3), colour, np.float32)


def _pick(choices: tuple[tuple[int, Colour], ...], random: Generator) -> Colour:
    shares = np.array([share for share, _ in choices], float)
    base = choices[random.choice(len(choices), p=shares / shares.sum())][1]
    red, green, blue = np.array(base) * random.uniform(0.9, 1.04) * random.uniform(0.96, 1.04, 3)
    return float(red), float(green), float(blue)


def _material(
    sheet: Pixels,
    random: Generator,
    side_top: float,
    side_bottom: float,
    lift: float,
    strap_rgb: Colour | None,
    straps_round_head: bool,
) -> Material:
    grain = random.normal(0, random.uniform(0.004, 0.03), (*sheet.shape[:2], 1)).astype(np.float32)
    colour = np.clip(sheet + grain * sheet.mean(), 0.02, 1)
    rgba = np.dstack([colour, np.ones(colour.shape[:2], np.float32)]).astype(np.float32)
    return Material(rgba, side_top, side_bottom, lift, strap_rgb, straps_round_head, "drawn")
