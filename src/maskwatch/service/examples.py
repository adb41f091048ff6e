"""One example of each document; tests send the requests and compare the answers' shapes."""

from __future__ import annotations

from typing import Any

from maskwatch._version import __version__
from maskwatch.schema import REPORT_SCHEMA

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
_DETECTOR: dict[str, Any] = {"name": "detector", "sha256": "a5f0112d" * 8, "min_score": 0.5}

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
