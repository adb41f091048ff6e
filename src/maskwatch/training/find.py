"""Our own detector over whole sets, so that training crops sit where serving will cut them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from maskwatch.detect import FaceDetector
from maskwatch.errors import DataError, ImageError
from maskwatch.runtime import available_cpus
from maskwatch.sources import load_image
from maskwatch.training.catalog import PUBLIC_SETS
from maskwatch.training.readers import Problem, read_set


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
            key = f"{name}/{face.image_path.relative_to(folder).as_posix()}"
            pictures[key] = face.image_path
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
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(findings.pictures, separators=(",", ":")), encoding="utf-8")
    except OSError as error:
        raise DataError(f"{path}: cannot be written ({error.strerror})") from error
