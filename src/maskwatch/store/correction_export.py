"""Kept corrections -> a YOLO or COCO set, in a folder or a ZIP file."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from maskwatch._version import __version__
from maskwatch.errors import DataError
from maskwatch.files import explained
from maskwatch.store.corrections import (
    CLASS_NAMES,
    Correction,
    CorrectionStore,
    class_list,
    yolo_line,
)

SetFile = tuple[str, bytes]
"""A file of a set: its name with folders, and what is in it."""


def yolo_files(store: CorrectionStore, corrections: Sequence[Correction]) -> Iterator[SetFile]:
    """As the folder itself has them, without the records."""
    yield "data.yaml", class_list().encode()
    for one, picture in _with_pictures(store, corrections):
        yield f"images/{one.correction_id}.jpg", picture
        yield f"labels/{one.correction_id}.txt", yolo_line(one).encode()


def coco_files(store: CorrectionStore, corrections: Sequence[Correction]) -> Iterator[SetFile]:
    """The pictures, and one document that also says what was answered."""
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number, (one, picture) in enumerate(_with_pictures(store, corrections), start=1):
        name = f"images/{one.correction_id}.jpg"
        yield name, picture
        width, height = one.size_wh
        images.append({"id": number, "file_name": name, "width": width, "height": height})
        if one.class_name is None:
            continue
        left, top, right, bottom = one.box_xyxy
        box = [left, top, round(right - left, 2), round(bottom - top, 2)]
        annotations.append(
            {
                "id": len(annotations) + 1,
                "image_id": number,
                "category_id": CLASS_NAMES.index(one.class_name) + 1,
                "bbox": box,
                "area": round(box[2] * box[3], 2),
                "iscrowd": 0,
                "attributes": {
                    "answered": one.answered,
                    "confidence": one.confidence,
                    "model": one.model,
                    "source": one.source,
                },
            }
        )
    categories = [
        {"id": number, "name": name, "supercategory": "face"}
        for number, name in enumerate(CLASS_NAMES, start=1)
    ]
    document = {
        "info": {"description": f"MaskWatch {__version__}: corrected answers"},
        "images": images,
        "categories": categories,
        "annotations": annotations,
    }
    yield "annotations.json", json.dumps(document, indent=1).encode()


FORMS: dict[str, Callable[[CorrectionStore, Sequence[Correction]], Iterator[SetFile]]] = {
    "yolo": yolo_files,
    "coco": coco_files,
}


def export_folder(store: CorrectionStore, form: str, out: Path) -> int:
    """Write all that are kept as a set.

    Args:
        store: of the corrections.
        form: one of FORMS.
        out: a new or empty folder.

    Returns:
        How many there are.

    Raises:
        DataError: the folder holds something, or cannot be written.
    """
    kept = store.entries()
    with explained(out):
        out.mkdir(parents=True, exist_ok=True)
        if any(out.iterdir()):
            raise DataError(f"{out}: is not empty; name a new folder")
        for name, content in FORMS[form](store, kept):
            path = out / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content)
    return len(kept)


def export_zip(store: CorrectionStore, form: str) -> bytes:
    """The same as the content of a ZIP file."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in FORMS[form](store, store.entries()):
            archive.writestr(name, data)
    return content.getvalue()


def _with_pictures(
    store: CorrectionStore, corrections: Sequence[Correction]
) -> Iterator[tuple[Correction, bytes]]:
    """Each with its picture, oldest first; one that has just been undone is left out."""
    for one in reversed(corrections):
        try:
            picture = store.picture_path(one).read_bytes()
        except FileNotFoundError:
            continue
        yield one, picture
