"""Places that a detector takes for faces and that are none: wheels, gloves, signs, bags.

Most places without a face are easy, so a network that meets them at random learns little from them.
Those that it answers to are shown as often as one likes ("bootstrapping", Sung and Poggio 1998;
online: Shrivastava et al. 2016).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from maskwatch.files import write_json
from maskwatch.io.images import load_image
from maskwatch.training.detector.photos import Photo
from maskwatch.vision.detect import Detector, iou_matrix

LEAST_SCORE, HIGHEST_SCORE = 0.25, 0.7
"""A box with less is believed by nobody; one with more is more often a face that nobody drew."""

MOST_A_PHOTO = 8
"""So that no photo of a dark hall or a wall of signs is met more often than all others together."""

_APART_IOU = 0.1  # a box that overlaps a face so much is that face, placed badly

FalseBoxes = Mapping[str, NDArray[np.float64]]
"""By name of the photo: (n, 4)."""


def find_false_boxes(
    detector: Detector,
    photos: Sequence[Photo],
    progress: Callable[[int], None] = lambda _photos: None,
) -> FalseBoxes:
    """What a detector takes for a face where nobody, person or teacher, sees one.

    Args:
        detector: asked for faces down to `LEAST_SCORE`.
        photos: those that are trained on.
        progress: called with the number of photos done since the last call.

    Raises:
        ImageError: a photo cannot be read.
    """
    found = {}
    for photo in photos:
        faces = detector.detect(load_image(photo.path))
        scores = np.array([face.detection_score for face in faces])
        boxes = np.array([face.box_xyxy for face in faces], float).reshape(-1, 4)
        boxes = boxes[(scores >= LEAST_SCORE) & (scores <= HIGHEST_SCORE)]
        seen = np.concatenate([photo.boxes_xyxy, photo.ignore_xyxy])
        boxes = boxes[iou_matrix(boxes, seen).max(axis=1, initial=0) < _APART_IOU]
        if len(boxes):
            found[photo.name] = boxes[:MOST_A_PHOTO]  # the surest come first
        progress(1)
    return found


def write_false_boxes(path: Path, boxes: FalseBoxes) -> None:
    """Keep them for a run that is continued."""
    write_json(path, {name: found.round(1).tolist() for name, found in boxes.items()})


def read_false_boxes(path: Path) -> FalseBoxes:
    """What `write_false_boxes` wrote."""
    return {name: np.array(found) for name, found in json.loads(path.read_text()).items()}
