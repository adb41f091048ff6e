"""Recipe + manifest -> a run folder that describes itself.

An epoch is one call of Keras' `fit` over batches that depend on (seed, epoch) only, and ends with a
checkpoint; a run that was cut off goes on with its next epoch and ends where it would have ended.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from maskwatch.errors import DataError, SettingError
from maskwatch.model_card import SHIPPED_MODEL
from maskwatch.schema import CLASSES
from maskwatch.training import plots
from maskwatch.training.batches import CropBatches, epoch_order, one_hot
from maskwatch.training.crops import load_canvases
from maskwatch.training.feature_cache import FeatureCache
from maskwatch.training.manifest import PARTS
from maskwatch.training.network import Network, build_network, compile_model, resume_dropout
from maskwatch.training.parts import Part, take_part, take_unclear
from maskwatch.training.recipe import Recipe
from maskwatch.training.run_folder import RunFolder
from maskwatch.training.scores import score

CURVE_ROWS = 2000
"""After each epoch at most so many validation rows are judged."""

Answer = Callable[[Part], NDArray[np.float32]]
"""Probabilities (n, 3) of a part's unaltered crops."""

Progress = Callable[[int, int, int], None]
"""Told after each batch: the epoch (from 0), how many of its batches are done, and of how many."""


def _tell_nobody(_epoch: int, _done: int, _batches: int) -> None:
    pass


def train(
    recipe: Recipe,
    table: pd.DataFrame,
    folder: RunFolder,
    weights: Path | None,
    cache: Path | None = None,
    progress: Progress = _tell_nobody,
) -> None:
    """Train, score every held-out part, and write it all down.

    Args:
        recipe: what to learn and how.
        table: a manifest with a split.
        folder: where the run goes; one that was cut off is continued.
        weights: ImageNet weights, or an exported classifier to go on from. None: Keras' download,
            or the shipped classifier where the recipe keeps some of its start.
        cache: folder of frozen features; only for recipes that freeze the whole base.
        progress: told of every batch; what it raises ends the training.

    Raises:
        DataError: no split, or a class without training crops.
        SettingError: a cache for a base that learns, unusable weights, no trained network to go on
            from where the recipe keeps some of it, or a finished run.
    """
    if recipe.fit.start_share:
        weights = weights or SHIPPED_MODEL
        if weights.suffix != ".onnx":
            raise SettingError(
                "fit.start_share keeps some of a trained network: give an exported classifier "
                "(.onnx) with --weights, or nothing to go on from the shipped one"
            )
    if cache is not None and recipe.network.unfrozen_layers:
        raise SettingError("the feature cache needs a frozen base: network.unfrozen_layers: 0")
    parts = {name: take_part(table, name) for name in PARTS}  # held-out parts keep every face
    parts["train"] = take_part(table, "train", recipe.sampling.min_face_px)
    _check_classes(parts["train"])
    if recipe.sampling.unclear_share:
        unclear = take_unclear(table, "train", recipe.sampling.min_face_px)
        parts["train"] = parts["train"].join(unclear)
    keras.utils.set_random_seed(recipe.seed)
    network = build_network(recipe.network, weights, recipe.seed)
    counts = {name: part.table["label"].value_counts().to_dict() for name, part in parts.items()}
    folder.start(recipe, table, weights, counts, int(network.full.count_params()))
    plots.draw_architecture(network, folder.path / "architecture.png")
    if cache is None:
        answer = _fit(network, recipe, parts, folder, progress)
    else:
        answer = _fit_cached(network, recipe, parts, folder, cache, progress)
    for name in PARTS[1:]:
        part = parts[name]
        if len(part.labels):
            probabilities = answer(part)
            scores = score(part.labels, probabilities, list(part.groups))
            folder.write_scores(name, scores, part.table, probabilities)
    plots.draw_curves(folder.history(), folder.path / "curves.png")
    folder.finish()


def predict(model: Any, part: Part, recipe: Recipe) -> NDArray[np.float32]:
    """Probabilities (n, 3) of a part's unaltered crops."""
    side, margin = recipe.network.input_side_px, recipe.crop_margin_ratio
    crops = load_canvases(part.table, side, margin, context_ratio=0)
    return np.asarray(model.predict(crops, batch_size=64, verbose=0), np.float32)


def _check_classes(train_part: Part) -> None:
    if not len(train_part.labels):
        raise DataError(
            "the manifest has no training rows; make a split with `maskwatch data split`"
        )
    missing = [s.value for i, s in enumerate(CLASSES) if not (train_part.labels == i).any()]
    if missing:
        raise DataError(f"no training crop shows {' or '.join(missing)}; all three are needed")


def _fit(
    network: Network,
    recipe: Recipe,
    parts: dict[str, Part],
    folder: RunFolder,
    progress: Progress,
) -> Answer:
    """Train the whole network, epoch by epoch; returns what answers for a part."""
    side, margin = recipe.network.input_side_px, recipe.crop_margin_ratio
    part, val = parts["train"], sample_for_curves(parts["val"], recipe.seed)
    canvases = load_canvases(part.table, side, margin, recipe.augment.context_ratio)
    val_crops = load_canvases(val.table, side, margin, context_ratio=0)
    validation = (
        CropBatches(val_crops, val.labels, val.seeds, np.arange(len(val.labels)), recipe, None)
        if len(val.labels)
        else None
    )
    start = network.full.get_weights()
    model = folder.load_checkpoint()
    if model is None:
        model = network.full
        compile_model(model, recipe.fit, _steps(part, recipe))
    else:
        resume_dropout(model, recipe.seed)
    for epoch in _epochs(recipe, folder):
        order = epoch_order(part, recipe, epoch)
        batches = CropBatches(canvases, part.labels, part.seeds, order, recipe, epoch)
        started = time.perf_counter()
        history = model.fit(
            batches,
            validation_data=validation,
            shuffle=False,
            **_telling(progress, epoch, len(batches)),
        )
        folder.end_epoch(epoch, history.history, time.perf_counter() - started, model)
    _keep_start(model, start, recipe.fit.start_share)
    folder.save_model(model)
    return lambda part: predict(model, part, recipe)


def _fit_cached(
    network: Network,
    recipe: Recipe,
    parts: dict[str, Part],
    folder: RunFolder,
    cache: Path,
    progress: Progress,
) -> Answer:
    """The same on cached features of the frozen base: the same steps, in the same order."""
    part, val = parts["train"], parts["val"]
    stored = FeatureCache(cache, network.backbone, recipe)
    side, margin = recipe.network.input_side_px, recipe.crop_margin_ratio

    def features(of: Part, epoch: int | None) -> NDArray[np.float32]:
        context = recipe.augment.context_ratio
        return stored.features(
            epoch, of.seeds, lambda rows: load_canvases(of.table.iloc[rows], side, margin, context)
        )

    start = network.head.get_weights()
    compile_model(network.head, recipe.fit, _steps(part, recipe))
    validation = (features(val, None), one_hot(val.labels)) if len(val.labels) else None
    for epoch in _epochs(recipe, folder):
        order = epoch_order(part, recipe, epoch)
        started = time.perf_counter()
        history = network.head.fit(
            features(part, epoch)[order],
            one_hot(part.labels)[order],
            batch_size=recipe.fit.batch_size,
            validation_data=validation,
            shuffle=False,
            **_telling(progress, epoch, -(-len(order) // recipe.fit.batch_size)),
        )
        folder.end_epoch(epoch, history.history, time.perf_counter() - started, None)
    _keep_start(network.head, start, recipe.fit.start_share)
    folder.save_model(network.full)
    return lambda part: np.asarray(
        network.head.predict(features(part, None), batch_size=256, verbose=0), np.float32
    )


def _keep_start(model: Any, start: Sequence[NDArray[np.float32]], share: float) -> None:
    """Let a model's weights be their mean with those it began with."""
    if share:
        pairs = zip(start, model.get_weights(), strict=True)
        model.set_weights([share * old + (1 - share) * new for old, new in pairs])


def _telling(progress: Progress, epoch: int, batches: int) -> dict[str, Any]:
    """What lets `fit` tell of an epoch: a bar on a screen, a line in a file."""
    teller = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: progress(epoch, batch + 1, batches)
    )
    return {"callbacks": [teller], "verbose": "auto" if sys.stdout.isatty() else 2}


def sample_for_curves(part: Part, seed: int) -> Part:
    """Rows enough for the curves of a run; the finished network answers for all of them."""
    rows = np.random.default_rng(seed).permutation(len(part.labels))[:CURVE_ROWS]
    return part.take(np.sort(rows))


def _epochs(recipe: Recipe, folder: RunFolder) -> Iterator[int]:
    """Numbers of the epochs still to do; each is announced above Keras' progress bar."""
    for epoch in range(folder.epochs_done(), recipe.fit.epochs):
        print(f"Epoch {epoch + 1}/{recipe.fit.epochs}")
        yield epoch


def _steps(part: Part, recipe: Recipe) -> int:
    crops = recipe.sampling.crops_per_epoch or len(part.labels)
    return -(-crops // recipe.fit.batch_size) * recipe.fit.epochs
