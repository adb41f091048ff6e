"""How each row's face can be seen: turned how far, how sharp. Measured, since no set labels it."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from maskwatch.errors import DataError, ImageError
from maskwatch.io.images import load_image
from maskwatch.models.evaluation_document import FullScores
from maskwatch.models.runtime import available_cpus
from maskwatch.schema import BoxXYXY, Face, FaceQuality, ImageRGB
from maskwatch.training.data.manifest import BOX
from maskwatch.training.data.parts import Part, longer_side_px
from maskwatch.training.evaluation.answers import Answers, Progress
from maskwatch.training.metrics import score
from maskwatch.training.synth.head import find_face
from maskwatch.vision.detect import Detector
from maskwatch.vision.quality import measure_quality

SMALLEST_EYES_PX = 12.0
"""Eyes nearer than this leave a bridge of too few pixels."""

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
        tone_deg: (n,) see typology_angle_deg.
    """

    roll_deg: NDArray[np.float64]
    yaw_deg: NDArray[np.float64]
    sharpness: NDArray[np.float64]
    tone_deg: NDArray[np.float64]


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
    measured = np.full((len(table), 4), np.nan)
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
            quality, tone_deg = _view(detector, image_rgb, box)
            roll_deg, yaw_deg = (
                np.nan if turn is None else turn for turn in (quality.roll_deg, quality.yaw_deg)
            )
            measured[row] = roll_deg, yaw_deg, quality.sharpness, tone_deg
        return len(rows)

    photos = [(str(path), np.asarray(rows)) for path, rows in positions.indices.items()]
    with ThreadPoolExecutor(available_cpus()) as pool:  # decoding and networks release the GIL
        for count in pool.map(look, photos):
            progress(count)
    return Views(*measured.T)


def _view(
    detector: Detector, image_rgb: ImageRGB, box_xyxy: BoxXYXY | None
) -> tuple[FaceQuality, float]:
    found = find_face(detector, image_rgb, box_xyxy)
    if found is None:
        height, width = image_rgb.shape[:2]
        face = Face(box_xyxy or (0.0, 0.0, float(width), float(height)))
        tone_deg = np.nan
    else:
        found_box, points = found
        tone_deg = typology_angle_deg(image_rgb, points)
        face = Face(box_xyxy or found_box, 1.0, tuple((x, y) for x, y in points.tolist()))
    return measure_quality(image_rgb, (face,))[0], tone_deg


# Scores by what can be measured of a face, and what cannot be told apart.


@dataclass(frozen=True, slots=True)
class Measure:
    """A quantity that rows are told apart by.

    Attributes:
        title: what it is.
        column: the same in one word.
        note: how it is measured and what to beware of.
        edges: where a slice ends and the next begins, ascending.
        names: of the slices between the edges, one more than edges.
        unknown: name of the slice of rows without a value, None where every row has one.
    """

    title: str
    column: str
    note: str
    edges: tuple[float, ...]
    names: tuple[str, ...]
    unknown: str | None = None

    def cut(self, values: NDArray[np.floating]) -> dict[str, NDArray[np.bool_]]:
        """Which rows (n,) of values (n,), NaN where there is none, are in each slice."""
        place = np.where(np.isnan(values), len(self.names), np.digitize(values, self.edges))
        names = [*self.names, *([self.unknown] if self.unknown else [])]
        return {name: place == index for index, name in enumerate(names)}


_NOT_FOUND = "no landmarks found"
_LANDMARKS = (
    "from the five landmarks that MaskWatch's own detector finds in the row's cut-out; under a "
    f"mask nose and mouth are its guess. Faces turned far away are often among “{_NOT_FOUND}”, "
    "beside very small ones."
)

MEASURES: Mapping[str, Measure] = {
    "sizes": Measure(
        "Size of the face",
        "Size",
        "Longer side of the box in pixels of the photo; whole pictures have no box.",
        (20, 40, 80),
        ("under 20 px", "20 to 40 px", "40 to 80 px", "80 px and more"),
        "whole pictures",
    ),
    "lights": Measure(
        "Light",
        "Light",
        "Mean grey level of the face: dark is under 85, bright from 170.",
        (85, 170),
        ("dark", "medium", "bright"),
    ),
    "rolls": Measure(
        "Tilt of the head (roll)",
        "Roll",
        f"Degrees to either side, {_LANDMARKS}",
        (10, 20),
        ("tilted under 10°", "tilted 10 to 20°", "tilted 20° and more"),
        _NOT_FOUND,
    ),
    "yaws": Measure(
        "Turn of the head (yaw)",
        "Yaw",
        f"Degrees to either side, roughly, {_LANDMARKS}",
        (15, 30),
        ("turned under 15°", "turned 15 to 30°", "turned 30° and more"),
        _NOT_FOUND,
    ),
    "sharpness": Measure(
        "Sharpness",
        "Sharpness",
        "From 0 (nothing finer than a twelfth of the face) to 1, on the face scaled to 48 pixels: "
        "blurred is under 0.15, sharp from 0.4. Few pixels count as blur.",
        (0.15, 0.4),
        ("blurred", "soft", "sharp"),
    ),
    "tones": Measure(
        "Skin tone, estimated",
        "Skin tone",
        "The individual typology angle of the bridge of the nose in this picture: light from 41 "
        "degrees, dark under 10. An estimate from one photo, which lamp, shade and exposure move "
        f"as much as skin does; “{_NOT_FOUND}” also holds faces whose eyes are under "
        f"{SMALLEST_EYES_PX:.0f} pixels apart.",
        (10, 28, 41),
        ("dark", "tan", "intermediate", "light"),
        _NOT_FOUND,
    ),
}
"""By name in evaluation.json."""

NOT_SLICED = (
    "Glasses, hats, headscarves and beards are not labelled in these sets, so nothing here says "
    "how faces with them are judged.",
    "Age and sex are not labelled either, and skin tone is only estimated from the colour in the "
    "picture. Guessing more would put one model's mistakes into the measure of another, so it is "
    "not done: a difference between groups of people can exist and stay unseen here.",
    "Light is the mean grey level of the face, which depends on skin and mask as well as on the "
    "lamp: a white mask makes a picture bright.",
    "The sets hold single photos of 2020 and 2021; no score says what happens in a video, at "
    "night in infrared, or in a country the photographers did not visit.",
)
"""What the data does not allow to say, in plain words."""


def measured_slices(
    part: Part, brightness: NDArray[np.float64], views: Views
) -> dict[str, dict[str, NDArray[np.bool_]]]:
    """Which rows (n,) are in each slice of each of MEASURES."""
    values = {
        "sizes": longer_side_px(part.table),
        "lights": brightness,
        "rolls": np.abs(views.roll_deg),
        "yaws": np.abs(views.yaw_deg),
        "sharpness": views.sharpness,
        "tones": views.tone_deg,
    }
    return {name: measure.cut(values[name]) for name, measure in MEASURES.items()}


def score_rows(
    part: Part, answers: Answers, slices: Mapping[str, NDArray[np.bool_]]
) -> dict[str, FullScores]:
    """Scores of each slice, see metrics.score; those of an empty one are undefined."""
    return {
        name: score(
            part.labels[rows],
            answers.probabilities[rows],
            list(part.groups[rows]),
            answers.unsure_below,
        )
        for name, rows in slices.items()
    }


# of the distance between the eyes: how wide the patch is, and from how far above them to below
_WIDTH, _ABOVE, _BELOW = 0.4, 0.35, 0.15


def typology_angle_deg(image_rgb: ImageRGB, landmarks_xy: NDArray[np.float64]) -> float:
    """Individual typology angle at the bridge of the nose; NaN where that cannot be seen.

    It tells how light a colour is against how yellow (Chardon et al. 1991); dermatology groups skin
    by it, and so do audits of face data (Merler et al. 2019, "Diversity in Faces"). No mask and
    seldom hair covers that bridge. Lamp, shade, exposure and make-up move the angle as much as skin
    does: it describes pictures, and nobody's skin.

    Args:
        image_rgb: (H, W, 3).
        landmarks_xy: (5, 2), right and left eye first.

    Returns:
        Degrees from -90 to 90; light skin is above 41, dark skin under 10.
    """
    right_eye, left_eye = landmarks_xy[:2]
    across = left_eye - right_eye
    apart_px = float(np.hypot(*across))
    if apart_px < SMALLEST_EYES_PX:
        return float("nan")
    across = across / apart_px
    down = np.array([-across[1], across[0]])
    size = np.ceil(np.array([_WIDTH, _ABOVE + _BELOW]) * apart_px).astype(int)
    corner = (right_eye + left_eye) / 2 - (across * _WIDTH / 2 + down * _ABOVE) * apart_px
    warp = np.column_stack([across, down, corner])
    patch_rgb = cv2.warpAffine(
        image_rgb,
        warp,
        (int(size[0]), int(size[1])),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    lab = cv2.cvtColor(patch_rgb.astype(np.float32) / 255, cv2.COLOR_RGB2LAB).reshape(-1, 3)
    lightness, _, yellow = np.median(lab, axis=0)
    return float(np.rad2deg(np.arctan2(lightness - 50, max(yellow, 1e-6))))
