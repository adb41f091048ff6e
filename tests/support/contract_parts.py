"""The parts of the contract with the JavaScript of the page, and what all of them draw on."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from typing import Any

import cv2
import numpy as np

from maskwatch import MaskState
from maskwatch.schema import (
    CLASSES,
    Face,
    ImageRGB,
    TrackedFace,
)

Values = dict[str, Any]
Part = Callable[[np.random.Generator], Iterator[tuple[Values, Any]]]
"""Yields what is given and what Python answers, as plain JSON values."""

PARTS: dict[str, Part] = {}


def part(make: Part) -> Part:
    """A part of the contract, a file by the name of the function."""
    PARTS[make.__name__] = make
    return make


def packed(values: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(values, np.uint8).tobytes()).decode()


def picture(image_rgb: ImageRGB) -> Values:
    height, width = image_rgb.shape[:2]
    return {"width": width, "height": height, "rgb": packed(image_rgb)}


def drawn(rng: np.random.Generator, width: int, height: int) -> ImageRGB:
    """Soft shapes under noise: neither flat nor pure noise, so that rounding shows."""
    coarse = rng.integers(0, 256, (4, 4, 3)).astype(np.uint8)
    image = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(image + rng.normal(0, 12, image.shape), 0, 255).astype(np.uint8)


def face_of(box: Any, score: float = 1.0, points: Any = None) -> Face:
    landmarks = points and tuple((x, y) for x, y in np.reshape(points, (5, 2)).tolist())
    return Face(tuple(box), score, landmarks)


def shown_face(state: MaskState, track_id: int = 1, **values: Any) -> TrackedFace:
    told_of = {"confidence": 0.9, "probabilities": dict.fromkeys(CLASSES, 1 / 3), **values}
    known = {"raw_state": state, "state_age_s": 0.0, **told_of}
    return TrackedFace(
        box_xyxy=(0.0, 0.0, 9.0, 9.0), detection_score=0.9, state=state, track_id=track_id, **known
    )
