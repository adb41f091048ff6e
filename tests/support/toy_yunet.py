"""A real ONNX file in the form OpenCV's FaceDetectorYN reads: a face in each red cell of 16 pixels.

It has YuNet's twelve outputs, for three grids; the finest and the coarsest never see anything.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from onnx import NodeProto, TensorProto, helper

STRIDES_PX = (8, 16, 32)
CELL_PX, FACE_PX = 16, 48
PARTS = {"cls": 1, "obj": 1, "bbox": 4, "kps": 10}
"""Outputs of a grid and their values per cell."""


def write_toy_yunet(folder: Path) -> Path:
    """Write the file."""
    pictures = helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, "h", "w"])
    answers = [
        helper.make_tensor_value_info(f"{part}_{stride}", TensorProto.FLOAT, [1, "n", values])
        for part, values in PARTS.items()
        for stride in STRIDES_PX
    ]
    total = sum(PARTS.values())
    weight = np.zeros((total, 3, 1, 1), np.float32)
    weight[0, :, 0, 0] = np.array([-2.0, -2.0, 1.0]) / 255  # of blue, green, red
    ends = np.cumsum([0, *PARTS.values()]).tolist()
    constants = [
        helper.make_tensor("shape", TensorProto.INT64, [3], [1, total, -1]),
        helper.make_tensor("weight", TensorProto.FLOAT, weight.shape, weight.ravel()),
        helper.make_tensor("axis", TensorProto.INT64, [1], [2]),
        *(helper.make_tensor(f"end{end}", TensorProto.INT64, [1], [end]) for end in ends),
    ]
    size = math.log(FACE_PX / CELL_PX)
    nodes: list[NodeProto] = []
    for stride in STRIDES_PX:
        sees = 0.0 if stride == CELL_PX else -10.0
        bias = (sees, 1.0, 0.5, 0.5, size, size, *[0.0] * 10)
        constants.append(helper.make_tensor(f"bias{stride}", TensorProto.FLOAT, [total], bias))
        nodes += _grid(stride, ends)
    graph = helper.make_graph(nodes, "toy", [pictures], answers, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    path = folder / "toy_yunet.onnx"
    path.write_bytes(model.SerializeToString())
    return path


def _grid(stride: int, ends: list[int]) -> list[NodeProto]:
    """Planes -> the four outputs of one grid, row by row."""
    sides = {"kernel_shape": [stride, stride], "strides": [stride, stride]}
    colour, maps, rows, cells = (f"{name}{stride}" for name in ("colour", "maps", "rows", "cells"))
    return [
        helper.make_node("AveragePool", ["input"], [colour], **sides),
        helper.make_node("Conv", [colour, "weight", f"bias{stride}"], [maps]),
        helper.make_node("Reshape", [maps, "shape"], [rows]),
        helper.make_node("Transpose", [rows], [cells], perm=[0, 2, 1]),
        *(
            helper.make_node(
                "Slice", [cells, f"end{low}", f"end{high}", "axis"], [f"{part}_{stride}"]
            )
            for part, low, high in zip(PARTS, ends, ends[1:], strict=False)
        ),
    ]
