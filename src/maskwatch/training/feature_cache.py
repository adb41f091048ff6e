"""Compute what a frozen base says once, and train the head on it.

With every base layer frozen, features depend on the picture alone. Alterations are a function of
(seed, epoch, picture), so epoch 3 of one run and epoch 3 of another meet the same pictures: one
cache serves every run, fold and head, and gives what training without it gives.
ONNX Runtime computes the features, four times faster here than Keras.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskwatch.runtime import create_session
from maskwatch.training.augment import augment_crop, centre_crop
from maskwatch.training.onnx_file import convert_to_onnx
from maskwatch.training.recipe import Recipe

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
        if not path.exists():
            width = self._backbone.output_shape[-1]
            return np.empty(0, np.uint64), np.empty((0, width), np.float32)
        with np.load(path) as stored:
            return stored["seeds"], stored["features"]

    def _write(self, path: Path, seeds: NDArray[np.uint64], features: NDArray[np.float32]) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=self._folder, suffix=".part", delete=False) as part:
            np.savez(part, seeds=seeds, features=features)
        Path(part.name).replace(path)  # a file that is there is whole

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
