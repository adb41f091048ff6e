"""Faces that another detector found in public photos: machine labels, not ground truth."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from maskwatch.boxes import iou_matrix
from maskwatch.errors import DataError
from maskwatch.schema import BoxXYXY

FOUND_SCORE = 0.6
"""From this detector score on, a machine-found face is nearly always a face."""

SAME_FACE_IOU = 0.4
"""A found face with this overlap is the drawn one; conventions on chin and hair line differ."""

DOMINANT_AREA_RATIO = 4.0
"""The biggest face is the labelled one if it has this many times the area of the next."""


def read_found_faces(path: Path) -> dict[str, NDArray[np.float64]]:
    """Reads the faces of each picture: (n, 15) x, y, width, height, five landmarks, score.

    Args:
        path: JSON `{"SET/picture.jpg": {"size": [w, h], "faces": [[x, y, w, h, 10 landmark
            values, score], ...]}}` in pixels of the picture.

    Raises:
        DataError: the file cannot be read or is no such JSON.
    """
    return {name: faces for name, (_, faces) in _read(path).items()}


def read_main_faces(path: Path) -> dict[str, BoxXYXY]:
    """Reads the box of the one face each picture is about; pictures without one are not in it.

    Args:
        path: as for `read_found_faces`.

    Raises:
        DataError: as for `read_found_faces`.
    """
    boxes = {name: main_face(faces.tolist(), *size) for name, (size, faces) in _read(path).items()}
    return {name: box for name, box in boxes.items() if box is not None}


def main_face(faces: Sequence[Sequence[float]], width: int, height: int) -> BoxXYXY | None:
    """The one face a picture is about, its box cut at the picture's edge.

    That is the only face of at least `FOUND_SCORE`, or one with `DOMINANT_AREA_RATIO` times the
    area of the next. Otherwise None: the label cannot be tied to one of several faces.

    Args:
        faces: x, y, width, height, ..., score of each.
        width: of the picture in pixels.
        height: of the picture in pixels.
    """
    sure = sorted((face[2] * face[3], *face[:4]) for face in faces if face[-1] >= FOUND_SCORE)
    if not sure or (len(sure) > 1 and sure[-1][0] < DOMINANT_AREA_RATIO * sure[-2][0]):
        return None
    _, x, y, w, h = sure[-1]
    left, top, right, bottom = max(x, 0.0), max(y, 0.0), min(x + w, width), min(y + h, height)
    return (left, top, right, bottom) if left < right and top < bottom else None


def found_boxes(machine: NDArray[np.float64]) -> NDArray[np.float64]:
    """Boxes (n, 4), left, top, right, bottom, of found faces (n, 15)."""
    return np.concatenate([machine[:, :2], machine[:, :2] + machine[:, 2:4]], axis=1)


def is_undrawn(
    machine_xyxy: NDArray[np.float64], drawn_xyxy: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Which found faces (n,) have no drawn face (m, 4) at their place, not even a loose one."""
    overlap = iou_matrix(machine_xyxy, drawn_xyxy)
    return np.asarray(overlap.max(axis=1, initial=0) < SAME_FACE_IOU / 2, np.bool_)


def _read(path: Path) -> dict[str, tuple[tuple[int, int], NDArray[np.float64]]]:
    """Size (width, height) and faces (n, 15) by picture."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: not a readable JSON file ({error})") from error
    try:
        return {name: _picture(**item) for name, item in document.items()}
    except (AttributeError, TypeError, ValueError) as error:
        raise DataError(
            f'{path}: not of the form {{"SET/picture": {{"size": [w, h], "faces": [[x, y, w, h, '
            f"10 landmark values, score]]}}}} ({error})"
        ) from error


def _picture(
    size: Sequence[int], faces: Sequence[Sequence[float]]
) -> tuple[tuple[int, int], NDArray[np.float64]]:
    width, height = size
    return (width, height), np.asarray(faces, float).reshape(-1, 15)
