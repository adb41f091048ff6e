"""Report or failure -> rows of the output: one a face, or one that says why there is none.

Values are those of `FrameReport.to_dict`, to the last digit, whichever engine judged. Rows are
plain dictionaries, so that a process that judges needs no Parquet library.
"""

from __future__ import annotations

from typing import Any

from maskwatch.errors import ImageError
from maskwatch.schema import CLASSES, FrameReport

Row = dict[str, Any]
"""One row; columns without a value are left out."""

BOX = ("left", "top", "right", "bottom")
COLUMNS = {
    "source": "string",
    "status": "string",
    "error": "string",
    "fault": "string",
    "image_width": "int32",
    "image_height": "int32",
    "face_origin": "string",
    "face": "int32",
    **dict.fromkeys(BOX, "double"),
    "detection_score": "double",
    "state": "string",
    "confidence": "double",
    **dict.fromkeys(map(str, CLASSES), "double"),
    "side_px": "double",
    "sharpness": "double",
    "visible_ratio": "double",
    "roll_deg": "double",
    "yaw_deg": "double",
    "model": "string",
    "model_sha256": "string",
    "detector": "string",
    "detector_sha256": "string",
}
"""Column -> its Arrow type; docs/scale.md says what each means."""

FACE, NO_FACE, ERROR = "face", "no_face", "error"
"""What `status` can be."""

CRASH, UNREACHABLE = "crash", "unreachable"
"""What `fault` can be beside an ImageFault: the process died, the store did not answer."""


class UnreachableError(ImageError):
    """A picture cannot be fetched now, but perhaps later."""


def face_rows(name: str, report: FrameReport, model_sha256: str, detector_sha256: str) -> list[Row]:
    """The rows of a picture that was judged, by networks with these hashes."""
    document = report.to_dict()
    width, height = document["image_size_wh"]
    picture = {
        "source": name,
        "image_width": width,
        "image_height": height,
        "face_origin": document["face_origin"],
        "model": document["model"],
        "model_sha256": model_sha256,
        "detector": document["detector"],
        "detector_sha256": detector_sha256 if document["detector"] else None,
    }
    if not document["faces"]:
        return [{**picture, "status": NO_FACE}]
    rows = []
    for index, face in enumerate(document["faces"]):
        rows.append(
            {
                **picture,
                "status": FACE,
                "face": index,
                **dict(zip(BOX, face["box_xyxy"], strict=True)),
                "detection_score": face["detection_score"],
                "state": face["state"],
                "confidence": face["confidence"],
                **face["probabilities"],
                **(face["quality"] or {}),
            }
        )
    return rows


def error_row(name: str, reason: str, fault: str) -> Row:
    """The row of a picture that could not be judged."""
    return {"source": name, "status": ERROR, "error": reason, "fault": fault}


def failure_row(name: str, error: Exception) -> Row:
    """The same from what was raised, whatever it was: nothing about one picture ends a run."""
    if isinstance(error, UnreachableError):
        return error_row(name, error.reason, UNREACHABLE)
    if isinstance(error, ImageError):
        return error_row(name, error.reason, error.fault.value)
    why = " ".join(str(error).split())
    return error_row(name, f"cannot be judged ({type(error).__name__}: {why})", CRASH)
