"""Labels as CSV, a line for each face, in the column forms that people use.

    with a header      filename,width,height,class,xmin,ymin,xmax,ymax (TensorFlow, Roboflow),
                       ImageID,LabelName,XMin,XMax,YMin,YMax (Open Images), name,x1,y1,x2,y2,class,
                       label_name,bbox_x,bbox_y,bbox_width,bbox_height,image_name,... (makesense.ai)
    without one        path,x1,y1,x2,y2,class (RetinaNet), part,path,class,x,y,x,y,x,y,x,y (Google
                       Vertex AI), class,x,y,width,height,name,width,height (makesense.ai)

`width` and `height` are the picture's, but the box's own where nothing else but `x` and `y` tells
of it. Where no box of a file reaches beyond one, its numbers are shares of the picture. Only tables
with boxes are labels here; a table of nothing but names and classes is left to the folders.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from maskwatch.schema import BoxXYXY
from maskwatch.training.data.files import SetFiles, is_picture, read_rows, why
from maskwatch.training.data.labels import (
    SHARES,
    Annotation,
    Mark,
    Problem,
    box_around,
    numbers,
    size_of,
)

NAME = "a table of boxes"

_LARGEST_SHARE = 1.05
"""Boxes in shares of the picture may reach over its edge by rounding; see placing.ROUNDING_PX."""

_PICTURE_NAMES = ("filename", "file_name", "image_name", "image", "img", "file")
_PICTURE_PATHS = ("image_path", "path", "imageid", "image_id", "name")
_CLASS = ("class", "class_name", "classname", "label", "label_name", "labelname", "category")
_LEFT, _TOP = ("xmin", "x_min", "x1", "left", "xtl"), ("ymin", "y_min", "y1", "top", "ytl")
_RIGHT, _BOTTOM = ("xmax", "x_max", "x2", "right", "xbr"), ("ymax", "y_max", "y2", "bottom", "ybr")
_X, _Y = ("bbox_x", "x"), ("bbox_y", "y")
_BOX_WIDTH, _BOX_HEIGHT = ("bbox_width", "bbox_w", "w"), ("bbox_height", "bbox_h", "h")
_WIDTH = ("image_width", "img_width", "imagewidth", "width")
_HEIGHT = ("image_height", "img_height", "imageheight", "height")


@dataclass(frozen=True, slots=True)
class Columns:
    """Where a table has what; numbers of columns from 0.

    Attributes:
        picture: name or path of the picture.
        label: the class.
        xs: the horizontal places of the box; with `sized` the left edge and the width.
        ys: the vertical ones.
        sized: whether a box is a corner and a size.
        size: width and height of the picture; empty where the table does not tell.
    """

    picture: int
    label: int
    xs: tuple[int, ...]
    ys: tuple[int, ...]
    sized: bool = False
    size: tuple[int, ...] = ()

    @property
    def fewest(self) -> int:
        """Cells that a line needs."""
        return max(self.picture, self.label, *self.xs, *self.ys) + 1


_RETINA = Columns(0, 5, (1, 3), (2, 4))
_VERTEX = Columns(1, 2, (3, 5, 7, 9), (4, 6, 8, 10))
_MAKE_SENSE = Columns(5, 0, (1, 3), (2, 4), sized=True, size=(6, 7))


def read(files: SetFiles) -> Iterator[Annotation | Problem]:
    """What the tables with boxes say; nothing where there is none."""
    for path in files.with_suffix(".csv", ".tsv"):
        try:
            rows = read_rows(path)
        except (OSError, LookupError, ValueError, csv.Error) as error:
            if "annotation" in path.name.lower():
                yield Problem(path, f"cannot be read ({why(error)})")
            continue
        if not rows:
            continue
        _, first = rows[0]
        if columns := _named_columns(first):
            yield from _annotations(path, rows[1:], columns)
        elif columns := _usual_columns(first):
            yield from _annotations(path, rows, columns)
        elif _tells_places(first):
            names = ", ".join(name.strip() for name in first)
            yield Problem(path, f"a table whose columns are not understood: {names}")


def _named_columns(header: Sequence[str]) -> Columns | None:
    """The columns by the names in a header."""
    places = {name.strip().lower().replace(" ", "_"): i for i, name in enumerate(header)}

    def place(names: Sequence[str]) -> int | None:
        return next((places[name] for name in names if name in places), None)

    picture, label = place(_PICTURE_NAMES + _PICTURE_PATHS), place(_CLASS)
    size = place(_WIDTH), place(_HEIGHT)
    corners = place(_LEFT), place(_TOP), place(_RIGHT), place(_BOTTOM)
    sized = None in corners
    if sized:
        corners = place(_X), place(_Y), place(_BOX_WIDTH), place(_BOX_HEIGHT)
        if place(("width",)) is not None and corners[2:] == (None, None):
            corners = *corners[:2], place(("width",)), place(("height",))
            size = place(_WIDTH[:-1]), place(_HEIGHT[:-1])
    if picture is None or label is None or None in corners:
        return None
    left, top, right, bottom = (number for number in corners if number is not None)
    told = tuple(number for number in size if number is not None)
    return Columns(
        picture, label, (left, right), (top, bottom), sized, told if len(told) == 2 else ()
    )


def _tells_places(header: Sequence[str]) -> bool:
    """Whether a table that cannot be read is one of boxes, and not of names and classes alone."""
    names = {name.strip().lower().replace(" ", "_") for name in header}
    of_boxes = {*_LEFT, *_TOP, *_RIGHT, *_BOTTOM, *_X, *_Y, *_BOX_WIDTH, *_BOX_HEIGHT}
    pictures = {*_PICTURE_NAMES, *_PICTURE_PATHS}
    tells = len(names & of_boxes) > 1 or any("box" in name or "cent" in name for name in names)
    return tells and bool(names & pictures)


def _usual_columns(row: Sequence[str]) -> Columns | None:
    """The columns of a table without a header, by where it names a picture."""
    names = [place for place, cell in enumerate(row) if is_picture(Path(cell.strip()))]
    forms = {(6, 0): _RETINA, (11, 1): _VERTEX, (8, 5): _MAKE_SENSE}
    return forms.get((len(row), names[0])) if names else None


def _annotations(
    path: Path, rows: Sequence[tuple[int, Sequence[str]]], columns: Columns
) -> Iterator[Annotation | Problem]:
    marks: dict[str, list[Mark | Problem]] = defaultdict(list)
    sizes: dict[str, tuple[float, float] | None] = {}
    for line, row in rows:
        if len(row) < columns.fewest or not row[columns.picture].strip():
            yield Problem(path, f"line {line} has too few cells: {','.join(row)[:60]}")
            continue
        name = row[columns.picture].strip()
        size = size_of(*(_cell(row, number) for number in columns.size)) if columns.size else None
        if sizes.setdefault(name, size) != size:
            yield Problem(path, f"line {line} gives {name} another size than the lines before it")
        elif any(row[number].strip() for number in (*columns.xs, *columns.ys)):
            marks[name].append(_mark(path, line, row, columns))  # a line without shows no face
    boxes = [mark.box_xyxy for found in marks.values() for mark in found if isinstance(mark, Mark)]
    in_shares = bool(boxes) and max(max(box) for box in boxes) <= _LARGEST_SHARE
    for name, size in sizes.items():
        yield Annotation(path, name, tuple(marks[name]), SHARES if in_shares else size)


def _cell(row: Sequence[str], number: int) -> str:
    return row[number] if number < len(row) else ""


def _mark(path: Path, line: int, row: Sequence[str], columns: Columns) -> Mark | Problem:
    label, box = row[columns.label].strip(), _box(row, columns)
    if not label or box is None:
        return Problem(path, f"line {line} lacks a class or the numbers of a box")
    return Mark(f"line {line}", label, box)


def _box(row: Sequence[str], columns: Columns) -> BoxXYXY | None:
    xs = numbers(row[number] for number in columns.xs if row[number].strip())
    ys = numbers(row[number] for number in columns.ys if row[number].strip())
    if not xs or not ys or len(xs) != len(ys) or len(xs) < 2:
        return None
    if columns.sized:
        return xs[0], ys[0], xs[0] + xs[1], ys[0] + ys[1]
    if len(xs) > 2:
        return box_around(xs, ys)
    return xs[0], ys[0], xs[1], ys[1]
