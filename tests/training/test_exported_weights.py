"""A classifier learns on from an exported file: same answers at the start, refusals in one line.

Run: pytest tests/training/test_exported_weights.py
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnx
import pytest
from support.toy_model import write_toy_model
from support.training_factory import coloured_manifest, random_base_weights, small_recipe

from maskwatch.errors import SettingError
from maskwatch.training.classifier.export import export_run, golden_crops
from maskwatch.training.classifier.network import build_network
from maskwatch.training.classifier.train import HARD_BELOW, predict, train
from maskwatch.training.data.parts import take_part
from maskwatch.training.onnx_file import convert_to_onnx
from maskwatch.training.recipes.classifier import FitRecipe, NetworkRecipe, SamplingRecipe
from maskwatch.training.run_folder import RunFolder

NETWORK = NetworkRecipe(
    alpha=0.35, input_side_px=64, unfrozen_layers=-1, dense_units=16, dense_layers=2, dropout=0.2
)


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("exported")


@pytest.fixture(scope="module")
def weights(work: Path) -> Path:
    return random_base_weights(work)


@pytest.fixture(scope="module")
def trained(weights: Path) -> Any:
    """Its norms have statistics and its biases are not zero, as after training."""
    model = build_network(NETWORK, weights, seed=1).full
    random = np.random.default_rng(4)
    for layer in model.get_layer("head").layers:
        if layer.weights:
            kernel, bias = layer.get_weights()
            layer.set_weights([kernel, random.normal(0, 0.5, bias.shape)])
    return model


@pytest.fixture(scope="module")
def exported(trained: Any, work: Path) -> Path:
    path = work / "classifier.onnx"
    path.write_bytes(convert_to_onnx(trained))
    return path


def answers(model: Any, side_px: int = 64) -> np.ndarray:
    return np.asarray(model.predict(golden_crops(side_px), verbose=0))


def test_it_answers_as_the_exported_file_and_all_of_it_can_learn(
    trained: Any, exported: Path
) -> None:
    model = build_network(NETWORK, exported, seed=9).full
    expected = answers(trained)
    assert np.ptp(expected, axis=0).max() > 0.01  # it tells the crops apart
    assert np.allclose(answers(model), expected, atol=1e-5)
    base = next(layer for layer in model.layers if layer.name.startswith("mobilenetv2"))
    assert not [x for x in base.layers if isinstance(x, keras.layers.BatchNormalization)]
    assert len(model.trainable_weights) == len(model.weights)


def test_the_same_model_gives_the_same_bytes(trained: Any, exported: Path) -> None:
    # the exporter goes on counting in a process, and its sets of names are in another order then
    again = convert_to_onnx(trained)
    assert again == exported.read_bytes()
    names = {tensor.name for tensor in onnx.load_from_string(again).graph.initializer}
    assert any(name.endswith("/Conv1_1/convolution/merged_input:0") for name in names)


def test_exported_again_it_is_still_the_same(trained: Any, exported: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.onnx"
    again.write_bytes(convert_to_onnx(build_network(NETWORK, exported, seed=9).full))
    assert np.allclose(
        answers(build_network(NETWORK, again, seed=5).full), answers(trained), atol=1e-5
    )


def test_another_input_side_and_frozen_layers_are_possible(exported: Path) -> None:
    network = build_network(replace(NETWORK, input_side_px=96, unfrozen_layers=0), exported, 0)
    assert answers(network.full, 96).shape == (7, 3)
    assert len(network.full.trainable_weights) == 6  # the head


@pytest.mark.parametrize(
    ("change", "layer"),
    [
        ({"alpha": 0.5}, "block_1_project"),
        ({"dense_units": 32}, "dense_1"),
        ({"dense_layers": 3}, "dense_3"),
    ],
)
def test_a_network_of_another_shape_is_refused(
    exported: Path, change: dict[str, Any], layer: str
) -> None:
    with pytest.raises(SettingError, match=rf"classifier\.onnx: .* another shape .*\({layer} "):
        build_network(replace(NETWORK, **change), exported, seed=0)


@pytest.mark.parametrize("content", [None, b"", b"not a network"])
def test_a_file_that_is_no_network_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "odd.onnx"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SettingError, match=r"^[^\n]*odd\.onnx: [^\n]*$"):
        build_network(NETWORK, path, seed=0)


def test_an_onnx_file_from_elsewhere_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"\.onnx: "):
        build_network(NETWORK, write_toy_model(tmp_path), seed=0)


def test_a_run_goes_on_and_keeps_some_of_its_start(work: Path, exported: Path) -> None:
    folder = work / "pictures"
    folder.mkdir()
    table = coloured_manifest(folder)
    network = replace(NETWORK, dropout=0.0)
    fit = FitRecipe(learning_rate=1e-3, weight_decay=0.01, batch_size=4, epochs=1)
    whole, kept = RunFolder(work / "whole"), RunFolder(work / "kept")
    train(small_recipe(network=network, fit=fit), table, whole, exported)
    train(small_recipe(network=network, fit=replace(fit, start_share=0.75)), table, kept, exported)
    began = build_network(network, exported, seed=0).full.get_weights()
    went = whole.load_model().get_weights()
    assert max(np.abs(old - new).max() for old, new in zip(began, went, strict=True)) > 1e-3
    for old, new, mean in zip(began, went, kept.load_model().get_weights(), strict=True):
        assert np.allclose(mean, 0.75 * old + 0.25 * new, atol=1e-4)
    assert export_run(kept, table, work / "kept.onnx").training["parity_with_keras"] < 1e-4


@pytest.mark.parametrize(
    "change",
    [
        {"fit": FitRecipe(epochs=1, start_share=0.5)},
        {"sampling": SamplingRecipe(crops_per_epoch=8, hard_times=2)},
    ],
)
def test_what_goes_on_wants_a_trained_network(
    tmp_path: Path, weights: Path, change: dict[str, Any]
) -> None:
    recipe = small_recipe(network=NETWORK, **change)
    with pytest.raises(SettingError, match=r"need a trained .* \(\.onnx\) with --weights"):
        train(recipe, coloured_manifest(tmp_path), RunFolder(tmp_path / "refused"), weights)
    assert not (tmp_path / "refused").exists()


@pytest.mark.slow
def test_crops_that_the_start_doubts_are_drawn_more_often(
    tmp_path: Path, exported: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = coloured_manifest(tmp_path)
    sampling = SamplingRecipe(crops_per_epoch=24, hard_times=5)
    recipe = small_recipe(network=NETWORK, sampling=sampling, fit=FitRecipe(epochs=1))
    train(recipe, table, RunFolder(tmp_path / "run"), exported)
    hard, rows = re.findall(r"(\d+) of (\d+) crops are drawn 5 times", capsys.readouterr().out)[0]
    network = build_network(NETWORK, exported, seed=0).full
    part = take_part(table, "train")
    given = predict(network, part, recipe)[np.arange(len(part.labels)), part.labels]
    assert (int(hard), int(rows)) == ((given < HARD_BELOW).sum(), len(part.labels))
