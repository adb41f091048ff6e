"""How each row's face can be seen: turned how far, how sharp. Measured, since no set labels it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from maskwatch.detect import Detector
from maskwatch.errors import DataError, ImageError
from maskwatch.quality import measure_quality
from maskwatch.runtime import available_cpus
from maskwatch.schema import BoxXYXY, Face, FaceQuality, ImageRGB
from maskwatch.sources import load_image
from maskwatch.training.evaluation.answers import Progress
from maskwatch.training.manifest import BOX
from maskwatch.training.synth.faces import find_face

LOOK_SIDE_PX = 320
"""What the detector scales a cut-out to: the face fills half of it, so more shows nothing new."""


@dataclass(frozen=True, slots=True)
class Views:
    """How the faces of some rows can be seen; NaN where the detector finds no landmarks.

    Attributes:
        roll_deg: (n,) see schema.FaceQuality.
        yaw_deg: (n,) likewise.
        sharpness: (n,) likewise, of the row's box, or of the face found in a whole picture, or of
            the whole picture; never NaN.
    """

    roll_deg: NDArray[np.float64]
    yaw_deg: NDArray[np.float64]
    sharpness: NDArray[np.float64]


def measure_views(
    table: pd.DataFrame, detector: Detector, progress: Progress = lambda _n: None
) -> Views:
    """Looks for the face of every row in its cut-out; a photo with many faces is decoded once.

    Args:
        table: manifest rows.
        detector: gives the landmarks.
        progress: called with the number of rows done since the last call.

    Raises:
        DataError: an image cannot be read.
    """
    measured = np.full((len(table), 3), np.nan)
    positions = pd.Series(np.arange(len(table))).groupby(table["image_path"].to_numpy())
    boxes = table[list(BOX)].to_numpy(float)

    def look(photo: tuple[str, NDArray[np.intp]]) -> int:
        path, rows = photo
        try:
            image_rgb = load_image(path)
        except ImageError as error:
            raise DataError(str(error)) from error
        for row in rows:
            left, top, right, bottom = boxes[row].tolist()
            box = None if np.isnan(left) else (left, top, right, bottom)
            quality = _view(detector, image_rgb, box)
            turns = (quality.roll_deg, quality.yaw_deg)
            measured[row] = (*(np.nan if t is None else t for t in turns), quality.sharpness)
        return len(rows)

    photos = [(str(path), np.asarray(rows)) for path, rows in positions.indices.items()]
    with ThreadPoolExecutor(available_cpus()) as pool:  # decoding and networks release the GIL
        for count in pool.map(look, photos):
            progress(count)
    return Views(*measured.T)


def _view(detector: Detector, image_rgb: ImageRGB, box_xyxy: BoxXYXY | None) -> FaceQuality:
    found = find_face(detector, image_rgb, box_xyxy)
    if found is None:
        height, width = image_rgb.shape[:2]
        face = Face(box_xyxy or (0.0, 0.0, float(width), float(height)))
    else:
        found_box, points = found
        face = Face(box_xyxy or found_box, 1.0, tuple((x, y) for x, y in points.tolist()))
    return measure_quality(image_rgb, (face,))[0]
