"""Our own detector over whole sets, so that training crops sit where serving will cut them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskwatch.errors import DataError, ImageError
from maskwatch.files import write_text
from maskwatch.io.images import load_image
from maskwatch.models.runtime import available_cpus
from maskwatch.schema import BoxXYXY
from maskwatch.training.data.catalog import PUBLIC_SETS
from maskwatch.training.data.labels import Problem, photo_name
from maskwatch.training.data.readers import read_set
from maskwatch.vision.detect import FaceDetector, iou_matrix


@dataclass(frozen=True, slots=True)
class Findings:
    """What was found in some sets.

    Attributes:
        pictures: in the form that found_faces.read_found_faces reads, by "SET/path inside the set".
        problems: pictures that cannot be read.
    """

    pictures: Mapping[str, Any]
    problems: tuple[Problem, ...]

    @property
    def faces(self) -> int:
        """How many there are in all pictures."""
        return sum(len(item["faces"]) for item in self.pictures.values())


def list_pictures(folders: Mapping[str, Path]) -> dict[str, Path]:
    """Every labelled picture of some sets by "SET/path inside the set".

    Raises:
        DataError: a folder holds no set.
    """
    pictures = {}
    for name, folder in folders.items():
        public = PUBLIC_SETS.get(name)
        for face in read_set(folder, public.layout if public else None).faces:
            pictures[photo_name(name, folder, face.image_path)] = face.image_path
    return pictures


def find_faces(
    pictures: Mapping[str, Path],
    detector: FaceDetector,
    progress: Callable[[int], None] = lambda _pictures: None,
) -> Findings:
    """Looks for faces in pictures; one that cannot be read is left out and named.

    Args:
        pictures: from `list_pictures`.
        detector: asked at its own lowest score.
        progress: called with the pictures done since the last call.
    """

    def look(path: Path) -> dict[str, Any] | Problem:
        try:
            image_rgb = load_image(path)
        except ImageError as error:
            return Problem(path, str(error).removeprefix(f"{path}: "))
        faces = []
        for face in detector.detect(image_rgb):
            left, top, right, bottom = face.box_xyxy
            box = (left, top, right - left, bottom - top)
            row = np.concatenate([box, np.ravel(face.landmarks_xy or ()), [face.detection_score]])
            faces.append(row.round(3).tolist())
        return {"size": list(image_rgb.shape[1::-1]), "faces": faces}

    found, problems = {}, []
    with ThreadPoolExecutor(available_cpus()) as pool:  # decoding releases the GIL
        for key, result in zip(pictures, pool.map(look, pictures.values()), strict=True):
            if isinstance(result, Problem):
                problems.append(result)
            else:
                found[key] = result
            progress(1)
    return Findings(found, tuple(problems))


def write_found_faces(findings: Findings, path: Path) -> None:
    """Writes what found_faces.read_found_faces reads.

    Raises:
        DataError: the file cannot be written.
    """
    write_text(path, json.dumps(findings.pictures, separators=(",", ":")))


# Faces that another detector found in public photos: machine labels, not ground truth.

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


def main_face(faces: Sequence[Sequence[float]], width: float, height: float) -> BoxXYXY | None:
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


def _read(path: Path) -> dict[str, tuple[tuple[float, float], NDArray[np.float64]]]:
    """Size (width, height) and faces (n, 15) by picture."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{path}: not a readable JSON file ({error})") from error
    try:
        return {name: _picture(**item) for name, item in document.items()}
    except (AttributeError, TypeError, ValueError) as error:
        raise DataError(
            f'{path}: not of the form {{"SET/picture": {{"size": [w, h], "faces": [[x, y, w, h, '
            f"10 landmark values, score]]}}}} ({error})"
        ) from error


def _picture(
    size: Sequence[float], faces: Sequence[Sequence[float]]
) -> tuple[tuple[float, float], NDArray[np.float64]]:
    width, height = np.asarray(size, float).tolist()
    found = np.asarray(faces, float).reshape(-1, 15)
    if not (np.isfinite([width, height]).all() and np.isfinite(found).all()):
        raise ValueError("a number is missing")
    return (width, height), found
