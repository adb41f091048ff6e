"""Keras model -> the bytes of an ONNX file, and back to the weights of its layers."""

from __future__ import annotations

import re
import tempfile
import warnings
from collections.abc import Iterator
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


def read_layers(path: Path) -> dict[str, list[NDArray[np.float32]]]:
    """Kernel and bias, if any, of every convolution and dense layer in an exported file.

    They are as Keras keeps them. The exporter folds a batch norm into the convolution before it, or
    leaves it behind a depthwise one as a product and a sum; here it is always folded, so the bias
    may be the norm's. Tensors are named after their layers, "maskwatch_1/backbone_1/Conv1_1/...".

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
        reason = str(error).splitlines()[0]
        raise SettingError(f"{path}: not a readable ONNX file ({reason})") from error
    tensors = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    readers = {node.input[0]: node for node in graph.node if node.input}
    weights = {}
    for node in graph.node:
        if node.op_type not in ("Conv", "MatMul"):
            continue
        names = [name for name in (*node.input[1:], *node.output) if "/" in name]
        if not names or any(name not in tensors for name in node.input[1:]):
            raise SettingError(f"{path}: {node.name} was not exported by maskwatch")
        layer = re.sub(r"_\d+$", "", _layer_part(names[0]))
        kernel, *bias = (tensors[name] for name in node.input[1:])
        if node.op_type == "Conv":
            # ONNX: out, in, rows, columns; a depthwise kernel has one "in" and Keras wants it last
            is_depthwise = kernel.shape[1] == 1 and len(kernel) > 1
            kernel = kernel.transpose((2, 3, 0, 1) if is_depthwise else (2, 3, 1, 0))
        else:
            is_depthwise = False
        for kind, factor_or_sum in _steps_behind(node, readers, tensors):
            if kind == "Mul":
                kernel = kernel * (factor_or_sum[:, None] if is_depthwise else factor_or_sum)
                bias = [value * factor_or_sum for value in bias]
            else:
                bias = [sum(bias, factor_or_sum)]
        weights[layer] = [kernel, *bias]
    return weights


def _steps_behind(
    node: onnx.NodeProto, readers: dict[str, onnx.NodeProto], tensors: dict[str, NDArray[Any]]
) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """Products and sums with one value a channel that batch norm or a bias left behind a layer."""
    step = readers.get(node.output[0])
    while step is not None and step.op_type in ("Mul", "Add"):
        output, other = step.output[0], step.input[-1]
        if other not in tensors or not ("/batchnorm/" in output or "/BiasAdd" in output):
            return  # a sum of two branches, or arithmetic of the network itself
        yield step.op_type, tensors[other].reshape(-1)
        step = readers.get(output)


def _layer_part(name: str) -> str:
    """The part of a tensor's name that names the layer: the last with a number behind it."""
    return [part for part in name.split("/") if re.search(r"_\d+$", part)][-1]
