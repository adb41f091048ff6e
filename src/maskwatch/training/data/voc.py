"""Pascal VOC: an XML file for each picture, as LabelImg, Roboflow and CVAT write it.

The file lies beside its picture or in a folder such as `annotations/`. It is matched by its own
name; the `<filename>` in it decides only between pictures that differ in their suffix.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

from maskwatch.training.data.files import SetFiles, in_folder, read_text, why
from maskwatch.training.data.labels import Annotation, Mark, Problem, box_around, numbers, size_of

NAME = "Pascal VOC boxes"

_SIDES = ("xmin", "ymin", "xmax", "ymax")


def read(files: SetFiles) -> Iterator[Annotation | Problem]:
    """What the label files of this form say; nothing where there is none."""
    for path in files.with_suffix(".xml"):
        try:
            root = parse_xml(path)
        except ValueError as error:
            if in_folder(path, files.folder, "annotations") or has_picture(files, path):
                yield Problem(path, str(error))
            continue
        in_annotations = in_folder(path, files.folder, "annotations")
        if root.tag == "annotation" or (in_annotations and root.tag != "annotations"):  # CVAT's
            yield _annotation(path, root)


def parse_xml(path: Path) -> ElementTree.Element:
    """The root of an XML file in any encoding.

    Raises:
        ValueError: it cannot be read; the message tells why.
    """
    try:
        return ElementTree.fromstring(read_text(path))
    except OSError as error:
        raise ValueError(f"cannot be read ({why(error)})") from error
    except (ElementTree.ParseError, LookupError, ValueError) as error:
        raise ValueError(f"broken XML ({why(error)})") from error


def has_picture(files: SetFiles, path: Path) -> bool:
    """Whether a label file has a picture of its name."""
    try:
        files.find(path, path.name)
    except LookupError:
        return False
    return True


def _annotation(path: Path, root: ElementTree.Element) -> Annotation:
    return Annotation(
        path,
        path.name,
        tuple(_mark(path, number, item) for number, item in enumerate(root.iter("object"), 1)),
        size_of(root.findtext("size/width"), root.findtext("size/height")),
        (root.findtext("filename") or "").strip(),
    )


def _mark(path: Path, number: int, item: ElementTree.Element) -> Mark | Problem:
    place, name = f"object {number}", (item.findtext("name") or "").strip()
    sides = numbers(item.findtext(f"bndbox/{side}") for side in _SIDES)
    if sides is None:  # an outline without its box
        points = item.find("polygon")
        outline = numbers(point.text for point in points) if points is not None else None
        if outline and len(outline) >= 6 and len(outline) % 2 == 0:
            sides = box_around(outline[::2], outline[1::2])
    if not name or sides is None:
        return Problem(path, f"{place} lacks a name or four numbers for its box")
    left, top, right, bottom = sides
    return Mark(place, name, (left, top, right, bottom))
