"""Bodies held before a face, as heights above a plane that lies on it; painted by their slopes."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator

from maskwatch.training.synth.head import MOUTH, NOSE_TIP, Pose, surface
from maskwatch.training.synth.material import Pixels
from maskwatch.training.synth.render import Layer

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
    light = np.array([random.normal(0, 0.5), -abs(random.normal(0.5, 0.3)), 1.0])
    light /= np.linalg.norm(light)
    return Plane(
        x=np.asarray(x * across[0] + y * across[1], np.float32),
        y=np.asarray(y * across[0] - x * across[1] + (NOSE_TIP + MOUTH) / 2, np.float32),
        px=pose.scale_px * FINER,
        light=(float(light[0]), float(light[1]), float(light[2])),
    )


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
