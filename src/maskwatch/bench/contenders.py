"""One frame with one face, judged in every way there is: the report's, ours, int8, other devices.

All ways take turns. What needs the training extra runs in processes of its own, so this one never
loads a training framework; what cannot run here is left out with a sentence that says why.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from threading import Timer
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskwatch.bench.speed import Call, Times, draw_frame, take_turns
from maskwatch.errors import MaskWatchError, pip_extra
from maskwatch.models.device import devices_here, is_here
from maskwatch.models.runtime import available_cpus, create_session
from maskwatch.pipeline import Analyzer
from maskwatch.schema import FrameReport, ImageRGB
from maskwatch.stream import Stream

SIZE_WH = (640, 480)
EAGER, PREDICT = "report: Keras eager call, whole frame", "report: Keras predict, whole frame"
SAME_NETWORK = "report's network in ONNX Runtime, whole frame"
WHOLE = "MaskWatch: find and judge the face"
CROP, CROP_INT8 = "classifier alone, float32, one crop", "classifier alone, int8, one crop"

_TRAIN_HINT = f"{pip_extra('train')} brings it"


@dataclass
class Comparison:
    """What takes part, and why others do not.

    Attributes:
        calls: by name.
        left_out: a sentence for each way that cannot run here.
    """

    calls: dict[str, Call] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ComparisonTimes:
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
    analyzer: Analyzer, seconds: float, start_timeout_s: float, same_network: bool
) -> ComparisonTimes:
    """Time all ways that this machine has.

    Args:
        analyzer: MaskWatch.
        seconds: about how long to take turns.
        start_timeout_s: how long the processes with the training framework may take to get ready.
        same_network: also run the report's own network in ONNX Runtime; it is converted first.
    """
    comparison = Comparison()
    frame = draw_frame(SIZE_WH, 1)
    faces, _ = analyzer.find_live(frame)
    crop = analyzer.crops(frame, faces, analyzer.origin)
    comparison.calls[WHOLE] = partial(_judge_frame, analyzer, frame)
    comparison.calls[CROP] = partial(analyzer.classifier.probabilities, crop)
    _enter_devices(comparison, frame, crop)
    end = time.monotonic() + start_timeout_s
    with tempfile.TemporaryDirectory() as folder:
        converted = Path(folder, "report.onnx") if same_network else None
        with _report_process(comparison, converted) as process:  # gets ready while int8 is made
            _enter_int8(comparison, Path(folder, "int8.onnx"), crop, end)
            if process is not None:
                _enter_report(comparison, process, converted, end)
            return ComparisonTimes(
                take_turns(comparison.calls, seconds), tuple(comparison.left_out)
            )


def _enter_int8(comparison: Comparison, path: Path, crop: NDArray[np.uint8], end: float) -> None:
    if not _installed("onnx"):
        comparison.left_out.append(f"int8 is left out: onnx is not installed ({_TRAIN_HINT}).")
        return
    command = [sys.executable, "-m", "maskwatch.training.classifier.int8", str(path)]
    try:
        subprocess.run(
            command, capture_output=True, check=True, timeout=max(1.0, end - time.monotonic())
        )
    except subprocess.TimeoutExpired:
        comparison.left_out.append("int8 is left out: it was not quantised in time.")
    except subprocess.CalledProcessError as error:
        comparison.left_out.append(f"int8 is left out: {_last_line(error.stderr)}.")
    else:
        session = create_session(path.read_bytes(), "int8", threads=1)  # as the classifier runs
        comparison.calls[CROP_INT8] = partial(
            session.run, None, {session.get_inputs()[0].name: crop}
        )


def _enter_devices(comparison: Comparison, frame: ImageRGB, crop: NDArray[np.uint8]) -> None:
    """What is not the way of every installation, each device by its name."""
    for device in devices_here():
        if device != "cpu":
            named = Analyzer(device=device)
            comparison.calls[f"{WHOLE}, {device}"] = partial(_judge_frame, named, frame)
            comparison.calls[f"{CROP}, {device}"] = partial(named.classifier.probabilities, crop)
    if not is_here("openvino"):
        comparison.left_out.append(
            f"OpenVINO is left out: it is not installed ({pip_extra('openvino')})."
        )


def _judge_frame(analyzer: Analyzer, frame: ImageRGB) -> FrameReport:
    """A live frame with people that were never seen before."""
    return Stream(analyzer).update(frame, 0.0)


@contextmanager
def _report_process(
    comparison: Comparison, converted: Path | None
) -> Iterator[subprocess.Popen[str] | None]:
    """A process that judges frames as the report does; None where it cannot run."""
    if not (_installed("keras") and _installed("tensorflow") and _installed("onnx")):
        comparison.left_out.append(
            f"The report's way is left out: Keras and TensorFlow are not installed ({_TRAIN_HINT})."
        )
        yield None
        return
    command = [sys.executable, "-m", "maskwatch.training.classifier.report_way"]
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
    comparison: Comparison, process: subprocess.Popen[str], converted: Path | None, end: float
) -> None:
    if not _ready(process, end):
        comparison.left_out.append(
            "The report's way is left out: Keras was not ready in time or failed to start."
        )
        return
    for name, way in ((EAGER, "eager"), (PREDICT, "predict")):
        comparison.calls[name] = partial(_ask, process, way)
    if converted is None:
        comparison.left_out.append(
            "The report's network in ONNX Runtime is left out with --quick: converting it takes "
            "too long."
        )
        return
    session = create_session(converted.read_bytes(), "report's network")
    picture = np.zeros((1, 224, 224, 3), np.float32)
    comparison.calls[SAME_NETWORK] = partial(
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
    try:
        process.stdin.write(f"{way}\n")
        process.stdin.flush()
        return float(process.stdout.readline())
    except (OSError, ValueError) as error:  # killed, say, where memory is short
        raise MaskWatchError("bench: the process of the report's way has ended") from error


def _installed(package: str) -> bool:
    return find_spec(package) is not None


def _last_line(text: bytes) -> str:
    lines = text.decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else "its process failed"


# How many operations a network takes, how many this machine does, and the floor that follows.
#
# The operations are counted from the shapes that ONNX Runtime notes when it runs the graph as it
# stands in the file, the peak is what the same library reaches with the same threads on one large
# matrix product. A network cannot be faster than operations over peak.

_SIDE = 1024
"""Of the square matrices: large enough that loading them costs nothing beside the product."""
_PEAK_S = 1.0


def count_operations(model: bytes, images: NDArray[Any]) -> int:
    """Multiplications and additions of convolutions and matrix products for one input.

    Everything else (activations, scaling, adding) is left out, as is usual; it makes the floor a
    little too low.

    Args:
        model: content of an ONNX file with one input.
        images: what it is given.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    # as it stands in the file: fused and padded nodes have other shapes
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.enable_profiling = True
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    with tempfile.TemporaryDirectory() as folder:
        options.profile_file_prefix = str(Path(folder, "profile"))
        session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        session.run(None, {session.get_inputs()[0].name: images})
        events = json.loads(Path(session.end_profiling()).read_text())
    return sum(
        _operations(event["args"]) for event in events if "output_type_shape" in event["args"]
    )


def _operations(node: Mapping[str, Any]) -> int:
    """Of one node, from the shapes of what went in and came out."""
    inputs, outputs = _shapes(node["input_type_shape"]), _shapes(node["output_type_shape"])
    match node["op_name"]:
        case "Conv":
            _, *kernel = inputs[1]  # out channels, in channels a group, rows, columns
            return 2 * math.prod(outputs[0]) * math.prod(kernel)
        case "MatMul":
            return 2 * math.prod(outputs[0]) * inputs[0][-1]
        case "Gemm":  # either side may be given on its side; the common length is what is left
            return 2 * math.prod(outputs[0]) * (math.prod(inputs[0]) // outputs[0][0])
        case _:
            return 0


def _shapes(typed: Sequence[Mapping[str, Sequence[int]]]) -> list[Sequence[int]]:
    return [shape for tensor in typed for shape in tensor.values()]


def measure_peak(seconds: float = _PEAK_S) -> float:
    """Operations a second that ONNX Runtime reaches with the threads at hand, the best of some.

    Args:
        seconds: how long to try.
    """
    session = create_session(matrix_product(_SIDE), "matrix product", available_cpus())
    matrix = np.random.default_rng(0).random((_SIDE, _SIDE), np.float32)
    given = {"a": matrix, "b": matrix}
    best_s, end = math.inf, time.perf_counter() + seconds
    while time.perf_counter() < end:
        start = time.perf_counter()
        session.run(None, given)
        best_s = min(best_s, time.perf_counter() - start)
    return 2 * _SIDE**3 / best_s


def matrix_product(side: int) -> bytes:
    """An ONNX file that multiplies two square float matrices `a` and `b`.

    Written by hand because the package `onnx` is no part of the run time: field number and kind,
    length, content (https://protobuf.dev/programming-guides/encoding).
    """
    dimension = _part(1, _number(1, side))
    square = _part(2, _part(1, _number(1, 1) + _part(2, dimension * 2)))  # 1: float
    node = b"".join((_part(1, b"a"), _part(1, b"b"), _part(2, b"c"), _part(4, b"MatMul")))
    graph = _part(1, node) + _part(2, b"product")
    graph += b"".join(_part(11, _part(1, name) + square) for name in (b"a", b"b"))
    graph += _part(12, _part(1, b"c") + square)
    return _number(1, 8) + _part(7, graph) + _part(8, _part(1, b"") + _number(2, 17))


def _part(field: int, content: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _varint(value: int) -> bytes:
    low = []
    while value >= 0x80:
        low.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*low, value])
