"""Features that are kept between runs: a damaged file is computed anew.

Run: pytest tests/unit/training/classifier/test_feature_cache.py
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from maskwatch.training.classifier.train import FeatureCache
from maskwatch.training.recipes.classifier import Recipe

SEEDS = np.arange(3, dtype=np.uint64)


class Base:
    """A base of no layers."""

    output_shape = (None, 2)

    def get_weights(self) -> list[NDArray[Any]]:
        return []


@pytest.mark.parametrize("kept", [0, 100])
def test_a_damaged_file_is_computed_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: int
) -> None:
    computed: list[int] = []

    def compute(_self: object, _epoch: object, seeds: NDArray[Any], _c: object) -> NDArray[Any]:
        computed.append(len(seeds))
        return np.stack([seeds, seeds], axis=1).astype(np.float32)

    def ask() -> NDArray[Any]:
        cache = FeatureCache(tmp_path, Base(), Recipe(name="x"))
        return cache.features(0, SEEDS, lambda rows: np.zeros((len(rows), 1, 1, 3), np.uint8))

    monkeypatch.setattr(FeatureCache, "_compute", compute)
    first = ask()
    (path,) = tmp_path.rglob("*.npz")
    path.write_bytes(path.read_bytes()[:kept])
    assert np.array_equal(ask(), first) and np.array_equal(ask(), first)
    assert computed == [3, 3]
