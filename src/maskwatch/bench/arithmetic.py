"""How many operations a network takes, how many this machine does, and the floor that follows.

The operations are counted from the shapes that ONNX Runtime notes when it runs the graph as it
stands in the file, the peak is what the same library reaches with the same threads on one large
matrix product. A network cannot be faster than operations over peak.
"""

from __future__ import annotations

import json
import math
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskwatch.runtime import available_cpus, create_session

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
