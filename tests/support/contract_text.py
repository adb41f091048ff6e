"""Golden vectors for what is written: files of results, and words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from maskwatch import MaskState
from maskwatch.app.i18n import LANGUAGES, load_catalogue
from maskwatch.errors import ImageError, ImageFault
from maskwatch.io.report import to_csv, to_jsonl
from maskwatch.io.style import verdict_text
from maskwatch.schema import (
    CLASSES,
    FaceOrigin,
    FaceQuality,
    FaceVerdict,
    FrameReport,
    TrackedFace,
)
from support.contract_parts import Values, part, shown_face

# ties, which binary holds exactly, and what rounds to a whole number or to nothing
NUMBERS = (0.0, -0.0, 0.125, 0.375, 2.5, -0.125, 1.005, 12.0, 0.03125, 99.995, 1e-7, -1e-7, 0.99996)


@part
def reports(rng: np.random.Generator) -> Iterator[tuple[Values, Any]]:
    names = ["a.jpg", 'odd «name», "1".png', "=1+1.jpg", "ü\t\U0001f637.webp", None, "last.jpg"]
    for count, name in enumerate(names):
        results: list[FrameReport | ImageError] = []
        if name is None:
            results.append(ImageError("gone.jpg", "damaged, as it seems", ImageFault.DAMAGED))
        faces = []
        for index in range(count):
            box = [*map(float, rng.choice(NUMBERS, 4))]
            row = [*map(float, rng.choice(NUMBERS, 3))]
            points = None if index % 2 else rng.uniform(-5, 900, 10).tolist()
            turns = None if index % 2 else rng.uniform(-90, 90, 2).tolist()
            faces.append(
                {
                    "box": box,
                    "score": float(rng.choice(NUMBERS)),
                    "state": str(rng.choice(list(MaskState))),
                    "probabilities": dict(zip(CLASSES, row, strict=True)),
                    "landmarks": points,
                    "quality": [*rng.uniform(0, 90, 3).tolist(), *(turns or [None, None])],
                    "track": [index, "mask", float(rng.uniform(0, 9))] if count == 4 else None,
                }
            )
        given = {"source": name, "faces": faces, "unreadable": name is None}
        results.append(
            FrameReport(
                tuple(_reported(face) for face in faces),
                (640, 480),
                FaceOrigin.DETECTED,
                "model 1",
                name,
                "detector 1",
            )
        )
        yield given, {"jsonl": list(to_jsonl(results)), "csv": list(to_csv(results))}


def _reported(values: Values) -> FaceVerdict:
    points, track = values["landmarks"], values["track"]
    known: Values = {
        "box_xyxy": tuple(values["box"]),
        "detection_score": values["score"],
        "state": MaskState(values["state"]),
        "confidence": max(values["probabilities"].values()),
        "probabilities": {MaskState(s): p for s, p in values["probabilities"].items()},
        "landmarks_xy": points and tuple((x, y) for x, y in np.reshape(points, (5, 2)).tolist()),
        "quality": FaceQuality(*values["quality"]),
    }
    if track is None:
        return FaceVerdict(**known)
    track_id, raw, age = track
    return TrackedFace(**known, track_id=track_id, raw_state=MaskState(raw), state_age_s=age)


@part
def text(rng: np.random.Generator) -> Iterator[tuple[Values, Any]]:
    shown = [
        ("mask", 0.98765, 0.0),
        ("mask", 0.9825, 0.2),
        ("no_mask", 0.45, 0.0),
        ("unsure", 0.45, 3.0),
        ("incorrect_mask", 0.8, 2.5),
        ("mask", 0.3, 0.5),
    ]
    for code in LANGUAGES:
        say = load_catalogue(code)
        for state, confidence, age in shown:
            face = shown_face(MaskState(state), confidence=confidence, state_age_s=age)
            given = {"language": code, "state": state, "confidence": confidence, "age": age}
            yield given, verdict_text(face, say.picture_words())
        for states in ([], ["mask"], ["no_mask", "mask", "no_mask", "unsure"]):
            faces = [shown_face(MaskState(state)) for state in states]
            yield {"language": code, "states": states}, say.counts(faces)
        for number in (0, 999, 1000, 1234567):
            yield {"language": code, "whole": number}, say.whole(number)
