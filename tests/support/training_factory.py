"""A small drawn data set and random base weights, for tests that really train."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from maskwatch.training.data.manifest import BOX, COLUMNS, read_manifest, tidy, write_manifest
from maskwatch.training.recipes.classifier import AugmentRecipe, FitRecipe, NetworkRecipe, Recipe

COLOURS = {"mask": (210, 40, 40), "no_mask": (40, 210, 40), "incorrect_mask": (40, 40, 210)}
PARTS = {"train": 8, "val": 4, "test": 4}


def coloured_manifest(folder: Path) -> pd.DataFrame:
    """Pictures whose colour is their class, in three parts; half of the rows have a box."""
    rows = []
    for part, count in PARTS.items():
        for label, colour in COLOURS.items():
            for number in range(count):
                seed = (hash_number(part, label), number)
                noise = np.random.default_rng(seed).integers(-30, 31, (72, 72, 3))
                path = folder / f"{part}-{label}-{number}.png"
                Image.fromarray(np.clip(noise + colour, 0, 255).astype(np.uint8)).save(path)
                box = (4.0, 4.0, 68.0, 68.0) if number % 2 else (None,) * 4
                rows.append(
                    {
                        "image_path": str(path),
                        "label": label,
                        "source": "drawn",
                        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
                        "group": path.stem,
                        "split": part,
                        **dict(zip(BOX, box, strict=True)),
                    }
                )
    write_manifest(tidy(pd.DataFrame(rows, columns=list(COLUMNS))), folder / "drawn.parquet")
    return read_manifest(folder / "drawn.parquet")


def hash_number(*words: str) -> int:
    return sum(ord(letter) for word in words for letter in word)


def small_recipe(**changes: Any) -> Recipe:
    """Seconds on one core: a quarter-width base at 64 pixels."""
    recipe = Recipe(
        name="small",
        network=NetworkRecipe(alpha=0.35, input_side_px=64, dense_units=32, dropout=0.2),
        augment=AugmentRecipe(rotation_deg=20, flip=True),
        fit=FitRecipe(learning_rate=0.003, batch_size=4, epochs=3),
    )
    return replace(recipe, **changes)


def random_base_weights(folder: Path) -> Path:
    """A file of base weights in Keras' own format, from a seed, so that nothing is downloaded.

    Batch norm has the statistics of one batch of noise. With its initial ones the signal of random
    layers fades to nothing, and a frozen batch norm would keep it so.
    """
    import keras

    keras.utils.set_random_seed(3)
    base = keras.applications.MobileNetV2(
        input_shape=(64, 64, 3), alpha=0.35, include_top=False, weights=None
    )
    for layer in base.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0
    base(np.random.default_rng(0).uniform(-1, 1, (16, 64, 64, 3)), training=True)
    path = folder / "base.weights.h5"
    base.save_weights(path)
    return path
