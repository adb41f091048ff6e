"""Reports -> text: JSON lines, CSV, a COCO document, or a table for people.

Each format takes the results of a run as they come, a report or the reason why there is none, and
yields lines. JSON lines and CSV give theirs at once, so a long run can be read while it goes on.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from maskwatch._version import __version__
from maskwatch.errors import ImageError
from maskwatch.io.style import STYLES
from maskwatch.io.text_files import csv_line, visible
from maskwatch.schema import CLASSES, REPORT_SCHEMA, FaceOrigin, FaceVerdict, FrameReport, MaskState

Result = FrameReport | ImageError
"""What became of one image."""

_Row = tuple[str, str, str, str, str]

_FACE_COLUMNS = (
    "face",
    "left",
    "top",
    "right",
    "bottom",
    "detection_score",
    "state",
    "confidence",
    *CLASSES,
)

CSV_COLUMNS = (
    "source",
    *_FACE_COLUMNS,
    "face_origin",
    "model",
    "detector",
    "track_id",
    "state_age_s",
    "error",
)


def to_jsonl(results: Iterable[Result]) -> Iterator[str]:
    """One JSON document a line and image; see to_document."""
    for result in results:
        yield json.dumps(to_document(result))


def to_document(result: Result) -> dict[str, Any]:
    """One result as plain JSON values; an unreadable image has `error` instead of `faces`."""
    if isinstance(result, ImageError):
        return {"schema": REPORT_SCHEMA, "source": result.source, "error": result.reason}
    return result.to_dict()


def to_csv(results: Iterable[Result]) -> Iterator[str]:
    """A header, then one row a face; see csv_rows."""
    yield csv_line(CSV_COLUMNS)
    for result in results:
        yield from map(csv_line, csv_rows(result))


def csv_rows(result: Result) -> Iterator[tuple[object, ...]]:
    """The cells of CSV_COLUMNS for each face, which are counted from 1.

    An image without a face has one row with nothing in its cells about a face; an unreadable one
    says why.
    """
    document, blank = to_document(result), (None,) * len(_FACE_COLUMNS)
    about = tuple(document.get(name) for name in ("face_origin", "model", "detector"))
    if "error" in document or not document["faces"]:
        yield document["source"], *blank, *about, None, None, document.get("error")
        return
    for number, face in enumerate(document["faces"], start=1):
        yield (
            document["source"],
            number,
            *face["box_xyxy"],
            face["detection_score"],
            face["state"],
            face["confidence"],
            *(face["probabilities"][state] for state in CLASSES),
            *about,
            face.get("track_id"),  # of a face in a video
            face.get("state_age_s"),
            None,
        )


def to_coco(results: Iterable[Result]) -> Iterator[str]:
    """One COCO document of all readable images, at the end of the run."""
    category_ids = {state: index for index, state in enumerate(MaskState, start=1)}
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for result in results:
        if isinstance(result, ImageError):
            continue
        document = result.to_dict()
        width, height = document["image_size_wh"]
        image_id = len(images) + 1
        images.append(
            {"id": image_id, "file_name": document["source"], "width": width, "height": height}
        )
        for face in document["faces"]:
            left, top, right, bottom = face["box_xyxy"]
            bbox = [left, top, round(right - left, 2), round(bottom - top, 2)]
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image_id,
                    "category_id": category_ids[face["state"]],
                    "bbox": bbox,
                    "area": round(bbox[2] * bbox[3], 2),
                    "iscrowd": 0,
                    "score": face["confidence"],
                    "attributes": {
                        "detection_score": face["detection_score"],
                        "probabilities": face["probabilities"],
                        "landmarks_xy": face["landmarks_xy"],
                        "face_origin": document["face_origin"],
                        "model": document["model"],
                        "detector": document["detector"],
                    },
                }
            )
    categories = [
        {"id": index, "name": state.value, "supercategory": "face"}
        for state, index in category_ids.items()
    ]
    yield json.dumps(
        {
            "info": {"description": f"MaskWatch {__version__}", "version": REPORT_SCHEMA},
            "images": images,
            "categories": categories,
            "annotations": annotations,
        }
    )


def to_table(results: Iterable[Result]) -> Iterator[str]:
    """An aligned table with a summary below, at the end of the run.

    Of several faces in one image, only the first names it.
    """
    rows: list[_Row] = [("IMAGE", "FACE", "VERDICT", "CONFIDENCE", "WHERE")]
    faces: list[FaceVerdict] = []
    readable = without_face = unreadable = 0
    for result in results:
        if isinstance(result, ImageError):
            unreadable += 1
            continue
        readable += 1
        without_face += not result.faces
        faces += result.faces
        rows += _table_rows(result)
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
    yield ""
    yield f"{_number(readable, 'image')}, {count_states(faces)}"
    if without_face:
        yield f"{_number(without_face, 'image')} without a face"
    if unreadable:
        yield f"{unreadable} could not be read"


def _table_rows(report: FrameReport) -> Iterator[_Row]:
    source = visible(report.source or "")
    if not report.faces:
        yield source, "-", "no face found", "", ""
    for index, face in enumerate(report.faces, start=1):
        left, top, right, bottom = (round(value) for value in face.box_xyxy)
        where = f"{right - left} x {bottom - top} at {left}, {top}"
        if report.face_origin is FaceOrigin.WHOLE_IMAGE:
            where = "whole image"
        name = source if index == 1 else ""
        yield name, str(index), STYLES[face.state].label, f"{face.confidence:.1%}", where


def count_states(faces: Sequence[FaceVerdict]) -> str:
    """How many faces show what, such as "3 faces: 2 mask worn, 1 unsure"."""
    counts = Counter(face.state for face in faces)
    shares = ", ".join(f"{counts[s]} {STYLES[s].label.lower()}" for s in MaskState if counts[s])
    return f"{_number(len(faces), 'face')}{shares and ': '}{shares}"


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


FORMATS: dict[str, Callable[[Iterable[Result]], Iterator[str]]] = {
    "table": to_table,
    "jsonl": to_jsonl,
    "csv": to_csv,
    "coco": to_coco,
}
