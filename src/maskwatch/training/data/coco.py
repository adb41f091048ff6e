"""Labels as JSON, one file for many pictures: COCO (Roboflow, Label Studio, CVAT) and CreateML."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from maskwatch.schema import BoxXYXY
from maskwatch.training.data.files import SetFiles, read_text, why
from maskwatch.training.data.labels import Annotation, Mark, Problem, box_around, numbers, size_of

COCO = "COCO boxes"
CREATE_ML = "CreateML boxes"

_USUAL_NAMES = ("annotation", "coco", "instances", "createml", "result")


def read_coco(files: SetFiles) -> Iterator[Annotation | Problem]:
    """What the COCO files say; nothing where there is none. Broken label files are named too."""
    for path in files.with_suffix(".json"):
        try:
            content = _parse(path)
        except ValueError as error:
            if any(name in path.name.lower() for name in _USUAL_NAMES):
                yield Problem(path, str(error))
            continue
        if isinstance(content, dict) and _is_coco(content):
            yield from _coco(path, content)


def read_create_ml(files: SetFiles) -> Iterator[Annotation | Problem]:
    """What the CreateML files say; nothing where there is none."""
    for path in files.with_suffix(".json"):
        try:
            content = _parse(path)
        except ValueError:
            continue  # named by read_coco
        if isinstance(content, list):
            for item in content:
                if isinstance(item, dict) and isinstance(item.get("annotations"), list):
                    yield _create_ml(path, item)


def _parse(path: Path) -> Any:
    try:
        return json.loads(read_text(path))
    except OSError as error:
        raise ValueError(f"cannot be read ({why(error)})") from error
    except (LookupError, ValueError, RecursionError) as error:
        raise ValueError(f"broken JSON ({why(error)})") from error


def _is_coco(content: Mapping[str, Any]) -> bool:
    return all(isinstance(content.get(key), list) for key in ("images", "annotations"))


def _records(content: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    listed = content.get(key)
    return [item for item in listed if isinstance(item, dict)] if isinstance(listed, list) else []


def _coco(path: Path, content: Mapping[str, Any]) -> Iterator[Annotation | Problem]:
    classes = {
        str(item.get("id")): str(item.get("name") or "").strip()
        for item in _records(content, "categories")
    }
    marks: dict[str, list[Mark | Problem]] = defaultdict(list)
    for item in _records(content, "annotations"):
        marks[str(item.get("image_id"))].append(_coco_mark(path, item, classes))
    seen: set[str] = set()
    for image in _records(content, "images"):
        key, name = str(image.get("id")), str(image.get("file_name") or "")
        if not name or key in seen:
            yield Problem(path, f"image {key} {'stands twice in it' if name else 'has no name'}")
            continue
        seen.add(key)
        size = size_of(image.get("width"), image.get("height"))
        yield Annotation(path, name, tuple(marks.get(key, ())), size)
    for key in sorted(marks.keys() - seen):
        yield Problem(path, f"{len(marks[key])} annotations of image {key}, which is not listed")


def _coco_mark(path: Path, item: Mapping[str, Any], classes: Mapping[str, str]) -> Mark | Problem:
    place, category = f"annotation {item.get('id')}", str(item.get("category_id"))
    if item.get("iscrowd") == 1:
        return Problem(path, f"{place} is a crowd, not a face")
    box = _coco_box(item)
    if box is None or not classes.get(category):
        return Problem(path, f"{place} lacks a listed category or four numbers for its box")
    return Mark(place, classes[category], box)


def _coco_box(item: Mapping[str, Any]) -> BoxXYXY | None:
    """The box, or the one around the outline where there is none."""
    box = item.get("bbox")
    sides = numbers(box) if isinstance(box, list) else None
    if sides and len(sides) == 4:
        left, top, width, height = sides
        return left, top, left + width, top + height
    outlines = item.get("segmentation")
    if box or not isinstance(outlines, list) or not all(isinstance(one, list) for one in outlines):
        return None
    points = numbers(value for one in outlines for value in one)
    if not points or len(points) < 6 or len(points) % 2:
        return None
    return box_around(points[::2], points[1::2])


def _create_ml(path: Path, item: Mapping[str, Any]) -> Annotation:
    name = str(item.get("image") or item.get("imagefilename") or "")
    marks = tuple(
        _create_ml_mark(path, f"{name}, face {number}", mark)
        for number, mark in enumerate(_records(item, "annotations"), 1)
    )
    return Annotation(path, name, marks)


def _create_ml_mark(path: Path, place: str, item: Mapping[str, Any]) -> Mark | Problem:
    label, box = str(item.get("label") or "").strip(), item.get("coordinates")
    sides = (
        numbers(box.get(key) for key in ("x", "y", "width", "height"))
        if isinstance(box, dict)
        else None
    )
    if not label or sides is None:
        return Problem(path, f"{place} lacks a label or four numbers for its box")
    x, y, width, height = sides  # the centre and the size, in pixels
    return Mark(place, label, (x - width / 2, y - height / 2, x + width / 2, y + height / 2))
