"""Recipe + audited manifest -> a run folder with a trained detector.

An epoch is one call of Keras' `fit` over scenes that depend on (seed, epoch, place) only, and ends
with a checkpoint; a run that was cut off goes on with its next epoch.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from maskwatch.runtime import available_cpus
from maskwatch.training import plots
from maskwatch.training.detector.holdout import holdout_names
from maskwatch.training.detector.loss import DetectionLoss
from maskwatch.training.detector.network import build_detector
from maskwatch.training.detector.photos import take_photos
from maskwatch.training.detector.recipe import DetectorRecipe
from maskwatch.training.detector.scenes import SceneMaker, load_photos
from maskwatch.training.detector.targets import COLUMNS, make_targets, output_points
from maskwatch.training.network import adamw, warm_cosine
from maskwatch.training.run_folder import RunFolder


def train_detector(
    recipe: DetectorRecipe,
    table: pd.DataFrame,
    found: Mapping[str, NDArray[np.float64]],
    folder: RunFolder,
    weights: Path | None,
) -> None:
    """Train a detector, and write down what was done.

    Args:
        recipe: what to learn and how.
        table: an audited manifest.
        found: faces another detector found, see found_faces.read_found_faces.
        folder: where the run goes; one that was cut off is continued.
        weights: ImageNet weights or a trained detector to go on from, see build_detector; None
            for Keras' download.

    Raises:
        DataError: the manifest has no groups, or no photo to train on.
        SettingError: unusable weights, or a finished run.
    """
    parts = take_photos(table, found, holdout_names())
    model = build_detector(recipe.network, weights, recipe.seed)
    counts = {
        name: {
            "photos": len(photos),
            "drawn_faces": sum(len(p.boxes_xyxy) for p in photos if p.is_drawn),
            "found_faces": sum(len(p.boxes_xyxy) for p in photos if not p.is_drawn),
        }
        for name, photos in parts.items()
    }
    folder.start(recipe, table, weights, counts, int(model.count_params()))
    maker = SceneMaker(load_photos(parts["train"]), recipe)
    checkpoint = folder.load_checkpoint()
    if checkpoint is None:
        _compile(model, recipe)
    else:
        model = checkpoint
    for epoch in range(folder.epochs_done(), recipe.fit.epochs):
        print(f"Epoch {epoch + 1}/{recipe.fit.epochs}, scenes of {recipe.side_px(epoch)} px")
        started = time.perf_counter()
        batches = SceneBatches(maker, recipe, epoch)
        history = model.fit(batches, shuffle=False)
        folder.end_epoch(epoch, history.history, time.perf_counter() - started, model)
    folder.save_model(model)
    plots.draw_curves(folder.history(), folder.path / "curves.png")
    folder.finish()


class SceneBatches(keras.utils.PyDataset):  # type: ignore[misc]  # Keras has no type information
    """Batches of one epoch; composes scenes in threads while the network computes."""

    def __init__(self, maker: SceneMaker, recipe: DetectorRecipe, epoch: int) -> None:
        super().__init__(workers=available_cpus(), use_multiprocessing=False, max_queue_size=8)
        self._maker, self._recipe, self._epoch = maker, recipe, epoch
        self._side = recipe.side_px(epoch)
        self._points = output_points(self._side)

    def __len__(self) -> int:
        return -(-self._recipe.fit.scenes_per_epoch // self._recipe.fit.batch_size)

    def __getitem__(self, index: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        size = self._recipe.fit.batch_size
        images = np.empty((size, self._side, self._side, 3), np.uint8)
        targets = np.empty((size, len(self._points), COLUMNS), np.float32)
        for row in range(size):
            seed = (self._recipe.seed, self._epoch, index * size + row)
            scene = self._maker.make(self._side, seed)
            images[row] = scene.image_rgb
            targets[row] = make_targets(scene, self._points)
        return images, targets


def _compile(model: Any, recipe: DetectorRecipe) -> None:
    fit = recipe.fit
    rate = warm_cosine(fit.learning_rate, recipe.steps(), warm_up_share=0.03)
    model.compile(
        optimizer=adamw(rate, fit.weight_decay, clip_norm=10.0),
        loss=DetectionLoss(fit.box_weight, fit.landmark_weight),
    )
