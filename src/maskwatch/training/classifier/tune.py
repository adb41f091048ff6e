"""Search learning rate, dropout, epochs and unfrozen depth: the student report's own wish.

Optuna's TPE sampler (Bergstra et al. 2011) proposes. A trial is a run folder like any other. The
study is an SQLite file, so a search that was cut off goes on.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
import pandas as pd
from matplotlib.figure import Figure
from optuna.exceptions import OptunaError
from sqlalchemy.exc import SQLAlchemyError

from maskwatch.errors import DataError, SettingError
from maskwatch.files import require_folder, writing
from maskwatch.training.classifier.train import train
from maskwatch.training.data.catalog import UNCLEAR
from maskwatch.training.loop import DivergedError
from maskwatch.training.recipes.classifier import Recipe
from maskwatch.training.run_folder import RunFolder, begun_with

STUDY = "study.db"
"""In the folder of a search."""

_DEPTHS = (0, 12, 30)
"""Layers of MobileNetV2 to free: none, its last block and top, its last three blocks and top."""


def tune(
    recipe: Recipe,
    table: pd.DataFrame,
    out: Path,
    weights: Path | None,
    cache: Path | None,
    trials: int,
) -> optuna.Study:
    """Run trials until the study holds `trials` finished ones.

    The goal is macro F1 on the `val` part. The `test` part is not looked at.

    Args:
        recipe: where to start; it is the first trial.
        table: a manifest with a split that has a `val` part.
        out: folder of the study and its runs.
        weights: ImageNet weights, None for Keras' download.
        cache: folder of frozen features; used by the trials that keep the base frozen.
        trials: finished trials wanted, those of earlier calls included.

    Raises:
        DataError: no `val` rows that show a class, the folder cannot be written, or its study
            cannot be read.
        SettingError: the folder holds a search from another recipe, other data or other weights.
    """
    table = table[table["split"] != "test"]
    if not ((table["split"] == "val") & (table["label"] != UNCLEAR)).any():
        raise DataError("tuning needs a val part; make one with `maskwatch data split`")
    require_folder(out)
    begun = {"recipe": recipe.to_yaml(), **begun_with(table, weights)}

    def objective(trial: optuna.Trial) -> float:
        settings = _propose(trial, recipe)
        folder = RunFolder(out / f"trial-{trial.number:03d}")
        frozen_cache = None if settings.network.unfrozen_layers else cache
        try:
            train(settings, table, folder, weights, frozen_cache)
        except DivergedError as error:  # the search is to learn from it, not to end with it
            print(f"trial {trial.number} is worth nothing: {error}")
            return 0.0
        return float(folder.scores()["val"]["macro_f1"]["value"])

    with _stored(out / STUDY):
        study = _open_study(recipe, out, begun)
        while (done := len(_finished(study))) < trials:
            study.optimize(objective, n_trials=1)
            draw_trials(study, out / "trials.png")
            assert len(_finished(study)) > done  # a failing trial raises
    return study


@contextmanager
def _stored(path: Path) -> Iterator[None]:
    """Say of the file of a study that it is of no use, where that is so."""
    try:
        yield
    except (OptunaError, SQLAlchemyError) as error:
        reason = str(error.__cause__ or error).splitlines()[0]
        raise DataError(
            f"{path}: cannot be used as a study ({reason}); make room if the disk is full, else "
            "choose another --out, or remove it to begin the search anew"
        ) from error


def _open_study(recipe: Recipe, out: Path, begun: dict[str, str | None]) -> optuna.Study:
    """The study in a folder, new where there is none; the recipe itself is its first trial."""
    storage = f"sqlite:///{(out / STUDY).as_posix()}"
    others = {*optuna.get_all_study_names(storage)} - {recipe.name}
    study = optuna.create_study(
        study_name=recipe.name,
        storage=storage,
        sampler=optuna.samplers.TPESampler(seed=recipe.seed),
        direction="maximize",
        load_if_exists=True,
    )
    is_new = not study.trials
    # scores from other data or another start say nothing beside each other
    if others or study.user_attrs.get("begun", begun if is_new else None) != begun:
        raise SettingError(
            f"{out}: holds a search from another recipe, other data or other --weights; choose "
            "another --out, or remove it"
        )
    study.set_user_attr("begun", begun)
    tried = (optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.WAITING)
    if not study.get_trials(deepcopy=False, states=tried):  # one that was cut off is no answer
        study.enqueue_trial(_as_trial(recipe))
    return study


def draw_trials(study: optuna.Study, path: Path) -> None:
    """Score against each setting, the best trial marked."""
    finished = _finished(study)
    names = sorted({name for trial in finished for name in trial.params})
    figure = Figure(figsize=(3.2 * len(names), 3.4), layout="constrained")
    axes: Any = figure.subplots(1, len(names), sharey=True, squeeze=False)[0]
    for axis, name in zip(axes, names, strict=True):
        shown = [trial for trial in finished if name in trial.params]
        axis.scatter([t.params[name] for t in shown], [t.value for t in shown], color="#0072B2")
        best = study.best_trial
        axis.scatter([best.params[name]], [best.value], color="#D55E00", marker="*", s=160)
        axis.set_xlabel(name.replace("_", " "))
        if name == "learning_rate":
            axis.set_xscale("log")
        axis.grid(alpha=0.3)
    axes[0].set_ylabel("macro F1 on val")
    with writing(path) as part:
        figure.savefig(part, dpi=120)


def _propose(trial: optuna.Trial, recipe: Recipe) -> Recipe:
    """The recipe with the four settings that a trial chooses."""
    most_epochs = 2 * recipe.fit.epochs
    return replace(
        recipe,
        network=replace(
            recipe.network,
            dropout=trial.suggest_float("dropout", 0.1, 0.7),
            unfrozen_layers=trial.suggest_categorical("unfrozen_layers", _DEPTHS),
        ),
        fit=replace(
            recipe.fit,
            learning_rate=trial.suggest_float("learning_rate", 1e-5, 1e-2, log=True),
            epochs=trial.suggest_int("epochs", max(1, recipe.fit.epochs // 2), most_epochs),
        ),
    )


def _as_trial(recipe: Recipe) -> dict[str, Any]:
    return {
        "dropout": recipe.network.dropout,
        "unfrozen_layers": recipe.network.unfrozen_layers,
        "learning_rate": recipe.fit.learning_rate,
        "epochs": recipe.fit.epochs,
    }


def _finished(study: optuna.Study) -> list[optuna.trial.FrozenTrial]:
    return study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,))
