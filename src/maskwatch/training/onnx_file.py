"""Keras model -> the bytes of an ONNX file, and back to the weights of its convolutions."""

from __future__ import annotations

import re
import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from maskwatch.errors import SettingError

_ANY_SIDE_PX = 64


def convert_to_onnx(model: Any) -> bytes:
    """Convert with Keras' own exporter; the batch size, and what else the input leaves, stay free.

    The exporter imports parts of NumPy and TensorFlow that warn about their future; a user can do
    nothing about it, so the warnings stay inside.
    """
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sides = (side or _ANY_SIDE_PX for side in model.input_shape[1:])
        model(np.zeros((1, *sides), model.input_dtype))  # it exports only what ran
        path = Path(folder) / "model.onnx"
        model.export(str(path), format="onnx", verbose=False)
        return path.read_bytes()


def read_convolutions(path: Path) -> dict[str, list[NDArray[np.float32]]]:
    """Kernel and bias, if any, of every convolution in an exported file, as Keras keeps them.

    The exporter folds batch norm into the convolution before it, so the bias may be the norm's. It
    names tensors after the layers they came from, "detector_1/backbone_1/Conv1_1/...".

    Args:
        path: a file from `convert_to_onnx`.

    Returns:
        By name of the layer.

    Raises:
        SettingError: the file cannot be read.
    """
    try:
        graph = onnx.load(path).graph
    except Exception as error:  # onnx lets protobuf's own errors through
        raise SettingError(f"{path}: not an ONNX file ({str(error).splitlines()[0]})") from error
    tensors = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    weights = {}
    for node in graph.node:
        if node.op_type != "Conv":
            continue
        names = [name for name in (*node.input[1:], *node.output) if "/" in name]
        if not names or any(name not in tensors for name in node.input[1:]):
            raise SettingError(f"{path}: {node.name} was not exported by maskwatch")
        layer = re.sub(r"_\d+$", "", _layer_part(names[0]))
        kernel, *bias = (tensors[name] for name in node.input[1:])
        # ONNX: out, in, rows, columns; a depthwise kernel has one "in" and Keras wants it last
        is_depthwise = kernel.shape[1] == 1 and len(kernel) > 1
        axes = (2, 3, 0, 1) if is_depthwise else (2, 3, 1, 0)
        weights[layer] = [kernel.transpose(axes), *bias]
    return weights


def _layer_part(name: str) -> str:
    """The part of a tensor's name that names the layer: the last with a number behind it."""
    return [part for part in name.split("/") if re.search(r"_\d+$", part)][-1]
