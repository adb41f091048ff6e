"""The detector's network: MobileNetV2, a light feature pyramid, an anchor-free head.

Backbone features are taken where SSDLite takes them, from the expansions that go down a stride
(Sandler et al. 2018). The pyramid adds coarse to fine (Lin et al. 2017) through depthwise separable
convolutions, and each stride has a head of the same kind whose points answer with score, box and
landmarks, as in FCOS (Tian et al. 2019), YOLOX (Ge et al. 2021) and YuNet (Wu et al. 2023).

The backbone's batch norm is folded into its convolutions before training: with frozen ImageNet
statistics it is the same function, and trains 1.5 times faster.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np

from maskwatch.errors import SettingError
from maskwatch.training.detector.recipe import DetectorNetworkRecipe
from maskwatch.training.exported_weights import fold_batch_norm, take_over_exported
from maskwatch.training.network import load_base

OUTPUTS = 15
"""Values per point: score logit, dx, dy, log w, log h, and dx, dy of five landmarks, in strides."""

_LEVELS = ("block_6_expand_relu", "block_13_expand_relu", "block_16_project_BN")
_RARE_FACE = 0.01  # prior of the score, so that background does not drown the first steps


def build_detector(recipe: DetectorNetworkRecipe, weights: Path | None, seed: int) -> Any:
    """Build it: ImageNet weights in the backbone, pyramid and head fresh; or all as trained before.

    Args:
        recipe: sizes.
        weights: a .weights.h5 file of MobileNetV2 without top; or a detector to go on from: the
            model.keras of a run, or an exported .onnx file, whose batch norms are folded and stay
            so. None lets Keras download the first.
        seed: decides the start of pyramid and head.

    Returns:
        A model: uint8 RGB (n, H, W, 3), sides multiples of 32 -> (n, A, OUTPUTS).

    Raises:
        SettingError: the weights cannot be loaded.
    """
    keras.utils.set_random_seed(seed)
    trained = weights is not None and weights.suffix in (".keras", ".onnx")
    shape = (None, None, 3)
    base = (
        keras.applications.MobileNetV2(shape, recipe.alpha, include_top=False, weights=None)
        if trained
        else load_base(recipe.alpha, shape, weights)
    )
    outputs = [base.get_layer(name).output for name in _LEVELS]
    backbone = fold_batch_norm(keras.Model(base.input, outputs, name="backbone"))

    channels = recipe.pyramid_channels
    image = keras.Input((None, None, 3), dtype="uint8", name="image")
    x = keras.layers.Rescaling(1 / 127.5, offset=-1, name="scale_values")(image)
    fine, middle, coarse = backbone(x)
    coarse = keras.layers.ReLU(name="lateral_32_relu")(_lateral(coarse, channels, "lateral_32"))
    middle = _merge(_lateral(middle, channels, "lateral_16"), coarse, "merge_16")
    fine = _merge(_lateral(fine, channels, "lateral_8"), middle, "merge_8")
    answers = [
        _head(level, recipe, f"head_{stride}")
        for level, stride in ((fine, 8), (middle, 16), (coarse, 32))
    ]
    answer = keras.layers.Concatenate(axis=1, name="faces")(answers)
    model = keras.Model(image, answer, name="detector")
    if weights is not None and weights.suffix == ".onnx":
        model = fold_batch_norm(model)
        take_over_exported(model, weights)
    elif weights is not None and trained:
        _take_over(model, weights)
    return model


def _take_over(model: Any, path: Path) -> None:
    try:
        model.set_weights(keras.saving.load_model(path, compile=False).get_weights())
    except (OSError, ValueError) as error:  # no such file or no Keras file; other shapes
        reason = str(error).splitlines()[0]
        raise SettingError(
            f"{path}: no trained detector of this recipe's shape ({reason})"
        ) from error


def _lateral(x: Any, channels: int, name: str) -> Any:
    x = keras.layers.Conv2D(channels, 1, use_bias=False, name=name)(x)
    return keras.layers.BatchNormalization(name=f"{name}_norm")(x)


def _merge(fine: Any, coarse: Any, name: str) -> Any:
    larger = keras.layers.UpSampling2D(2, name=f"{name}_up")(coarse)
    x = keras.layers.Add(name=f"{name}_add")([fine, larger])
    return _separable(x, f"{name}_mix")


def _separable(x: Any, name: str) -> Any:
    """Depthwise 3 x 3, then 1 x 1: a ninth of a full convolution's work (Howard et al. 2017)."""
    channels = x.shape[-1]
    x = keras.layers.DepthwiseConv2D(3, padding="same", use_bias=False, name=f"{name}_depth")(x)
    x = keras.layers.Conv2D(channels, 1, use_bias=False, name=f"{name}_point")(x)
    x = keras.layers.BatchNormalization(name=f"{name}_norm")(x)
    return keras.layers.ReLU(name=f"{name}_relu")(x)


def _head(x: Any, recipe: DetectorNetworkRecipe, name: str) -> Any:
    for index in range(recipe.head_layers):
        x = _separable(x, f"{name}_{index + 1}")
    # two layers, so that the score's prior needs no initialiser of its own kind
    prior = keras.initializers.Constant(-np.log((1 - _RARE_FACE) / _RARE_FACE))
    score = keras.layers.Conv2D(1, 1, bias_initializer=prior, name=f"{name}_score")(x)
    place = keras.layers.Conv2D(OUTPUTS - 1, 1, name=f"{name}_place")(x)
    x = keras.layers.Concatenate(name=f"{name}_join")([score, place])
    return keras.layers.Reshape((-1, OUTPUTS), name=f"{name}_points")(x)
