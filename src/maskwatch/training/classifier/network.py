"""The network: MobileNetV2 from keras.applications with the student report's head."""

from __future__ import annotations

import re
import tempfile
import warnings
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnx
from numpy.typing import NDArray

from maskwatch.errors import SettingError
from maskwatch.schema import CLASSES
from maskwatch.training.recipes.classifier import FitRecipe, NetworkRecipe

Layers = dict[str, list[NDArray[np.float32]]]
"""Kernel and bias, if any, of each layer by its name, as Keras keeps them."""


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
        take_over_exported(full, read_layers(exported), exported)
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


def take_over_exported(
    model: Any, weights: Layers, path: Path, fresh: Collection[str] = ()
) -> None:
    """Give a model without batch norms the weights of an exported file.

    Args:
        model: see fold_batch_norm; models inside it are gone through as well.
        weights: what `read_layers` gives of the file.
        path: where they are from, for a message.
        fresh: layers that the file may lack, and that are then left as they are.

    Raises:
        SettingError: its network has another shape.
    """
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


def layers_with_weights(model: Any) -> Iterator[Any]:
    """All convolutions and dense layers, those of models inside the model too."""
    kinds = keras.layers.Conv2D | keras.layers.DepthwiseConv2D | keras.layers.Dense
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from layers_with_weights(layer)
        elif isinstance(layer, kinds):
            yield layer


# Keras model -> the bytes of an ONNX file, and back to the weights of its layers.

_ANY_SIDE_PX = 64


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
