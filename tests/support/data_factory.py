"""Draws small data sets in the three public layouts; no picture of a real set is committed.

A drawn face is noise of its own under a soft light, so different numbers give unrelated pictures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from maskwatch.schema import ImageRGB
from maskwatch.training.data.files import file_sha256
from maskwatch.training.data.manifest import COLUMNS, tidy

FOLDERS = ("with_mask", "without_mask", "mask_weared_incorrect")


def draw(number: int, width: int = 48, height: int = 48, brightness: int = 128) -> ImageRGB:
    """A picture of blocks that depend on `number` only."""
    blocks = np.random.default_rng(number).integers(-60, 61, (6, 6, 3))
    small = Image.fromarray(np.clip(blocks + brightness, 0, 255).astype(np.uint8))
    return np.asarray(small.resize((width, height), Image.Resampling.BICUBIC))


def save(path: Path, image: ImageRGB) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path, quality=95)
    return path


def folder_set(root: Path, per_class: int = 4, classes: Sequence[str] = FOLDERS) -> Path:
    """Folder per class; every picture is different, incorrect masks are darker."""
    for index, name in enumerate(classes):
        for item in range(per_class):
            picture = draw(1000 * index + item, brightness=70 if "incorrect" in name else 140)
            save(root / name / f"{item}.jpg", picture)
    return root


def voc_set(root: Path, boxes: Mapping[str, Sequence[tuple[str, tuple[float, ...]]]]) -> Path:
    """Pascal VOC: for each stem its objects (class, box); pictures of 100 x 80 pixels."""
    for number, (stem, objects) in enumerate(boxes.items()):
        save(root / "images" / f"{stem}.jpg", draw(5000 + number, 100, 80))
        items = "".join(_voc_object(name, box) for name, box in objects)
        note = root / "annotations" / f"{stem}.xml"
        note.parent.mkdir(parents=True, exist_ok=True)
        note.write_text(
            f"<annotation><filename>{stem}.png</filename>{items}</annotation>", encoding="utf-8"
        )
    return root


def _voc_object(name: str, box: Sequence[float]) -> str:
    sides = zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True)
    corners = "".join(f"<{side}>{value}</{side}>" for side, value in sides)
    return f"<object><name>{name}</name><bndbox>{corners}</bndbox></object>"


def yolo_set(root: Path, labels: Mapping[str, str]) -> Path:
    """YOLO: for each `part/stem` the text of its label file; pictures of 100 x 80 pixels."""
    for number, (name, text) in enumerate(labels.items()):
        part, stem = name.split("/")
        save(root / part / "images" / f"{stem}.jpg", draw(7000 + number, 100, 80))
        note = root / part / "labels" / f"{stem}.txt"
        note.parent.mkdir(parents=True, exist_ok=True)
        note.write_text(text, encoding="utf-8")
    return root


def table_of(rows: Sequence[Mapping[str, object]]) -> pd.DataFrame:
    """A manifest table from partial rows; the pictures it names need not exist."""
    filled = []
    for number, row in enumerate(rows):
        path = Path(str(row.get("image_path", f"/pictures/{number}.jpg")))
        digest = f"{number:064x}"
        with suppress(OSError):  # most are not there
            digest = file_sha256(path)
        usual = {"image_path": str(path), "label": "mask", "source": "drawn", "sha256": digest}
        filled.append({**usual, **row})
    return tidy(pd.DataFrame(filled, columns=list(COLUMNS)))
