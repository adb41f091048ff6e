"""YOLO: a text file for each picture, a line for each face.

darknet, Ultralytics, Roboflow, CVAT and Label Studio write it. The files lie in a folder `labels/`
or beside their pictures. Classes are numbers; their names stand in `data.yaml`, `obj.names`,
`classes.txt`, `_darknet.labels` or `notes.json`. Lists of pictures (`train.txt`) and parts
(`train: ...`) say nothing of faces and are not followed.

Behind a class stand a box, a box and keypoints, or the points of an outline. Nothing in a line
tells the last two apart but the numbers themselves; `kpt_shape` in `data.yaml` does.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from maskwatch.schema import BoxXYXY
from maskwatch.training.data.files import SetFiles, in_folder, read_text, why
from maskwatch.training.data.labels import SHARES, Annotation, Mark, Problem, box_around, numbers
from maskwatch.training.data.voc import has_picture

NAME = "YOLO boxes"

_LISTS = frozenset({"classes.txt", "labels.txt", "names.txt", "train.txt", "val.txt", "valid.txt"})
_LINE = "'class x y width height'"
_FEWEST_KEYPOINTS = 3
_OFF_CENTRE = 0.3
"""So far the middle of keypoints may be from that of their box, in their own width and height; the
first point of an outline is at its edge."""
_OVER_EDGE = 0.1
"""Of a box's side: so far keypoints may lie outside it."""

_LONGEST_LIST_BYTES = 32_768
"""A longer file names no classes; a YAML parser takes very long for nonsense."""


@dataclass(frozen=True, slots=True)
class ClassList:
    """What a file says of the classes of label files in its folder and below.

    Attributes:
        path: the file.
        names: of each number.
        keypoint_numbers: how many numbers of keypoints follow a box.
    """

    path: Path
    names: Mapping[str, str]
    keypoint_numbers: int = 0


def read(files: SetFiles) -> Iterator[Annotation | Problem]:
    """What the label files of this form say; nothing where there is none."""
    paths = [path for path in files.with_suffix(".txt") if not _is_list(files, path)]
    if not any(_is_in_labels(files, path) or _holds_boxes(files, path) for path in paths):
        return
    lists = list(_class_lists(files))
    yield from _contradictions(lists)
    texts: dict[Path, list[str]] = {}
    for path in paths:
        is_label_file = _is_in_labels(files, path) or has_picture(files, path)
        try:
            lines = read_text(path).splitlines()
        except (OSError, LookupError, ValueError) as error:
            if is_label_file:
                yield Problem(path, f"cannot be read ({why(error)})")
            continue
        if is_label_file or _is_box(lines):
            texts[path] = lines
    keypoints = _keypoints(line for lines in texts.values() for line in lines)
    for path, lines in texts.items():
        yield _annotation(path, lines, _nearest(lists, path), keypoints)


def _is_list(files: SetFiles, path: Path) -> bool:
    return path.name.lower() in _LISTS and not has_picture(files, path)


def _is_in_labels(files: SetFiles, path: Path) -> bool:
    return in_folder(path, files.folder, "labels")


def _holds_boxes(files: SetFiles, path: Path) -> bool:
    """Whether a text beside a picture is its label file, and not what somebody wrote of it."""
    try:
        return has_picture(files, path) and _is_box(read_text(path).splitlines())
    except (OSError, LookupError, ValueError):
        return False


def _is_box(lines: Sequence[str]) -> bool:
    first = next((line.split() for line in lines if line.strip()), [])
    return len(first) >= 5 and numbers(first) is not None


def _annotation(
    path: Path, lines: Sequence[str], classes: ClassList | None, keypoints: Mapping[int, str]
) -> Annotation:
    marks = tuple(
        _mark(path, number, line, classes, keypoints)
        for number, line in enumerate(lines, 1)
        if line.strip()
    )
    return Annotation(path, path.name, marks, SHARES)


def _mark(
    path: Path, number: int, line: str, classes: ClassList | None, keypoints: Mapping[int, str]
) -> Mark | Problem:
    values = numbers(line.split())
    count = len(values) - 1 if values else 0
    told = classes.keypoint_numbers if classes else 0
    if count in keypoints and not (told and count in (4 + told, 5 + told)):
        shape = keypoints[count]
        return Problem(
            path,
            f"line {number} is a box with keypoints after it, it seems, and no outline; add "
            f"`kpt_shape: {shape}` to the `names` in data.yaml: {line[:60]}",
        )
    box = _box(values[1:], classes.keypoint_numbers if classes else 0) if values else None
    if not values or box is None or values[0] < 0 or values[0] % 1:
        return Problem(path, f"line {number} is not {_LINE}: {line[:60]}")
    class_id = str(int(values[0]))
    name = classes.names.get(class_id, class_id) if classes else class_id
    return Mark(f"line {number}", name, box, class_id)


def _box(values: Sequence[float], keypoint_numbers: int) -> BoxXYXY | None:
    """The box of a line without its class: a box, or an outline of three points or more."""
    count = len(values)
    has_confidence = count % 2 == 1 and 0 <= values[-1] <= 1
    if count == 4 or (count == 5 and has_confidence):
        return _centred(values)
    if keypoint_numbers and count in (4 + keypoint_numbers, 5 + keypoint_numbers):
        return _centred(values)
    points = values[:-1] if has_confidence else values
    if len(points) < 6 or len(points) % 2:
        return None
    return box_around(points[::2], points[1::2])


def _keypoints(lines: Iterable[str]) -> dict[int, str]:
    """The shape of the keypoints in lines of so many numbers, where these are no outlines.

    A face in profile looks like an outline, so the lines of a set decide together.
    """
    votes: dict[int, list[str]] = defaultdict(list)
    for line in lines:
        values = numbers(line.split())
        if values and len(values) > 5 + 2 * _FEWEST_KEYPOINTS:
            votes[len(values) - 1].append(_keypoint_shape(values[1:]))
    shapes = {count: max(found, key=bool) for count, found in votes.items()}
    return {
        count: shapes[count]
        for count, found in votes.items()
        if 3 * sum(map(bool, found)) > len(found)
    }


def _keypoint_shape(values: Sequence[float]) -> str:
    """What `kpt_shape` has to say of a line without its class; empty where it is an outline."""
    after = values[4:]
    for size in (3, 2):
        count, more = divmod(len(after), size)
        if more > 1 or count < _FEWEST_KEYPOINTS or (more and not 0 <= after[-1] <= 1):
            continue
        points = [after[i : i + size] for i in range(0, count * size, size)]
        shape = f"[{count}, {size}]"
        if size == 3 and all(point[2] in (0, 1, 2) for point in points):  # how well it is seen
            return shape
        if size == 2 and ((-1, -1) in points or _is_around(_centred(values), points)):
            return shape
    return ""


def _is_around(box: BoxXYXY, points: Sequence[Sequence[float]]) -> bool:
    """Whether points lie in a box, and around its middle."""
    xs, ys = zip(*points, strict=True)
    offs = []
    for low, high, values in ((box[0], box[2], xs), (box[1], box[3], ys)):
        span = max(values) - min(values)
        slack = _OVER_EDGE * (high - low)
        if not low - slack <= min(values) <= max(values) <= high + slack or not span:
            return False
        offs.append((min(values) + max(values) - low - high) / span)
    return math.hypot(*offs) <= 2 * _OFF_CENTRE


def _centred(values: Sequence[float]) -> BoxXYXY:
    x, y, width, height = values[:4]
    return x - width / 2, y - height / 2, x + width / 2, y + height / 2


class _Loader(yaml.SafeLoader):
    """PyYAML's safe one; classes may be called yes and no, and are not true or false then."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - how PyYAML wants it
        first: [(tag, regexp) for tag, regexp in found if not tag.endswith(":bool")]
        for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def _class_lists(files: SetFiles) -> Iterator[ClassList]:
    """Every file that names classes; one that cannot be read names none."""
    for path in files.others:
        name, kind = path.name.lower(), path.suffix.lower()
        try:
            if path.stat().st_size > _LONGEST_LIST_BYTES:
                continue
            if kind in (".yaml", ".yml"):
                yield from _from_settings(path, yaml.load(read_text(path), _Loader), "names")
            elif name == "notes.json":
                yield from _from_settings(path, json.loads(read_text(path)), "categories")
            elif kind == ".names" or name in ("classes.txt", "_darknet.labels"):
                lines = read_text(path).strip().splitlines()
                yield ClassList(path, {str(i): line.strip() for i, line in enumerate(lines)})
        except (OSError, LookupError, ValueError, RecursionError, yaml.YAMLError):
            continue


def _from_settings(path: Path, content: Any, key: str) -> Iterator[ClassList]:
    """Names as a list, as a map of numbers, or as records with `id` and `name`."""
    named = content.get(key) if isinstance(content, dict) else None
    if isinstance(named, list) and named and all(isinstance(item, dict) for item in named):
        named = {item.get("id"): item.get("name") for item in named}
    if isinstance(named, list):
        named = dict(enumerate(named))
    if isinstance(named, dict) and named:
        shape = content.get("kpt_shape")
        points = numbers(shape) if isinstance(shape, list) else None
        # a number without a name stays a number: "None" would be taken for no mask
        names = {str(n): str(name).strip() for n, name in named.items() if name not in (None, "")}
        yield ClassList(
            path,
            names,
            int(points[0] * points[1]) if points and len(points) == 2 else 0,
        )


def _nearest(lists: Sequence[ClassList], path: Path) -> ClassList | None:
    """The list in the nearest folder above a label file, else the only one there is."""
    above = [item for item in lists if item.path.parent in path.parents]
    deepest = max((len(item.path.parents) for item in above), default=0)
    nearest = [item for item in above if len(item.path.parents) == deepest] or list(lists)
    return nearest[0] if nearest and not _differ(nearest) else None


def _contradictions(lists: Sequence[ClassList]) -> Iterator[Problem]:
    for folder in sorted({item.path.parent for item in lists}):
        here = [item for item in lists if item.path.parent == folder]
        if _differ(here):
            names = " and ".join(item.path.name for item in here)
            yield Problem(folder, f"{names} name the classes differently; none of them is taken")


def _differ(lists: Sequence[ClassList]) -> bool:
    return any(item.names != lists[0].names for item in lists)
