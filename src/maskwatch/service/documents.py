"""What goes in and out, as OpenAPI describes it. Answers are made by the records themselves.

A test compares these descriptions with real answers.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from maskwatch._version import __version__
from maskwatch.errors import ImageFault
from maskwatch.io.image_kinds import NAMES
from maskwatch.schema import REPORT_SCHEMA, FaceOrigin, MaskState


class Document(BaseModel):
    """Has the fields that are named and no others."""

    model_config = ConfigDict(extra="forbid")


class EncodedImage(Document):
    """An image file in base64."""

    data: str = Field(
        description=f"The bytes of a {NAMES} in base64, in one line or "
        "many, or as a data address that says base64."
    )
    source: str | None = Field(None, description="What its report shall call it.")


class AnalyzeRequest(Document):
    """Images in JSON. Addresses and paths are not accepted."""

    images: list[EncodedImage]


class Quality(Document):
    """How well a face can be seen."""

    side_px: float
    sharpness: float
    visible_ratio: float
    roll_deg: float | None
    yaw_deg: float | None


class Probabilities(Document):
    """Calibrated, of the three states; they sum to one."""

    mask: float
    no_mask: float
    incorrect_mask: float


class Face(Document):
    """One face and what it shows; `unsure` never counts as a violation."""

    box_xyxy: tuple[float, float, float, float] = Field(
        description="Left, top, right, bottom in pixels of the upright image."
    )
    detection_score: float
    state: MaskState
    confidence: float = Field(description="Of the likeliest state, also where unsure.")
    probabilities: Probabilities
    landmarks_xy: list[tuple[float, float]] | None = Field(
        description="Right eye, left eye, nose, right and left corner of the mouth."
    )
    quality: Quality | None


class TrackedFace(Face):
    """One face of a stream; `state` is steady, `raw_state` that of this frame alone."""

    track_id: int
    raw_state: MaskState
    state_age_s: float


class _Report(Document):
    schema_: Literal["maskwatch.report/1"] = Field(alias="schema")
    source: str | None
    image_size_wh: tuple[int, int]
    face_origin: FaceOrigin
    model: str
    detector: str | None


class Report(_Report):
    """Every face of one image, in reading order."""

    faces: list[Face]


class UnreadableImage(Document):
    """What stands in the place of a report where an image cannot be read."""

    schema_: Literal["maskwatch.report/1"] = Field(alias="schema")
    source: str | None
    error: str = Field(description="Why, in one line.")
    fault: ImageFault


class Network(Document):
    """Which network judged, and where it draws its line."""

    name: str
    sha256: str


class Classifier(Network):
    """The network that judges faces."""

    unsure_below: float = Field(description="Less confidence than this is unsure.")


class Detector(Network):
    """The network that finds faces."""

    min_score: float = Field(description="A candidate with less is no face in a photo.")
    live_min_score: float = Field(description="The same in live video.")


class AnalyzeAnswer(Document):
    """One report an image, in the order of the images."""

    model: Classifier
    detector: Detector | None
    reports: list[Report | UnreadableImage]


class _OfFrame(Document):
    time_s: float = Field(description="The client's, or that of arrival.")
    frame: int = Field(description="Its number from 0 on, counting those that were dropped.")
    dropped: int = Field(description="How many frames were dropped so far.")
    latency_ms: float = Field(description="From its arrival to this answer.")


class StreamReport(_Report, _OfFrame):
    """Every face of one frame, and how the stream goes."""

    faces: list[TrackedFace]


class UnreadableFrame(UnreadableImage, _OfFrame):
    """What stands in the place of a report where a frame cannot be read."""


class ClassifierCard(Classifier):
    """The classifier's card."""

    classes: list[MaskState]
    input_side_px: int
    licence: str
    intended_use: str
    limits: list[str]


class DetectorCard(Detector):
    """The face detector's card."""

    side_px: int
    live_side_px: int
    licence: str
    intended_use: str
    limits: list[str]


class ServiceLimits(Document):
    """How much one call, and one client, may ask."""

    body_bytes: int
    image_pixels: int
    images: int
    calls: int
    sessions: int
    rate_per_s: float


class ModelAnswer(Document):
    """What judges here, what it is for, and what is accepted."""

    version: str
    model: ClassifierCard
    detector: DetectorCard | None
    limits: ServiceLimits


class Alive(Document):
    """The process answers."""

    status: Literal["alive"]


class Ready(Document):
    """The networks are loaded and warm."""

    status: Literal["ready"]


class Refusal(Document):
    """Why there is no answer, in one line; after RFC 9457."""

    type: str
    status: int
    detail: str
    reports: list[UnreadableImage] | None = Field(
        None, description="One entry an image, where none could be read."
    )


# One example of each document; tests send the requests and compare the answers' shapes.

# a blue-green square of 24 x 24 pixels
TINY_PNG = (
    "iVBORw0KGgoAAAANSUhEUgAAABgAAAAYCAIAAABvFaqvAAAAI0lEQVR4nGNgYNhAJTRq0KhBowaNGjRq0KhBowaN"
    "GjRq0KAyCADZ3hJg1QTlVwAAAABJRU5ErkJggg=="
)

REQUEST: dict[str, Any] = {"images": [{"data": TINY_PNG, "source": "door-1"}]}

_FACE: dict[str, Any] = {
    "box_xyxy": [212.4, 96.13, 301.75, 214.6],
    "detection_score": 0.9612,
    "state": "mask",
    "confidence": 0.9874,
    "probabilities": {"mask": 0.9874, "no_mask": 0.0041, "incorrect_mask": 0.0085},
    "landmarks_xy": [
        [236.1, 142.8],
        [278.4, 141.9],
        [257.2, 166.3],
        [240.5, 187.0],
        [275.1, 186.2],
    ],
    "quality": {
        "side_px": 118.47,
        "sharpness": 0.8123,
        "visible_ratio": 1.0,
        "roll_deg": -1.2,
        "yaw_deg": 3.4,
    },
}
_TRACKED: dict[str, Any] = {**_FACE, "track_id": 1, "raw_state": "unsure", "state_age_s": 0.0}
_REPORT: dict[str, Any] = {
    "schema": REPORT_SCHEMA,
    "source": "door-1",
    "image_size_wh": [640, 480],
    "face_origin": "detected",
    "model": "best-128",
    "detector": "detector",
    "faces": [_FACE],
}
UNREADABLE: dict[str, Any] = {
    "schema": REPORT_SCHEMA,
    "source": "door-2",
    "error": "damaged JPEG (image file is truncated)",
    "fault": "damaged",
}
_OF_FRAME = {"time_s": 12.345, "frame": 371, "dropped": 4, "latency_ms": 28.61}
_CLASSIFIER: dict[str, Any] = {"name": "best-128", "sha256": "3c9edb6e" * 8, "unsure_below": 0.5}
_DETECTOR: dict[str, Any] = {
    "name": "detector",
    "sha256": "a5f0112d" * 8,
    "min_score": 0.5,
    "live_min_score": 0.6,
}

ANSWER: dict[str, Any] = {
    "model": _CLASSIFIER,
    "detector": _DETECTOR,
    "reports": [_REPORT, UNREADABLE],
}
STREAM_REPORT: dict[str, Any] = {**_OF_FRAME, **_REPORT, "source": None, "faces": [_TRACKED]}
UNREADABLE_FRAME: dict[str, Any] = {**_OF_FRAME, **UNREADABLE, "source": None}
MODEL: dict[str, Any] = {
    "version": __version__,
    "model": {
        **_CLASSIFIER,
        "classes": ["mask", "no_mask", "incorrect_mask"],
        "input_side_px": 128,
        "licence": "Apache-2.0",
        "intended_use": "Tells whether the mask on a face is worn, worn incorrectly or missing.",
        "limits": ["A hand, a scarf or a beard can be taken for a mask."],
    },
    "detector": {
        **_DETECTOR,
        "side_px": 640,
        "live_side_px": 320,
        "licence": "Apache-2.0",
        "intended_use": "Finds faces.",
        "limits": ["Misses faces of fewer than 16 pixels."],
    },
    "limits": {
        "body_bytes": 20_000_000,
        "image_pixels": 50_000_000,
        "images": 16,
        "calls": 16,
        "sessions": 8,
        "rate_per_s": 100.0,
    },
}
