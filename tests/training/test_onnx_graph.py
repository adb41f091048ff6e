"""A detector's graph in fewer steps answers as before, and can be trained on from.

Run: pytest tests/training/test_onnx_graph.py
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from support.training_factory import random_base_weights

from maskwatch.models.runtime import create_session
from maskwatch.training.detector.network import build_detector
from maskwatch.training.detector.train import golden_image
from maskwatch.training.onnx_file import convert_to_onnx, layers_with_weights, read_layers
from maskwatch.training.onnx_graph import layers_apart, rewrite
from maskwatch.training.recipes.detector import DetectorNetworkRecipe

BLOCKS = DetectorNetworkRecipe(pyramid_channels=16, head_layers=1)
PLAIN = DetectorNetworkRecipe(pyramid_channels=16, head_layers=1, stem="plain")
SHIPPED = Path("src/maskwatch/models/detector.onnx")

Pair = tuple[bytes, bytes]


def exported(recipe: DetectorNetworkRecipe, folder: Path) -> Pair:
    """As Keras writes it, and in fewer steps; no bias is zero."""
    model = build_detector(recipe, random_base_weights(folder), seed=2)
    random = np.random.default_rng(5)
    for layer in layers_with_weights(model):
        kernel, *bias = layer.get_weights()
        layer.set_weights([kernel, *(random.normal(0, 0.3, one.shape) for one in bias)])
    written = convert_to_onnx(model)
    return written, rewrite(written)


@pytest.fixture(scope="module")
def blocks(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    return exported(BLOCKS, tmp_path_factory.mktemp("blocks"))


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    return exported(PLAIN, tmp_path_factory.mktemp("plain"))


def answers(file: bytes, height: int, width: int) -> NDArray[np.float32]:
    session = create_session(file, "detector")
    images = np.stack([golden_image(height, width), golden_image(height, width)[::-1]])
    return np.asarray(session.run(None, {session.get_inputs()[0].name: images})[0])


def steps(file: bytes) -> list[str]:
    return [node.op_type for node in onnx.load_from_string(file).graph.node]


@pytest.mark.parametrize(("height", "width"), [(32, 32), (96, 160), (224, 64)])
@pytest.mark.parametrize("kind", ["blocks", "plain"])
def test_it_answers_as_before_at_every_size(
    kind: str, height: int, width: int, request: pytest.FixtureRequest
) -> None:
    before, after = (answers(one, height, width) for one in request.getfixturevalue(kind))
    assert after.shape == before.shape == (2, height * width * 21 // 1024, 15)
    np.testing.assert_allclose(after, before, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kind", ["blocks", "plain"])
def test_two_convolutions_become_one_and_copies_a_step(
    kind: str, request: pytest.FixtureRequest
) -> None:
    before, after = (steps(one) for one in request.getfixturevalue(kind))
    assert before.count("Conv") - after.count("Conv") == 1 + 3  # a row, and a head a stride
    assert (before.count("Tile"), after.count("Tile"), after.count("Resize")) == (4, 0, 2)
    assert "Shape" in before
    assert "Shape" not in after


def test_what_is_in_few_steps_stays_as_it_is(blocks: Pair) -> None:
    assert steps(rewrite(blocks[1])) == steps(blocks[1])


def test_the_shipped_file_is_in_few_steps() -> None:
    shipped = SHIPPED.read_bytes()
    assert steps(rewrite(shipped)) == steps(shipped)


@pytest.mark.parametrize(("kind", "recipe"), [("blocks", BLOCKS), ("plain", PLAIN)])
def test_training_goes_on_from_it_with_the_same_answers(
    kind: str, recipe: DetectorNetworkRecipe, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    path = tmp_path / "detector.onnx"
    path.write_bytes(request.getfixturevalue(kind)[1])
    model = build_detector(recipe, path, seed=9)
    expected = answers(path.read_bytes(), 64, 96)[0]
    np.testing.assert_allclose(_said(model, 64, 96), expected, rtol=1e-3, atol=1e-3)


def test_the_layers_of_a_row_share_what_they_do(blocks: Pair, tmp_path: Path) -> None:
    path = tmp_path / "detector.onnx"
    path.write_bytes(blocks[1])
    layers = layers_apart(read_layers(path), build_detector(BLOCKS, path, seed=0))
    first, second = layers["expanded_conv_project"][0], layers["block_1_expand"][0]
    assert (first.shape, second.shape) == ((1, 1, 16, 8), (1, 1, 8, 48))
    assert np.linalg.norm(first) == pytest.approx(np.linalg.norm(second), rel=1e-4)


def _said(model: Any, height: int, width: int) -> NDArray[np.float32]:
    said: NDArray[np.float32] = np.asarray(model(golden_image(height, width)[None]))[0]
    return said
