"""Recipe + manifest -> a run folder that describes itself.

An epoch is one call of Keras' `fit` over batches that depend on (seed, epoch) only, and ends with a
checkpoint; a run that was cut off goes on with its next epoch and ends where it would have ended.
"""

from __future__ import annotations

import hashlib
import json
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from maskwatch.errors import DataError, SettingError
from maskwatch.files import writing
from maskwatch.models.card import SHIPPED_MODEL
from maskwatch.models.records import to_json
from maskwatch.models.runtime import create_session
from maskwatch.schema import CLASSES
from maskwatch.training import run_folder
from maskwatch.training.classifier.augment import augment_crop, centre_crop
from maskwatch.training.classifier.batches import CropBatches, epoch_order, one_hot
from maskwatch.training.classifier.network import (
    Network,
    build_network,
    compile_model,
    resume_dropout,
)
from maskwatch.training.classifier.teacher import Teacher
from maskwatch.training.data.class_names import check_taught
from maskwatch.training.data.manifest import PARTS
from maskwatch.training.data.parts import NONE_OF_THEM, Part, load_canvases, take_part, take_unclear
from maskwatch.training.loop import RowBatches, answers, train_epoch
from maskwatch.training.metrics import score
from maskwatch.training.onnx_file import convert_to_onnx
from maskwatch.training.recipes.classifier import Recipe
from maskwatch.training.run_folder import RunFolder

CURVE_ROWS = 2000
"""After each epoch at most so many validation rows are judged."""

HARD_BELOW = 0.8
"""A crop whose label gets less is hard; after training with smoothed labels .97 is a sure one."""

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
    teacher: Path | None = None,
) -> None:
    """Train, score every held-out part, and write it all down.

    Args:
        recipe: what to learn and how.
        table: a manifest with a split.
        folder: where the run goes; one that was cut off is continued.
        weights: ImageNet weights, or an exported classifier to go on from. None: Keras' download,
            or the shipped classifier where the recipe goes on from a trained network.
        cache: folder of frozen features; only for recipes that freeze the whole base.
        progress: told of every batch; what it raises ends the training.
        teacher: an exported classifier, for a recipe with a `teacher_share`; None: the shipped one.

    Raises:
        DataError: no split, or training crops of fewer than two classes.
        DivergedError: its loss became no number.
        SettingError: a cache for a base that learns, with hard crops or for a run that was cut off
            without one, or a teacher; unusable weights, no trained network to go on from where the
            recipe needs one, a teacher who sees other crops; a finished run, or one that another
            process is at.
    """
    if recipe.goes_on:
        weights = weights or SHIPPED_MODEL
        if weights.suffix != ".onnx":
            raise SettingError(
                "fit.start_share and sampling.hard_times need a trained network: give an exported "
                "classifier (.onnx) with --weights, or nothing to go on from the shipped one; "
                "hard_times is content with a teacher (fit.teacher_share)"
            )
    if cache is not None and recipe.network.unfrozen_layers:
        raise SettingError("the feature cache needs a frozen base: network.unfrozen_layers: 0")
    if cache is not None and (recipe.sampling.hard_times > 1 or recipe.sampling.crops_per_epoch):
        raise SettingError(
            "the feature cache shows each crop once an epoch: sampling.hard_times: 1 and "
            "crops_per_epoch: 0"
        )
    if cache is not None and recipe.fit.teacher_share:
        raise SettingError("the feature cache has no crops for a teacher: fit.teacher_share: 0")
    if cache is not None and folder.kept_epochs():
        raise SettingError(
            f"{folder.path}: holds an unfinished run without --cache; leave --cache out to let it "
            "go on, or choose another --out"
        )
    parts = {name: take_part(table, name) for name in PARTS}  # held-out parts keep every face
    parts["train"] = take_part(table, "train", recipe.sampling.min_face_px)
    _check_classes(parts["train"])
    if recipe.sampling.unclear_share:
        unclear = take_unclear(table, "train", recipe.sampling.min_face_px)
        parts["train"] = parts["train"].join(unclear)
    keras.utils.set_random_seed(recipe.seed)
    learns_from = Teacher(teacher or SHIPPED_MODEL, recipe) if recipe.fit.teacher_share else None
    network = build_network(recipe.network, weights, recipe.seed)
    counts = {name: part.table["label"].value_counts().to_dict() for name, part in parts.items()}
    with folder.alone():
        folder.start(recipe, table, weights, counts, int(network.full.count_params()))
        run_folder.draw_architecture(network, folder.path / "architecture.png")
        if cache is None:
            answer = _fit(network, recipe, parts, folder, progress, learns_from)
        else:
            answer = _fit_cached(network, recipe, parts, folder, cache, progress)
        for name in PARTS[1:]:
            part = parts[name]
            if len(part.labels):
                probabilities = answer(part)
                scores = to_json(score(part.labels, probabilities, list(part.groups)))
                folder.write_scores(name, scores, part.table, probabilities)
        run_folder.draw_curves(folder.history(), folder.path / "curves.png")
        folder.finish()


def predict(model: Any, part: Part, recipe: Recipe) -> NDArray[np.float32]:
    """Probabilities (n, 3) of a part's unaltered crops."""
    side, margin = recipe.network.input_side_px, recipe.crop_margin_ratio
    crops = load_canvases(part.table, side, margin, context_ratio=0)
    return answers(model, RowBatches(crops, part.labels, 64))


def _check_classes(train_part: Part) -> None:
    if not len(train_part.labels):
        raise DataError(
            "the manifest has no training rows; make a split with `maskwatch data split`"
        )
    counts = {s.value: int((train_part.labels == i).sum()) for i, s in enumerate(CLASSES)}
    if sentence := check_taught(counts, "no training crop"):
        print(f"warning: {sentence}")


def _fit(
    network: Network,
    recipe: Recipe,
    parts: dict[str, Part],
    folder: RunFolder,
    progress: Progress,
    teacher: Teacher | None,
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
    knows = teacher.probabilities if teacher else network.full.predict_on_batch
    is_hard = _hard_crops(knows, part, canvases, recipe)
    model = folder.load_checkpoint()
    if model is None:
        model = network.full
        compile_model(model, recipe.fit, _steps(part, recipe))
    else:
        resume_dropout(model, recipe.seed)
    for epoch in _epochs(recipe, folder):
        order = epoch_order(part, recipe, epoch, is_hard)
        batches = CropBatches(canvases, part.labels, part.seeds, order, recipe, epoch, teacher)
        started = time.perf_counter()
        told = _telling(progress, epoch, len(batches))
        means = train_epoch(model, batches, validation, told)
        folder.end_epoch(epoch, means, time.perf_counter() - started, model)
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
    size = recipe.fit.batch_size

    def batches_of(of: Part, epoch: int | None, order: NDArray[np.int64]) -> RowBatches:
        return RowBatches(features(of, epoch)[order], one_hot(of.labels)[order], size)

    validation = batches_of(val, None, np.arange(len(val.labels))) if len(val.labels) else None
    for epoch in _epochs(recipe, folder):
        order = epoch_order(part, recipe, epoch)
        started = time.perf_counter()
        batches = batches_of(part, epoch, order)
        told = _telling(progress, epoch, len(batches))
        means = train_epoch(network.head, batches, validation, told)
        folder.end_epoch(epoch, means, time.perf_counter() - started, None)
    _keep_start(network.head, start, recipe.fit.start_share)
    folder.save_model(network.full)
    return lambda part: answers(
        network.head, RowBatches(features(part, None), one_hot(part.labels), 256)
    )


def _hard_crops(
    knows: Callable[[NDArray[np.uint8]], NDArray[np.float32]],
    part: Part,
    canvases: NDArray[np.uint8],
    recipe: Recipe,
) -> NDArray[np.bool_] | None:
    """Crops (n,) whose label a teacher or a network that goes on doubts, where that is asked for.

    They are what it has to learn (Shrivastava et al. 2016, "Online hard example mining"); to look
    once, at its start, is cheap, and a resumed run finds the same ones.
    """
    if recipe.sampling.hard_times == 1:
        return None
    rows = np.arange(len(part.labels))
    crops = CropBatches(canvases, part.labels, part.seeds, rows, recipe, None)
    given = np.concatenate([np.asarray(knows(crops[at][0])) for at in range(len(crops))])
    is_hard = (part.labels != NONE_OF_THEM) & (given[rows, part.labels] < HARD_BELOW)
    print(f"{is_hard.sum()} of {len(rows)} crops are drawn {recipe.sampling.hard_times} times")
    return np.asarray(is_hard)


def _keep_start(model: Any, start: Sequence[NDArray[np.float32]], share: float) -> None:
    """Let a model's weights be their mean with those it began with."""
    if share:
        pairs = zip(start, model.get_weights(), strict=True)
        model.set_weights([share * old + (1 - share) * new for old, new in pairs])


def _telling(progress: Progress, epoch: int, batches: int) -> Callable[[int], None]:
    return lambda done: progress(epoch, done, batches)


def sample_for_curves(part: Part, seed: int) -> Part:
    """Rows enough for the curves of a run; the finished network answers for all of them."""
    rows = np.random.default_rng(seed).permutation(len(part.labels))[:CURVE_ROWS]
    return part.take(np.sort(rows))


def _epochs(recipe: Recipe, folder: RunFolder) -> Iterator[int]:
    """Numbers of the epochs still to do; each is announced above its progress bar."""
    for epoch in range(folder.kept_epochs(), recipe.fit.epochs):
        print(f"Epoch {epoch + 1}/{recipe.fit.epochs}")
        yield epoch


def _steps(part: Part, recipe: Recipe) -> int:
    crops = recipe.sampling.crops_per_epoch or len(part.labels)
    return -(-crops // recipe.fit.batch_size) * recipe.fit.epochs


# Compute what a frozen base says once, and train the head on it.
#
# With every base layer frozen, features depend on the picture alone. Alterations are a function of
# (seed, epoch, picture), so epoch 3 of one run and epoch 3 of another meet the same pictures: one
# cache serves every run, fold and head, and gives what training without it gives. ONNX Runtime
# computes the features, four times faster here than Keras.

_BATCH = 32


class FeatureCache:
    """Features by picture, one file for each epoch; grows as pictures are asked for."""

    def __init__(self, folder: Path, backbone: Any, recipe: Recipe) -> None:
        """Open the cache.

        Args:
            folder: where caches live.
            backbone: frozen Keras model, crops -> features.
            recipe: what alters the crops.
        """
        self._folder = folder / _key(backbone, recipe)
        self._backbone, self._recipe = backbone, recipe
        self._session: Any = None

    def features(
        self,
        epoch: int | None,
        seeds: NDArray[np.uint64],
        canvases: Callable[[NDArray[np.intp]], NDArray[np.uint8]],
    ) -> NDArray[np.float32]:
        """Features (n, d) of pictures under the alterations of an epoch.

        Args:
            epoch: None for the unaltered crops.
            seeds: (n,) row seeds, which identify the pictures.
            canvases: gives the canvases (m, C, C, 3) of the positions it is asked for; called only
                for pictures that are not in the cache.
        """
        path = self._folder / ("plain.npz" if epoch is None else f"epoch-{epoch}.npz")
        known_seeds, known = self._read(path)
        _, first = np.unique(seeds, return_index=True)  # identical pictures are computed once
        missing = first[~np.isin(seeds[first], known_seeds)]
        if missing.size:
            computed = self._compute(epoch, seeds[missing], canvases(missing))
            known_seeds = np.concatenate([known_seeds, seeds[missing]])
            known = np.concatenate([known, computed])
            self._write(path, known_seeds, known)
        by_seed = np.argsort(known_seeds)
        return known[by_seed[np.searchsorted(known_seeds, seeds, sorter=by_seed)]]

    def _read(self, path: Path) -> tuple[NDArray[np.uint64], NDArray[np.float32]]:
        """What is known; nothing where there is no file yet, or a damaged one."""
        damages = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile)
        with suppress(*damages), path.open("rb") as file, np.load(file) as stored:
            return stored["seeds"], stored["features"]
        width = self._backbone.output_shape[-1]
        return np.empty(0, np.uint64), np.empty((0, width), np.float32)

    def _write(self, path: Path, seeds: NDArray[np.uint64], features: NDArray[np.float32]) -> None:
        with writing(path) as part:
            np.savez(part, seeds=seeds, features=features)

    def _compute(
        self, epoch: int | None, seeds: NDArray[np.uint64], canvases: NDArray[np.uint8]
    ) -> NDArray[np.float32]:
        if self._session is None:
            self._session = create_session(convert_to_onnx(self._backbone), "frozen base")
        name = self._session.get_inputs()[0].name
        parts = []
        for start in range(0, len(seeds), _BATCH):
            rows = range(start, min(start + _BATCH, len(seeds)))
            crops = np.stack([self._crop(canvases[row], epoch, seeds[row]) for row in rows])
            parts.append(self._session.run(None, {name: crops})[0])
        return np.concatenate(parts)

    def _crop(self, canvas: NDArray[np.uint8], epoch: int | None, seed: int) -> NDArray[np.uint8]:
        recipe, side = self._recipe, self._recipe.network.input_side_px
        if epoch is None:
            return centre_crop(canvas, side)
        return augment_crop(canvas, side, recipe.augment, (recipe.seed, epoch, int(seed)))


def _key(backbone: Any, recipe: Recipe) -> str:
    """Everything the features of a picture depend on."""
    digest = hashlib.sha256()
    for weight in backbone.get_weights():
        digest.update(np.ascontiguousarray(weight).tobytes())
    network = recipe.network
    settings = {
        "side": network.input_side_px,
        "range": network.value_range,
        "margin": recipe.crop_margin_ratio,
        "augment": asdict(recipe.augment),
        "seed": recipe.seed,
    }
    digest.update(json.dumps(settings, sort_keys=True).encode())
    return digest.hexdigest()[:16]
