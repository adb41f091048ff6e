"""What a card's hash covers is what runs: weights in other files are refused, wherever they hang.

Run: pytest tests/unit/models/test_external_data.py
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from support.toy_detector import toy_detector_onnx
from support.toy_model import toy_onnx, write_toy_model

from maskwatch import Analyzer, ModelError, WholeImage
from maskwatch.models.runtime import refuse_external_data


def outside(name: str = "w") -> TensorProto:
    tensor = numpy_helper.from_array(np.ones(4, np.float32), name)
    onnx.external_data_helper.set_external_data(tensor, "weights.bin", 0, 16)
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    return tensor


def inside(name: str = "w") -> TensorProto:
    return numpy_helper.from_array(np.ones(4, np.float32), name)


def constant(tensor: TensorProto) -> onnx.NodeProto:
    return helper.make_node("Constant", [], ["c"], value=tensor)


def graph_of(*nodes: onnx.NodeProto, **parts: object) -> onnx.GraphProto:
    graph = helper.make_graph(list(nodes), "g", [], [])
    for name, values in parts.items():
        getattr(graph, name).extend(values)
    return graph


def model_of(graph: onnx.GraphProto, **parts: object) -> bytes:
    return helper.make_model(graph, **parts).SerializeToString()


def sparse(tensor: TensorProto) -> onnx.SparseTensorProto:
    return onnx.SparseTensorProto(values=tensor, indices=inside("i"), dims=[4])


def in_branch(tensor: TensorProto) -> bytes:
    branch = graph_of(constant(tensor))
    node = helper.make_node("If", ["x"], ["y"], then_branch=graph_of(), else_branch=branch)
    return model_of(graph_of(node))


def in_function(tensor: TensorProto) -> bytes:
    opset = helper.make_opsetid("", 17)
    function = helper.make_function("d", "f", [], ["c"], [constant(tensor)], [opset])
    return model_of(graph_of(), functions=[function])


def in_training(tensor: TensorProto) -> bytes:
    model = helper.make_model(graph_of())
    model.training_info.add().algorithm.CopyFrom(graph_of(initializer=[tensor]))
    return model.SerializeToString()


PLACES: dict[str, Callable[[TensorProto], bytes]] = {
    "initializer": lambda tensor: model_of(graph_of(initializer=[tensor])),
    "constant": lambda tensor: model_of(graph_of(constant(tensor))),
    "sparse": lambda tensor: model_of(graph_of(sparse_initializer=[sparse(tensor)])),
    "branch": in_branch,
    "function": in_function,
    "training": in_training,
}


@pytest.mark.parametrize("place", PLACES)
def test_weights_in_another_file_are_refused_wherever_they_hang(place: str) -> None:
    refuse_external_data(PLACES[place](inside()), "net.onnx")
    with pytest.raises(ModelError, match=r"^net\.onnx: its weights lie in another file"):
        refuse_external_data(PLACES[place](outside()), "net.onnx")


def test_whole_networks_are_taken() -> None:
    for model in (toy_onnx(), toy_detector_onnx()):
        refuse_external_data(model, "net.onnx")


@given(st.binary(max_size=60) | st.integers(0, 3000).map(lambda end: toy_onnx()[:end]))
def test_any_bytes_are_a_network_or_a_model_error(content: bytes) -> None:
    try:
        refuse_external_data(content, "net.onnx")
    except ModelError as error:
        assert "\n" not in str(error)


def test_an_analyzer_refuses_them_although_the_hash_is_right(tmp_path: Path) -> None:
    path = write_toy_model(tmp_path)
    model = onnx.load_from_string(path.read_bytes())
    model.graph.initializer.append(outside())
    path.write_bytes(model.SerializeToString())
    card = json.loads(path.with_suffix(".json").read_text())
    card["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    path.with_suffix(".json").write_text(json.dumps(card))
    with pytest.raises(ModelError, match="which its hash does not cover"):
        Analyzer(path, WholeImage())


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("[" * 200_000, "nested too deeply"),
        ('{"schema":' * 100_000, "nested too deeply"),
        (" " * 5_000_000 + "{}", "5 MB, at most 4"),
        (json.dumps({"schema": "x" * 1_000_000}), "its schema is"),
        (json.dumps({"schema": "maskwatch.model-card/1", "limits": [], "k" * 9999: 1}), "not a va"),
        ("9" * 5000, "not a valid model card"),
        ("null", "not a valid model card"),
    ],
)
def test_odd_cards_are_refused_in_a_line(tmp_path: Path, content: str, reason: str) -> None:
    path = write_toy_model(tmp_path)
    path.with_suffix(".json").write_text(content)
    with pytest.raises(ModelError, match=reason) as caught:
        Analyzer(path, WholeImage())
    assert len(str(caught.value)) < 600 and "\n" not in str(caught.value)


def test_what_is_no_file_is_no_network(tmp_path: Path) -> None:
    path = write_toy_model(tmp_path)
    path.unlink()
    path.mkdir()
    with pytest.raises(ModelError, match="not a regular file"):
        Analyzer(path, WholeImage())
