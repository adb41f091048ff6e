"""Each step of the way from a picture's bytes to an annotated picture's bytes, timed by itself."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

import numpy as np
from PIL import Image

from maskwatch.bench.clock import Call, Times, take_turns
from maskwatch.bench.scenes import draw_frame
from maskwatch.draw import annotate
from maskwatch.pipeline import Analyzer
from maskwatch.quality import measure_quality
from maskwatch.schema import FrameReport, ImageRGB, MaskState
from maskwatch.smooth import Look, Smoother, SmoothSettings
from maskwatch.sources import load_image
from maskwatch.stream import Stream
from maskwatch.track import Tracker

STAGES = ("decode", "detect", "crop", "classify", "quality", "track", "smooth", "draw", "encode")
WHOLE = ("live frame", "steady frame", "photo")
"""All of it as users run it: Stream.update on an array with people it has never seen, and with
people who have shown the same for a while; Analyzer.analyze on the bytes of a JPEG."""

_FRAME_S = 1 / 30
_SETTLE_FRAMES, _SETTLE_FRAME_S = 16, 0.25
_LOOK = Look(
    {MaskState.MASK: 0.9, MaskState.NO_MASK: 0.06, MaskState.INCORRECT_MASK: 0.04}, weight=1.0
)
_QUALITY = 92  # of the JPEGs that `maskwatch predict --save` writes


@dataclass(frozen=True, slots=True)
class SceneTimes:
    """One frame.

    Attributes:
        size_wh: its size in pixels.
        drawn: how many faces are in it.
        found: how many of them the detector finds in live video and in photos.
        stages: times of STAGES and WHOLE by name.
    """

    size_wh: tuple[int, int]
    drawn: int
    found: tuple[int, int]
    stages: dict[str, Times]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "size_wh": list(self.size_wh),
            "faces_drawn": self.drawn,
            "faces_found_live": self.found[0],
            "faces_found_photo": self.found[1],
            "stages": {name: times.to_dict() for name, times in self.stages.items()},
        }


def time_stages(
    analyzer: Analyzer, sizes_wh: Sequence[tuple[int, int]], faces: Sequence[int], seconds: float
) -> list[SceneTimes]:
    """Time all stages on all frames, in turn.

    Args:
        analyzer: what finds and judges.
        sizes_wh: of the frames, in pixels.
        faces: how many are drawn in them; each number at each size.
        seconds: about how long to go on.
    """
    scenes = [(size_wh, drawn) for size_wh in sizes_wh for drawn in faces]
    calls: dict[tuple[str, str], Call] = {}
    found = {}
    for scene in scenes:
        stages, found[scene] = _stages(analyzer, draw_frame(*scene))
        calls |= {(str(scene), name): call for name, call in stages.items()}
    by_key = take_turns({"\n".join(key): call for key, call in calls.items()}, seconds)
    return [
        SceneTimes(
            size_wh,
            drawn,
            found[size_wh, drawn],
            {name: by_key[f"{(size_wh, drawn)}\n{name}"] for name in (*STAGES, *WHOLE)},
        )
        for size_wh, drawn in scenes
    ]


def _stages(analyzer: Analyzer, frame: ImageRGB) -> tuple[dict[str, Call], tuple[int, int]]:
    """The call of each stage, and how many faces are found live and in a photo."""
    content = _encode(frame)
    image_rgb = load_image(content)
    found, sure = analyzer.find_live(image_rgb)
    faces = tuple(face for face, beyond_doubt in zip(found, sure, strict=True) if beyond_doubt)
    crops = analyzer.crops(image_rgb, faces, analyzer.origin)
    report = analyzer.analyze(image_rgb)
    boxes_xyxy = np.array([face.box_xyxy for face in faces], float).reshape(-1, 4)
    certain = np.ones(len(faces), bool)
    looks = dict.fromkeys(range(len(faces)), _LOOK)
    tracker, smoother = Tracker(), Smoother(SmoothSettings.from_steadiness(0.5))
    fresh, steady = Stream(analyzer), Stream(analyzer)
    for number in range(_SETTLE_FRAMES):
        steady.update(image_rgb, number * _SETTLE_FRAME_S)
    frame_numbers = count()
    settled_s = _SETTLE_FRAMES * _SETTLE_FRAME_S

    def live_frame() -> FrameReport:
        fresh.close()
        return fresh.update(image_rgb, 0.0)

    calls: dict[str, Call] = {
        "decode": lambda: load_image(content),
        "detect": lambda: analyzer.find_live(image_rgb),
        "crop": lambda: analyzer.crops(image_rgb, faces, analyzer.origin),
        "classify": lambda: analyzer.classifier.probabilities(crops),
        "quality": lambda: measure_quality(image_rgb, faces),
        "track": lambda: tracker.update(boxes_xyxy, certain, _FRAME_S),
        "smooth": lambda: smoother.update(looks, looks.keys(), _FRAME_S),
        "draw": lambda: annotate(image_rgb, report),
        "encode": lambda: _encode(image_rgb),
        "live frame": live_frame,
        "steady frame": lambda: steady.update(
            image_rgb, settled_s + next(frame_numbers) * _FRAME_S
        ),
        "photo": lambda: analyzer.analyze(content),
    }
    return calls, (len(faces), len(report.faces))


def _encode(image_rgb: ImageRGB) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image_rgb).save(file, "JPEG", quality=_QUALITY)
    return file.getvalue()
