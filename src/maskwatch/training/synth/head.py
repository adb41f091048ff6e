"""A head as a surface in three dimensions, and its pose from five landmarks.

Head coordinates: x to the picture's right, y down, z towards the camera; the origin lies between
the eyes and the distance of the eyes is 1 (63 mm on an adult). A place on the surface is (angle,
height): `height` is y, `angle` goes round the head, 0 in the middle of the face and 90 degrees at
the ears. The figures are rounded from common tables of head measures.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from maskwatch.schema import BoxXYXY, ImageRGB
from maskwatch.vision.detect import Detector, iou_matrix

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


# Manifest rows -> faces with landmarks, each in a picture of its own with its surroundings.

MIN_FACE_PX = 48
"""Longer side of a face; on a smaller one five landmarks are too rough."""

PICTURE_PX = 256
"""Longest side of a picture."""

SQUARE_RATIO = 2.2
"""Side of the picture over that of the face: what the training's margin, turns and shifts use."""

MIN_IOU = 0.35
"""A found face with less is not the one that somebody drew a box around."""

_LOOK_RATIO = 2.0  # what the detector sees around a box
_MAX_RESIDUAL = 0.07
_CLOSE_UP, _CHIN_ROOM = 1.45, 0.25  # sides of the face
_MIN_SCORE = 0.6
_DOMINANCE = 4.0  # area of the largest face over the next one's


@dataclass(frozen=True, slots=True)
class FacePicture:
    """One face with its surroundings, no larger than training needs it.

    Attributes:
        image_rgb: (h, w, 3).
        box_xyxy: of the face in it.
        landmarks_xy: (5, 2) of the face in it.
        pose: of the head in it.
        group: near-identical group of the photo it comes from.
    """

    image_rgb: ImageRGB
    box_xyxy: BoxXYXY
    landmarks_xy: NDArray[np.float64]
    pose: Pose
    group: str

    @property
    def is_close_up(self) -> bool:
        """The face fills the picture, as in sets of faces that somebody cut out."""
        return bool(max(self.image_rgb.shape[:2]) < _CLOSE_UP * self._side)

    @property
    def has_chin_room(self) -> bool:
        """There is neck or chest below the face."""
        return bool(self.image_rgb.shape[0] - self.box_xyxy[3] > _CHIN_ROOM * self._side)

    @property
    def _side(self) -> float:
        left, top, right, bottom = self.box_xyxy
        return float(max(right - left, bottom - top))


def find_face(
    detector: Detector, image_rgb: ImageRGB, box_xyxy: BoxXYXY | None
) -> tuple[BoxXYXY, NDArray[np.float64]] | None:
    """The labelled face: its box and its five landmarks (5, 2) in pixels of the photo.

    Args:
        detector: must give landmarks.
        image_rgb: (H, W, 3).
        box_xyxy: as somebody drew it; None where the whole picture is about one face.
    """
    left, top, right, bottom = _surroundings(image_rgb, box_xyxy, _LOOK_RATIO)
    found = [
        face
        for face in detector.detect(np.ascontiguousarray(image_rgb[top:bottom, left:right]))
        if face.detection_score >= _MIN_SCORE and face.landmarks_xy is not None
    ]
    corner = np.array([left, top], float)
    boxes = np.array([face.box_xyxy for face in found]).reshape(-1, 4) + np.tile(corner, 2)
    chosen = _dominant(boxes) if box_xyxy is None else _same(boxes, box_xyxy)
    if chosen is None:
        return None
    box = boxes[chosen].tolist()
    return (box[0], box[1], box[2], box[3]), np.array(found[chosen].landmarks_xy) + corner


def _dominant(boxes: NDArray[np.float64]) -> int | None:
    """The only face, or one that is much larger than the next."""
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    order = np.argsort(-areas, kind="stable")
    if not len(order) or (len(order) > 1 and areas[order[0]] < _DOMINANCE * areas[order[1]]):
        return None
    return int(order[0])


def _same(boxes: NDArray[np.float64], box_xyxy: BoxXYXY) -> int | None:
    if not len(boxes):
        return None
    overlap = iou_matrix(boxes, np.array([box_xyxy]))[:, 0]
    best = int(overlap.argmax())
    return best if overlap[best] >= MIN_IOU else None


def _surroundings(
    image_rgb: ImageRGB, box_xyxy: BoxXYXY | None, ratio: float
) -> tuple[int, int, int, int]:
    """The part of a square around a box that the photo has: left, top, right, bottom."""
    height, width = image_rgb.shape[:2]
    if box_xyxy is None:
        return 0, 0, width, height
    left, top, right, bottom = box_xyxy
    half = max(right - left, bottom - top) * ratio / 2
    x, y = (left + right) / 2, (top + bottom) / 2
    return (
        max(round(x - half), 0),
        max(round(y - half), 0),
        min(round(x + half), width),
        min(round(y + half), height),
    )


def cut_picture(
    image_rgb: ImageRGB,
    box_xyxy: BoxXYXY,
    landmarks_xy: NDArray[np.float64],
    group: str,
    max_yaw_deg: float,
) -> FacePicture | None:
    """The face with its surroundings; None where it is small, turned away, or unlike a face."""
    left, top, right, bottom = box_xyxy
    if max(right - left, bottom - top) < MIN_FACE_PX:
        return None
    x0, y0, x1, y1 = _surroundings(image_rgb, box_xyxy, SQUARE_RATIO)
    scale = min(1.0, PICTURE_PX / max(x1 - x0, y1 - y0))
    size = max(round((x1 - x0) * scale), 1), max(round((y1 - y0) * scale), 1)
    ratio_xy = np.array([size[0] / (x1 - x0), size[1] / (y1 - y0)])
    corner = np.array([x0, y0])
    landmarks = (landmarks_xy - corner + 0.5) * ratio_xy - 0.5
    pose = fit_pose(landmarks)
    if abs(pose.yaw_deg) > max_yaw_deg or pose.residual > _MAX_RESIDUAL:
        return None
    part = image_rgb[y0:y1, x0:x1]
    small = part if scale == 1 else cv2.resize(part, size, interpolation=cv2.INTER_AREA)
    box = ((np.array(box_xyxy) - np.tile(corner, 2)) * np.tile(ratio_xy, 2)).tolist()
    picture = np.ascontiguousarray(small, np.uint8)
    return FacePicture(picture, (box[0], box[1], box[2], box[3]), landmarks, pose, group)
