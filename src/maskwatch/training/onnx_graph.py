"""An exported network's graph, written anew so that processors wait less; it answers as before.

Keras' exporter writes layers down as they are. ONNX Runtime works on blocks of 16 channels where a
processor has AVX-512, so a bottleneck of 8 on the largest grid is taken out of such blocks and put
back; an enlargement by two is written as copies of copies, behind the same in another order of the
axes; and a head's score and place read the same features twice. Here

- two 1 x 1 convolutions in a row, the first to fewer than a block's channels, are one;
- doubling the sides is one step;
- 1 x 1 convolutions of the same features that are joined afterwards are one;
- the shape of an answer is no longer computed from the picture's.

To go on training from such a file, `layers_apart` gives the layers' own weights back.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from maskwatch.training.onnx_file import Layers, layer_name, layers_with_weights

BLOCK_CHANNELS = 16
"""ONNX Runtime's, with AVX-512."""

THEN, BESIDE = "_then_", "_beside_"
"""Between the names of two layers that are one: in a row, side by side."""

_COPIES = {"Reshape", "Tile", "Transpose", "Unsqueeze"}


def rewrite(exported: bytes) -> bytes:
    """The same network in fewer steps.

    Args:
        exported: as Keras' exporter writes it.
    """
    graph = _Graph(onnx.load_from_string(exported))
    for second in graph.nodes("Conv"):
        _join_in_a_row(graph, second)
    for joined in graph.nodes("Concat"):
        _join_side_by_side(graph, joined)
    for last in graph.nodes("Transpose"):
        _double_at_once(graph, last)
    for reshape in graph.nodes("Reshape"):
        _give_shape(graph, reshape)
    return graph.written()


def layers_apart(weights: Layers, model: Any) -> Layers:
    """Each layer's own weights, where `rewrite` made one of two; together they do the same.

    What the model has not got stays as it is: a plain stem is learnt beside a file's blocks.

    Args:
        weights: of a file, see `read_layers`.
        model: the Keras model that is to get them; it knows how wide each layer is.
    """
    widths = {layer.name: layer.get_weights()[0].shape[-1] for layer in layers_with_weights(model)}
    apart: Layers = {}
    for name, (kernel, *bias) in weights.items():
        names = re.split(f"{THEN}|{BESIDE}", name)
        if len(names) == 1 or not widths.keys() >= set(names):
            apart[name] = [kernel, *bias]
        elif THEN in name:
            first, second = names
            apart[first], apart[second] = _in_a_row(kernel, bias[0], widths[first])
        else:
            ends = np.cumsum([widths[one] for one in names])[:-1]
            parts = zip(np.split(kernel, ends, axis=-1), np.split(bias[0], ends), strict=True)
            apart.update({one: list(part) for one, part in zip(names, parts, strict=True)})
    return apart


def _in_a_row(
    kernel: NDArray[np.float32], bias: NDArray[np.float32], width: int
) -> tuple[list[NDArray[np.float32]], list[NDArray[np.float32]]]:
    """Two 1 x 1 kernels whose product is this one, which has no more rank than `width`."""
    left, strength, right = np.linalg.svd(kernel[0, 0].astype(np.float64), full_matrices=False)
    share = np.sqrt(strength[:width])  # both of a size, so that both learn
    first, second = left[:, :width] * share, share[:, None] * right[:width]
    return (
        [first[None, None].astype(np.float32), np.zeros(width, np.float32)],
        [second[None, None].astype(np.float32), bias],
    )


def _join_in_a_row(graph: _Graph, second: onnx.NodeProto) -> None:
    first = graph.maker(second.input[0])
    if not (first and graph.is_pointwise(first) and graph.is_pointwise(second)):
        return
    narrow, wide = graph.kernel(first), graph.kernel(second)
    if len(narrow) >= BLOCK_CHANNELS or len(graph.readers(first.output[0])) > 1:
        return
    kernel = np.einsum("ombc,mibc->oibc", wide.astype(np.float64), narrow.astype(np.float64))
    bias = wide[:, :, 0, 0].astype(np.float64) @ graph.bias(first) + graph.bias(second)
    graph.replace(second, THEN.join(map(layer_name, (first, second))), first.input[0], kernel, bias)


def _join_side_by_side(graph: _Graph, joined: onnx.NodeProto) -> None:
    makers = [graph.maker(name) for name in joined.input]
    parts = [one for one in makers if one and graph.is_pointwise(one)]
    if len(parts) < len(makers) or len({one.input[0] for one in parts}) > 1:
        return
    kernel = np.concatenate([graph.kernel(one) for one in parts])
    bias = np.concatenate([graph.bias(one) for one in parts])
    graph.replace(joined, BESIDE.join(map(layer_name, parts)), parts[0].input[0], kernel, bias)


def _double_at_once(graph: _Graph, last: onnx.NodeProto) -> None:
    """Copies along both sides, rows and columns behind each other, are the nearest pixel's."""
    steps, source = [last], graph.maker(last.input[0])
    while source is not None and source.op_type in _COPIES:
        steps.append(source)
        source = graph.maker(source.input[0])
    if source is None or sum(one.op_type == "Tile" for one in steps) != 2:
        return
    scales = graph.keep(f"{last.output[0]}/scales", np.array([1, 1, 2, 2], np.float32))
    node = helper.make_node(
        "Resize",
        [source.output[0], "", scales],
        [last.output[0]],
        mode="nearest",
        coordinate_transformation_mode="asymmetric",
        nearest_mode="floor",
    )
    graph.put(node, last)


def _give_shape(graph: _Graph, reshape: onnx.NodeProto) -> None:
    """(n, rows, columns, values) -> (n, points, values), whatever the picture's size."""
    transposed = graph.maker(reshape.input[0])
    made = graph.maker(transposed.input[0]) if transposed else None
    if reshape.input[1] in graph.tensors or not (made and graph.is_pointwise(made)):
        return
    shape = np.array([0, -1, len(graph.kernel(made))], np.int64)
    reshape.input[1] = graph.keep(f"{reshape.output[0]}/shape", shape)


class _Graph:
    """A graph that can be asked who makes and who reads a tensor."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self._model, self._nodes = model, list(model.graph.node)
        stored = model.graph.initializer
        self.tensors = {tensor.name: numpy_helper.to_array(tensor) for tensor in stored}

    def nodes(self, kind: str) -> Iterator[onnx.NodeProto]:
        yield from [node for node in self._nodes if node.op_type == kind]

    def maker(self, tensor: str) -> onnx.NodeProto | None:
        return next((node for node in self._nodes if tensor in node.output), None)

    def readers(self, tensor: str) -> list[onnx.NodeProto]:
        return [node for node in self._nodes if tensor in node.input]

    def kernel(self, node: onnx.NodeProto) -> NDArray[np.float32]:
        """Out, in, rows, columns."""
        return np.asarray(self.tensors[node.input[1]])

    def bias(self, node: onnx.NodeProto) -> NDArray[np.float32]:
        none = np.zeros(len(self.kernel(node)), np.float32)
        return np.asarray(self.tensors[node.input[2]] if len(node.input) > 2 else none)

    def is_pointwise(self, node: onnx.NodeProto) -> bool:
        return node.op_type == "Conv" and self.kernel(node).shape[2:] == (1, 1)

    def keep(self, name: str, value: NDArray[Any]) -> str:
        self.tensors[name] = value
        return name

    def put(self, node: onnx.NodeProto, in_place_of: onnx.NodeProto) -> None:
        self._nodes[self._nodes.index(in_place_of)] = node

    def replace(
        self,
        node: onnx.NodeProto,
        layer: str,
        source: str,
        kernel: NDArray[np.floating],
        bias: NDArray[np.floating],
    ) -> None:
        """A 1 x 1 convolution in a node's place, with names that `read_layers` understands."""
        names = [
            self.keep(f"joined/{layer}_1/{part}", value.astype(np.float32))
            for part, value in (("kernel", kernel), ("bias", bias))
        ]
        self.put(helper.make_node("Conv", [source, *names], list(node.output), layer), node)

    def written(self) -> bytes:
        """As a file, without what nobody reads any more."""
        graph = self._model.graph
        wanted = {output.name for output in graph.output}
        kept: list[onnx.NodeProto] = []
        for node in reversed(self._nodes):  # in the order of their making, so readers come first
            if wanted & set(node.output):
                kept.insert(0, node)
                wanted |= set(node.input)
        tensors = [
            numpy_helper.from_array(value, name)
            for name, value in self.tensors.items()
            if name in wanted
        ]
        for field, values in (("node", kept), ("initializer", tensors), ("value_info", [])):
            graph.ClearField(field)
            getattr(graph, field).extend(values)
        onnx.checker.check_model(self._model)
        return bytes(self._model.SerializeToString())
