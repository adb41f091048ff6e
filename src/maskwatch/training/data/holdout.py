"""The photos that the face detector is measured on, and that never decide anything about it.

`test_photos.txt` names them as "SET/path inside the set". They were drawn by the hash of their
group of near-identical photos, so that no copy of one lies in the training data. All of them come
from sets whose boxes a person drew.
"""

from __future__ import annotations

import csv
from collections.abc import Collection, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.resources import files
from pathlib import Path, PurePath

import numpy as np
from numpy.typing import NDArray

from maskwatch.errors import DataError
from maskwatch.schema import BoxXYXY
from maskwatch.training.data.catalog import LABELS, PUBLIC_SETS, Layout
from maskwatch.training.data.class_names import labels_of
from maskwatch.training.data.labels import LabelledFace, Problem, photo_name
from maskwatch.training.data.machine_faces import FOUND_SCORE, found_boxes, is_undrawn
from maskwatch.training.data.readers import read_set
from maskwatch.vision.detect import iou_matrix

_SAME_BOX_IOU = 0.95  # boxes of looks.csv are rounded


@dataclass(frozen=True, slots=True)
class TruthPhoto:
    """A photo whose faces are known.

    Attributes:
        path: the file.
        name: what to call it, "SET/path inside the set".
        boxes_xyxy: (n, 4) in pixels of the upright picture.
        labels: (n,) indices into schema.CLASSES; None where the states are not known, or not to be
            scored.
        undrawn_xyxy: (m, 4) faces that another detector is sure of and that nobody drew; None where
            no other detector looked.
        looks: (n,) by what some of the faces look like, see `looks`.
    """

    path: Path
    name: str
    boxes_xyxy: NDArray[np.float64]
    labels: NDArray[np.intp] | None = None
    undrawn_xyxy: NDArray[np.float64] | None = None
    looks: Mapping[str, NDArray[np.bool_]] = field(default_factory=dict)

    @property
    def doubted_xyxy(self) -> NDArray[np.float64]:
        """The undrawn faces (m, 4); none where no other detector looked."""
        return np.empty((0, 4)) if self.undrawn_xyxy is None else self.undrawn_xyxy

    def __post_init__(self) -> None:
        if self.boxes_xyxy.ndim != 2 or self.boxes_xyxy.shape[1] != 4:
            raise ValueError(f"boxes_xyxy must be (n, 4), not {self.boxes_xyxy.shape}")
        if self.labels is not None and self.labels.shape != (len(self.boxes_xyxy),):
            raise ValueError(f"labels must be ({len(self.boxes_xyxy)},), not {self.labels.shape}")


@cache
def holdout_names() -> frozenset[str]:
    """The names of all test photos."""
    return frozenset((files(__package__) / "test_photos.txt").read_text("utf-8").splitlines())


@cache
def looks() -> Mapping[str, Mapping[str, tuple[BoxXYXY, ...]]]:
    """Where faces are by photo and by what they look like: bearded, in a headscarf, turned away.

    Given by eye for all faces from 20 px of the test photos and of the two sets that are left out
    of training; `looks.csv` holds the boxes as their sets draw them.
    """
    known: dict[str, dict[str, tuple[BoxXYXY, ...]]] = {}
    text = (files(__package__) / "looks.csv").read_text("utf-8")
    for row in csv.DictReader(text.splitlines()):
        by_look = known.setdefault(row["photo"], {})
        x1, y1, x2, y2 = (float(row[edge]) for edge in ("x1", "y1", "x2", "y2"))
        by_look[row["look"]] = (*by_look.get(row["look"], ()), (x1, y1, x2, y2))
    return known


def known_name(path: str, source: str, known: Set[str]) -> str:
    """The name SET/PATH of a photo, with as much of its path as makes it a known name."""
    parts = PurePath(path).parts
    names = ["/".join((source, *parts[-depth:])) for depth in range(1, min(len(parts), 6))]
    return next((name for name in names if name in known), names[0])


def holdout_photos(
    folders: Mapping[str, Path],
    found: Mapping[str, NDArray[np.float64]] | None = None,
    learnt: Collection[str] = (),
) -> tuple[tuple[TruthPhoto, ...], tuple[Problem, ...]]:
    """Reads the test photos of some sets, sorted by name, and what could not be used.

    Args:
        folders: folder of each set by its name in the catalog.
        found: faces another detector found, see found_faces.read_found_faces.
        learnt: sets the detector was trained on. Of any other set with boxes that has no listed
            test photos, all photos are test photos.

    Raises:
        DataError: no photo of a set may be tested on, its folder holds none of them, or a class is
            unknown.
    """
    photos: list[TruthPhoto] = []
    problems: list[Problem] = []
    listed = {name.split("/")[0] for name in holdout_names()}
    unseen = {name for name, public in PUBLIC_SETS.items() if public.layout is not Layout.FOLDERS}
    unseen -= {*learnt}
    for set_name, folder in folders.items():
        takes_all = set_name not in listed
        if takes_all and set_name not in unseen:
            known = ", ".join(sorted(listed | unseen))
            raise DataError(
                f"{set_name}: no test photos in a set of that name (there are: {known})"
            )
        reading = read_set(folder, PUBLIC_SETS[set_name].layout)
        problems += reading.problems
        members = _by_photo(set_name, folder, reading.faces, takes_all)
        if not members:
            raise DataError(f"{folder}: none of the test photos of {set_name} is in it")
        photos += [with_undrawn(photo, found) if found else photo for photo in members]
    return tuple(sorted(photos, key=lambda photo: photo.name)), tuple(problems)


def _by_photo(
    set_name: str, folder: Path, faces: tuple[LabelledFace, ...], takes_all: bool
) -> list[TruthPhoto]:
    """The photos among the labelled faces of a set that are for testing, or all."""
    members: dict[Path, list[LabelledFace]] = {}
    for face in faces:
        if takes_all or photo_name(set_name, folder, face.image_path) in holdout_names():
            members.setdefault(face.image_path, []).append(face)
    return [_truth(set_name, folder, path, listed) for path, listed in members.items()]


def _truth(set_name: str, folder: Path, path: Path, listed: Sequence[LabelledFace]) -> TruthPhoto:
    name = photo_name(set_name, folder, path)
    boxes_xyxy = np.array([face.box_xyxy for face in listed], float).reshape(-1, 4)
    labels = np.array([_class_index(set_name, face) for face in listed], np.intp)
    return TruthPhoto(
        path,
        name,
        boxes_xyxy,
        labels,
        looks={
            look: iou_matrix(boxes_xyxy, np.array(places)).max(axis=1, initial=0) > _SAME_BOX_IOU
            for look, places in looks().get(name, {}).items()
        },
    )


def with_undrawn(photo: TruthPhoto, found: Mapping[str, NDArray[np.float64]]) -> TruthPhoto:
    """The photo with those of the faces another detector is sure of that nobody drew."""
    machine = found.get(photo.name, np.empty((0, 15)))
    boxes = found_boxes(machine[machine[:, -1] >= FOUND_SCORE])
    return replace(photo, undrawn_xyxy=boxes[is_undrawn(boxes, photo.boxes_xyxy)])


def _class_index(set_name: str, face: LabelledFace) -> int:
    labels = labels_of([face], PUBLIC_SETS[set_name].classes)
    label = labels[face.class_name, face.class_id]
    if label is None:
        raise DataError(f"{face.image_path}: {set_name} has no class {face.class_name!r}")
    return LABELS.index(label)
