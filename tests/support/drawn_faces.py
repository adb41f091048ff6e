"""Drawn faces whose landmarks are dots of colours of their own, and a detector that sees the dots.

PNG keeps the colours exact, so the detector works in any cut-out of a picture.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from PIL import Image

from maskwatch.schema import Face, FaceOrigin, ImageRGB
from maskwatch.training.data.manifest import BOX, COLUMNS, tidy, write_manifest
from maskwatch.training.synth.head import _LANDMARKS, FacePicture, fit_pose

DOTS = ((255, 0, 1), (1, 255, 0), (0, 1, 255), (255, 2, 255), (2, 255, 255))
SKIN = (200, 150, 120)


def landmarks(middle: tuple[float, float], unit_px: float, yaw_deg: float = 0.0) -> np.ndarray:
    """Pixels (5, 2) of the landmarks of the mean head, turned about its vertical axis."""
    angle = np.deg2rad(yaw_deg)
    x, y, z = _LANDMARKS.T
    turned = np.stack([x * np.cos(angle) + z * np.sin(angle), y * 0.95], axis=1)
    return np.asarray(turned * unit_px + middle)


def draw_face(
    number: int, size: int = 200, unit_px: float = 34.0, masked: bool = False
) -> tuple[ImageRGB, tuple[float, float, float, float]]:
    """A face on a background of its own, and its box; a masked one wears a white sheet."""
    random = np.random.default_rng(number)
    coarse = random.integers(40, 120, (6, 6, 3)).astype(np.uint8)
    image = cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC)
    middle = size / 2, size / 2 - 0.3 * unit_px
    centre = round(middle[0]), round(middle[1] + 0.5 * unit_px)
    cv2.ellipse(image, centre, (round(1.05 * unit_px), round(1.35 * unit_px)), 0, 0, 360, SKIN, -1)
    points = landmarks(middle, unit_px)
    if masked:
        shape = np.array([[-0.85, 0.5], [0, 0.25], [0.85, 0.5], [0.8, 1.2], [0, 1.7], [-0.8, 1.2]])
        cv2.fillPoly(image, [np.rint(shape * unit_px + middle).astype(np.int32)], (240, 245, 250))
    image = np.clip(image + random.normal(0, 2, image.shape), 3, 252).astype(np.uint8)
    for (x, y), colour in zip(points, DOTS, strict=True):
        cv2.circle(image, (round(x), round(y)), 1, colour, -1)
    left, top = middle[0] - unit_px, middle[1] - 0.8 * unit_px
    return image, (left, top, left + 2 * unit_px, top + 2.6 * unit_px)


def face_picture(number: int = 0, unit_px: float = 34.0, yaw_deg: float = 0.0) -> FacePicture:
    """A drawn bare face as the synthesiser holds it."""
    image, box = draw_face(number, unit_px=unit_px)
    points = landmarks((100.0, 100 - 0.3 * unit_px), unit_px, yaw_deg)
    return FacePicture(image, box, points, fit_pose(points), f"g{number}")


class DotDetector:
    """Finds the one face whose five dots it sees."""

    origin = FaceOrigin.DETECTED

    def detect(self, image_rgb: ImageRGB) -> tuple[Face, ...]:
        points = []
        for colour in DOTS:
            rows, columns = np.nonzero((image_rgb == colour).all(axis=2))
            if not len(rows):
                return ()
            points.append((float(columns.mean()), float(rows.mean())))
        unit = points[1][0] - points[0][0]
        x, y = (points[0][0] + points[1][0]) / 2, points[0][1]
        box = (x - unit, y - 0.8 * unit, x + unit, y + 1.8 * unit)
        return (Face(box, 0.9, tuple(points)),)


def face_manifest(folder: Path, rows: Sequence[dict[str, object]], **drawing: float) -> Path:
    """Draw a face for each row and write `faces.parquet`; a row may say anything but its picture.

    `masked` and `boxed` of a row say what is drawn and whether the box is in the manifest.
    """
    folder.mkdir(parents=True, exist_ok=True)
    filled = []
    for number, row in enumerate(rows):
        said = dict(row)
        image, box = draw_face(number, masked=bool(said.pop("masked", False)), **drawing)
        path = folder / f"{number}.png"
        Image.fromarray(image).save(path)
        boxed = said.pop("boxed", True)
        filled.append(
            {
                "image_path": str(path),
                "label": "no_mask",
                "source": "drawn",
                "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
                "group": f"g{number}",
                "split": "train",
                **dict(zip(BOX, box if boxed else (None,) * 4, strict=True)),
                **said,
            }
        )
    write_manifest(tidy(pd.DataFrame(filled, columns=list(COLUMNS))), folder / "faces.parquet")
    return folder / "faces.parquet"
