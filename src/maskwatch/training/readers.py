"""Readers for the three public layouts; each turns a folder into labelled faces and problems.

    folder per class   any depth; the class is the name of the folder a picture lies in
    Pascal VOC         annotations/NAME.xml, the picture anywhere beside that folder
    YOLO               labels/NAME.txt, the picture under images/ instead of labels/

Pictures and annotations are matched by stem, because copies of these sets change .png into .jpg.
Nothing is left out in silence: whatever a reader cannot use becomes a `Problem` with its path.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from maskwatch.errors import DataError, ImageError
from maskwatch.schema import BoxXYXY
from maskwatch.sources import IMAGE_SUFFIXES, load_image
from maskwatch.training.catalog import Layout

ROUNDING_PX = 1.5
"""How far a box may reach outside before it counts as wrong; VOC tools count pixels from one."""


@dataclass(frozen=True, slots=True)
class LabelledFace:
    """One face as the set describes it.

    Attributes:
        image_path: the picture.
        class_name: in the words of the set.
        box_xyxy: where the face is; None for the whole picture.
    """

    image_path: Path
    class_name: str
    box_xyxy: BoxXYXY | None = None


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that could not be used.

    Attributes:
        path: the file or folder.
        reason: what is wrong with it.
    """

    path: Path
    reason: str

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Reading:
    """What a folder holds: usable faces, and everything that is not usable."""

    faces: tuple[LabelledFace, ...]
    problems: tuple[Problem, ...]


def read_set(folder: Path, layout: Layout | None = None) -> Reading:
    """Reads a set in any of the three layouts.

    Args:
        folder: the set's top folder.
        layout: how it stores labels; None finds out.

    Raises:
        DataError: the folder is missing, cannot be read or holds no face at all.
    """
    files, problems = _list_files(folder)
    layout = layout or detect_layout(folder, files)
    reader = {Layout.FOLDERS: _read_folders, Layout.VOC: _read_voc, Layout.YOLO: _read_yolo}[layout]
    found = [*problems, *reader(folder, files)]
    faces = tuple(item for item in found if isinstance(item, LabelledFace))
    problems = [item for item in found if isinstance(item, Problem)]
    if not faces:
        first = f"; first problem: {problems[0]}" if problems else ""
        raise DataError(f"{folder}: no labelled picture in it (read as {layout}){first}")
    return Reading(faces, tuple(problems))


def detect_layout(folder: Path, files: Sequence[Path]) -> Layout:
    """Tells the layout from the names of the files below `folder`."""
    if any(_is_voc(path) for path in files):
        return Layout.VOC
    if any(_is_yolo(path, folder) for path in files):
        return Layout.YOLO
    return Layout.FOLDERS


def _list_files(folder: Path) -> tuple[list[Path], list[Problem]]:
    """All files below a folder in sorted order, hidden ones (.DS_Store, ._x.jpg) aside."""
    if not folder.is_dir():
        raise DataError(f"{folder}: {'not a folder' if folder.exists() else 'no such folder'}")
    problems: list[Problem] = []

    def note(error: OSError) -> None:
        problems.append(Problem(Path(error.filename), f"folder cannot be read ({error.strerror})"))

    files = [
        Path(parent, name)
        for parent, _, names in os.walk(folder, onerror=note, followlinks=True)
        for name in names
        if not name.startswith(".")
    ]
    return sorted(files), problems


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in IMAGE_SUFFIXES


def _is_voc(path: Path) -> bool:
    return path.suffix.lower() == ".xml" and path.parent.name.lower() == "annotations"


def _is_yolo(path: Path, folder: Path) -> bool:
    return path.suffix.lower() == ".txt" and "labels" in path.relative_to(folder).parts[:-1]


def _read_folders(folder: Path, files: Sequence[Path]) -> Iterator[LabelledFace | Problem]:
    for path in files:
        if _is_picture(path):
            yield LabelledFace(path, "." if path.parent == folder else path.parent.name)
        else:
            yield Problem(path, "not the file name of a picture")


def _read_voc(_folder: Path, files: Sequence[Path]) -> Iterator[LabelledFace | Problem]:
    pictures = {(path.parent.parent, path.stem): path for path in files if _is_picture(path)}
    notes = {(path.parent.parent, path.stem): path for path in files if _is_voc(path)}
    yield from _unpaired(pictures, notes)
    for key in sorted(notes.keys() & pictures.keys()):
        yield from _voc_faces(notes[key], pictures[key])


def _read_yolo(folder: Path, files: Sequence[Path]) -> Iterator[LabelledFace | Problem]:
    def twin_folder(path: Path) -> Path:
        parts = ("images" if part == "labels" else part for part in path.relative_to(folder).parts)
        return folder.joinpath(*parts).parent

    pictures = {(path.parent, path.stem): path for path in files if _is_picture(path)}
    notes = {(twin_folder(path), path.stem): path for path in files if _is_yolo(path, folder)}
    yield from _unpaired(pictures, notes)
    for key in sorted(notes.keys() & pictures.keys()):
        yield from _yolo_faces(notes[key], pictures[key])


def _unpaired(
    pictures: dict[tuple[Path, str], Path], notes: dict[tuple[Path, str], Path]
) -> Iterator[Problem]:
    for key in sorted(pictures.keys() - notes.keys()):
        yield Problem(pictures[key], "no annotation file for this picture")
    for key in sorted(notes.keys() - pictures.keys()):
        yield Problem(notes[key], "no picture for this annotation file")


def _voc_faces(annotation: Path, picture: Path) -> Iterator[LabelledFace | Problem]:
    try:
        root = ElementTree.parse(annotation).getroot()
        image = load_image(picture)
    except (ElementTree.ParseError, LookupError, ValueError, OSError) as error:
        yield Problem(annotation, f"broken XML ({error})")
        return
    except ImageError as error:
        yield Problem(picture, error.reason)
        return
    for number, item in enumerate(root.iter("object"), start=1):
        name = (item.findtext("name") or "").strip()
        corners = [item.findtext(f"bndbox/{side}") for side in ("xmin", "ymin", "xmax", "ymax")]
        box = _numbers(corners)
        if not name or box is None:
            yield Problem(annotation, f"object {number} lacks a name or four numbers for its box")
        else:
            yield _checked(annotation, f"object {number}", picture, name, box, image.shape)


def _yolo_faces(annotation: Path, picture: Path) -> Iterator[LabelledFace | Problem]:
    try:
        lines = annotation.read_text(encoding="utf-8", errors="replace").splitlines()
        image = load_image(picture)
    except OSError as error:
        yield Problem(annotation, f"cannot be read ({error.strerror})")
        return
    except ImageError as error:
        yield Problem(picture, error.reason)
        return
    height, width = image.shape[:2]
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        name, *rest = line.split()
        values = _numbers(rest)
        if values is None or not name.isdigit():
            yield Problem(annotation, f"line {number} is not 'class x y width height': {line[:60]}")
            continue
        x, y, w, h = values  # centre and size as shares of the picture
        box = (
            (x - w / 2) * width,
            (y - h / 2) * height,
            (x + w / 2) * width,
            (y + h / 2) * height,
        )
        yield _checked(annotation, f"line {number}", picture, name, box, image.shape)


def _numbers(texts: Sequence[str | None]) -> BoxXYXY | None:
    """Exactly four finite numbers, else None."""
    try:
        a, b, c, d = (float(text or "") for text in texts)
    except ValueError:
        return None
    return (a, b, c, d) if all(map(math.isfinite, (a, b, c, d))) else None


def _checked(
    annotation: Path,
    place: str,
    picture: Path,
    class_name: str,
    box_xyxy: BoxXYXY,
    shape: tuple[int, ...],
) -> LabelledFace | Problem:
    """The face with its box cut at the picture's edge, or why the box is wrong."""
    height, width = shape[:2]
    left, top, right, bottom = box_xyxy
    shown = f"{place}: box ({left:g}, {top:g}, {right:g}, {bottom:g})"
    if right <= left or bottom <= top:
        return Problem(annotation, f"{shown} is empty")
    if max(-left, -top, right - width, bottom - height) > ROUNDING_PX:
        return Problem(annotation, f"{shown} reaches outside the {width} x {height} picture")
    inside = (max(left, 0.0), max(top, 0.0), min(right, float(width)), min(bottom, float(height)))
    return LabelledFace(picture, class_name, inside)
