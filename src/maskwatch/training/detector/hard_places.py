"""Places that a detector takes for faces and that are none, and faces that are hard to find.

Most places are easy, with a face or without one, so a network that meets them at random learns
little from them. Those on which it is wrong or in doubt are shown as often as one likes
("bootstrapping", Sung and Poggio 1998; online: Shrivastava et al. 2016). Most faces in photos look
at the camera, and those that detectors miss do not: they are turned, look down or are dark. Scenes
are drawn for them more often than they occur (recipe: scenes.hard_share).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from maskwatch.files import write_json
from maskwatch.io.images import load_image
from maskwatch.schema import ImageRGB
from maskwatch.training.detector.photos import Photo
from maskwatch.vision.detect import Detector, iou_matrix

TURNED_SHARE = 0.25
"""The nose is off the middle of the eyes by this share of the face's width in half profile."""

NARROW_SHARE = 0.28
"""Eyes nearer to each other than this share of the face's width are those of a profile."""

LOW_NOSE_SHARE = 0.12
"""The nose this little below the eyes, as a share of the height: looking down, or up."""

TILTED_SLOPE = 0.35
"""The line through the eyes is this steep from some 20 degrees on."""

DARK_GREY = 60
"""Mean grey value, of 255, under which a face is dark."""


def is_hard(image_rgb: ImageRGB, photo: Photo) -> NDArray[np.bool_]:
    """Which faces (n,) of a photo are hard.

    Args:
        image_rgb: (H, W, 3) the photo.
        photo: its faces, in its pixels.
    """
    width, height = (photo.boxes_xyxy[:, 2:] - photo.boxes_xyxy[:, :2]).T
    right_eye, left_eye, nose = photo.landmarks_xy[:, :3].transpose(1, 0, 2)
    across, off = left_eye - right_eye, nose - (left_eye + right_eye) / 2
    with np.errstate(invalid="ignore"):  # NaN compares as False: those are told below
        turned = (np.abs(off[:, 0]) > TURNED_SHARE * width) | (
            np.linalg.norm(across, axis=1) < NARROW_SHARE * width
        )
        nodding = np.abs(off[:, 1]) < LOW_NOSE_SHARE * height
        tilted = np.abs(across[:, 1]) > TILTED_SLOPE * np.abs(across[:, 0])
    unknown = np.isnan(photo.landmarks_xy).any(axis=(1, 2))
    dark = np.array([_grey(image_rgb, box) < DARK_GREY for box in photo.boxes_xyxy], bool)
    return np.asarray(turned | nodding | tilted | unknown | dark, np.bool_)


def _grey(image_rgb: ImageRGB, box_xyxy: NDArray[np.float64]) -> float:
    left, top, right, bottom = np.maximum(box_xyxy, 0).astype(int)
    inside = image_rgb[top : bottom + 1, left : right + 1]
    return float(inside.mean()) if inside.size else 255.0


FALSE_SCORES = (0.25, 0.7)
"""Of a box on no face: with less it is believed by nobody, one with more is more often a face that
nobody drew."""

DOUBTED_SCORES = (0.1, 0.6)
"""Of a face: one with less is more often none, or one that nobody can tell."""

DOUBTED_SIDE_SHARE = 0.015
"""Faces smaller than this share of the photo's longer side are doubted for want of pixels."""

MOST_A_PHOTO = 8
"""So that no photo of a dark hall or a wall of signs is met more often than all others together."""

_APART_IOU = 0.1  # a box that overlaps a face so much is that face, placed badly
_SAME_IOU = 0.3

Boxes = Mapping[str, NDArray[np.float64]]
"""By name of the photo: (n, 4) in pixels of its file."""


@dataclass(frozen=True, slots=True)
class HardPlaces:
    """What a detector is wrong about or doubts.

    Attributes:
        false: taken for faces, where nobody, person or teacher, sees one.
        doubted: faces that it gives a low score.
    """

    false: Boxes = field(default_factory=dict)
    doubted: Boxes = field(default_factory=dict)


def find_hard_places(
    detector: Detector,
    photos: Sequence[Photo],
    progress: Callable[[int], None] = lambda _photos: None,
) -> HardPlaces:
    """Ask a detector about the photos that are trained on.

    Args:
        detector: asked for faces down to the lowest of `DOUBTED_SCORES`.
        photos: those that are trained on.
        progress: called with the number of photos done since the last call.

    Raises:
        ImageError: a photo cannot be read.
    """
    false, doubted = {}, {}
    for photo in photos:
        image_rgb = load_image(photo.path)
        faces = detector.detect(image_rgb)
        scores = np.array([face.detection_score for face in faces])
        boxes = np.array([face.box_xyxy for face in faces], float).reshape(-1, 4)
        false[photo.name] = _false(boxes, scores, photo)[:MOST_A_PHOTO]  # the surest come first
        smallest_px = DOUBTED_SIDE_SHARE * max(image_rgb.shape[:2])
        doubted[photo.name] = _doubted(boxes, scores, photo, smallest_px)[:MOST_A_PHOTO]
        progress(1)
    return HardPlaces(_where_some(false), _where_some(doubted))


def write_hard_places(path: Path, places: HardPlaces) -> None:
    """Keep them for a run that is continued."""
    write_json(
        path,
        {
            kind: {name: found.round(1).tolist() for name, found in boxes.items()}
            for kind, boxes in (("false", places.false), ("doubted", places.doubted))
        },
    )


def read_hard_places(path: Path) -> HardPlaces:
    """What `write_hard_places` wrote."""
    kinds = json.loads(path.read_text())
    return HardPlaces(
        **{
            kind: {name: np.array(found) for name, found in boxes.items()}
            for kind, boxes in kinds.items()
        }
    )


def _false(
    boxes: NDArray[np.float64], scores: NDArray[np.float64], photo: Photo
) -> NDArray[np.float64]:
    low, high = FALSE_SCORES
    boxes = boxes[(scores >= low) & (scores <= high)]
    seen = np.concatenate([photo.boxes_xyxy, photo.ignore_xyxy])
    apart = iou_matrix(boxes, seen).max(axis=1, initial=0) < _APART_IOU
    return np.asarray(boxes[apart])


def _doubted(
    boxes: NDArray[np.float64], scores: NDArray[np.float64], photo: Photo, smallest_px: float
) -> NDArray[np.float64]:
    is_same = iou_matrix(photo.boxes_xyxy, boxes) >= _SAME_IOU
    best = np.where(is_same, scores[None, :], 0.0).max(axis=1, initial=0)
    sides = (photo.boxes_xyxy[:, 2:] - photo.boxes_xyxy[:, :2]).max(axis=1, initial=0)
    low, high = DOUBTED_SCORES
    is_doubted = (best >= low) & (best <= high) & (sides >= smallest_px)
    return np.asarray(photo.boxes_xyxy[is_doubted])


def _where_some(boxes: Boxes) -> Boxes:
    return {name: found for name, found in boxes.items() if len(found)}
