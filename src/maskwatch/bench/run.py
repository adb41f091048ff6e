"""The whole of `maskwatch bench`."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import cv2

from maskwatch._version import __version__
from maskwatch.app.samples import SAMPLES
from maskwatch.bench.arithmetic import count_operations, measure_peak
from maskwatch.bench.clock import Times, take_turns
from maskwatch.bench.contenders import ContestTimes, time_contenders
from maskwatch.bench.scenes import FACES, SIZES_WH, draw_frame
from maskwatch.bench.sizes import sizes
from maskwatch.bench.stages import SceneTimes, time_stages
from maskwatch.bench.startup import StartUp, time_start
from maskwatch.detect import FaceDetector, letter_box
from maskwatch.model_card import SHIPPED_DETECTOR, SHIPPED_MODEL, load_detector
from maskwatch.pipeline import Analyzer
from maskwatch.runtime import available_cpus
from maskwatch.training.environment import cpu_name, git_revision, versions

SCHEMA = "maskwatch.speed-bench/1"
_PACKAGES = (
    "onnxruntime",
    "opencv-python-headless",
    "numpy",
    "pillow",
    "keras",
    "openvino",
    "onnx",
)


@dataclass(frozen=True, slots=True)
class Pace:
    """How long to take.

    Attributes:
        total_s: about how long it may take in all; the stages come last and get what is left.
        networks_s: for the networks by themselves.
        contest_s: for the side-by-side ways.
        patience_s: until the processes of the report's way and of int8 are ready.
        starts: how often a process is started.
        same_network: convert the report's network as well.
    """

    total_s: float
    networks_s: float
    contest_s: float
    patience_s: float
    starts: int
    same_network: bool


QUICK = Pace(30, networks_s=2, contest_s=3, patience_s=15, starts=3, same_network=False)
FULL = Pace(60, networks_s=5, contest_s=9, patience_s=120, starts=7, same_network=True)


@dataclass(frozen=True, slots=True)
class NetworkFloor:
    """One network beside what arithmetic alone would take.

    Attributes:
        operations: multiplications and additions for the input.
        floor_ms: these over the measured peak of all threads.
        times: of the network alone.
    """

    operations: int
    floor_ms: float
    times: Times

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "megaoperations": round(self.operations / 1e6, 1),
            "floor_ms": round(self.floor_ms, 3),
            **self.times.to_dict(),
            "times_floor": round(self.times.p50_ms / self.floor_ms, 2),
        }


@dataclass(frozen=True, slots=True)
class SpeedBench:
    """The result, part by part; see the modules that make them."""

    machine: dict[str, Any]
    peak_per_s: float
    scenes: list[SceneTimes]
    networks: dict[str, NetworkFloor]
    contest: ContestTimes
    start: StartUp
    sizes: dict[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain JSON values."""
        return {
            "schema": SCHEMA,
            "machine": self.machine,
            "peak_gigaoperations_per_s": round(self.peak_per_s / 1e9, 1),
            "scenes": [scene.to_dict() for scene in self.scenes],
            "networks": {name: row.to_dict() for name, row in self.networks.items()},
            "side_by_side": self.contest.to_dict(),
            "start": self.start.to_dict(),
            "sizes": self.sizes,
        }


def run_speed_bench(pace: Pace, tell: Callable[[str], None]) -> SpeedBench:
    """Measure everything, one part after the other.

    Args:
        pace: how long to take.
        tell: told what is measured next.
    """
    end = time.monotonic() + pace.total_s
    cv2.setNumThreads(available_cpus())
    photo = next(sample.path for sample in SAMPLES if sample.name == "worn")
    tell("start-up, in processes of its own")
    start = time_start(photo, pace.starts)
    analyzer = Analyzer()
    tell("the side-by-side ways")
    contest = time_contenders(analyzer, pace.contest_s, pace.patience_s, pace.same_network)
    tell("the networks and what arithmetic takes")
    peak_per_s = measure_peak()
    networks = _floors(analyzer, peak_per_s, pace.networks_s)
    tell("each stage")
    scenes = time_stages(analyzer, SIZES_WH, FACES, end - time.monotonic())
    return SpeedBench(_machine(analyzer), peak_per_s, scenes, networks, contest, start, sizes())


def _floors(analyzer: Analyzer, peak_per_s: float, seconds: float) -> dict[str, NetworkFloor]:
    """Both networks at the sizes at which they run, timed as the run time runs them."""
    frame = draw_frame((640, 480), 20)
    detector, card = load_detector(SHIPPED_DETECTOR)
    finder = FaceDetector()
    faces, _ = analyzer.find_live(frame)
    crops = analyzer.crops(frame, faces, analyzer.origin)
    given, calls, models = {}, {}, {}
    for side in (card.live_side_px, card.side_px):
        picture = letter_box(frame, side)[0][None]
        key = f"detector, {picture.shape[2]} x {picture.shape[1]}"
        given[key], models[key] = picture, detector
        calls[key] = partial(finder._run, picture[0])  # picks the threads as users have them
    for count in (1, 10):
        key = f"classifier, {count} crop{'s' * (count > 1)}"
        given[key], models[key] = crops[:count], SHIPPED_MODEL.read_bytes()
        calls[key] = partial(analyzer.classifier.probabilities, crops[:count])
    times = take_turns(calls, seconds)
    operations = {key: count_operations(models[key], given[key]) for key in calls}
    return {
        key: NetworkFloor(operations[key], operations[key] / peak_per_s * 1e3, times[key])
        for key in calls
    }


def _machine(analyzer: Analyzer) -> dict[str, Any]:
    card = analyzer.detector_card
    return {
        "cpu": cpu_name(),
        "cores": available_cpus(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "maskwatch": __version__,
        "revision": git_revision(),
        "versions": versions(_PACKAGES),
        "classifier": analyzer.card.name,
        "detector": card and card.name,
    }
