"""One frame with one face, judged in every way there is: the report's, ours, int8, OpenVINO.

All ways take turns. What needs the training extra runs in processes of its own, so this one never
loads a training framework; what cannot run here is left out with a sentence that says why.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from threading import Timer
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskwatch.bench.clock import Call, Times, take_turns
from maskwatch.bench.scenes import draw_frame
from maskwatch.model_card import SHIPPED_MODEL
from maskwatch.pipeline import Analyzer
from maskwatch.runtime import available_cpus, create_session
from maskwatch.stream import Stream

SIZE_WH = (640, 480)
EAGER, PREDICT = "report: Keras eager call, whole frame", "report: Keras predict, whole frame"
SAME_NETWORK = "report's network in ONNX Runtime, whole frame"
WHOLE = "MaskWatch: find and judge the face"
CROP, CROP_INT8 = "classifier alone, float32, one crop", "classifier alone, int8, one crop"
CROP_OPENVINO = "classifier alone, OpenVINO, one crop"

_TRAIN_HINT = "pip install 'maskwatch[train]' brings it"


@dataclass
class Contest:
    """What takes part, and why others do not.

    Attributes:
        calls: by name.
        left_out: a sentence for each way that cannot run here.
    """

    calls: dict[str, Call] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ContestTimes:
    """The result.

    Attributes:
        times: by name.
        left_out: a sentence for each way that did not run.
    """

    times: dict[str, Times]
    left_out: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; ratios are to the whole of MaskWatch."""
        base = self.times[WHOLE]
        rows = {
            name: {**times.to_dict(), "times_maskwatch": round(times.ratio_to(base), 3)}
            for name, times in self.times.items()
        }
        return {"ways": rows, "left_out": list(self.left_out)}


def time_contenders(
    analyzer: Analyzer, seconds: float, patience_s: float, same_network: bool
) -> ContestTimes:
    """Time all ways that this machine has.

    Args:
        analyzer: MaskWatch.
        seconds: about how long to take turns.
        patience_s: how long the processes with the training framework may take to get ready.
        same_network: also run the report's own network in ONNX Runtime; it is converted first.
    """
    contest = Contest()
    frame = draw_frame(SIZE_WH, 1)
    faces, _ = analyzer.find_live(frame)
    crop = analyzer.crops(frame, faces, analyzer.origin)
    contest.calls[WHOLE] = lambda: Stream(analyzer).update(frame, 0.0)
    contest.calls[CROP] = partial(analyzer.classifier.probabilities, crop)
    end = time.monotonic() + patience_s
    with tempfile.TemporaryDirectory() as folder:
        converted = Path(folder, "report.onnx") if same_network else None
        with _report_process(contest, converted) as process:  # gets ready while int8 is made
            _enter_int8(contest, Path(folder, "int8.onnx"), crop, end)
            _enter_openvino(contest, crop)
            if process is not None:
                _enter_report(contest, process, converted, end)
            return ContestTimes(take_turns(contest.calls, seconds), tuple(contest.left_out))


def _enter_int8(contest: Contest, path: Path, crop: NDArray[np.uint8], end: float) -> None:
    if not _installed("onnx"):
        contest.left_out.append(f"int8 is left out: onnx is not installed ({_TRAIN_HINT}).")
        return
    command = [sys.executable, "-m", "maskwatch.training.int8_drawn", str(path)]
    try:
        subprocess.run(
            command, capture_output=True, check=True, timeout=max(1.0, end - time.monotonic())
        )
    except subprocess.TimeoutExpired:
        contest.left_out.append("int8 is left out: it was not quantised in time.")
    except subprocess.CalledProcessError as error:
        contest.left_out.append(f"int8 is left out: {_last_line(error.stderr)}.")
    else:
        session = create_session(path.read_bytes(), "int8", threads=1)  # as the classifier runs
        contest.calls[CROP_INT8] = partial(session.run, None, {session.get_inputs()[0].name: crop})


def _enter_openvino(contest: Contest, crop: NDArray[np.uint8]) -> None:
    if not _installed("openvino"):
        contest.left_out.append("OpenVINO is left out: it is not installed (pip install openvino).")
        return
    import openvino

    core = openvino.Core()
    settings = {"INFERENCE_NUM_THREADS": available_cpus(), "PERFORMANCE_HINT": "LATENCY"}
    network = core.compile_model(core.read_model(SHIPPED_MODEL), "CPU", settings)
    contest.calls[CROP_OPENVINO] = partial(network, crop)


@contextmanager
def _report_process(
    contest: Contest, converted: Path | None
) -> Iterator[subprocess.Popen[str] | None]:
    """A process that judges frames as the report does; None where it cannot run."""
    if not (_installed("keras") and _installed("tensorflow") and _installed("onnx")):
        contest.left_out.append(
            f"The report's way is left out: Keras and TensorFlow are not installed ({_TRAIN_HINT})."
        )
        yield None
        return
    command = [sys.executable, "-m", "maskwatch.training.report_way"]
    process = subprocess.Popen(
        [*command, str(converted)] if converted else command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe:
                pipe.close()


def _enter_report(
    contest: Contest, process: subprocess.Popen[str], converted: Path | None, end: float
) -> None:
    if not _ready(process, end):
        contest.left_out.append(
            "The report's way is left out: Keras was not ready in time or failed to start."
        )
        return
    for name, way in ((EAGER, "eager"), (PREDICT, "predict")):
        contest.calls[name] = partial(_ask, process, way)
    if converted is None:
        contest.left_out.append(
            "The report's network in ONNX Runtime is left out with --quick: converting it takes "
            "too long."
        )
        return
    session = create_session(converted.read_bytes(), "report's network")
    picture = np.zeros((1, 224, 224, 3), np.float32)
    contest.calls[SAME_NETWORK] = partial(
        session.run, None, {session.get_inputs()[0].name: picture}
    )


def _ready(process: subprocess.Popen[str], end: float) -> bool:
    """Wait until a process says so; False if it ends first, or the time does."""
    timer = Timer(max(1.0, end - time.monotonic()), process.kill)
    timer.start()
    try:
        # Keras and its exporter may print as well
        return process.stdout is not None and any(line == "ready\n" for line in process.stdout)
    finally:
        timer.cancel()


def _ask(process: subprocess.Popen[str], way: str) -> float:
    """Milliseconds that the process took for one frame."""
    if process.stdin is None or process.stdout is None:
        raise RuntimeError("the process has no pipes")
    process.stdin.write(f"{way}\n")
    process.stdin.flush()
    return float(process.stdout.readline())


def _installed(package: str) -> bool:
    return find_spec(package) is not None


def _last_line(text: bytes) -> str:
    lines = text.decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else "its process failed"
