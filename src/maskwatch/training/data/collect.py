"""Named sets become one manifest table: classes mapped, files hashed, machine-found boxes added."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from maskwatch.errors import DataError, SettingError
from maskwatch.schema import BoxXYXY
from maskwatch.training.catalog import PUBLIC_SETS, ROW_LABELS, label_of
from maskwatch.training.manifest import BOX, COLUMNS, tidy
from maskwatch.training.readers import LabelledFace, Problem, read_set


@dataclass(frozen=True, slots=True)
class Collection:
    """What the sets hold together.

    Attributes:
        table: a manifest without groups and splits.
        problems: what could not be used, with reasons.
        machine_boxes: rows whose box was found by a detector.
    """

    table: pd.DataFrame
    problems: tuple[Problem, ...]
    machine_boxes: int


def collect(
    folders: Mapping[str, Path],
    classes: Mapping[str, str] | None = None,
    machine_boxes: Mapping[str, BoxXYXY] | None = None,
) -> Collection:
    """Reads sets into one table.

    Args:
        folders: folder of each set by name; a name of the catalog brings that set's class map.
        classes: further class names and their labels; they win over the catalog.
        machine_boxes: see found_faces.read_main_faces. A picture without boxes that is in it
            gives two rows: the whole picture, as a person may upload it, and the found face.

    Raises:
        DataError: a folder holds no set, or a class name is unknown.
    """
    rows: list[dict[str, object]] = []
    problems: list[Problem] = []
    used = 0
    for name, folder in folders.items():
        public = PUBLIC_SETS.get(name)
        reading = read_set(folder, public.layout if public else None)
        problems += reading.problems
        labels = _labels(name, folder, reading.faces, classes or {})
        for face, digest in _hashed(reading.faces, problems):
            boxes = [face.box_xyxy]
            key = f"{name}/{face.image_path.relative_to(folder).as_posix()}"
            if face.box_xyxy is None and machine_boxes and key in machine_boxes:
                boxes.append(machine_boxes[key])
                used += 1
            rows += (
                {
                    "image_path": str(face.image_path.absolute()),
                    "label": labels[face.class_name],
                    "source": name,
                    "sha256": digest,
                    **dict(zip(BOX, box or (None,) * 4, strict=True)),
                }
                for box in boxes
            )
    table = tidy(pd.DataFrame(rows, columns=list(COLUMNS)))
    return Collection(table, tuple(problems), used)


def class_map(texts: Iterable[str]) -> dict[str, str]:
    """The class names and labels of several `NAME=LABEL`.

    Raises:
        SettingError: one has another form, or no such label exists.
    """
    pairs = [text.rpartition("=") for text in texts]
    for name, _, label in pairs:
        if not name or label not in ROW_LABELS:
            raise SettingError(
                f"class {name}={label}: give NAME=LABEL with a label of {', '.join(ROW_LABELS)}"
            )
    return {name: label for name, _, label in pairs}


def counts_per_label(table: pd.DataFrame) -> dict[str, int]:
    """Rows per label, zero included, in the fixed order of the labels."""
    return {label: int((table["label"] == label).sum()) for label in ROW_LABELS}


def _labels(
    name: str, folder: Path, faces: Iterable[LabelledFace], classes: Mapping[str, str]
) -> dict[str, str]:
    """Label of each class name that occurs; all unknown ones together are one error."""
    public = PUBLIC_SETS.get(name)
    known = {**(public.classes if public else {}), **classes}
    labels = {face.class_name: label_of(face.class_name, known) for face in faces}
    unknown = sorted(class_name for class_name, label in labels.items() if label is None)
    if unknown:
        raise DataError(
            f"{folder}: unknown classes {', '.join(unknown[:8])}; map each with --class NAME=LABEL "
            f"(labels: {', '.join(ROW_LABELS)}; known names: with_mask, without_mask, "
            "mask_weared_incorrect)"
        )
    missing = sorted(set(public.counts) - set(labels.values())) if public else []
    if missing:
        raise DataError(f"{folder}: no picture of class {', '.join(missing)}, which {name} has")
    return {class_name: label for class_name, label in labels.items() if label is not None}


def _hashed(
    faces: Iterable[LabelledFace], problems: list[Problem]
) -> Iterator[tuple[LabelledFace, str]]:
    """Each face with the sha256 of its picture; a file that cannot be opened becomes a problem."""
    digests: dict[Path, str | None] = {}
    for face in faces:
        path = face.image_path
        if path not in digests:
            try:
                digests[path] = hashlib.sha256(path.read_bytes()).hexdigest()
            except OSError as error:
                digests[path] = None
                problems.append(Problem(path, f"cannot be read ({error.strerror})"))
        digest = digests[path]
        if digest is not None:
            yield face, digest
