"""A real ONNX file of a few bytes with its card: it answers by the colour of a crop.

Red is a mask, green no mask, blue a mask worn incorrectly, grey is as likely all three.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from onnx import TensorProto, helper

from maskwatch.models.card import ModelCard, write_card
from maskwatch.schema import CLASSES

RED, GREEN, BLUE, GREY = (250, 10, 10), (10, 250, 10), (10, 10, 250), (128, 128, 128)


def toy_onnx(side_px: int = 32) -> bytes:
    """Mean colour of the crop, differences amplified, softmax."""
    crops = helper.make_tensor_value_info("crops", TensorProto.UINT8, ["n", side_px, side_px, 3])
    answer = helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", 3])
    constants = [
        helper.make_tensor("axes", TensorProto.INT64, [2], [1, 2]),
        helper.make_tensor("gain", TensorProto.FLOAT, [1], [0.05]),
    ]
    nodes = [
        helper.make_node("Cast", ["crops"], ["values"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["values", "axes"], ["colour"], keepdims=0),
        helper.make_node("Mul", ["colour", "gain"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=-1),
    ]
    graph = helper.make_graph(nodes, "toy", [crops], [answer], constants)
    opset = [helper.make_opsetid("", 18)]
    return helper.make_model(graph, opset_imports=opset, ir_version=9).SerializeToString()


def write_toy_model(folder: Path, side_px: int = 32, **card_values: Any) -> Path:
    """Write the file and its card; `card_values` replace values of the card."""
    model_path = folder / "toy.onnx"
    content = toy_onnx(side_px)
    model_path.write_bytes(content)
    values: dict[str, Any] = {
        "name": "toy 1",
        "sha256": hashlib.sha256(content).hexdigest(),
        "classes": CLASSES,
        "input_side_px": side_px,
        "crop_margin_ratio": 0.0,
        "temperature": 1.0,
        "unsure_below": 0.5,
        "licence": "Apache-2.0",
        "intended_use": "tests",
        "limits": ("knows three colours",),
        **card_values,
    }
    write_card(ModelCard(**values), model_path)
    return model_path


def plain(colour: tuple[int, int, int], width: int = 40, height: int = 40) -> np.ndarray:
    """A picture of one colour."""
    return np.full((height, width, 3), colour, np.uint8)
