"""A search for settings that is cut off, with a training that takes no time.

Run: pytest tests/unit/training/classifier/test_tune.py
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from maskwatch.errors import DataError, SettingError
from maskwatch.training.classifier import tune as search
from maskwatch.training.data.manifest import COLUMNS
from maskwatch.training.recipes.classifier import Recipe


class Run:
    """A run folder that knows its score."""

    def __init__(self, path: Path) -> None:
        pass

    def scores(self) -> dict[str, Any]:
        return {"val": {"macro_f1": {"value": 0.5}}}


def test_a_search_cut_off_in_its_first_trial_still_tries_the_recipe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = Recipe(name="cut-off")
    rates: list[float] = []

    def train(settings: Recipe, *given: object) -> None:
        rates.append(settings.fit.learning_rate)
        if len(rates) == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(search, "train", train)
    monkeypatch.setattr(search, "RunFolder", Run)
    table = pd.DataFrame({"split": ["train", "val"]}, columns=list(COLUMNS))
    with pytest.raises(KeyboardInterrupt):
        search.tune(recipe, table, tmp_path, None, None, trials=1)
    study = search.tune(recipe, table, tmp_path, None, None, trials=2)
    assert rates[:2] == [recipe.fit.learning_rate] * 2
    assert rates[2] != recipe.fit.learning_rate
    assert len(study.trials) == 3


def test_a_search_goes_on_with_what_it_began_with_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "train", lambda *given: None)
    monkeypatch.setattr(search, "RunFolder", Run)
    recipe, weights = Recipe(name="same"), tmp_path / "weights.h5"
    weights.write_bytes(b"weights")
    table = pd.DataFrame({"split": ["train", "val"]}, columns=list(COLUMNS))
    search.tune(recipe, table, tmp_path / "study", None, None, trials=1)
    for other in (
        (Recipe(name="same", seed=1), table, None),
        (recipe, table.assign(label="mask"), None),
        (recipe, table, weights),
    ):
        settings, rows, start = other
        with pytest.raises(SettingError, match="holds a search from another recipe, other data"):
            search.tune(settings, rows, tmp_path / "study", start, None, trials=2)
    assert len(search.tune(recipe, table, tmp_path / "study", None, None, trials=2).trials) == 2


def test_a_study_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    table = pd.DataFrame({"split": ["train", "val"]}, columns=list(COLUMNS))
    with pytest.raises(DataError, match="cannot be written"):
        search.tune(Recipe(name="x"), table, tmp_path / "file" / "study", None, None, trials=1)
