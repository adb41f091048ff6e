"""The folder of one training run; it describes itself.

recipe.yaml         every setting, defaults filled in
run.json            versions, revision, machine, data hash, counts, times, state of the run
history.csv         one line an epoch
checkpoint.keras    while training: model and optimiser after the last whole epoch
model.keras         the trained model
scores.json         every held-out part, per class, with intervals
answers-PART.csv    what the model said of each picture of that part
curves.png          accuracy and loss, as in the student report
confusion-PART.png  true against answered class
architecture.png    the network, block by block
"""

from __future__ import annotations

import csv
import hashlib
import json
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from maskwatch._version import __version__
from maskwatch.errors import DataError, SettingError
from maskwatch.runtime import available_cpus
from maskwatch.schema import CLASSES
from maskwatch.settings import Record, read_settings
from maskwatch.training import plots
from maskwatch.training.detector.recipe import DetectorRecipe
from maskwatch.training.environment import cpu_name, git_revision, versions
from maskwatch.training.manifest import data_sha256
from maskwatch.training.recipe import Recipe
from maskwatch.training.run_files import HISTORY, SCORES, read_history, read_scores

_PACKAGES = ("keras", "tensorflow-cpu", "tensorflow", "numpy", "opencv-python-headless", "pillow")


class RunFolder:
    """Reads and writes one run.

    Attributes:
        path: the folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def start(
        self,
        recipe: Recipe | DetectorRecipe,
        table: pd.DataFrame,
        weights: Path | None,
        counts: Mapping[str, object],
        parameters: int,
    ) -> None:
        """Describe a new run, or check that an interrupted one is continued with what it had.

        Raises:
            SettingError: the folder holds a finished run, or one of another recipe or other data.
        """
        data_hash = data_sha256(table)
        if (self.path / "run.json").exists():
            self._check_same(recipe, data_hash)
        self.path.mkdir(parents=True, exist_ok=True)
        self._write("recipe.yaml", recipe.to_yaml())
        self._write_history(self.history()[: self._checkpoint()[0]])
        self._update(
            state="training",
            started=datetime.now(UTC).isoformat(timespec="seconds"),
            name=recipe.name,
            maskwatch=__version__,
            revision=git_revision(),
            python=platform.python_version(),
            backend=keras.backend.backend(),
            versions=versions(_PACKAGES),
            machine={"cpu": cpu_name(), "cores": available_cpus()},
            data_sha256=data_hash,
            sources=sorted(table["source"].unique().tolist()),
            counts=counts,
            weights_sha256=hashlib.sha256(weights.read_bytes()).hexdigest() if weights else None,
            parameters=parameters,
        )

    def epochs_done(self) -> int:
        """Whole epochs that need not be trained again."""
        return len(self.history())

    def history(self) -> list[dict[str, float]]:
        """One mapping an epoch, in order."""
        return read_history(self.path)

    def end_epoch(
        self, epoch: int, history: dict[str, list[float]], seconds: float, model: Any | None
    ) -> None:
        """Write an epoch down, and keep the model so that the run can go on from here.

        The number in the checkpoint's name decides what is done: a run that is cut off between the
        two files loses an epoch, never its order.
        """
        values = {name: round(values[0], 6) for name, values in history.items()}
        row = {"epoch": epoch + 1, **values, "seconds": round(seconds, 2)}
        self._write_history([*self.history(), row])
        if model is not None:
            part = self.path / "checkpoint.part.keras"
            model.save(part)
            part.replace(self.path / f"checkpoint-{epoch + 1}.keras")
            (self.path / f"checkpoint-{epoch}.keras").unlink(missing_ok=True)

    def load_checkpoint(self) -> Any | None:
        """The model after the last whole epoch with its optimiser, None for a fresh run."""
        _, path = self._checkpoint()
        return None if path is None else keras.saving.load_model(path)

    def save_model(self, model: Any) -> None:
        """Keep the trained model."""
        part = self.path / "model.part.keras"
        model.save(part)
        part.replace(self.path / "model.keras")

    def load_model(self) -> Any:
        """The trained model, to answer and not to train on.

        Raises:
            DataError: the run has none.
        """
        path = self.path / "model.keras"
        if not path.exists():
            raise DataError(f"{self.path}: no trained model in it; train it to the end first")
        return keras.saving.load_model(path, compile=False)

    def load_recipe(self, kind: type[Record]) -> Record:
        """The resolved recipe, of the kind that the run was made with.

        Raises:
            SettingError: it is not there.
        """
        return read_settings(self.path / "recipe.yaml", kind)

    def read(self) -> dict[str, Any]:
        """What run.json says.

        Raises:
            DataError: the folder is not a run.
        """
        try:
            document = json.loads((self.path / "run.json").read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise DataError(f"{self.path}: not a run folder (no readable run.json)") from error
        assert isinstance(document, dict)
        return document

    def scores(self) -> dict[str, Any]:
        """Scores by part; empty before the run is finished."""
        return read_scores(self.path)

    def write_scores(
        self,
        part: str,
        scores: dict[str, Any],
        table: pd.DataFrame,
        probabilities: NDArray[np.floating],
    ) -> None:
        """Write the scores of a held-out part, its confusion matrix and every single answer."""
        document = {**self.scores(), part: scores}
        self._write(SCORES, json.dumps(document, indent=2) + "\n")
        plots.draw_confusion(scores["confusion"], self.path / f"confusion-{part}.png")
        answers = table[["source", "sha256", "label", "group"]].copy()
        for index, state in enumerate(CLASSES):
            answers[state.value] = np.round(probabilities[:, index].astype(float), 5)
        answers.to_csv(self.path / f"answers-{part}.csv", index=False)

    def finish(self) -> None:
        """Mark the run as whole."""
        seconds = round(sum(row["seconds"] for row in self.history()), 1)
        self._update(state="finished", seconds=seconds)
        for checkpoint in self.path.glob("checkpoint-*.keras"):  # only now is it of no more use
            checkpoint.unlink()

    def _checkpoint(self) -> tuple[int, Path | None]:
        """Number of whole epochs in the newest checkpoint, and its path."""
        found = {int(p.stem.split("-")[1]): p for p in self.path.glob("checkpoint-*.keras")}
        newest = max(found, default=0)
        return newest, found.get(newest)

    def _write_history(self, rows: Sequence[Mapping[str, float]]) -> None:
        part = self.path / "history.part.csv"
        with part.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]) if rows else ["epoch"])
            writer.writeheader()
            writer.writerows({**row, "epoch": int(row["epoch"])} for row in rows)
        part.replace(self.path / HISTORY)

    def _check_same(self, recipe: Recipe | DetectorRecipe, data_hash: str) -> None:
        before = self.read()
        if before["state"] == "finished":
            raise SettingError(f"{self.path}: holds a finished run; choose another --out")
        if self.load_recipe(type(recipe)) != recipe or before["data_sha256"] != data_hash:
            raise SettingError(
                f"{self.path}: holds an unfinished run of another recipe or other data; "
                "choose another --out, or remove it"
            )

    def _update(self, **values: object) -> None:
        path = self.path / "run.json"
        before = self.read() if path.exists() else {}
        self._write(path.name, json.dumps({**before, **values}, indent=2) + "\n")

    def _write(self, name: str, text: str) -> None:
        """Write a file in one step: a run that is cut off leaves none in part."""
        part = self.path / f"{name}.part"
        part.write_text(text, encoding="utf-8")
        part.replace(self.path / name)
