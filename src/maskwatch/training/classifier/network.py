"""The network: MobileNetV2 from keras.applications with the student report's head."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from maskwatch.errors import SettingError
from maskwatch.schema import CLASSES
from maskwatch.training.onnx_file import layers_with_weights, read_layers
from maskwatch.training.onnx_graph import layers_apart
from maskwatch.training.recipes.classifier import FitRecipe, NetworkRecipe


@dataclass(frozen=True, slots=True)
class Network:
    """The network in the parts that training needs; all share their layers.

    Attributes:
        full: crops uint8 (n, S, S, 3) -> probabilities (n, 3) in the order of schema.CLASSES.
        backbone: crops -> pooled features (n, d).
        head: pooled features -> probabilities.
    """

    full: Any
    backbone: Any
    head: Any


def build_network(recipe: NetworkRecipe, weights: Path | None, seed: int) -> Network:
    """Build it with ImageNet weights in the base and a fresh head, or as it was trained before.

    Args:
        recipe: sizes and what learns.
        weights: a .weights.h5 file of MobileNetV2 without top; None lets Keras download it. Or an
            exported classifier (.onnx) to go on from, head and all; its batch norms are folded into
            the convolutions and stay so.
        seed: decides the head's start and its dropout.

    Raises:
        SettingError: the weights cannot be loaded.
    """
    side = recipe.input_side_px
    exported = weights if weights is not None and weights.suffix == ".onnx" else None
    base = (
        _folded_base(recipe.alpha, (side, side, 3))
        if exported
        else load_base(recipe.alpha, (side, side, 3), weights)
    )
    _freeze(base, recipe.unfrozen_layers)
    low, high = recipe.value_range

    crops = keras.Input((side, side, 3), dtype="uint8", name="crops")
    x = keras.layers.Rescaling((high - low) / 255, offset=low, name="scale_values")(crops)
    # training=False keeps batch norm on its ImageNet statistics even where the base learns
    x = base(x, training=False)
    x = keras.layers.AveragePooling2D(-(-side // 32), name="average_pool")(x)
    features = keras.layers.Flatten(name="flatten")(x)
    backbone = keras.Model(crops, features, name="backbone")

    x = inputs = keras.Input((features.shape[-1],), name="features")
    for index in range(recipe.dense_layers):
        x = keras.layers.Dense(
            recipe.dense_units,
            activation="relu",
            kernel_initializer=keras.initializers.GlorotUniform(seed=seed + index),
            name=f"dense_{index + 1}",
        )(x)
    x = keras.layers.Dropout(recipe.dropout, seed=seed, name="dropout")(x)
    outputs = keras.layers.Dense(
        len(CLASSES),
        activation="softmax",
        kernel_initializer=keras.initializers.GlorotUniform(seed=seed + recipe.dense_layers),
        name="probabilities",
    )(x)
    head = keras.Model(inputs, outputs, name="head")
    full = keras.Model(crops, head(features), name="maskwatch")
    if exported:
        take_over_exported(full, exported)
    return Network(full, backbone, head)


def compile_model(model: Any, recipe: FitRecipe, steps: int) -> None:
    """Compile with the recipe's optimiser for a run of `steps` steps in all."""
    rate: Any = recipe.learning_rate
    if recipe.cosine_decay:
        rate = warm_cosine(recipe.learning_rate, steps, warm_up_share=0.05)
    optimizer = (
        adamw(rate, recipe.weight_decay) if recipe.weight_decay else keras.optimizers.Adam(rate)
    )
    model.compile(
        optimizer=optimizer,
        loss=keras.losses.CategoricalCrossentropy(label_smoothing=recipe.label_smoothing),
        metrics=["accuracy"],
    )


def warm_cosine(peak: float, steps: int, warm_up_share: float) -> Any:
    """A learning rate that rises for a share of the steps and falls to zero along a cosine."""
    warm_up = max(1, int(steps * warm_up_share))
    return keras.optimizers.schedules.CosineDecay(
        0.0, steps - warm_up, warmup_target=peak, warmup_steps=warm_up
    )


def adamw(rate: Any, weight_decay: float, clip_norm: float | None = None) -> Any:
    """AdamW (Loshchilov and Hutter 2019) that lets biases and norms be."""
    optimizer = keras.optimizers.AdamW(rate, weight_decay=weight_decay, global_clipnorm=clip_norm)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer


def resume_dropout(model: Any, seed: int) -> None:
    """Let the dropout of a loaded model go on where it was; Keras restores all but this.

    Its random state is the seed and the number of draws, and it draws once a step.
    """
    dropout = model.get_layer("head").get_layer("dropout")
    if dropout.rate > 0:  # without it there is nothing to draw
        dropout.seed_generator.state.assign([seed, int(model.optimizer.iterations)])


def load_base(alpha: float, shape: tuple[int | None, int | None, int], weights: Path | None) -> Any:
    """MobileNetV2 without top from keras.applications, with ImageNet weights.

    Args:
        alpha: its width.
        shape: of its input.
        weights: a .weights.h5 file; None lets Keras download it.

    Raises:
        SettingError: the weights cannot be loaded.
    """
    if weights is not None and not weights.is_file():
        raise SettingError(f"{weights}: no such weights file")
    try:
        return keras.applications.MobileNetV2(
            input_shape=shape,
            alpha=alpha,
            include_top=False,
            weights=str(weights) if weights else "imagenet",
        )
    except Exception as error:  # h5py, urllib and Keras each raise their own
        origin = str(weights) if weights else "the download of ImageNet weights"
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise SettingError(
            f"{origin}: cannot be used for MobileNetV2 with alpha {alpha} ({reason}); "
            "give a file with --weights PATH"
        ) from error


def _folded_base(alpha: float, shape: tuple[int, int, int]) -> Any:
    """MobileNetV2 without top and without batch norms, for weights of an exported file."""
    return fold_batch_norm(
        keras.applications.MobileNetV2(shape, alpha, include_top=False, weights=None)
    )


def _freeze(base: Any, unfrozen_layers: int) -> None:
    """Let the last `unfrozen_layers` layers learn (-1: all), batch norm never."""
    first = 0 if unfrozen_layers == -1 else max(0, len(base.layers) - unfrozen_layers)
    for index, layer in enumerate(base.layers):
        layer.trainable = index >= first and not isinstance(layer, keras.layers.BatchNormalization)


# From an exported network back to a Keras model that can learn on.
#
# An exported file has no batch norms: they are frozen, and fold into the layers before them.


def take_over_exported(model: Any, path: Path, fresh: Collection[str] = ()) -> None:
    """Give a model without batch norms the weights of an exported file.

    Args:
        model: see fold_batch_norm; models inside it are gone through as well.
        path: an .onnx file that `maskwatch export` or `export-detector` wrote.
        fresh: layers that the file may lack, and that are then left as they are.

    Raises:
        SettingError: it cannot be read, or its network has another shape.
    """
    weights = layers_apart(read_layers(path), model)
    for layer in layers_with_weights(model):
        if layer.name in fresh and layer.name not in weights:
            continue
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
