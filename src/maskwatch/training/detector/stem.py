"""A plain stem learns to answer as MobileNetV2's first blocks do, so that all behind it still fits.

Only the stem learns, from no labels: its own answer and the three that the rest of the backbone
makes of it are to be those of the network it comes from ("FitNets", Romero et al. 2015).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from maskwatch.training.classifier.network import adamw, warm_cosine
from maskwatch.training.detector.network import BLOCKS_END, STEM_END, STEM_START
from maskwatch.training.loop import train_epoch
from maskwatch.training.onnx_file import read_layers

Images = NDArray[np.uint8]

_RATE, _WEIGHT_DECAY, _WARM_UP_SHARE = 4e-3, 1e-4, 0.03


def is_in(weights: Path | None) -> bool:
    """Whether weights to go on from hold a plain stem; a run's model.keras of a plain one does."""
    if weights is None or weights.suffix != ".onnx":
        return weights is not None and weights.suffix == ".keras"
    return STEM_START in read_layers(weights)


def fit_stem(model: Any, teacher: Any, make_images: Callable[[int], Images], steps: int) -> float:
    """Teach the plain stem of a model what the blocks of another say.

    Args:
        model: from `build_detector` with a plain stem; all else in it is left as it is.
        teacher: from `build_detector` with the same weights and blocks.
        make_images: batch number -> (n, S, S, 3), the same for the same number.
        steps: batches to learn from.

    Returns:
        The mean loss of all batches: what is left of the variance of the four answers, summed.
    """
    for layer in model.layers:
        layer.trainable = layer.name.startswith("stem_")
    answers = _answers(teacher)
    answer = model.get_layer(STEM_END).output
    learner = keras.Model(model.input, [answer, *model.get_layer("backbone")(answer)])
    batches = _StemBatches(answers, make_images, steps)
    variances = [float(np.var(wanted)) for wanted in batches[0][1]]
    learner.compile(
        optimizer=adamw(warm_cosine(_RATE, steps, _WARM_UP_SHARE), _WEIGHT_DECAY),
        loss=["mse"] * len(variances),
        loss_weights=[1 / variance for variance in variances],
    )
    means = train_epoch(learner, batches)
    for layer in model.layers:
        layer.trainable = True
    return means["loss"]


def _answers(teacher: Any) -> Any:
    """A model: pictures -> what stands behind the blocks, and the three levels of the backbone."""
    backbone = teacher.get_layer("backbone")
    behind = backbone.get_layer(BLOCKS_END).output
    parts = keras.Model(backbone.input, [behind, *backbone.outputs])
    return keras.Model(teacher.input, parts(teacher.get_layer("scale_values").output))


class _StemBatches:
    """Pictures and the teacher's answers to them, see loop.Batches."""

    def __init__(self, answers: Any, make_images: Callable[[int], Images], steps: int) -> None:
        self._answers, self._make, self._steps = answers, make_images, steps

    def __len__(self) -> int:
        return self._steps

    def __getitem__(self, index: int) -> tuple[Images, list[NDArray[np.float32]]]:
        images = self._make(index)
        return images, self._answers.predict_on_batch(images)
