"""The detector's network: MobileNetV2, a light feature pyramid, an anchor-free head.

Backbone features are taken where SSDLite takes them, from the expansions that go down a stride
(Sandler et al. 2018). The pyramid adds coarse to fine (Lin et al. 2017) through depthwise separable
convolutions, and each stride has a head of the same kind whose points answer with score, box and
landmarks, as in FCOS (Tian et al. 2019), YOLOX (Ge et al. 2021) and YuNet (Wu et al. 2023).

The backbone's batch norm is folded into its convolutions before training: with frozen ImageNet
statistics it is the same function, and trains 1.5 times faster.

Its first blocks are many small layers on large grids, and take two fifths of the time on a
processor: they wait for memory. A plain stem of two convolutions and a depthwise one goes down to
the same grid with as much arithmetic (see stem.py, which teaches it).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from maskwatch.errors import DataError, SettingError
from maskwatch.training.classifier.network import (
    fold_batch_norm,
    load_base,
    take_over_exported,
)
from maskwatch.training.loop import load_saved
from maskwatch.training.onnx_file import read_layers
from maskwatch.training.recipes.detector import DetectorNetworkRecipe
from maskwatch.vision.letter_box import STRIDES_PX

OUTPUTS = 15
"""Values per point: score logit, dx, dy, log w, log h, and dx, dy of five landmarks, in strides."""

_LEVELS = ("block_6_expand_relu", "block_13_expand_relu", "block_16_project_BN")
BLOCKS_END = "block_2_add"
"""Of MobileNetV2: what a plain stem answers instead, at a quarter of the picture's sides."""
STEM_START, STEM_END = "stem_2", "stem_point"
"""The first and the last convolution of a plain stem."""

_HEADS = {stride: f"head_{stride}" for stride in STRIDES_PX}
# what an exported file may lack
_FRESH = (STEM_START, "stem_4", "stem_depth", STEM_END, *(f"{h}_support" for h in _HEADS.values()))

_EVEN_LOGIT = float(np.log(0.35 / 0.65))  # a teacher that says so leaves a score as it is
_RARE_FACE = 0.01  # prior of the score, so that background does not drown the first steps


def build_detector(
    recipe: DetectorNetworkRecipe, weights: Path | None, seed: int, imitates: bool = False
) -> Any:
    """Build it: ImageNet weights in the backbone, pyramid and head fresh; or all as trained before.

    Args:
        recipe: sizes.
        weights: a .weights.h5 file of MobileNetV2 without top; or a detector to go on from: the
            model.keras of a run, or an exported .onnx file, whose batch norms are folded and stay
            so; a plain stem that such a file has not got stays fresh. None lets Keras download the
            first.
        seed: decides the start of pyramid and head.
        imitates: answer with what a teacher would score as well, see teacher.py.

    Returns:
        A model: uint8 RGB (n, H, W, 3), sides multiples of 32 -> (n, A, OUTPUTS); one value a point
        more, a logit, where it imitates.

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
    if recipe.stem == "plain":
        replaced = backbone.get_layer(BLOCKS_END).output
        backbone = keras.Model(replaced, backbone.outputs, name="backbone")
        x = _plain_stem(x, replaced.shape[-1])
    fine, middle, coarse = backbone(x)
    coarse = keras.layers.ReLU(name="lateral_32_relu")(_lateral(coarse, channels, "lateral_32"))
    middle = _merge(_lateral(middle, channels, "lateral_16"), coarse, "merge_16")
    fine = _merge(_lateral(fine, channels, "lateral_8"), middle, "merge_8")
    answers = [
        _head(level, recipe, f"head_{stride}", imitates)
        for level, stride in zip((fine, middle, coarse), STRIDES_PX, strict=True)
    ]
    answer = keras.layers.Concatenate(axis=1, name="faces")(answers)
    model = keras.Model(image, answer, name="detector")
    if weights is None or not trained:
        return model
    if weights.suffix == ".onnx":
        return _go_on_from_export(model, recipe, weights)
    return _go_on_from_run(model, weights)


def _go_on_from_export(model: Any, recipe: DetectorNetworkRecipe, path: Path) -> Any:
    """The model with the weights of an exported file, so without batch norms."""
    if recipe.stem != "plain" and STEM_START in read_layers(path):
        raise SettingError(
            f"{path}: its network has a plain stem; write `stem: plain` under `network` in the "
            "recipe to go on from it"
        )
    model = fold_batch_norm(model)
    take_over_exported(model, path, fresh=_FRESH)
    return model


def _go_on_from_run(model: Any, path: Path) -> Any:
    """The model with the weights of a run; without batch norms where that run had none."""
    try:
        other = load_saved(path)
        if not any(isinstance(x, keras.layers.BatchNormalization) for x in other.layers):
            model = fold_batch_norm(model)
        model.set_weights(other.get_weights())
        return model
    except (DataError, ValueError) as error:  # no such file or no Keras file; other shapes
        reason = str(error).splitlines()[0]
        raise SettingError(
            f"{path}: no trained detector of this recipe's shape ({reason})"
        ) from error


def _plain_stem(x: Any, channels: int) -> Any:
    x = keras.layers.Conv2D(16, 3, strides=2, padding="same", name=STEM_START)(x)
    x = keras.layers.ReLU(6.0, name="stem_2_relu")(x)
    x = keras.layers.Conv2D(32, 3, strides=2, padding="same", name="stem_4")(x)
    x = keras.layers.ReLU(6.0, name="stem_4_relu")(x)
    x = keras.layers.DepthwiseConv2D(3, padding="same", name="stem_depth")(x)
    x = keras.layers.ReLU(6.0, name="stem_depth_relu")(x)
    return keras.layers.Conv2D(channels, 1, name=STEM_END)(x)


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


def _head(x: Any, recipe: DetectorNetworkRecipe, name: str, imitates: bool) -> Any:
    for index in range(recipe.head_layers):
        x = _separable(x, f"{name}_{index + 1}")
    # two layers, so that the score's prior needs no initialiser of its own kind
    prior = keras.initializers.Constant(-np.log((1 - _RARE_FACE) / _RARE_FACE))
    score = keras.layers.Conv2D(1, 1, bias_initializer=prior, name=f"{name}_score")(x)
    place = keras.layers.Conv2D(OUTPUTS - 1, 1, name=f"{name}_place")(x)
    if not imitates:
        return _points([score, place], name)
    support = keras.layers.Conv2D(1, 1, bias_initializer=prior, name=f"{name}_support")(x)
    return _points([score, place, support], name)


def _points(answers: list[Any], name: str) -> Any:
    values = sum(answer.shape[-1] for answer in answers)
    x = keras.layers.Concatenate(name=f"{name}_join")(answers)
    return keras.layers.Reshape((-1, values), name=f"{name}_points")(x)


def add_support(model: Any, weight: float) -> Any:
    """The network that is served: what it says for its teacher becomes a part of its score.

    Both are sums over the same features, so that the sum of both is one.

    Args:
        model: one that imitates; not to be used any more, unless the weight is 0.
        weight: of the teacher's logit beside the score's.
    """
    answers = []
    for name in _HEADS.values():
        score, place, support = (
            model.get_layer(f"{name}_{part}") for part in ("score", "place", "support")
        )
        (kernel, bias), (their_kernel, their_bias) = score.get_weights(), support.get_weights()
        bias = bias + weight * (their_bias - _EVEN_LOGIT)
        score.set_weights([kernel + weight * their_kernel, bias])
        answers.append(_points([score.output, place.output], name))
    faces = keras.layers.Concatenate(axis=1, name="faces")(answers)
    return keras.Model(model.input, faces, name="detector")


# What a detector's answer costs, written in keras.ops so that every backend can train it.


@keras.saving.register_keras_serializable("maskwatch")
class DetectionLoss(keras.losses.Loss):  # type: ignore[misc]  # Keras has no type information
    """Score, box and landmarks, each per face point of the batch.

    Score: quality focal loss (Li et al. 2020, "Generalized Focal Loss"): a face point is to answer
    with the overlap its own box reaches, so that the best-placed box wins the suppression. That
    overlap is drawn out over the range from `score_floor` to one: the score is to say first that
    there is a face, then how well it is placed. Box: 1 - complete IoU (Zheng et al. 2020), not
    where nobody knows how the set draws. Landmarks: absolute distance in tenths of the face size.
    Teacher: the same focal loss between its score and what the network says for it, at every point.
    """

    def __init__(
        self,
        box_weight: float = 2.0,
        landmark_weight: float = 0.5,
        score_floor: float = 0.0,
        teacher_weight: float = 0.0,
        name: str = "detection",
    ) -> None:
        super().__init__(name=name, reduction=None)
        self.box_weight = box_weight
        self.landmark_weight = landmark_weight
        self.score_floor = score_floor
        self.teacher_weight = teacher_weight

    def get_config(self) -> dict[str, Any]:
        """What Keras writes into a checkpoint."""
        return {
            "box_weight": self.box_weight,
            "landmark_weight": self.landmark_weight,
            "score_floor": self.score_floor,
            "teacher_weight": self.teacher_weight,
        }

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Loss of a batch, a scalar.

        Args:
            y_true: (n, A, scenes.COLUMNS); with a teacher a column more, its scores.
            y_pred: (n, A, 15) as the network answers; with a teacher 16.
        """
        state, box, points = y_true[..., 0], y_true[..., 1:5], y_true[..., 17:19]
        stride, is_placed = y_true[..., 19:20], y_true[..., 16]
        is_face = ops.cast(state > 0.5, "float32")
        counts = ops.cast(state > -0.5, "float32")
        faces = ops.maximum(ops.sum(is_face), 1.0)

        centre = points + y_pred[..., 1:3] * stride
        half = ops.exp(ops.clip(y_pred[..., 3:5], -4.0, 5.0)) * stride / 2
        iou, penalty = _complete_iou(ops.concatenate([centre - half, centre + half], -1), box)
        overlap = ops.stop_gradient(ops.clip(iou, 0.0, 1.0))
        overlap = is_placed * overlap + (1.0 - is_placed) * 0.5
        quality = is_face * (self.score_floor + (1.0 - self.score_floor) * overlap)

        score_loss = ops.sum(counts * _focal(y_pred[..., 0], quality))
        if self.teacher_weight:
            # a face that is known is one, though a teacher hardly sees those that are turned
            seen = ops.maximum(y_true[..., -1], quality)
            imitation = _focal(y_pred[..., OUTPUTS], seen)
            score_loss = score_loss + self.teacher_weight * ops.sum(imitation)
        box_loss = ops.sum(is_face * is_placed * (1.0 - iou + penalty))
        shape = ops.shape(y_pred)
        marks = ops.reshape(y_pred[..., 5:OUTPUTS], (shape[0], shape[1], 5, 2))
        wanted = ops.reshape(y_true[..., 5:15], (shape[0], shape[1], 5, 2))
        placed = ops.expand_dims(points, 2) + marks * ops.expand_dims(stride, 2)
        size = ops.sqrt(ops.maximum((box[..., 2] - box[..., 0]) * (box[..., 3] - box[..., 1]), 1.0))
        distance = ops.mean(ops.abs(placed - wanted), axis=(2, 3)) / size
        landmark_loss = ops.sum(y_true[..., 15] * distance)
        total = score_loss + self.box_weight * box_loss
        return (total + self.landmark_weight * 10.0 * landmark_loss) / faces


def _focal(logit: Any, wanted: Any) -> Any:
    """Quality focal loss of each logit; `wanted` from 0 to 1."""
    entropy = ops.maximum(logit, 0.0) - logit * wanted + ops.log1p(ops.exp(-ops.abs(logit)))
    return ops.square(ops.sigmoid(logit) - wanted) * entropy


def _complete_iou(pred: Any, true: Any) -> tuple[Any, Any]:
    """IoU and the complete-IoU penalty for distance and shape, of boxes (..., 4)."""
    epsilon = 1e-6
    low, high = ops.maximum(pred[..., :2], true[..., :2]), ops.minimum(pred[..., 2:], true[..., 2:])
    common = ops.prod(ops.maximum(high - low, 0.0), -1)
    pred_wh, true_wh = pred[..., 2:] - pred[..., :2], true[..., 2:] - true[..., :2]
    union = ops.prod(pred_wh, -1) + ops.prod(true_wh, -1) - common
    iou = common / (union + epsilon)
    outer = ops.maximum(pred[..., 2:], true[..., 2:]) - ops.minimum(pred[..., :2], true[..., :2])
    shift = pred[..., :2] + pred[..., 2:] - true[..., :2] - true[..., 2:]
    distance = ops.sum(ops.square(shift), -1) / 4 / (ops.sum(ops.square(outer), -1) + epsilon)
    angle = ops.arctan(true_wh[..., 0] / (true_wh[..., 1] + epsilon)) - ops.arctan(
        pred_wh[..., 0] / (pred_wh[..., 1] + epsilon)
    )
    shape = 0.4052847 * ops.square(angle)  # 4 / pi^2
    weight = ops.stop_gradient(shape / (1.0 - iou + shape + epsilon))
    return iou, distance + weight * shape
