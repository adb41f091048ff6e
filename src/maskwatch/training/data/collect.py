"""Named sets become one manifest table: classes mapped, files hashed, machine-found boxes added."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from textwrap import shorten

import pandas as pd

from maskwatch.errors import DataError, MissingExtraError, SettingError
from maskwatch.schema import BoxXYXY
from maskwatch.training.data.catalog import (
    PUBLIC_SETS,
    ROW_LABELS,
    SYNTHETIC,
    PublicSet,
    public_set,
)
from maskwatch.training.data.class_names import labels_of
from maskwatch.training.data.corrections import DROP
from maskwatch.training.data.files import file_sha256
from maskwatch.training.data.labels import LabelledFace, Problem, Reading, photo_name
from maskwatch.training.data.manifest import BOX, COLUMNS, tidy
from maskwatch.training.data.readers import read_set


@dataclass(frozen=True, slots=True)
class Collection:
    """What the sets hold together.

    Attributes:
        table: a manifest without groups and splits.
        problems: what could not be used, with reasons.
        machine_boxes: rows whose box was found by a detector.
        classes: how each set was read and what its classes were taken for, a line each.
        notes: what was done with labels that do not say all, a line each.
    """

    table: pd.DataFrame
    problems: tuple[Problem, ...]
    machine_boxes: int
    classes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def collect(
    folders: Mapping[str, Path],
    classes: Mapping[str, str] | None = None,
    machine_boxes: Mapping[str, BoxXYXY] | None = None,
) -> Collection:
    """Reads sets into one table.

    Args:
        folders: folder of each set by name; a name of the catalog brings that set's class map.
        classes: further class names and their labels, see `class_map`; they win over the catalog.
        machine_boxes: see found_faces.read_main_faces. A picture without boxes that is in it
            gives two rows: the whole picture, as a person may upload it, and the found face.

    Raises:
        DataError: a folder holds no set, or a class name is unknown.
    """
    rows: list[dict[str, object]] = []
    problems: list[Problem] = []
    meanings: list[str] = []
    notes: list[str] = []
    known: set[str] = set()
    used = 0
    for name, folder in folders.items():
        public = PUBLIC_SETS.get(name)
        reading = read_set(folder, public.layout if public else None)
        problems += reading.problems
        labels = _labels(name, folder, reading, classes or {})
        known.update(*labels)
        meanings.append(f"{name}: {_meaning(reading, labels)}")
        notes += (f"{folder}: {note}" for note in reading.notes)
        wanted = [f for f in reading.faces if labels[f.class_name, f.class_id] != DROP]
        if len(wanted) < len(reading.faces):
            left_out = len(reading.faces) - len(wanted)
            notes.append(
                f"{folder}: left out, as --class says: {left_out} of {len(reading.faces)} faces"
            )
        for face, digest in _hashed(wanted, problems):
            boxes = [face.box_xyxy]
            key = photo_name(name, folder, face.image_path)
            if face.box_xyxy is None and machine_boxes and key in machine_boxes:
                boxes.append(machine_boxes[key])
                used += 1
            rows += (
                {
                    "image_path": str(face.image_path.absolute()),
                    "label": labels[face.class_name, face.class_id],
                    "source": name,
                    "sha256": digest,
                    **dict(zip(BOX, box or (None,) * 4, strict=True)),
                }
                for box in boxes
            )
    if unused := sorted((classes or {}).keys() - known):
        there = ", ".join(sorted(known - {""}))
        notes.append(f"no picture has the class {', '.join(unused)} of --class (there: {there})")
    table = tidy(pd.DataFrame(rows, columns=list(COLUMNS)))
    return Collection(table, tuple(problems), used, tuple(meanings), tuple(notes))


def class_map(texts: Iterable[str]) -> dict[str, str]:
    """The class names and labels of several `NAME=LABEL`.

    Raises:
        SettingError: one has another form, no such label exists, or a class is given two.
    """
    pairs = [text.rpartition("=") for text in texts]
    labels: dict[str, str] = {}
    for name, _, label in pairs:
        if not name or label not in (*ROW_LABELS, DROP):
            raise SettingError(
                f"class {name}={label}: give NAME=LABEL with a label of {', '.join(ROW_LABELS)}, "
                f"or {DROP} to leave the class out"
            )
        if labels.setdefault(name, label) != label:
            raise SettingError(
                f"class {name}: is given as {labels[name]} and as {label}; give one of them"
            )
    return labels


def counts_per_label(table: pd.DataFrame) -> dict[str, int]:
    """Rows per label, zero included, in the fixed order of the labels."""
    return {label: int((table["label"] == label).sum()) for label in ROW_LABELS}


def _labels(
    name: str, folder: Path, reading: Reading, classes: Mapping[str, str]
) -> dict[tuple[str, str], str]:
    """Label of each class that occurs, by name and number; all unknown ones are one error."""
    public = PUBLIC_SETS.get(name)
    labels = labels_of(reading.faces, {**(public.classes if public else {}), **classes})
    unclear = [f for f in reading.faces if labels[f.class_name, f.class_id] is None]
    if unclear:
        unknown = sorted({face.class_name for face in unclear})
        first = unclear[0].image_path.relative_to(folder).as_posix()
        boxes = any(face.box_xyxy for face in reading.faces)
        broken = f"; first problem: {reading.problems[0]}" if reading.problems else ""
        raise DataError(
            f"{folder}: unknown classes {', '.join(unknown[:8])} ({len(unclear)} of "
            f"{len(reading.faces)} faces, first: {first})"
            f"{'' if boxes else ' (folders of pictures; no label file was found)'}; map each with "
            f"--class NAME=LABEL (labels: {', '.join(ROW_LABELS)}, or {DROP} to leave it out; "
            "known names: with_mask, without_mask, mask_weared_incorrect)"
            f"{'' if boxes else broken}"
        )
    missing = sorted(set(public.counts) - set(labels.values())) if public else []
    if missing:
        raise DataError(f"{folder}: no picture of class {', '.join(missing)}, which {name} has")
    return {kind: label for kind, label in labels.items() if label is not None}


def _meaning(reading: Reading, labels: Mapping[tuple[str, str], str]) -> str:
    """How a set was read, and what each of its classes was taken for."""
    shown = (
        f"{class_name}{f' ({number})' if number not in ('', class_name) else ''} = {label}"
        for (class_name, number), label in sorted(labels.items())
    )
    return f"{reading.form}; {', '.join(shown)}"


def _hashed(
    faces: Iterable[LabelledFace], problems: list[Problem]
) -> Iterator[tuple[LabelledFace, str]]:
    """Each face with the sha256 of its picture.

    A file that cannot be opened, or whose name no manifest can hold, becomes a problem.
    """
    digests: dict[Path, str | None] = {}
    for face in faces:
        path = face.image_path
        if path not in digests:
            digests[path] = None
            try:
                str(path.absolute()).encode()
                digests[path] = file_sha256(path)
            except UnicodeEncodeError:
                reason = "its path is not text in UTF-8, as a manifest needs; rename it"
                problems.append(Problem(path, reason))
            except OSError as error:
                problems.append(Problem(path, f"cannot be read ({error.strerror})"))
        digest = digests[path]
        if digest is not None:
            yield face, digest


# Public sets onto this machine: downloaded by kagglehub, or a copy that is already there.

_HOW = "fetch NAME --path FOLDER, or manifest NAME=FOLDER"


def fetch_set(name: str, path: Path | None = None) -> tuple[Path, Collection]:
    """Downloads a public set, or takes the copy at `path`, and checks its counts per label.

    Returns:
        Its folder, and what is in it.

    Raises:
        DataError: it cannot be had, or is incomplete.
    """
    public = public_set(name)
    folder = path or _download(public)
    collection = collect({name: folder})
    found = {label: n for label, n in counts_per_label(collection.table).items() if n}
    if found != public.counts:
        raise DataError(
            f"{folder}: expected {_counts(public.counts)}, found {_counts(found)}; the copy is "
            f"incomplete or another version of {name}"
        )
    return folder, collection


def set_folders(sets: Iterable[str]) -> dict[str, Path]:
    """Folder of each `NAME=PATH`; a bare NAME is a public set and is downloaded.

    Raises:
        SettingError: a name is empty, reserved or given twice, or a path is empty.
        DataError: a bare name is no public set, or it cannot be downloaded.
    """
    folders: dict[str, Path] = {}
    for text in sets:
        name, sign, path = text.partition("=")
        if not name or name in folders:
            raise SettingError(f"{text!r}: each set needs a name of its own, as NAME=FOLDER")
        if name == SYNTHETIC:
            raise SettingError(
                f"{text!r}: {SYNTHETIC} is the name of what `maskwatch data synthesise` makes; "
                "give the set another name"
            )
        if sign and not path.strip():  # as a variable of a shell that is not set leaves it
            raise SettingError(
                f"{text!r}: the folder behind the = is empty; give NAME=FOLDER, or NAME alone to "
                "download a public set"
            )
        folders[name] = Path(path) if path else _download(public_set(name))
    return folders


def _download(public: PublicSet) -> Path:
    """The folder kagglehub keeps the set in; downloads it the first time."""
    name = public.name
    if public.kaggle is None:
        raise DataError(
            f"{name}: not on Kaggle; get it from {public.origin} and give its folder ({_HOW})"
        )
    try:
        import kagglehub
    except ImportError as error:
        raise MissingExtraError("downloading data sets", "train") from error
    try:
        return Path(kagglehub.dataset_download(public.kaggle))
    except Exception as error:  # requests' errors, and a family of its own without a common base
        reason = shorten(str(error), 100, placeholder=" ...")
        raise DataError(
            f"{name}: download failed ({type(error).__name__}: {reason}); check the network, or "
            f"get it from {public.origin} and give its folder ({_HOW})"
        ) from error


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {label}" for label, count in counts.items())
