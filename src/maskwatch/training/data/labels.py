"""The records of reading a labelled set: what a label file says, and what becomes of it.

Every form of label file (`coco`, `cvat`, `voc`, `yolo`, `tables`) gives `Annotation`s; `placing`
lays them on the pictures, which gives `LabelledFace`s. What cannot be used is a `Problem`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from textwrap import shorten

from maskwatch.schema import BoxXYXY

SHARES = (1.0, 1.0)
"""`size_wh` of boxes that are given as shares of the picture."""


_LONGEST_REASON = 400


@dataclass(frozen=True, slots=True)
class LabelledFace:
    """One face as the set describes it.

    Attributes:
        image_path: the picture.
        class_name: in the words of the set.
        box_xyxy: where the face is, in pixels of the upright picture; None for the whole picture.
        class_id: how the label file itself writes the class, where a list beside it has the names.
    """

    image_path: Path
    class_name: str
    box_xyxy: BoxXYXY | None = None
    class_id: str = ""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that could not be used.

    Attributes:
        path: the file or folder.
        reason: what is wrong with it; whatever a file holds, it becomes one line.
    """

    path: Path
    reason: str

    def __post_init__(self) -> None:
        object.__setattr__(
            self, "reason", shorten(self.reason, _LONGEST_REASON, placeholder=" ...")
        )

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Reading:
    """What a folder holds.

    Attributes:
        faces: that can be used.
        problems: everything that cannot.
        form: how the labels are stored, in words.
        notes: what was done with labels that do not say all, a line each.
    """

    faces: tuple[LabelledFace, ...]
    problems: tuple[Problem, ...]
    form: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Mark:
    """A face as a label file has it.

    Attributes:
        place: where in the file, such as "line 3".
        class_name: in the words of the set.
        box_xyxy: in the units of the annotation's `size_wh`; left, top, right, bottom.
        class_id: see `LabelledFace`.
    """

    place: str
    class_name: str
    box_xyxy: BoxXYXY
    class_id: str = ""


@dataclass(frozen=True, slots=True)
class Annotation:
    """What a label file says of one picture.

    Attributes:
        label_path: the label file.
        picture: name or path of the picture as the file has it, or the name of the label file.
        marks: the faces, and what is wrong with those that say nothing usable.
        size_wh: of the picture that the boxes were drawn on; SHARES; None where it is not told.
        hint: name of the picture that decides between several that fit.
    """

    label_path: Path
    picture: str
    marks: tuple[Mark | Problem, ...]
    size_wh: tuple[float, float] | None = None
    hint: str = ""


def numbers(values: Iterable[object]) -> tuple[float, ...] | None:
    """Finite numbers from what a file holds (text or numbers), else None."""
    try:
        found = tuple(float(str(value)) for value in values)
    except ValueError:
        return None
    return found if all(map(math.isfinite, found)) else None


def size_of(width: object, height: object) -> tuple[float, float] | None:
    """The size of a picture from two values of a file; None where they are no size."""
    size = numbers((width, height))
    return (size[0], size[1]) if size and min(size) >= 1 else None


def box_around(xs: Iterable[float], ys: Iterable[float]) -> BoxXYXY:
    """The box around points, of which there is at least one."""
    xs, ys = tuple(xs), tuple(ys)
    return min(xs), min(ys), max(xs), max(ys)


def photo_name(set_name: str, folder: Path, path: Path) -> str:
    """What a photo below the folder of a set is called: "SET/path inside the set"."""
    return f"{set_name}/{path.relative_to(folder).as_posix()}"
