"""Keras model -> the bytes of an ONNX file, and back to the weights of its layers."""

from __future__ import annotations

import re
import tempfile
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnx
from numpy.typing import NDArray

from maskwatch.errors import SettingError

_ANY_SIDE_PX = 64

Layers = dict[str, list[NDArray[np.float32]]]
"""Kernel and bias, if any, of each layer by its name, as Keras keeps them."""


def convert_to_onnx(model: Any) -> bytes:
    """Convert with Keras' own exporter; the batch size, and what else the input leaves, stay free.

    The exporter imports parts of NumPy and TensorFlow that warn about their future; a user can do
    nothing about it, so the warnings stay inside.

    The same model gives the same bytes every time.
    """
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sides = (side or _ANY_SIDE_PX for side in model.input_shape[1:])
        model(np.zeros((1, *sides), model.input_dtype))  # it exports only what ran
        path = Path(folder) / "model.onnx"
        model.export(str(path), format="onnx", verbose=False)
        return _named_in_order(onnx.load(path))


_RUNNING_NUMBER = re.compile(r"__\d+")


def _named_in_order(model: onnx.ModelProto) -> bytes:
    """A file whose names follow from its graph alone.

    The exporter numbers what it makes in one count for the whole process, and of equal constants it
    keeps whichever stands first in a set. So numbers are given anew in the order of the nodes, and
    constants that more than one node reads have no layer in their names. Kernels keep theirs.
    """
    graph = model.graph
    contents = {tensor.name: _content(tensor) for tensor in graph.initializer}
    reads = Counter(contents[x] for node in graph.node for x in node.input if x in contents)
    kernels = {node.input[1] for node in graph.node if node.op_type in ("Conv", "MatMul")}
    names = {value.name: value.name for value in (*graph.input, *graph.output)}
    constants: dict[str, bytes] = {}
    shared: dict[bytes, str] = {}
    for number, node in enumerate(graph.node, start=1):
        for name in (*node.input, *node.output):
            if name in names:
                continue
            content = contents.get(name)
            is_own = content is None or name in kernels or reads[content] == 1
            if content is None:
                names[name] = _RUNNING_NUMBER.sub(f"__{number}", name)
            elif is_own and not _RUNNING_NUMBER.search(name):
                names[name] = name
            else:
                names[name] = shared.setdefault(content, f"constant_{len(shared) + 1}")
            if content is not None:
                constants[names[name]] = content
        for values in (node.input, node.output):
            values[:] = [names[name] for name in values]
        node.name = node.output[0].removesuffix(":0")
    sides: dict[str, str] = {}
    for value in (*graph.input, *graph.output):
        for side in value.type.tensor_type.shape.dim:
            if side.dim_param:
                side.dim_param = sides.setdefault(side.dim_param, f"free_{len(sides) + 1}")
    graph.ClearField("doc_string")
    graph.ClearField("initializer")
    for name, content in constants.items():
        tensor = graph.initializer.add()
        tensor.ParseFromString(content)
        tensor.name = name
    return bytes(model.SerializeToString())


def _content(tensor: onnx.TensorProto) -> bytes:
    """A constant without its name."""
    nameless = onnx.TensorProto()
    nameless.CopyFrom(tensor)
    nameless.ClearField("name")
    return bytes(nameless.SerializeToString())


def read_layers(path: Path) -> Layers:
    """Kernel and bias, if any, of every convolution and dense layer in an exported file.

    The exporter folds a batch norm into the convolution before it, or
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
        layer = layer_name(node)
        if not layer or any(name not in tensors for name in node.input[1:]):
            raise SettingError(f"{path}: {node.name} was not exported by maskwatch")
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


def layer_name(node: onnx.NodeProto) -> str:
    """The Keras layer that a node of an exported file stands for; empty where it is of no layer.

    A tensor's name has it as the last part with a number behind it.
    """
    names = [name for name in (*node.input[1:], *node.output) if "/" in name]
    parts = names[0].split("/") if names else []
    numbered = [part for part in parts if re.search(r"_\d+$", part)]
    return re.sub(r"_\d+$", "", numbered[-1]) if numbered else ""


def layers_with_weights(model: Any) -> Iterator[Any]:
    """All convolutions and dense layers, those of models inside the model too."""
    kinds = keras.layers.Conv2D | keras.layers.DepthwiseConv2D | keras.layers.Dense
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from layers_with_weights(layer)
        elif isinstance(layer, kinds):
            yield layer
