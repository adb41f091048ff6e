"""One self-contained HTML page of what a detector misses, and of what it takes for faces.

It shows the test photos' faces, which belong to others: it is for looking, never for publishing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from maskwatch.io.images import load_image
from maskwatch.io.style import hex_colour
from maskwatch.models.card import DetectorCard
from maskwatch.schema import ImageRGB
from maskwatch.training.data.holdout import TruthPhoto
from maskwatch.training.data.report import jpeg_data_uri, render
from maskwatch.training.detector.average_precision import Found, longer_side_px, match
from maskwatch.training.detector.scores import SMALLEST_PX
from maskwatch.vision.crop import crop_faces

SHOWN = 18
"""Pictures in each section."""

_THUMB_PX = 180
_MARGIN_RATIO = 1.0  # as much again on each side of the face
_TRUTH_RGB, _FOUND_RGB = (0, 158, 115), (213, 94, 0)  # told apart with colour blindness too


@dataclass(frozen=True, slots=True)
class _Case:
    """A face that was missed, or something that was taken for a face.

    Attributes:
        photo: index of the photo.
        box_xyxy: where it is.
        size_px: its longer side.
        brightness: mean grey level inside, 0 to 255.
        oddness: how far its width-to-height ratio is from the typical one, as a factor from 1 on.
        score: of the detection; None for a missed face.
    """

    photo: int
    box_xyxy: NDArray[np.float64]
    size_px: float
    brightness: float
    oddness: float
    score: float | None


@dataclass(frozen=True, slots=True)
class _Section:
    """Pictures with captions under one heading."""

    title: str
    about: str
    pictures: tuple[tuple[str, str], ...]


def misses_page(
    photos: Sequence[TruthPhoto], found: Sequence[Found], name: str, card: DetectorCard
) -> str:
    """The page as text.

    Args:
        photos: with all their faces.
        found: what the detector says of each photo; only what reaches the card's min_score is
            shown, because that is what users see.
        name: of the detector and its setting.
        card: of the detector.

    Raises:
        ImageError: a photo cannot be read.
    """
    found = [item.from_score(card.min_score) for item in found]
    missed, false, faces = _cases(photos, found)

    def section(
        title: str, about: str, cases: list[_Case], key: Callable[[_Case], float]
    ) -> _Section:
        chosen = sorted(cases, key=key)[:SHOWN]
        return _Section(title, about, tuple(_picture(case, photos, found) for case in chosen))

    return render(
        "detector_misses.html",
        name=name,
        card=card,
        photos=len(photos),
        faces=faces,
        missed=len(missed),
        false_faces=len(false),
        smallest_px=SMALLEST_PX,
        truth_colour=hex_colour(_TRUTH_RGB),
        found_colour=hex_colour(_FOUND_RGB),
        sections=[
            section("Missed: the smallest", "", missed, lambda case: case.size_px),
            section("Missed: the darkest", "", missed, lambda case: case.brightness),
            section(
                "Missed: the most turned",
                "A missed face has no landmarks, so these are the ones whose box has the width to "
                "height farthest from that of the typical face: turned aside, bent, or cut off.",
                missed,
                lambda case: -case.oddness,
            ),
            section("Taken for faces: the surest", "", false, lambda case: -(case.score or 0.0)),
        ],
    )


def _cases(
    photos: Sequence[TruthPhoto], found: Sequence[Found]
) -> tuple[list[_Case], list[_Case], int]:
    """Missed faces, false faces, and how many faces count."""
    ratios = _log_ratio(np.concatenate([np.empty((0, 4)), *(p.boxes_xyxy for p in photos)]))
    typical = float(np.median(ratios)) if len(ratios) else 0.0
    missed: list[_Case] = []
    false: list[_Case] = []
    faces = 0
    for index, (photo, detections) in enumerate(zip(photos, found, strict=True)):
        counts = longer_side_px(photo.boxes_xyxy) >= SMALLEST_PX
        taken = match(detections.boxes_xyxy, photo.boxes_xyxy, counts)
        is_missed = counts & ~np.isin(np.arange(len(counts)), taken)
        is_false = (taken < 0) & (longer_side_px(detections.boxes_xyxy) >= SMALLEST_PX)
        faces += int(counts.sum())
        image_rgb = load_image(photo.path)
        for box_xyxy in photo.boxes_xyxy[is_missed]:
            missed.append(_case(index, image_rgb, box_xyxy, typical, None))
        for number in np.flatnonzero(is_false):
            score = float(detections.scores[number])
            false.append(_case(index, image_rgb, detections.boxes_xyxy[number], typical, score))
    return missed, false, faces


def _case(
    photo: int,
    image_rgb: ImageRGB,
    box_xyxy: NDArray[np.float64],
    typical: float,
    score: float | None,
) -> _Case:
    left, top = np.maximum(np.floor(box_xyxy[:2]), 0).astype(int)  # a box may reach outside
    right, bottom = np.ceil(box_xyxy[2:]).astype(int)
    inside = cv2.cvtColor(image_rgb[top:bottom, left:right], cv2.COLOR_RGB2GRAY)
    return _Case(
        photo,
        box_xyxy,
        size_px=float(longer_side_px(box_xyxy[None])[0]),
        brightness=float(inside.mean()),
        oddness=float(np.exp(np.abs(_log_ratio(box_xyxy[None])[0] - typical))),
        score=score,
    )


def _log_ratio(boxes_xyxy: NDArray[np.float64]) -> NDArray[np.float64]:
    """Logarithm of width to height, so that twice as wide is as far off as twice as high."""
    sides = boxes_xyxy[:, 2:] - boxes_xyxy[:, :2]
    return np.asarray(np.log(sides[:, 0] / sides[:, 1]), np.float64)


def _picture(case: _Case, photos: Sequence[TruthPhoto], found: Sequence[Found]) -> tuple[str, str]:
    """The surroundings as a JPEG in a data URI with all boxes drawn in, and a caption."""
    photo = photos[case.photo]
    thumb = crop_faces(load_image(photo.path), case.box_xyxy[None], _THUMB_PX, _MARGIN_RATIO)[0]
    left, top, right, bottom = case.box_xyxy
    square = case.size_px * (1 + 2 * _MARGIN_RATIO)
    corner = np.array([left + right - square, top + bottom - square]) / 2
    for boxes_xyxy, colour in (
        (photo.boxes_xyxy, _TRUTH_RGB),
        (found[case.photo].boxes_xyxy, _FOUND_RGB),
    ):
        placed = (boxes_xyxy - np.tile(corner, 2)) * (_THUMB_PX / square)
        for box in np.clip(placed, -_THUMB_PX, 2 * _THUMB_PX).round().astype(int).tolist():
            cv2.rectangle(thumb, box[:2], box[2:], colour, 1)
    words = [f"{case.size_px:.0f} px", f"brightness {case.brightness:.0f}"]
    words += [] if case.score is None else [f"score {case.score:.2f}"]
    return jpeg_data_uri(thumb), f"{', '.join(words)}; {photo.name}"
