"""Hands as reliefs: laid over mouth and nose, or gripping what is held there."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator

from maskwatch.training.synth.head import MOUTH, NOSE_TIP, Pose, surface
from maskwatch.training.synth.materials import SKINS, Pixels, draw_colour
from maskwatch.training.synth.render import Layer

# a right hand from its back, wrist at the origin, fingers upwards: knuckle and length of each
# finger from the index on, in eye distances
_KNUCKLES = ((-0.43, -1.38), (-0.15, -1.46), (0.14, -1.42), (0.40, -1.30))
_LENGTHS = (1.05, 1.18, 1.08, 0.84)
_RADII = (0.165, 0.17, 0.16, 0.14)


def hand_skin(face_rgb: Pixels, random: Generator) -> Pixels:
    """The face's own skin or, where a hand is someone else's, any other (3,)."""
    base = np.array(SKINS[random.integers(len(SKINS))]) if random.random() < 0.12 else face_rgb
    return np.asarray(
        np.clip(base * random.uniform(0.85, 1.12) * random.uniform(0.97, 1.03, 3), 0.03, 0.97)
    )


def flat_hand(plane: Plane, skin: Pixels, random: Generator) -> Layer:
    """A whole hand with its arm, wrist at the plane's origin and fingers upwards."""
    spread = random.choice([random.uniform(0, 2.5), random.uniform(3, 9)])
    fold = random.uniform(0.78, 1.0)
    hand = _back(plane, random)
    colour = _skin_map(plane, skin, random)
    nails = _nail_colour(skin, random)
    lines = random.uniform(0.03, 0.16)
    for (x, y), length, radius in zip(_KNUCKLES, _LENGTHS, _RADII, strict=True):
        lean = np.deg2rad(spread * x * 4.5 + random.normal(0, 1.5))
        bend = lean + np.deg2rad(random.normal(0, 4) - 5 * x)
        reach = length * fold * random.uniform(0.95, 1.05)
        middle = _along((x, y), lean, reach * 0.5)
        tip = _along(middle, bend, reach * 0.5 - radius * 0.8)
        finger = capsule(plane, _along((x, y), lean, -0.4), middle, radius, radius * 0.94)
        finger |= capsule(plane, middle, tip, radius * 0.94, radius * 0.76)
        hand |= _flesh(finger, plane)
        _wrinkle(colour, plane, (x, y), lean, radius, lines * 0.5)
        _wrinkle(colour, plane, middle, lean, radius, lines)
        _wrinkle(colour, plane, _along(middle, bend, reach * 0.25), bend, radius, lines)
        if nails is not None:
            _nail(colour, plane, _along(tip, bend, 0.02), bend, radius * 0.62, nails)
    shown = paint(hand, plane, colour, random.uniform(0.3, 0.5))
    sleeve = _sleeve(plane, random)
    return shown if sleeve is None else stack(plane, shown, sleeve)


def fist(plane: Plane, skin: Pixels, random: Generator) -> Layer:
    """A closed hand, the folded fingers towards the camera, its middle at the plane's origin."""
    arm = capsule(plane, (0.1, 0.5), (random.normal(0.3, 0.5), 4.0), 0.45, 0.62)
    mass = capsule(plane, (-0.3, 0.15), (0.3, 0.2), 0.5, 0.48)
    layers = [paint(softened(arm | mass, plane, 0.1), plane, _skin_map(plane, skin, random), 0.5)]
    for x, radius in ((0.46, 0.15), (0.2, 0.17), (-0.09, 0.18), (-0.38, 0.17)):
        top, bottom = -0.42 + 0.1 * abs(x) + random.normal(0, 0.02), 0.32 - 0.15 * abs(x)
        finger = capsule(plane, (x, top), (x * 0.9, bottom), radius, radius * 0.9)
        colour = _skin_map(plane, skin * (1.02, 0.97, 0.95), random)
        _wrinkle(colour, plane, (x, top + 0.1), 0.0, radius, 0.1)
        layers.append(paint(_flesh(finger, plane), plane, colour, 0.45))
    thumb = capsule(plane, (-0.5, 0.4), (0.1, 0.28), 0.18, 0.14)
    layers.append(paint(thumb, plane, _skin_map(plane, skin, random), 0.55))
    return stack(plane, *layers)


def grip(plane: Plane, skin: Pixels, reach: Point, half_height: float, random: Generator) -> Layer:
    """Four fingers round a thing whose edge is the plane's y axis, the back of the hand beside it.

    Args:
        plane: the thing lies on the right.
        skin: (3,).
        reach: how far the fingers come over the edge, at least and at most.
        half_height: of the four fingers together.
        random: decides the rest.
    """
    arm = capsule(plane, (-0.3, 0.4), (-random.uniform(0.2, 1.6), 4.5), 0.42, 0.6)
    back = capsule(plane, (-0.12, -half_height * 0.7), (-0.16, half_height), 0.3, 0.36)
    layers = [paint(softened(arm | back, plane, 0.08), plane, _skin_map(plane, skin, random), 0.5)]
    nails = _nail_colour(skin, random)
    radius = half_height / 3.9
    slant = random.normal(0, 5)
    for number in range(4):
        y = (number - 1.5) * 2 * radius * 0.98 + random.normal(0, 0.01)
        lean = np.deg2rad(90 + slant + random.normal(0, 2.5))
        length = random.uniform(*reach) * (1, 1.06, 1.0, 0.85)[number]
        tip = _along((0.0, y), lean, length - radius)
        finger = capsule(plane, (-0.12, y), tip, radius, radius * 0.84)
        colour = _skin_map(plane, skin * (1.02, 0.97, 0.95), random)
        _wrinkle(colour, plane, _along((0.0, y), lean, length * 0.35), lean, radius, 0.1)
        if nails is not None:
            _nail(colour, plane, _along(tip, lean, 0.0), lean, radius * 0.62, nails)
        layers.append(paint(_flesh(finger, plane), plane, colour, 0.45))
    return stack(plane, *layers)


def _flesh(finger: Body, plane: Plane) -> Body:
    """Flatter than a rod, and soft where two parts meet."""
    return Body(softened(finger, plane, 0.03).height * 0.8, finger.distance)


def _back(plane: Plane, random: Generator) -> Body:
    """Arm, back of the hand and thumb."""
    arm = capsule(plane, (0.0, 0.1), (random.normal(0, 0.4), 4.5), 0.4, 0.58)
    hand = arm
    for x, y in _KNUCKLES:
        hand |= capsule(plane, (x * 0.55, 0.0), (x * 0.95, y), 0.28, 0.19)
    away = np.deg2rad(-random.uniform(12, 55))
    joint = _along((-0.28, -0.25), away, 0.55)
    thumb = capsule(plane, (-0.2, -0.1), joint, 0.28, 0.2)
    tip = _along(joint, away * random.uniform(0.3, 1.0), 0.62)
    return softened(hand | thumb, plane, 0.06) | capsule(plane, joint, tip, 0.19, 0.14)


def _sleeve(plane: Plane, random: Generator) -> Layer | None:
    if random.random() < 0.4:
        return None
    start = random.uniform(0.0, 0.7)
    sleeve = capsule(plane, (0.0, start + 0.5), (random.normal(0, 0.3), 4.5), 0.6, 0.8)
    cut = start + 0.06 * np.sin(plane.x * 5) - plane.y
    sleeve = Body(sleeve.height * (cut < 0), np.maximum(sleeve.distance, cut))
    return paint(
        softened(sleeve, plane, 0.04),
        plane,
        mottled(plane, np.array(draw_colour(random)), 3, 0.08, random),
        0.5,
    )


def _skin_map(plane: Plane, skin: Pixels, random: Generator) -> Pixels:
    return mottled(plane, skin, 2.5, 0.035, random)


def _nail_colour(skin: Pixels, random: Generator) -> Pixels | None:
    """None where the finger tips are turned away."""
    draw = random.random()
    if draw < 0.3:
        return None
    if draw < 0.85:
        return np.asarray(np.clip(skin * (1.08, 1.0, 1.02) + 0.06, 0, 1))
    return np.array(draw_colour(random))


def _along(start: Point, lean: float, length: float) -> Point:
    """From a point upwards, leaning to the right."""
    return start[0] + float(np.sin(lean)) * length, start[1] - float(np.cos(lean)) * length


def _local(plane: Plane, at: Point, lean: float) -> tuple[Pixels, Pixels]:
    """Across and along a finger from a point on it."""
    x, y = plane.x - at[0], plane.y - at[1]
    sin, cos = float(np.sin(lean)), float(np.cos(lean))
    return x * cos + y * sin, x * sin - y * cos


def _wrinkle(
    colour: Pixels, plane: Plane, at: Point, lean: float, radius: float, strength: float
) -> None:
    across, along = _local(plane, at, lean)
    near = np.exp(-((across / radius) ** 4))
    lines = sum(np.exp(-(((along - off * radius) / (0.12 * radius)) ** 2)) for off in (-0.3, 0.25))
    colour *= (1 - strength * near * lines)[..., None]


def _nail(
    colour: Pixels, plane: Plane, at: Point, lean: float, size: float, nail_rgb: Pixels
) -> None:
    across, along = _local(plane, at, lean)
    radius = (np.abs(across / size) ** 3 + np.abs((along - 0.1 * size) / (1.25 * size)) ** 3) ** (
        1 / 3
    )
    share = np.clip((1 - radius) * size * plane.px + 0.5, 0, 1)[..., None]
    rim = np.exp(-(((radius - 1.05) / 0.12) ** 2))[..., None]
    colour[:] = colour * (1 - 0.15 * rim) * (1 - share) + nail_rgb * share


# Bodies held before a face, as heights above a plane that lies on it; painted by their slopes.

FINER = 2
"""Bodies are painted at so many times the picture's resolution and then reduced."""

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Plane:
    """Every fine pixel's place in some plane that faces the camera.

    Attributes:
        x: (h, w) to the right, in units of the plane; on the face's own one the eye distance.
        y: (h, w) down; on the face's own plane 0 lies between the eyes.
        px: fine pixels a unit.
        light: where it comes from, along the picture's axes and towards the camera.
    """

    x: Pixels
    y: Pixels
    px: float
    light: tuple[float, float, float]

    def moved(
        self, at: Point, turn_deg: float = 0.0, size: float = 1.0, mirrored: bool = False
    ) -> Plane:
        """The plane of a thing that stands at `at`, turned clockwise, so many times as large."""
        angle = np.deg2rad(turn_deg)
        cos, sin = float(np.cos(angle)), float(np.sin(angle))
        flip = -1.0 if mirrored else 1.0
        x, y = (self.x - at[0]) / size, (self.y - at[1]) / size
        return Plane((x * cos + y * sin) * flip, y * cos - x * sin, self.px * size, self.light)


@dataclass(frozen=True, slots=True)
class Body:
    """A thing in a plane, in its units.

    Attributes:
        height: (h, w) above the plane.
        distance: (h, w) from its outline, negative inside.
    """

    height: Pixels
    distance: Pixels

    def __or__(self, other: Body) -> Body:
        """Both, with a crease where they meet."""
        return Body(
            np.maximum(self.height, other.height), np.minimum(self.distance, other.distance)
        )


def face_plane(pose: Pose, size_wh: tuple[int, int], random: Generator) -> Plane:
    """The plane before nose and mouth: `NOSE_TIP` and `MOUTH` are where the face has them."""
    places = np.stack([np.array([0, NOSE_TIP, 0.5]), surface(np.array(0.0), np.array(MOUTH))])
    between_x, between_y = pose.project(places).mean(axis=0).tolist()
    across = pose.turn[:2, 0] / np.linalg.norm(pose.turn[:2, 0])
    columns, rows = np.meshgrid(
        *((np.arange(side * FINER, dtype=np.float32) + 0.5) / FINER - 0.5 for side in size_wh)
    )
    x, y = (columns - between_x) / pose.scale_px, (rows - between_y) / pose.scale_px
    return Plane(
        x=np.asarray(x * across[0] + y * across[1], np.float32),
        y=np.asarray(y * across[0] - x * across[1] + (NOSE_TIP + MOUTH) / 2, np.float32),
        px=pose.scale_px * FINER,
        light=draw_light(random),
    )


def draw_light(random: Generator) -> tuple[float, float, float]:
    """Where light comes from, see Plane: mostly from above."""
    light = np.array([random.normal(0, 0.5), -abs(random.normal(0.5, 0.3)), 1.0])
    across, down, near = (light / np.linalg.norm(light)).tolist()
    return across, down, near


def capsule(plane: Plane, start: Point, end: Point, radius: float, end_radius: float) -> Body:
    """A round rod with round ends, thicker at one of them."""
    along = np.array(end) - np.array(start)
    x, y = plane.x - start[0], plane.y - start[1]
    share = np.clip((x * along[0] + y * along[1]) / max(float(along @ along), 1e-6), 0, 1)
    thick = radius + (end_radius - radius) * share
    apart = np.hypot(x - share * along[0], y - share * along[1])
    return Body(np.sqrt(np.clip(thick**2 - apart**2, 0, None)), apart - thick)


def slab(plane: Plane, half_width: float, half_length: float, corner: float, edge: float) -> Body:
    """A flat plate with round corners and an edge of that roundness."""
    x, y = np.abs(plane.x) - half_width + corner, np.abs(plane.y) - half_length + corner
    outside = np.hypot(np.maximum(x, 0), np.maximum(y, 0))
    distance = outside + np.minimum(np.maximum(x, y), 0) - corner
    rise = np.clip(-distance / edge, 0, 1)
    return Body(edge * np.sqrt(1 - (1 - rise) ** 2), distance)


def softened(body: Body, plane: Plane, reach: float) -> Body:
    """The same outline with its heights evened out."""
    height = cv2.GaussianBlur(body.height, (0, 0), max(reach * plane.px, 0.5))
    return Body(np.asarray(height, np.float32), body.distance)


def paint(body: Body, plane: Plane, colour: Pixels, contrast: float, gloss: float = 0.0) -> Layer:
    """Light on a body of that colour ((3,) or (h, w, 3)); edges and creases are darker."""
    down, across = (slope * plane.px for slope in np.gradient(body.height))
    light = plane.light
    steep = np.sqrt(1 + across**2 + down**2)
    lit = (light[2] - across * light[0] - down * light[1]) / steep
    deep = cv2.GaussianBlur(body.height, (0, 0), max(0.12 * plane.px, 0.5)) - body.height
    shade = 1 - contrast + contrast * np.clip(lit, 0, None) / light[2]
    shade = np.clip(shade, 0, 1.35) * (1 - np.clip(deep * 2.5 * contrast, 0, 0.6))
    shine = gloss * np.clip(2 * lit / steep - light[2], 0, 1) ** 12
    cover = np.clip(0.5 - body.distance * plane.px, 0, 1).astype(np.float32)
    painted = np.clip(np.broadcast_to(colour, (*cover.shape, 3)) * shade[..., None], 0, 1)
    painted = np.clip(painted + shine[..., None], 0, 1)
    return Layer(np.asarray(painted * cover[..., None], np.float32), cover)


def stack(plane: Plane, *layers: Layer) -> Layer:
    """The later ones before the earlier ones, and their shadows on these."""
    below = layers[0]
    for layer in layers[1:]:
        shadow = 1 - 0.4 * cv2.GaussianBlur(layer.cover, (0, 0), max(0.07 * plane.px, 0.5))
        left = (1 - layer.cover) * shadow
        below = Layer(
            layer.colour + below.colour * left[..., None],
            layer.cover + below.cover * (1 - layer.cover),
        )
    return below


def reduced(layer: Layer, size_wh: tuple[int, int]) -> Layer:
    """The layer at the picture's own resolution."""
    colour, cover = (
        np.asarray(cv2.resize(part, size_wh, interpolation=cv2.INTER_AREA), np.float32)
        for part in (layer.colour, layer.cover)
    )
    return Layer(colour, cover)


def mottled(
    plane: Plane, colour: Pixels, cells: float, strength: float, random: Generator
) -> Pixels:
    """A colour that varies softly over the plane, in patches of 1 / cells units (h, w, 3)."""
    height, width = plane.x.shape
    rows = max(round(height / plane.px * cells), 2)
    coarse = random.standard_normal((rows, max(round(rows * width / height), 2)))
    noise = cv2.resize(coarse.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    return np.asarray(colour * (1 + strength * noise[..., None]), np.float32)
