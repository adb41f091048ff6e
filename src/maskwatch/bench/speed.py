"""Each step of the way from a picture's bytes to an annotated picture's bytes, timed by itself."""

from __future__ import annotations

import io
import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import Any

import cv2
import numpy as np
from PIL import Image

from maskwatch.io.draw import annotate
from maskwatch.io.images import load_image
from maskwatch.models.network import eager
from maskwatch.models.runtime import create_session
from maskwatch.pipeline import Analyzer
from maskwatch.samples import SAMPLES
from maskwatch.schema import FrameReport, ImageRGB, MaskState
from maskwatch.stream import Stream
from maskwatch.vision.attention import WHOLE_EVERY
from maskwatch.vision.detect import Detector
from maskwatch.vision.quality import measure_quality
from maskwatch.vision.smooth import Look, Smoother, SmoothSettings
from maskwatch.vision.track import Tracker

STAGES = ("decode", "detect", "crop", "classify", "quality", "track", "smooth", "draw", "encode")
WHOLE = ("live frame", "steady frame", "photo")
"""All of it as users run it: Stream.update on an array with people it has never seen, and with
people who have shown the same for a while and do not move; Analyzer.analyze on the bytes of a JPEG.
Of steady frames not all are looked at, so one is the mean of WHOLE_EVERY."""

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
    for scene in scenes:
        key = f"{scene}\nsteady frame"
        by_key[key] = Times(tuple(ms / WHOLE_EVERY for ms in by_key[key].each_ms))
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

    def steady_frames() -> None:
        for _ in range(WHOLE_EVERY):
            steady.update(image_rgb, settled_s + next(frame_numbers) * _FRAME_S)

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
        "steady frame": steady_frames,
        "photo": lambda: analyzer.analyze(content),
    }
    return calls, (len(faces), len(report.faces))


def _encode(image_rgb: ImageRGB) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image_rgb).save(file, "JPEG", quality=_QUALITY)
    return file.getvalue()


# Frames with as many faces as wanted, made of the drawn people of the sample photos.

SIZES_WH = ((640, 480), (1280, 720), (1920, 1080))
FACES = (0, 1, 5, 20)

# heads of the four people in the drawn group, hair and shoulders included: left, and all the same
_HEAD_LEFT_PX, _HEAD_TOP_PX, _HEAD_WH = (50, 260, 480, 690), 130, (220, 290)
_LARGEST_HEAD = 0.45
"""Of the height of the frame: somebody who sits before a laptop."""
_WALL = 150


def draw_frame(size_wh: tuple[int, int], faces: int) -> ImageRGB:
    """A frame (H, W, 3) in which the shipped detector finds exactly that many faces.

    People stand in rows, as large as there is room for.

    Args:
        size_wh: of the frame in pixels.
        faces: how many people, 0 or more.
    """
    width, height = size_wh
    frame = np.full((height, width, 3), _WALL, np.uint8)
    if not faces:
        return frame
    columns = math.ceil(math.sqrt(faces * width / height))
    rows = math.ceil(faces / columns)
    cell_wh = width // columns, height // rows
    scale = min(cell_wh[0] / _HEAD_WH[0], min(cell_wh[1], _LARGEST_HEAD * height) / _HEAD_WH[1])
    for index, head in enumerate(_heads(faces)):
        row, column = divmod(index, columns)
        person = cv2.resize(
            head,
            (int(_HEAD_WH[0] * scale), int(_HEAD_WH[1] * scale)),
            interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR,
        )
        top, left = row * cell_wh[1], column * cell_wh[0]
        frame[top : top + person.shape[0], left : left + person.shape[1]] = person
    return frame


def _heads(count: int) -> list[ImageRGB]:
    group = load_image(next(sample.path for sample in SAMPLES if sample.name == "group"))
    width, height = _HEAD_WH
    bottom = _HEAD_TOP_PX + height
    heads = [group[_HEAD_TOP_PX:bottom, left : left + width] for left in _HEAD_LEFT_PX]
    return [heads[index % len(heads)] for index in range(count)]


# Times of calls that take turns, so that whatever else the machine does falls on all alike.

LEAST_ROUNDS = 5
"""However little time there is, each call is made so often after the warm-up."""

Call = Callable[[], object]
"""What is timed; one that returns a float has timed itself, in milliseconds."""


@dataclass(frozen=True, slots=True)
class Times:
    """How long one call took, again and again.

    Attributes:
        each_ms: (n,) in the order in which they were made.
    """

    each_ms: tuple[float, ...]

    @property
    def p50_ms(self) -> float:
        """Half of the calls took no longer."""
        return float(np.median(self.each_ms))

    @property
    def p95_ms(self) -> float:
        """Nineteen of twenty calls took no longer."""
        return float(np.quantile(self.each_ms, 0.95))

    def ratio_to(self, base: Times) -> float:
        """Median over the rounds of the time beside another call's in the same round."""
        rounds = zip(self.each_ms, base.each_ms, strict=True)
        return float(np.median([mine / theirs for mine, theirs in rounds]))

    def to_dict(self) -> dict[str, float]:
        """Median, 95th percentile, calls a second at the median, and how many were made."""
        return {
            "p50_ms": round(self.p50_ms, 3),
            "p95_ms": round(self.p95_ms, 3),
            "per_s": round(1000 / max(self.p50_ms, 1e-3), 1),
            "runs": len(self.each_ms),
        }


def take_turns(calls: Mapping[str, Call], seconds: float) -> dict[str, Times]:
    """Make all calls in turn until the time is over; the first round warms up.

    Args:
        calls: by name.
        seconds: about how long to go on, warm-up included.
    """
    end = time.perf_counter() + seconds

    def rounds() -> Iterator[Mapping[str, Call]]:
        number = 0
        while number <= LEAST_ROUNDS or time.perf_counter() < end:
            yield calls
            number += 1

    return time_rounds(rounds())


def time_rounds(rounds: Iterable[Mapping[str, Call]]) -> dict[str, Times]:
    """Make the calls of each round in turn.

    The first round warms up, and lets each network choose the device that it will keep.
    """
    times_ms: dict[str, list[float]] = {}
    for number, calls in enumerate(rounds):
        with nullcontext() if number else eager():
            for name, call in calls.items():
                start = time.perf_counter()
                told = call()
                took_ms = told if isinstance(told, float) else (time.perf_counter() - start) * 1e3
                if number:
                    times_ms.setdefault(name, []).append(took_ms)
    return {name: Times(tuple(values)) for name, values in times_ms.items()}


# How long the network alone and a whole detector take, in milliseconds.
#
# Runs are interleaved, one of each in turn, so that whatever else the machine does falls on all
# alike: trust the ratios more than the milliseconds.

NETWORK_SIZES_WH = ((320, 256), (640, 480))
NETWORK_RUNS = 60


def network_times(model: bytes, name: str) -> dict[str, dict[str, float]]:
    """Times of the bare network in ONNX Runtime by input size, "WIDTHxHEIGHT".

    Args:
        model: ONNX file that takes uint8 (n, H, W, 3).
        name: what to call it in an error.
    """
    session = create_session(model, name)
    input_name = session.get_inputs()[0].name
    random = np.random.default_rng(0)
    calls: dict[str, Call] = {}
    for width, height in NETWORK_SIZES_WH:
        picture = random.integers(0, 256, (1, height, width, 3), dtype=np.uint8)
        calls[f"{width}x{height}"] = partial(session.run, None, {input_name: picture})
    return interleaved(calls for _ in range(NETWORK_RUNS))


def detect_times(
    detectors: Mapping[str, Detector], images: Iterable[ImageRGB]
) -> dict[str, dict[str, float]]:
    """Times of detect() by name of the detector; the first of the images (H, W, 3) warms up."""
    return interleaved(
        {name: partial(detector.detect, image_rgb) for name, detector in detectors.items()}
        for image_rgb in images
    )


def interleaved(rounds: Iterable[Mapping[str, Call]]) -> dict[str, dict[str, float]]:
    """Median, 95th percentile and number of runs of each call; the first round warms up.

    "ratio" is the median over the rounds of its time to that of the first call.
    """
    times = time_rounds(rounds)
    base = next(iter(times.values()), None)
    return {
        name: {
            "median_ms": round(each.p50_ms, 2),
            "p95_ms": round(each.p95_ms, 2),
            "ratio": round(each.ratio_to(base or each), 3),
            "runs": len(each.each_ms),
        }
        for name, each in times.items()
    }
