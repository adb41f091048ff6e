"""The whole of `maskwatch bench`."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import cv2

from maskwatch._version import __version__
from maskwatch.bench.contenders import (
    WHOLE,
    ComparisonTimes,
    count_operations,
    measure_peak,
    time_contenders,
)
from maskwatch.bench.speed import (
    FACES,
    SIZES_WH,
    STAGES,
    SceneTimes,
    Times,
    draw_frame,
    take_turns,
    time_stages,
)
from maskwatch.bench.speed import WHOLE as WHOLE_STAGES
from maskwatch.bench.startup import StartUp, sizes, time_start
from maskwatch.io.environment import cpu_name, git_revision, versions
from maskwatch.models.card import SHIPPED_DETECTOR, SHIPPED_MODEL, load_detector
from maskwatch.models.device import devices_here
from maskwatch.models.runtime import available_cpus
from maskwatch.pipeline import Analyzer
from maskwatch.samples import SAMPLES
from maskwatch.vision.classify import Classifier
from maskwatch.vision.detect import FaceDetector
from maskwatch.vision.letter_box import letter_box

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
        comparison_s: for the side-by-side ways.
        start_timeout_s: until the processes of the report's way and of int8 are ready.
        starts: how often a process is started.
        same_network: convert the report's network as well.
    """

    total_s: float
    networks_s: float
    comparison_s: float
    start_timeout_s: float
    starts: int
    same_network: bool


QUICK = Pace(30, networks_s=2, comparison_s=3, start_timeout_s=15, starts=3, same_network=False)
FULL = Pace(60, networks_s=5, comparison_s=9, start_timeout_s=120, starts=7, same_network=True)


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
    comparison: ComparisonTimes
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
            "side_by_side": self.comparison.to_dict(),
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
    comparison = time_contenders(
        analyzer, pace.comparison_s, pace.start_timeout_s, pace.same_network
    )
    tell("the networks and what arithmetic takes")
    peak_per_s = measure_peak()
    networks = _floors(analyzer, peak_per_s, pace.networks_s)
    tell("each stage")
    scenes = time_stages(analyzer, SIZES_WH, FACES, end - time.monotonic())
    return SpeedBench(_machine(analyzer), peak_per_s, scenes, networks, comparison, start, sizes())


def _floors(analyzer: Analyzer, peak_per_s: float, seconds: float) -> dict[str, NetworkFloor]:
    """Both networks at the sizes at which they run, on each device, as the run time runs them."""
    frame = draw_frame((640, 480), 20)
    detector, card = load_detector(SHIPPED_DETECTOR)
    classifier = SHIPPED_MODEL.read_bytes()
    faces, _ = analyzer.find_live(frame)
    crops = analyzer.crops(frame, faces, analyzer.origin)
    calls, operations = {}, {}
    for device in devices_here():
        finder, judge = FaceDetector(device=device), Classifier(SHIPPED_MODEL, device)
        on = "" if device == "cpu" else f", {device}"
        for side in (card.live_side_px, card.side_px):
            picture = letter_box(frame, side)[0][None]
            key = f"detector, {picture.shape[2]} x {picture.shape[1]}{on}"
            operations[key] = count_operations(detector, picture)
            calls[key] = partial(finder.network.run, picture)
        for count in (1, 10):
            key = f"classifier, {count} crop{'s' * (count > 1)}{on}"
            operations[key] = count_operations(classifier, crops[:count])
            calls[key] = partial(judge.probabilities, crops[:count])
    times = take_turns(calls, seconds)
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
        "devices": dict(analyzer.devices),
    }


# The result of `maskwatch bench` as lines for people.


def to_lines(result: SpeedBench) -> Iterator[str]:
    """All tables, one after the other, with what each number means above it."""
    machine = result.machine
    yield (
        f"{machine['cpu']}, {machine['cores']} cores used, {machine['system']}, "
        f"onnxruntime {machine['versions'].get('onnxruntime', '?')}; "
        + ", ".join(f"{network} on {device}" for network, device in machine["devices"].items())
    )
    yield "Ratios are what counts: another program beside this one makes every number larger."
    yield ""
    yield from _stages(result)
    yield ""
    yield from _networks(result)
    yield ""
    yield from _comparison(result)
    yield ""
    yield from _start(result)


def _stages(result: SpeedBench) -> Iterator[str]:
    yield "Each stage by itself: median / 95th percentile in ms, and how many a second."
    yield "A live frame is all of it but decode, draw and encode, everybody judged; in a steady"
    yield "one people have shown the same for a while and stay still. A photo starts from its JPEG."
    for size_wh in dict.fromkeys(scene.size_wh for scene in result.scenes):
        scenes = [scene for scene in result.scenes if scene.size_wh == size_wh]
        yield f"{size_wh[0]} x {size_wh[1]}"
        found = [f"{scene.found[0]} live, {scene.found[1]} photo" for scene in scenes]
        rows = [["faces drawn", *(str(scene.drawn) for scene in scenes)], ["faces found", *found]]
        for name in (*STAGES, *WHOLE_STAGES):
            rows.append([name, *(_cell(scene.stages[name]) for scene in scenes)])
        yield from _aligned(rows)


def _cell(times: Times) -> str:
    row = times.to_dict()
    return f"{row['p50_ms']:.2f} / {row['p95_ms']:.2f} {_rate(row['per_s']):>7}/s"


def _networks(result: SpeedBench) -> Iterator[str]:
    peak = result.peak_per_s / 1e9
    yield f"Networks beside arithmetic: this machine does {peak:.0f} billion operations a second"
    yield "(one large float32 product, all threads); the floor is operations over that."
    rows = [["", "million ops", "floor ms", "p50", "p95", "times floor"]]
    for name, network in result.networks.items():
        row = network.to_dict()
        numbers = ("megaoperations", "floor_ms", "p50_ms", "p95_ms", "times_floor")
        rows.append([name, *(f"{row[key]:.{0 if key[0] == 'm' else 2}f}" for key in numbers)])
    yield from _aligned(rows)


def _comparison(result: SpeedBench) -> Iterator[str]:
    yield "Side by side, in turn: one frame of 640 x 480 with one face."
    rows = [("", "p50", "p95", "a second", "times MaskWatch")]
    for name, row in result.comparison.to_dict()["ways"].items():
        ratio = "1" if name == WHOLE else f"{row['times_maskwatch']:.2f}"
        times = (f"{row['p50_ms']:.2f}", f"{row['p95_ms']:.2f}", _rate(row["per_s"]))
        rows.append((name, *times, ratio))
    yield from _aligned(rows)
    yield from result.comparison.left_out


def _start(result: SpeedBench) -> Iterator[str]:
    start = result.start
    yield f"From nothing to a first verdict, median of {start.runs} processes:"
    yield (
        f"  import {start.import_s:.2f} s, load {start.load_s:.2f} s, "
        f"first photo {start.verdict_s:.2f} s"
    )
    peak = "unknown here" if start.peak_mb is None else f"{start.peak_mb:.0f} MB"
    yield f"  maskwatch predict photo.jpg: {start.whole_s:.2f} s in all, peak memory {peak}"
    sizes = result.sizes
    largest = sorted(sizes["packages_mb"].items(), key=lambda item: -item[1])[:5]
    parts = ", ".join(f"{name} {size:.0f}" for name, size in largest)
    yield f"  base installation {sizes['base_install_mb']:.0f} MB on disk ({parts}, ...)"
    models = ", ".join(f"{name} {size:.1f} MB" for name, size in sizes["models_mb"].items())
    yield f"  networks: {models}"


def _rate(per_s: float) -> str:
    return f"{per_s:,.0f}"


def _aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for name, *cells in rows:
        numbers = "  ".join(c.rjust(w) for c, w in zip(cells, widths[1:], strict=True))
        yield f"  {name:<{widths[0]}}  {numbers}"
