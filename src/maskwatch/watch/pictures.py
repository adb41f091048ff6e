"""The picture of an event, in the kind that the owner chose; coarse unless somebody says otherwise.

Coarse is too little to tell who it is: the face alone, without hair, clothes and surroundings, as
8 x 8 blocks of one colour each, and each colour as one of 16 steps. People recognise even a face
they know well only from some 16 blocks across on (Harmon and Julesz 1973; Bachmann 1991); half as
many in each direction leave a quarter of that, enough to see whether the lower half of the face has
another colour than the upper. Networks do better than people: given photos of a handful of
candidates, one can be guessed from such mosaics more often than by chance (McPherson et al. 2016).
That is why there is one picture of each event and no film, why nothing in it tells which belong
together, and why all of them are deleted after a time.

Blurred shows from the nose down whether a mask is worn, and how. All else round it is no finer than
the coarse picture, the eyes above all; who knows somebody's chin may still know them. Whole is the
picture as the camera took it, but for zones that it is to ignore.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

import cv2
import numpy as np
from PIL import Image

from maskwatch.io.draw import annotate
from maskwatch.schema import BoxXYXY, FaceVerdict, FrameReport, ImageRGB
from maskwatch.watch.rules import Alert

BLOCKS = 8
"""Blocks across the longer side of a face."""

STEPS = 16
"""Of each colour."""

LONGEST_PX = 1280
"""Longer side of a whole picture; larger ones are made smaller."""

_SHOWN_PX = 16  # side of a block in the file, so that it can be looked at
_BLURRED_PX = 256  # longer side of a blurred picture
_MARGIN_RATIO = 0.25  # beside the face, of its sides
_JPEG_QUALITY = 85


class PictureKind(StrEnum):
    """How much a picture shows."""

    COARSE = "coarse"
    BLURRED = "blurred"
    WHOLE = "whole"

    @property
    def media_type(self) -> str:
        """Of its files."""
        return "image/jpeg" if self is PictureKind.WHOLE else "image/png"


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture as a file.

    Attributes:
        content: of the file.
        media_type: image/png or image/jpeg.
    """

    content: bytes
    media_type: str

    @property
    def suffix(self) -> str:
        """What its file's name ends with."""
        return ".png" if self.media_type == "image/png" else ".jpg"


FindPicture = Callable[[str], Picture | None]
"""The picture of the event with this number; None where none is kept."""


def no_picture(event_id: str) -> Picture | None:
    """What a FindPicture says where nothing is kept."""
    return None


def picture_of(alert: Alert, wanted: bool, find_picture: FindPicture) -> Picture | None:
    """The picture that goes along with an alert; None where none is wanted, or there is none."""
    event_id = alert.event_id if wanted else None
    return None if event_id is None else find_picture(event_id)


def event_picture(
    kind: PictureKind, image_rgb: ImageRGB, report: FrameReport, face: FaceVerdict
) -> Picture:
    """What is kept of a violation.

    Args:
        kind: how much it shows.
        image_rgb: (H, W, 3).
        report: of this picture.
        face: the one in it that shows the violation.
    """
    if kind is PictureKind.WHOLE:
        image_rgb, report = shrunk(image_rgb, replace(report, faces=(face,)), LONGEST_PX)
        return as_jpeg(annotate(image_rgb, report))
    if kind is PictureKind.BLURRED:
        return _as_png(blurred(image_rgb, face))
    return _as_png(coarse(image_rgb, face.box_xyxy).repeat(_SHOWN_PX, 0).repeat(_SHOWN_PX, 1))


def coarse(image_rgb: ImageRGB, box_xyxy: BoxXYXY) -> ImageRGB:
    """What may be kept of a face where nobody is to be known.

    Args:
        image_rgb: (H, W, 3).
        box_xyxy: of the face; must overlap the picture.

    Returns:
        (rows, columns, 3), one pixel a block, at most BLOCKS each way.
    """
    face_rgb = _cut(image_rgb, box_xyxy)
    return _blocks(face_rgb, max(face_rgb.shape[:2]) / BLOCKS)


def blurred(image_rgb: ImageRGB, face: FaceVerdict) -> ImageRGB:
    """A face and a little round it; only from between eyes and nose down it is as it was taken.

    Args:
        image_rgb: (H, W, 3).
        face: must overlap the picture.

    Returns:
        (height, width, 3).
    """
    left, top, right, bottom = face.box_xyxy
    side_px = max(right - left, bottom - top)
    margin_x, margin_y = _MARGIN_RATIO * (right - left), _MARGIN_RATIO * (bottom - top)
    around = (left - margin_x, top - margin_y, right + margin_x, bottom + margin_y)
    plain_rgb = _cut(image_rgb, around)
    height, width = plain_rgb.shape[:2]
    blurred_rgb = cv2.resize(_blocks(plain_rgb, side_px / BLOCKS), (width, height))
    corner = np.array([max(0, int(around[0])), max(0, int(around[1]))], float)
    places_xy = np.stack(np.meshgrid(np.arange(width), np.arange(height)), -1) + corner
    shown = _in_box(places_xy, face.box_xyxy) & _below_the_eyes(places_xy, face)
    picture_rgb = np.where(shown[..., None], plain_rgb, blurred_rgb).astype(np.uint8)
    scale = _BLURRED_PX / max(width, height)
    size_wh = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(picture_rgb, size_wh, interpolation=cv2.INTER_AREA), np.uint8)


def shrunk(
    image_rgb: ImageRGB, report: FrameReport, longest_px: int
) -> tuple[ImageRGB, FrameReport]:
    """A picture no longer than this, and its boxes in it, which takes less time to draw and pack.

    Args:
        image_rgb: (H, W, 3).
        report: of it; where it is made smaller, the landmarks are left out.
        longest_px: of its longer side, at most.
    """
    height, width = image_rgb.shape[:2]
    scale = longest_px / max(height, width)
    if scale >= 1:
        return image_rgb, report
    size_wh = (max(1, round(width * scale)), max(1, round(height * scale)))
    faces = []
    for face in report.faces:
        left, top, right, bottom = face.box_xyxy
        box_xyxy = (left * scale, top * scale, right * scale, bottom * scale)
        faces.append(replace(face, box_xyxy=box_xyxy, landmarks_xy=None))
    small_rgb = np.asarray(cv2.resize(image_rgb, size_wh, interpolation=cv2.INTER_AREA), np.uint8)
    return small_rgb, replace(report, faces=tuple(faces), image_size_wh=size_wh)


def as_jpeg(image_rgb: ImageRGB) -> Picture:
    """A picture as JPEG."""
    file = io.BytesIO()
    Image.fromarray(image_rgb).save(file, "JPEG", quality=_JPEG_QUALITY)
    return Picture(file.getvalue(), "image/jpeg")


def _as_png(image_rgb: ImageRGB) -> Picture:
    file = io.BytesIO()
    Image.fromarray(image_rgb).save(file, "PNG")
    return Picture(file.getvalue(), "image/png")


def _blocks(image_rgb: ImageRGB, block_px: float) -> ImageRGB:
    """One pixel for each block, of so many pixels each way, and few colours."""
    columns, rows = (max(1, round(side / block_px)) for side in image_rgb.shape[1::-1])
    blocks_rgb = cv2.resize(image_rgb, (columns, rows), interpolation=cv2.INTER_AREA)
    step = 256 // STEPS
    return np.asarray(blocks_rgb // step * step + step // 2, np.uint8)


def _cut(image_rgb: ImageRGB, box_xyxy: BoxXYXY) -> ImageRGB:
    height, width = image_rgb.shape[:2]
    left, right = _inside(box_xyxy[0], box_xyxy[2], width)
    top, bottom = _inside(box_xyxy[1], box_xyxy[3], height)
    return image_rgb[top:bottom, left:right]


def _inside(low: float, high: float, size: int) -> tuple[int, int]:
    """The pixels between two places, at least one."""
    first = min(max(0, int(low)), size - 1)
    return first, max(first + 1, min(size, round(high)))


def _in_box(places_xy: np.ndarray, box_xyxy: BoxXYXY) -> np.ndarray:
    left, top, right, bottom = box_xyxy
    x, y = places_xy[..., 0], places_xy[..., 1]
    return np.asarray((left <= x) & (x <= right) & (top <= y) & (y <= bottom))


def _below_the_eyes(places_xy: np.ndarray, face: FaceVerdict) -> np.ndarray:
    """Which places lie beyond the middle between eyes and nose, as the face is turned.

    Args:
        places_xy: (..., 2) in pixels.
        face: without landmarks, its lower half counts.
    """
    if face.landmarks_xy is None:
        return np.asarray(places_xy[..., 1] >= (face.box_xyxy[1] + face.box_xyxy[3]) / 2)
    points_xy = np.array(face.landmarks_xy, float)
    eyes_xy, mouth_xy = points_xy[:2].mean(0), points_xy[3:].mean(0)
    down_xy = mouth_xy - eyes_xy
    border = ((eyes_xy + points_xy[2]) / 2) @ down_xy
    return np.asarray(places_xy @ down_xy >= border)
