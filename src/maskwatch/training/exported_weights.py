"""From an exported network back to a Keras model that can learn on.

An exported file has no batch norms: they are frozen, and fold into the layers before them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np

from maskwatch.errors import SettingError
from maskwatch.training.onnx_file import read_layers


def take_over_exported(model: Any, path: Path) -> None:
    """Give a model without batch norms the weights of an exported file.

    Args:
        model: see fold_batch_norm; models inside it are gone through as well.
        path: an .onnx file that `maskwatch export` or `export-detector` wrote.

    Raises:
        SettingError: it cannot be read, or its network has another shape.
    """
    weights = read_layers(path)
    for layer in _layers(model):
        try:
            kernel, *bias = weights[layer.name]
            if layer.use_bias and not bias:  # the exporter drops a bias of zeros
                bias = [np.zeros(layer.bias.shape)]
            layer.set_weights([kernel, *bias])
        except (KeyError, ValueError) as error:  # no such layer; another shape
            raise SettingError(
                f"{path}: its network has another shape than the recipe's ({layer.name} differs)"
            ) from error


def fold_batch_norm(model: Any) -> Any:
    """A copy without batch norm: its frozen statistics go into the convolutions before it."""
    norms = {
        layer.input._keras_history.operation.name: layer
        for layer in model.layers
        if isinstance(layer, keras.layers.BatchNormalization)
    }

    def without_norm(layer: Any) -> Any:
        if isinstance(layer, keras.layers.BatchNormalization):
            return keras.layers.Identity(name=layer.name)
        config = layer.get_config()
        if layer.name in norms:
            config["use_bias"] = True
        return type(layer).from_config(config)

    def call(layer: Any, *args: Any, **_: Any) -> Any:
        return layer(*args)  # Identity takes none of batch norm's keywords

    folded = keras.models.clone_model(model, clone_function=without_norm, call_function=call)
    for name, norm in norms.items():
        gamma, beta, mean, variance = (np.asarray(value) for value in norm.get_weights())
        scale = gamma / np.sqrt(variance + norm.epsilon)
        convolution = model.get_layer(name)
        kernel = np.asarray(convolution.get_weights()[0])
        is_depthwise = isinstance(convolution, keras.layers.DepthwiseConv2D)
        kernel = kernel * (scale[:, None] if is_depthwise else scale)
        folded.get_layer(name).set_weights([kernel, beta - mean * scale])
    return folded


def _layers(model: Any) -> Iterator[Any]:
    """All convolutions and dense layers, those of models inside the model too."""
    kinds = keras.layers.Conv2D | keras.layers.DepthwiseConv2D | keras.layers.Dense
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from _layers(layer)
        elif isinstance(layer, kinds):
            yield layer
