"""Manifest rows -> faces with landmarks, each in a picture of its own with its surroundings."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from maskwatch.boxes import iou_matrix
from maskwatch.detect import Detector
from maskwatch.schema import BoxXYXY, ImageRGB
from maskwatch.training.synth.head import Pose, fit_pose

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
