"""A material at its place on a posed head -> a layer of the picture: colour, cover and light."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator

from maskwatch.schema import ImageRGB
from maskwatch.training.synth.head import CHIN, EAR_XYZ, Floats, Pose, surface
from maskwatch.training.synth.kinds import Hanging, Placement
from maskwatch.training.synth.materials import Material, Pixels

FINER = 3
"""Layers are painted at so many times the picture's resolution and then reduced."""

_GRID_WH = (41, 27)  # the sheet's places are computed on this grid and interpolated between


@dataclass(frozen=True, slots=True)
class Layer:
    """What is laid over a picture.

    Attributes:
        colour: (h, w, 3) in 0 to 1, multiplied by cover.
        cover: (h, w) in 0 to 1.
    """

    colour: Pixels
    cover: Pixels


def render(
    material: Material,
    placement: Placement,
    pose: Pose,
    size_wh: tuple[int, int],
    random: Generator,
) -> Layer:
    """Paint a mask alone, as it would look in even light from near the camera."""
    points = _places(material, placement)
    sheet = material.rgba
    if isinstance(placement, Hanging):
        sheet = sheet if random.random() < 0.5 else sheet[:, ::-1]
    light = _light(points, pose, random) * _gathers(placement.folds, random)
    layer = _splat(sheet, pose.project(points), _depth(points, pose), light, size_wh)
    if material.strap_rgb is None:
        return layer
    thin = _straps(material, placement, points, pose, size_wh, random)
    if thin is None:
        return layer
    light_there = float(np.clip(random.normal(0.92, 0.08), 0.6, 1.1))
    strap = np.array(material.strap_rgb, np.float32) * light_there
    below = thin * (1 - layer.cover)
    return Layer(layer.colour + below[..., None] * strap, layer.cover + below)


def _places(material: Material, placement: Placement) -> Floats:
    """Head coordinates of a coarse grid over the sheet (27, 41, 3)."""
    u, v = np.meshgrid(np.linspace(-1, 1, _GRID_WH[0]), np.linspace(0, 1, _GRID_WH[1]))
    if isinstance(placement, Hanging):
        return placement.points(u, v, material.side_top, material.side_bottom)
    points = placement.points(u, v, material.side_top, material.side_bottom)
    stiff = np.cos(u * np.pi / 2) ** 0.7 * np.sin(np.pi * v) ** 0.8
    points[..., 2] += material.lift * stiff
    return points


def _depth(points: Floats, pose: Pose) -> Floats:
    return np.asarray(pose.rotate(points)[..., 2])


def _light(points: Floats, pose: Pose, random: Generator) -> Pixels:
    """Lambert's law on the curved sheet, mild, as room light comes from everywhere (27, 41)."""
    turned = pose.rotate(points)
    along, down = np.gradient(turned, axis=1), np.gradient(turned, axis=0)
    normal = np.cross(along, down)
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True) + 1e-9
    towards = np.array([random.normal(0, 0.35), -abs(random.normal(0.35, 0.25)), 1.0])
    towards /= np.linalg.norm(towards)
    lit = np.abs(normal @ towards)
    strength = random.uniform(0.15, 0.45)
    return np.asarray(1 - strength + strength * lit / 0.9, np.float32)


def _gathers(folds: float, random: Generator) -> Pixels:
    """Light on folds that run along a gathered sheet (27, 41)."""
    u, v = np.meshgrid(np.linspace(-1, 1, _GRID_WH[0]), np.linspace(0, 1, _GRID_WH[1]))
    wave = random.uniform(-0.25, 0.25, 3)
    lines = v + wave[0] * u + wave[1] * u**2 + wave[2] * np.sin(3 * u + random.uniform(0, 6))
    count = random.uniform(2, 5) * np.pi * 2
    shade = np.sin(lines * count + random.uniform(0, 6))
    return np.asarray(1 + folds * random.uniform(0.08, 0.22) * shade, np.float32)


def _splat(
    sheet: Pixels, places_xy: Floats, depth: Floats, light: Pixels, size_wh: tuple[int, int]
) -> Layer:
    """Throw the sheet's pixels to their places, the farther half first, then reduce."""
    width, height = size_wh
    colour = np.zeros((height, width, 3), np.float32)
    cover = np.zeros((height, width), np.float32)
    low = np.maximum(np.floor(places_xy.min(axis=(0, 1))).astype(int) - 2, 0)
    high = np.minimum(np.ceil(places_xy.max(axis=(0, 1))).astype(int) + 3, size_wh)
    if (high <= low).any():
        return Layer(colour, cover)
    fine_xy = (places_xy - low + 0.5) * FINER - 0.5
    columns, rows = _density(fine_xy)
    dense = [_resize_grid(fine_xy[..., i].astype(np.float32), columns, rows) for i in (0, 1)]
    lit = _resize_grid(light, columns, rows)
    paint = np.array(cv2.resize(sheet, (columns, rows), interpolation=cv2.INTER_LINEAR))
    paint[..., :3] = paint[..., :3] * (lit * paint[..., 3])[..., None]
    # the nearer side is thrown last, and stays
    order = slice(None, None, 1 if depth[:, -1].mean() > depth[:, 0].mean() else -1)
    across, down = (high - low) * FINER
    x = np.rint(dense[0][:, order].T).astype(np.intp).ravel()
    y = np.rint(dense[1][:, order].T).astype(np.intp).ravel()
    inside = (x >= 0) & (x < across) & (y >= 0) & (y < down)
    canvas = np.zeros((down * across, 4), np.float32)
    values = paint[:, order].transpose(1, 0, 2).reshape(-1, 4)
    canvas[(y * across + x)[inside]] = values[inside]
    reduced = cv2.resize(
        _close_holes(canvas.reshape(down, across, 4)),
        (int(high[0] - low[0]), int(high[1] - low[1])),
        interpolation=cv2.INTER_AREA,
    )
    part = np.s_[low[1] : high[1], low[0] : high[0]]
    colour[part], cover[part] = reduced[..., :3], reduced[..., 3]
    return Layer(colour, cover)


def _density(fine_xy: Floats) -> tuple[int, int]:
    """Columns and rows so close that neighbours fall on neighbouring pixels nearly everywhere."""
    steps = [np.linalg.norm(np.diff(fine_xy, axis=axis), axis=-1).max() for axis in (1, 0)]
    columns = int(steps[0] * (_GRID_WH[0] - 1) * 1.15) + 2
    rows = int(steps[1] * (_GRID_WH[1] - 1) * 1.15) + 2
    return min(max(columns, 8), 1400), min(max(rows, 8), 1400)


def _resize_grid(values: Pixels, columns: int, rows: int) -> Pixels:
    """Linear interpolation from corner to corner (cv2.resize goes from edge to edge)."""
    across = np.linspace(0, values.shape[1] - 1, columns, dtype=np.float32)
    down = np.linspace(0, values.shape[0] - 1, rows, dtype=np.float32)
    map_x, map_y = np.meshgrid(across, down)
    return np.asarray(cv2.remap(values, map_x, map_y, cv2.INTER_LINEAR), np.float32)


def _close_holes(canvas: Pixels) -> Pixels:
    """Fill the single pixels that nothing fell on from their neighbours."""
    hit = (canvas[..., 3] > 0).astype(np.float32)
    around = cv2.blur(hit, (3, 3))
    hole = (hit == 0) & (around > 0.6)
    if hole.any():
        filled = cv2.blur(canvas, (3, 3)) / np.maximum(around, 1e-6)[..., None]
        canvas[hole] = filled[hole]
    return canvas


def _straps(
    material: Material,
    placement: Placement,
    points: Floats,
    pose: Pose,
    size_wh: tuple[int, int],
    random: Generator,
) -> Pixels | None:
    """Cover of the loops (h, w); None where hair hides them."""
    if random.random() < 0.12 and not isinstance(placement, Hanging):
        return None
    lines = _hung_loop(placement, points) if isinstance(placement, Hanging) else []
    if not isinstance(placement, Hanging):
        for side in (-1, 1):
            edge = points[:, 0 if side < 0 else -1]
            ends = _strap_ends(side, material.straps_round_head)
            # an ear behind the cheek shows neither itself nor the loop
            ear_x, edge_x = pose.rotate(np.stack([ends[0], edge[len(edge) // 2]]))[:, 0]
            if side * (ear_x - edge_x) > 0.02:
                lines += [_strand(edge[2], ends[0]), _strand(edge[-3], ends[1])]
    if not lines:
        return None
    cover = np.zeros((size_wh[1] * FINER, size_wh[0] * FINER), np.uint8)
    thick = max(round(random.uniform(0.016, 0.038) * pose.scale_px * FINER), 2)
    for line in lines:
        xy = (pose.project(line) + 0.5) * FINER - 0.5
        path = np.rint(np.clip(xy, -4000, 4000) * 16).astype(np.int32)
        cv2.polylines(cover, [path], False, 255, thick, cv2.LINE_AA, 4)
    reduced = cv2.resize(cover, size_wh, interpolation=cv2.INTER_AREA)
    return np.asarray(reduced, np.float32) * np.float32(random.uniform(0.75, 1) / 255)


def _strap_ends(side: int, round_head: bool) -> Floats:
    ear = np.array(EAR_XYZ) * (side, 1, 1)
    if round_head:  # one band above the ears, one below
        offsets = [[-0.05 * side, -0.45, 0], [-0.15 * side, 0.6, 0]]
    else:
        offsets = [[0, -0.12, 0], [-0.03 * side, 0.28, 0]]
    return np.asarray(ear + np.array(offsets), np.float64)


def _strand(start: Floats, end: Floats) -> Floats:
    """A slightly bent line (12, 3), as a loop lies on a cheek."""
    t = np.linspace(0, 1, 12)[:, None]
    bend = np.array([np.sign(start[0]) * 0.04, 0.03, 0.1]) * np.sin(np.pi * t)
    return np.asarray(start + (end - start) * t + bend)


def _hung_loop(placement: Hanging, points: Floats) -> list[Floats]:
    """From the upper end of a hanging mask to the ear and back."""
    ear = np.array(EAR_XYZ) * (placement.side, 1, 1) + np.array([0, -0.05, 0.3])
    apart = np.array([0.03, 0, 0])
    return [_strand(points[2, 1], ear - apart), _strand(points[-3, 1], ear + apart)]


# A layer goes into a photo: its light, its shadow, its blur and its grain are the photo's own.


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
        light=_light_of_photo(grey, oval, pose.scale_px, random),
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


def _light_of_photo(grey: Pixels, oval: Pixels, scale_px: float, random: Generator) -> Pixels:
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
