"""A head as a surface in three dimensions, and its pose from five landmarks.

Head coordinates: x to the picture's right, y down, z towards the camera; the origin lies between
the eyes and the distance of the eyes is 1 (63 mm on an adult). A place on the surface is (angle,
height): `height` is y, `angle` goes round the head, 0 in the middle of the face and 90 degrees at
the ears. The figures are rounded from common tables of head measures.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

NOSE_TIP, NOSTRILS, MOUTH, LOWER_LIP, CHIN = 0.60, 0.70, 1.0, 1.13, 1.64
"""Heights of the mean face."""

# right eye, left eye, nose tip, right and left corner of the mouth, as detectors order them
_LANDMARKS = np.array(
    [[-0.5, 0, 0], [0.5, 0, 0], [0, NOSE_TIP - 0.03, 0.50], [-0.40, MOUTH, 0.1], [0.40, MOUTH, 0.1]]
)
# height, half width, depth in the middle (nose apart), depth at the ears
_SECTIONS = np.array(
    [
        [-1.1, 0.80, 0.05, -1.2],
        [-0.55, 1.05, 0.15, -1.0],
        [0.0, 1.10, 0.15, -0.9],
        [0.37, 1.10, 0.20, -0.9],
        [0.74, 1.05, 0.25, -0.9],
        [1.0, 0.99, 0.32, -0.9],
        [1.3, 0.86, 0.25, -0.8],
        [1.52, 0.70, 0.25, -0.7],
        [1.7, 0.60, 0.10, -0.6],
        [1.95, 0.64, -0.20, -0.9],
        [2.4, 0.74, -0.45, -1.2],
        [3.2, 1.10, -0.45, -1.2],
    ]
)
EAR_XYZ = (1.06, 0.25, -0.9)
"""Where a loop goes round the ear, on the picture's right."""


@dataclass(frozen=True, slots=True)
class Pose:
    """How a head lies in a picture: seen from afar, turned, and long or short.

    Attributes:
        scale_px: pixels a unit.
        turn: (3, 3) rotation.
        shift_xy: (2,) pixels of the point between the eyes.
        length: height of this face over that of the mean face.
        yaw_deg: turned to the side; positive where the nose points to the picture's right.
        residual: root mean square distance of the landmarks from the model, in units.
    """

    scale_px: float
    turn: Floats
    shift_xy: Floats
    length: float
    yaw_deg: float
    residual: float

    def project(self, points_xyz: Floats) -> Floats:
        """Head coordinates (..., 3) -> pixels (..., 2)."""
        turned = self.rotate(points_xyz)
        return np.asarray(turned[..., :2] * self.scale_px + self.shift_xy)

    def rotate(self, points_xyz: Floats) -> Floats:
        """Head coordinates (..., 3), stretched to this face and turned towards the camera."""
        return np.asarray((points_xyz * (1, self.length, 1)) @ self.turn.T)


def surface(angle_deg: Floats, height: Floats) -> Floats:
    """Places on the skin -> head coordinates (..., 3); beyond 90 degrees it goes straight back."""
    columns = (np.interp(height, _SECTIONS[:, 0], _SECTIONS[:, i]) for i in (1, 2, 3))
    half_width, front, back = columns
    angle = np.deg2rad(np.clip(angle_deg, -90, 90))
    beyond = np.deg2rad(np.maximum(np.abs(angle_deg) - 90, 0))
    depth = back + (front - back) * np.cos(angle) ** 0.8 - beyond
    return np.stack([half_width * np.sin(angle), np.broadcast_to(height, depth.shape), depth], -1)


def fit_pose(landmarks_xy: Floats) -> Pose:
    """The pose whose five landmarks are nearest to those of a picture.

    Gauss-Newton on scale, three turns, shift and length, with weak beliefs that keep the turns and
    the length sane where five noisy points say little.

    Args:
        landmarks_xy: (5, 2) pixels, in the order of `schema.LandmarksXY`.
    """
    eyes, mouth = landmarks_xy[:2].mean(axis=0), landmarks_xy[3:].mean(axis=0)
    down = mouth - eyes
    unit_px = max(float(np.hypot(*down)) / MOUTH, 1e-3)
    start = np.array([0, np.arctan2(-down[0], down[1]), 0, 0, 0, 0, 0], float)
    belief = np.array([0, 0, 0.5, 0.15, 0, 0, 0.06])  # radians, radians, logarithm
    values = start.copy()

    def errors(values: Floats) -> Floats:
        pose = _pose(values, unit_px, eyes)
        misses = (pose.project(_LANDMARKS) - landmarks_xy) / (unit_px * 0.04)
        known = belief > 0
        return np.concatenate([misses.ravel(), values[known] / belief[known]])

    for _ in range(12):
        now = errors(values)
        slopes = np.stack(
            [(errors(values + step) - now) / 1e-4 for step in np.eye(len(values)) * 1e-4], axis=1
        )
        values = values - np.linalg.lstsq(slopes, now, rcond=None)[0]
        values[2:4] = np.clip(values[2:4], -1.3, 1.3)
    return _pose(values, unit_px, eyes, float(np.sqrt((errors(values)[:10] ** 2).mean()) * 0.04))


def _pose(values: Floats, unit_px: float, eyes_xy: Floats, residual: float = 0.0) -> Pose:
    grow, roll, yaw, pitch, x, y, longer = values.tolist()
    about_z = _rotation(roll, 0, 1)
    turn = about_z @ _rotation(-yaw, 0, 2) @ _rotation(pitch, 1, 2)
    shift = eyes_xy + np.array([x, y]) * unit_px
    scale, length = unit_px * float(np.exp(grow)), float(np.exp(longer))
    return Pose(scale, turn, shift, length, float(np.rad2deg(yaw)), residual)


def _rotation(angle: float, first: int, second: int) -> Floats:
    turn = np.eye(3)
    turn[[first, second], [first, second]] = np.cos(angle)
    turn[first, second], turn[second, first] = -np.sin(angle), np.sin(angle)
    return turn
