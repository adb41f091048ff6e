"""A search for settings that is cut off, with a training that takes no time.

Run: pytest tests/unit/training/classifier/test_tune.py
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import optuna
import pandas as pd
import pytest

from maskwatch.errors import DataError, SettingError
from maskwatch.training.classifier import tune as search
from maskwatch.training.data.manifest import COLUMNS
from maskwatch.training.loop import DivergedError
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


TABLE = pd.DataFrame({"split": ["train", "val"]}, columns=list(COLUMNS))


@pytest.fixture
def instant(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trainings that take no time."""
    monkeypatch.setattr(search, "train", lambda *given: None)
    monkeypatch.setattr(search, "RunFolder", Run)


def begin(out: Path, name: str = "x") -> optuna.Study:
    return search.tune(Recipe(name=name), TABLE, out, None, None, trials=1)


@pytest.mark.usefixtures("instant")
@pytest.mark.parametrize("kept", [None, 0.5])
def test_a_study_that_cannot_be_read_says_what_to_do(tmp_path: Path, kept: float | None) -> None:
    path = tmp_path / search.STUDY
    if kept:
        begin(tmp_path)
        path.write_bytes(path.read_bytes()[: int(path.stat().st_size * kept)])
    else:
        path.write_text("no database, but a long text" * 100)
    with pytest.raises(DataError, match=r"study\.db: cannot be used as a study .* or remove it"):
        begin(tmp_path)


@pytest.mark.usefixtures("instant")
def test_a_study_of_another_name_or_of_somebody_else_is_not_gone_on_with(tmp_path: Path) -> None:
    begin(tmp_path / "a")
    with pytest.raises(SettingError, match="holds a search from another recipe"):
        begin(tmp_path / "a", "y")
    (tmp_path / "b").mkdir()
    storage = f"sqlite:///{tmp_path}/b/{search.STUDY}"
    foreign = optuna.create_study(study_name="x", storage=storage)  # which looks for the lowest
    foreign.optimize(lambda trial: trial.suggest_float("a", 0, 1), n_trials=1)
    with pytest.raises(SettingError, match="holds a search from another recipe"):
        begin(tmp_path / "b")


@pytest.mark.usefixtures("instant")
def test_a_trial_that_diverges_is_worth_nothing_and_the_search_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def train(settings: Recipe, table: object, folder: object, *given: object) -> None:
        if not rates:
            rates.append(settings.fit.learning_rate)
            raise DivergedError("the loss is no number")

    rates: list[float] = []
    monkeypatch.setattr(search, "train", train)
    study = search.tune(Recipe(name="x"), TABLE, tmp_path, None, None, trials=2)
    assert [trial.value for trial in study.trials] == [0.0, 0.5]


@pytest.mark.usefixtures("instant")
def test_unclear_faces_alone_are_nothing_to_choose_by(tmp_path: Path) -> None:
    table = TABLE.assign(label=["mask", "unclear"])
    with pytest.raises(DataError, match="tuning needs a val part"):
        search.tune(Recipe(name="x"), table, tmp_path, None, None, trials=1)
