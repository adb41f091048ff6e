"""The frozen records that cross the borders between stages; nothing else does.

Images are RGB uint8 arrays (H, W, 3). Boxes are float pixels of the original image, `box_xyxy` =
(left, top, right, bottom). Probabilities are calibrated and sum to one.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from maskwatch.errors import SettingError

if TYPE_CHECKING:
    from maskwatch.io.images import ImageSource

ImageRGB = NDArray[np.uint8]
"""RGB uint8 array of shape (H, W, 3)."""

BoxXYXY = tuple[float, float, float, float]
"""(left, top, right, bottom) in pixels of the original image."""

LandmarksXY = tuple[tuple[float, float], ...]
"""Five points in pixels of the original image, perhaps outside it: the person's right eye and left
eye, nose tip, right and left corner of the mouth."""

REPORT_SCHEMA = "maskwatch.report/1"


class MaskState(StrEnum):
    """What a face shows. UNSURE is an answer of its own and never counts as a violation."""

    MASK = "mask"
    NO_MASK = "no_mask"
    INCORRECT_MASK = "incorrect_mask"
    UNSURE = "unsure"


CLASSES = (MaskState.MASK, MaskState.NO_MASK, MaskState.INCORRECT_MASK)
"""The three states a network can answer; the order inside a model is in its card."""


class FaceOrigin(StrEnum):
    """Where the boxes of a report came from."""

    DETECTED = "detected"
    WHOLE_IMAGE = "whole_image"
    GIVEN = "given"


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture of a video.

    Attributes:
        image_rgb: the upright picture.
        time_s: when it shows, in seconds of the source's own clock: media time of a file, time of
            arrival on the monotonic clock of anything live.
        index: its number in the source from 0 on, counting frames that were dropped as well.
    """

    image_rgb: ImageRGB
    time_s: float
    index: int


@dataclass(frozen=True, slots=True)
class Face:
    """A face that was found.

    Attributes:
        box_xyxy: where it is.
        detection_score: how sure the detector is, 0 to 1; 1 where the box was given.
        landmarks_xy: where its five landmarks are, None where that is not known.
    """

    box_xyxy: BoxXYXY
    detection_score: float = 1.0
    landmarks_xy: LandmarksXY | None = None

    def __post_init__(self) -> None:
        """Make plain numbers of what detectors give, such as lists and arrays.

        Raises:
            SettingError: the box is none.
        """
        box_xyxy = tuple(map(float, self.box_xyxy))
        if not _is_box(box_xyxy):
            wanted = "four numbers with left < right and top < bottom"
            raise SettingError(f"box_xyxy: must be {wanted}, not {box_xyxy}")
        object.__setattr__(self, "box_xyxy", box_xyxy)
        object.__setattr__(self, "detection_score", float(self.detection_score))
        if self.landmarks_xy is not None:
            points_xy = tuple((float(x), float(y)) for x, y in self.landmarks_xy)
            object.__setattr__(self, "landmarks_xy", points_xy)


def _is_box(values: tuple[float, ...]) -> bool:
    if len(values) != 4 or not all(map(math.isfinite, values)):
        return False
    left, top, right, bottom = values
    return left < right and top < bottom


@dataclass(frozen=True, slots=True)
class FaceQuality:
    """How well a face can be seen.

    Attributes:
        side_px: longer side of its box, in pixels of the original image.
        sharpness: 0 blurred or coarse, 1 crisp; the same whatever light and contrast.
        visible_ratio: share of the face and its surroundings that lies inside the picture.
        roll_deg: how far it is turned in the plane of the picture, clockwise, -180 to 180; None
            where its landmarks are not known.
        yaw_deg: how far it is turned aside, positive where the nose points to the picture's right,
            -90 to 90; None where its landmarks are not known.
    """

    side_px: float
    sharpness: float
    visible_ratio: float
    roll_deg: float | None = None
    yaw_deg: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """The quality as plain JSON values."""
        return {
            "side_px": round(self.side_px, 2),
            "sharpness": round(self.sharpness, 4),
            "visible_ratio": round(self.visible_ratio, 4),
            "roll_deg": self.roll_deg if self.roll_deg is None else round(self.roll_deg, 1),
            "yaw_deg": self.yaw_deg if self.yaw_deg is None else round(self.yaw_deg, 1),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> FaceQuality:
        """The quality that `to_dict` told."""
        return cls(**values)


@dataclass(frozen=True, slots=True, repr=False)
class FaceVerdict:
    """One face and what it shows.

    Attributes:
        box_xyxy: where it is.
        detection_score: how sure the detector is, 0 to 1.
        state: the verdict.
        confidence: calibrated probability of the likeliest of the three states, also when UNSURE.
        probabilities: calibrated probability of each of the three states.
        landmarks_xy: where its five landmarks are, None where that is not known.
        quality: how well it can be seen, None where that was not measured.
    """

    box_xyxy: BoxXYXY
    detection_score: float
    state: MaskState
    confidence: float
    probabilities: Mapping[MaskState, float]
    landmarks_xy: LandmarksXY | None = None
    quality: FaceQuality | None = None

    def __repr__(self) -> str:
        left, top, right, bottom = map(round, self.box_xyxy)
        where = f"({left}, {top}, {right}, {bottom})"
        return f"<{type(self).__name__} {self.state} {self.confidence:.1%} at {where}>"

    def to_dict(self) -> dict[str, Any]:
        """The face as plain JSON values; see FrameReport.to_dict."""
        points = self.landmarks_xy
        return {
            "box_xyxy": [round(value, 2) for value in self.box_xyxy],
            "detection_score": round(self.detection_score, 4),
            "state": self.state.value,
            "confidence": round(self.confidence, 4),
            "probabilities": {s.value: round(p, 4) for s, p in self.probabilities.items()},
            "landmarks_xy": points and [[round(x, 2), round(y, 2)] for x, y in points],
            "quality": self.quality and self.quality.to_dict(),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> FaceVerdict:
        """The face that `to_dict` told, a TrackedFace where it has a `track_id`."""
        if cls is FaceVerdict and "track_id" in values:
            return TrackedFace.from_dict(values)
        left, top, right, bottom = values["box_xyxy"]
        points, quality = values["landmarks_xy"], values["quality"]
        known = {
            "box_xyxy": (left, top, right, bottom),
            "state": MaskState(values["state"]),
            "probabilities": {MaskState(s): p for s, p in values["probabilities"].items()},
            "landmarks_xy": points and tuple((x, y) for x, y in points),
            "quality": quality and FaceQuality.from_dict(quality),
        }
        if "raw_state" in values:
            known["raw_state"] = MaskState(values["raw_state"])
        return cls(**{**values, **known})


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class TrackedFace(FaceVerdict):
    """One face of a video and what it steadily shows.

    `state` is the steady verdict, `probabilities` what the frames so far make of it, `confidence`
    that of the state shown (of the likeliest where UNSURE). Box, landmarks and quality are those of
    this frame.

    Attributes:
        track_id: the same for one person from frame to frame, counted from 1.
        raw_state: the verdict on this frame alone; of a face whose state is beyond doubt that on
            one a tenth of a second ago at most.
        state_age_s: seconds since the face was last seen well enough to tell; more than 0 means
            that the state is held from then, for a second at most.
    """

    track_id: int
    raw_state: MaskState
    state_age_s: float

    def to_dict(self) -> dict[str, Any]:
        """The face as plain JSON values; see FrameReport.to_dict."""
        return {
            **FaceVerdict.to_dict(self),  # a class with slots is made twice, super() knows one
            "track_id": self.track_id,
            "raw_state": self.raw_state.value,
            "state_age_s": round(self.state_age_s, 3),
        }


@dataclass(frozen=True, slots=True, repr=False)
class FrameReport:
    """Every face of one image, in reading order (top to bottom in rows, left to right).

    Faces whose boxes were given keep the order of those.

    Attributes:
        faces: the verdicts; in a video each is a TrackedFace.
        image_size_wh: width and height of the upright image in pixels.
        face_origin: where the boxes came from.
        model: name of the classifier.
        source: path or name of the image, None for an array.
        detector: name of the network that looked for faces, None where none did.
    """

    faces: tuple[FaceVerdict, ...]
    image_size_wh: tuple[int, int]
    face_origin: FaceOrigin
    model: str
    source: str | None = None
    detector: str | None = None

    def __repr__(self) -> str:
        counts = Counter(face.state for face in self.faces)
        shares = ", ".join(f"{counts[state]} {state}" for state in MaskState if counts[state])
        number = f"{len(self.faces)} face{'' if len(self.faces) == 1 else 's'}"
        size = "{} x {}".format(*self.image_size_wh)
        told = " ".join(filter(None, (self.source, size)))
        return f"<FrameReport {told}: {number}{shares and ': '}{shares}>"

    def save(
        self, path: Path | str, image: ImageSource | None = None, *, blur: bool = False
    ) -> None:
        """Write a copy of the picture with each face marked.

        Args:
            path: ends in .jpg, .jpeg, .png or .webp.
            image: the picture, in any form that Analyzer takes; if None, the file that `source`
                names is read again.
            blur: whether heads are made too coarse to tell who.

        Raises:
            SettingError: there is no picture, it is another one, `path` is the picture itself, or
                it cannot be written there.
            ImageError: the picture cannot be read.
        """
        from maskwatch.io.shown import save  # drawing lies above the records

        save(self, path, image, blur)

    def plot(self, image: ImageSource | None = None, *, blur: bool = False) -> Any:
        """Draw the picture with each face marked, with Matplotlib, as notebooks show it.

        Args:
            image: see `save`.
            blur: see `save`.

        Returns:
            The Matplotlib axes.

        Raises:
            MissingExtraError: Matplotlib is not installed.
            SettingError: there is no picture, or it is another one.
            ImageError: the picture cannot be read.
        """
        from maskwatch.io.shown import plot  # drawing lies above the records

        return plot(self, image, blur)

    def to_dict(self) -> dict[str, Any]:
        """The one serialised form of a report, the same through every door."""
        return {
            "schema": REPORT_SCHEMA,
            "source": self.source,
            "image_size_wh": list(self.image_size_wh),
            "face_origin": self.face_origin.value,
            "model": self.model,
            "detector": self.detector,
            "faces": [face.to_dict() for face in self.faces],
        }

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> FrameReport:
        """The report that `to_dict` told, to the digits that it keeps.

        Raises:
            ValueError: it is no such document, or one of another version.
        """
        try:
            values = dict(document)
            if (schema := values.pop("schema")) != REPORT_SCHEMA:
                raise ValueError(f"its schema is {schema!r}, this version reads {REPORT_SCHEMA!r}")
            width, height = values["image_size_wh"]
            values["image_size_wh"] = (width, height)
            values["face_origin"] = FaceOrigin(values["face_origin"])
            values["faces"] = tuple(FaceVerdict.from_dict(face) for face in values["faces"])
            return cls(**values)
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"no {REPORT_SCHEMA} document ({error})") from error
