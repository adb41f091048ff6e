"""Boxes onto pictures: the size they were drawn for is checked, EXIF turns included.

Pictures are resized and turned after they were labelled. Boxes drawn on another size of the same
picture are scaled, boxes drawn on the picture as it lies in the file are turned with it, and boxes
of a picture of another shape are refused. Whatever is not as the file says is told.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from PIL import ExifTags, Image

from maskwatch.io.images import load_image
from maskwatch.schema import BoxXYXY
from maskwatch.training.data.labels import SHARES, Annotation, LabelledFace, Mark, Problem

ROUNDING_PX = 1.5
"""How far a box may reach outside before it counts as wrong; VOC tools count pixels from one."""

SCALED = "boxes were drawn on another size of the picture and are scaled"
TURNED = "boxes were drawn on the picture before its EXIF turn and are turned with it"
UNTOLD = (
    "whether boxes were drawn before the EXIF turn of the picture is not said; taken as after it"
)

_SIDEWAYS = (5, 6, 7, 8)
"""EXIF orientations that exchange width and height."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A readable picture of a set.

    Attributes:
        path: the file.
        size_wh: of the upright picture, in pixels.
        orientation: EXIF's number from 1 (as it is) to 8.
    """

    path: Path
    size_wh: tuple[int, int]
    orientation: int

    @property
    def stored_wh(self) -> tuple[int, int]:
        """The size before the turn."""
        width, height = self.size_wh
        return (height, width) if self.orientation in _SIDEWAYS else (width, height)


@dataclass(frozen=True, slots=True)
class Fit:
    """How boxes of a label file come onto the upright picture.

    Attributes:
        scale_xy: pixels of the picture for a unit of the boxes, before any turn.
        turns: whether they are turned with the picture.
        notes: those of SCALED, TURNED and UNTOLD that hold.
    """

    scale_xy: tuple[float, float] = (1.0, 1.0)
    turns: bool = False
    notes: tuple[str, ...] = ()


def open_picture(path: Path) -> Picture:
    """Reads a picture whole, so that a damaged one is known now.

    Raises:
        ImageError: it cannot be read.
    """
    height, width = load_image(path).shape[:2]
    orientation = 1
    with suppress(Exception), Image.open(path) as image:  # as in load_image: nothing is asked for
        orientation = int(image.getexif().get(ExifTags.Base.Orientation, 1))
    return Picture(path, (width, height), orientation if orientation in range(1, 9) else 1)


def fit_to(size_wh: tuple[float, float] | None, picture: Picture) -> Fit | None:
    """How boxes drawn for a size come onto a picture; None where it is another picture's size.

    A turn can be told from the size only where it exchanges width and height. Else the boxes are
    taken for the upright picture, as the tools that train take them, with a note.
    """
    width, height = picture.size_wh
    stored_wh = picture.stored_wh
    untold = () if picture.orientation == 1 else (UNTOLD,)
    if size_wh is None:
        return Fit(notes=untold)
    if size_wh == SHARES:
        return Fit((float(width), float(height)), notes=untold)
    if size_wh == picture.size_wh:
        return Fit(notes=() if stored_wh != picture.size_wh else untold)
    if size_wh == stored_wh:
        return Fit(turns=True, notes=(TURNED,))
    if _same_shape(size_wh, picture.size_wh):
        told = () if not _same_shape(size_wh, stored_wh) else untold
        return Fit(_ratio(picture.size_wh, size_wh), notes=(SCALED, *told))
    if _same_shape(size_wh, stored_wh):
        return Fit(_ratio(stored_wh, size_wh), turns=True, notes=(SCALED, TURNED))
    return None


def place(
    annotation: Annotation, picture: Picture
) -> tuple[tuple[str, ...], list[LabelledFace | Problem]]:
    """The notes of the fit; the faces of an annotation, and what is wrong with the others."""
    fit = fit_to(annotation.size_wh, picture)
    if fit is None:
        drawn, real = annotation.size_wh or (0, 0), picture.size_wh
        reason = (
            f"drawn on a picture of {drawn[0]:g} x {drawn[1]:g}, but {picture.path.name} has "
            f"{real[0]} x {real[1]} pixels, another shape; label it anew or take the picture meant"
        )
        return (), [Problem(annotation.label_path, reason)]
    return fit.notes, list(_faces(annotation, picture, fit))


def upright(box_xyxy: BoxXYXY, stored_wh: tuple[int, int], orientation: int) -> BoxXYXY:
    """A box on a picture as it is stored, after the turn that EXIF asks for."""
    left, top, right, bottom = box_xyxy
    width, height = stored_wh
    if orientation in (2, 3, 7, 8):
        left, right = width - right, width - left
    if orientation in (3, 4, 6, 7):
        top, bottom = height - bottom, height - top
    if orientation in _SIDEWAYS:
        return top, left, bottom, right
    return left, top, right, bottom


def _same_shape(size_wh: tuple[float, float], real_wh: tuple[int, int]) -> bool:
    """Whether one is the other resized, sides rounded to whole pixels."""
    (a, b), (c, d) = size_wh, real_wh
    return abs(a * d - b * c) <= max(a, b, c, d)


def _ratio(real_wh: tuple[int, int], size_wh: tuple[float, float]) -> tuple[float, float]:
    return real_wh[0] / size_wh[0], real_wh[1] / size_wh[1]


def _faces(annotation: Annotation, picture: Picture, fit: Fit) -> Iterator[LabelledFace | Problem]:
    for mark in annotation.marks:
        yield mark if isinstance(mark, Problem) else _face(annotation, mark, picture, fit)


def _face(annotation: Annotation, mark: Mark, picture: Picture, fit: Fit) -> LabelledFace | Problem:
    """The face with its box cut at the picture's edge, or why the box is wrong."""
    (x_scale, y_scale), box = fit.scale_xy, mark.box_xyxy
    box = (box[0] * x_scale, box[1] * y_scale, box[2] * x_scale, box[3] * y_scale)
    if fit.turns:
        box = upright(box, picture.stored_wh, picture.orientation)
    left, top, right, bottom = box
    width, height = picture.size_wh
    shown = f"{mark.place}: box ({left:g}, {top:g}, {right:g}, {bottom:g})"
    if right <= left or bottom <= top:
        return Problem(annotation.label_path, f"{shown} is empty")
    allowed = ROUNDING_PX if annotation.size_wh == SHARES else ROUNDING_PX * max(1, *fit.scale_xy)
    inside = (max(left, 0.0), max(top, 0.0), min(right, float(width)), min(bottom, float(height)))
    reaches = max(-left, -top, right - width, bottom - height) > allowed
    if reaches or inside[2] <= inside[0] or inside[3] <= inside[1]:
        reason = f"{shown} reaches outside the {width} x {height} picture"
        return Problem(annotation.label_path, reason)
    return LabelledFace(picture.path, mark.class_name, inside, mark.class_id)
