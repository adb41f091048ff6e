"""CVAT's own XML, version 1.1 for images: one file for many pictures."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

from maskwatch.schema import BoxXYXY
from maskwatch.training.data.files import SetFiles
from maskwatch.training.data.labels import Annotation, Mark, Problem, box_around, numbers, size_of
from maskwatch.training.data.voc import parse_xml

NAME = "CVAT boxes"


def read(files: SetFiles) -> Iterator[Annotation | Problem]:
    """What the label files of this form say; nothing where there is none."""
    for path in files.with_suffix(".xml"):
        try:
            root = parse_xml(path)
        except ValueError as error:
            if path.name.lower() == "annotations.xml":
                yield Problem(path, str(error))
            continue
        if root.tag != "annotations":
            continue
        if root.find("track") is not None:
            yield Problem(path, "labels of a film; export them as 'CVAT for images 1.1'")
        for item in root.iter("image"):
            yield _annotation(path, item)


def _annotation(path: Path, image: ElementTree.Element) -> Annotation:
    return Annotation(
        path,
        image.get("name", ""),
        tuple(
            _mark(path, image.get("name", ""), number, shape)
            for number, shape in enumerate(image, 1)
            if shape.tag != "tag"  # of the picture, not of a face
        ),
        size_of(image.get("width"), image.get("height")),
    )


def _mark(path: Path, image: str, number: int, shape: ElementTree.Element) -> Mark | Problem:
    place, label = f"{image}, shape {number}", shape.get("label", "").strip()
    box = _box(shape)
    if not label or box is None:
        return Problem(path, f"{place} ({shape.tag}) lacks a label or the numbers of its box")
    return Mark(place, label, box)


def _box(shape: ElementTree.Element) -> BoxXYXY | None:
    """The box around a box, turned or not, or around an outline."""
    if shape.tag == "box":
        sides = numbers(shape.get(name) for name in ("xtl", "ytl", "xbr", "ybr"))
        turn = numbers([shape.get("rotation", 0)])
        return _turned(sides, turn[0]) if sides and turn else None
    if shape.tag == "mask":
        sides = numbers(shape.get(name) for name in ("left", "top", "width", "height"))
        return (sides[0], sides[1], sides[0] + sides[2], sides[1] + sides[3]) if sides else None
    outline = numbers(shape.get("points", "").replace(";", ",").split(","))
    if shape.tag != "polygon" or not outline or len(outline) < 6 or len(outline) % 2:
        return None
    return box_around(outline[::2], outline[1::2])


def _turned(sides: tuple[float, ...], turn_deg: float) -> BoxXYXY:
    """The upright box around one that is turned about its centre."""
    left, top, right, bottom = sides
    if not turn_deg:
        return left, top, right, bottom
    x, y, turn = (left + right) / 2, (top + bottom) / 2, math.radians(turn_deg)
    cos, sin = abs(math.cos(turn)), abs(math.sin(turn))
    half_w = ((right - left) * cos + (bottom - top) * sin) / 2
    half_h = ((right - left) * sin + (bottom - top) * cos) / 2
    return x - half_w, y - half_h, x + half_w, y + half_h
