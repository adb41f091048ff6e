"""A search for settings that is cut off, with a training that takes no time.

Run: pytest tests/unit/training/classifier/test_tune.py
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from maskwatch.training.classifier import tune as search
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
    table = pd.DataFrame({"split": ["train", "val"]})
    with pytest.raises(KeyboardInterrupt):
        search.tune(recipe, table, tmp_path, None, None, trials=1)
    study = search.tune(recipe, table, tmp_path, None, None, trials=2)
    assert rates[:2] == [recipe.fit.learning_rate] * 2
    assert rates[2] != recipe.fit.learning_rate
    assert len(study.trials) == 3
