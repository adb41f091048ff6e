"""A real ONNX file of a few bytes with its card: it finds a face round each magenta dot.

Cells of the middle grid (16 pixels of the network's input) whose mean colour is magenta see a face
of FACE_PX centred on them; a dot of one cell is therefore one face.

Cells of the coarsest grid that have the grey of a border see a face larger than any picture, right
of and below them: so the small plain ones of the tests are taken for cut-out faces, once the
Analyzer puts a border round them. Padding, which is right and below, makes no face.
"""

from __future__ import annotations

import hashlib
import math
from pathlib import Path
from typing import Any

import numpy as np
from onnx import NodeProto, TensorProto, helper

from maskwatch.models.card import DetectorCard, write_card
from maskwatch.vision.detect import POINT_VALUES
from maskwatch.vision.edge import BORDER_VALUE
from maskwatch.vision.letter_box import STRIDES_PX

MAGENTA = (255, 0, 255)
DOT_PX, FACE_PX, SIDE_PX = 16, 48, 320
BORDER_PX, HUGE = 32, 4.0
"""Side of the cells that see a border, and the logarithm of what they see, in cells."""

LANDMARKS = (-1.0, -0.5, 1.0, -0.5, 0.0, 0.0, -0.5, 1.0, 0.5, 1.0)
"""Offsets of the five landmarks in cells."""


def toy_detector_onnx() -> bytes:
    """Mean colour of each cell, then one linear layer."""
    pictures = helper.make_tensor_value_info("pictures", TensorProto.UINT8, ["n", "h", "w", 3])
    answer = helper.make_tensor_value_info(
        "points", TensorProto.FLOAT, ["n", "points", POINT_VALUES]
    )
    weight = np.zeros((POINT_VALUES, 3, 1, 1), np.float32)
    weight[0, :, 0, 0] = 0.1, -0.2, 0.1  # of red, green, blue
    size = math.log(FACE_PX / DOT_PX)
    constants = [
        helper.make_tensor("shape", TensorProto.INT64, [3], [0, POINT_VALUES, -1]),
        helper.make_tensor("weight", TensorProto.FLOAT, weight.shape, weight.ravel()),
    ]
    constants += [
        helper.make_tensor("grey", TensorProto.FLOAT, [], [float(BORDER_VALUE)]),
        helper.make_tensor("slope", TensorProto.FLOAT, [], [-400.0]),
        helper.make_tensor("top", TensorProto.FLOAT, [], [200.0]),
        helper.make_tensor("channels", TensorProto.INT64, [1], [1]),
        helper.make_tensor("others", TensorProto.INT64, [8], [0] * 5 + [POINT_VALUES - 1, 0, 0]),
    ]
    nodes = [
        helper.make_node("Cast", ["pictures"], ["values"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["values"], ["planes"], perm=[0, 3, 1, 2]),
    ]
    for stride in STRIDES_PX:
        # magenta reaches 51
        least = -45.0 if stride == DOT_PX else -100.0
        offset, width = (math.exp(HUGE) / 2, HUGE) if stride == BORDER_PX else (0.0, size)
        bias = (least, offset, offset, width, width, *LANDMARKS)
        constants.append(
            helper.make_tensor(f"bias{stride}", TensorProto.FLOAT, [POINT_VALUES], bias)
        )
        nodes += _grid(stride)
    nodes.append(helper.make_node("Concat", [f"points{s}" for s in STRIDES_PX], ["points"], axis=1))
    graph = helper.make_graph(nodes, "toy", [pictures], [answer], constants)
    opset = [helper.make_opsetid("", 18)]
    return helper.make_model(graph, opset_imports=opset, ir_version=9).SerializeToString()


def _grid(stride: int) -> list[NodeProto]:
    """Planes -> points of one grid, row by row."""
    sides = {"kernel_shape": [stride, stride], "strides": [stride, stride]}
    colour, maps, rows = f"colour{stride}", f"maps{stride}", f"rows{stride}"
    seen = f"seen{stride}"
    return [
        helper.make_node("AveragePool", ["planes"], [colour], **sides),
        helper.make_node("Conv", [colour, "weight", f"bias{stride}"], [seen]),
        *(_border(colour, seen, maps) if stride == BORDER_PX else _same(seen, maps)),
        helper.make_node("Reshape", [maps, "shape"], [rows]),
        helper.make_node("Transpose", [rows], [f"points{stride}"], perm=[0, 2, 1]),
    ]


def _same(seen: str, maps: str) -> list[NodeProto]:
    return [helper.make_node("Identity", [seen], [maps])]


def _border(colour: str, seen: str, maps: str) -> list[NodeProto]:
    """200 more where all three means are the grey of a border."""
    return [
        helper.make_node("Sub", [colour, "grey"], ["off"]),
        helper.make_node("Abs", ["off"], ["away"]),
        helper.make_node("ReduceMax", ["away", "channels"], ["most"]),
        helper.make_node("Mul", ["most", "slope"], ["falling"]),
        helper.make_node("Add", ["falling", "top"], ["raised"]),
        helper.make_node("Relu", ["raised"], ["bonus"]),
        helper.make_node("Pad", ["bonus", "others"], ["bonuses"]),
        helper.make_node("Add", [seen, "bonuses"], [maps]),
    ]


def write_toy_detector(folder: Path, **card_values: Any) -> Path:
    """Write the file and its card; `card_values` replace values of the card."""
    model_path = folder / "detector.onnx"
    content = toy_detector_onnx()
    model_path.write_bytes(content)
    values: dict[str, Any] = {
        "name": "toy detector 1",
        "sha256": hashlib.sha256(content).hexdigest(),
        "side_px": SIDE_PX,
        "live_side_px": 160,
        "coarse_side_px": 0,
        "fine_face_px": 320,
        "min_score": 0.5,
        "nms_iou": 0.4,
        "licence": "Apache-2.0",
        "intended_use": "tests",
        "limits": ("knows one colour",),
        **card_values,
    }
    write_card(DetectorCard(**values), model_path)
    return model_path


def crowd(*faces: tuple[int, int, tuple[int, int, int]]) -> np.ndarray:
    """A grey picture of 320 x 240 with faces: (column, row) of the dot's cell, colour of the face.

    The toy classifier judges the colour; a face takes three cells a side.
    """
    image = np.full((240, SIDE_PX, 3), 128, np.uint8)
    for column, row, colour in faces:
        x, y = column * DOT_PX, row * DOT_PX
        image[y - DOT_PX : y + 2 * DOT_PX, x - DOT_PX : x + 2 * DOT_PX] = colour
        image[y : y + DOT_PX, x : x + DOT_PX] = MAGENTA
    return image


def face_box(column: int, row: int) -> tuple[float, float, float, float]:
    """Where the toy finds that face."""
    x, y = column * DOT_PX, row * DOT_PX
    return (x - DOT_PX, y - DOT_PX, x + 2 * DOT_PX, y + 2 * DOT_PX)
