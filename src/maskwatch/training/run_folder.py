"""The folder of one training run; it describes itself.

recipe.yaml         every setting, defaults filled in
run.json            versions, revision, machine, data hash, counts, times, state of the run
history.csv         one line an epoch
checkpoint.keras    while training: model and optimiser after the last whole epoch
hard_places.json    of a detector: what it was wrong about or doubted when it began
model.keras         the trained model
scores.json         every held-out part, per class, with intervals
answers-PART.csv    what the model said of each picture of that part
curves.png          accuracy and loss, as in the student report
confusion-PART.png  true against answered class
architecture.png    the network, block by block
"""

from __future__ import annotations

import csv
import json
import platform
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from maskwatch._version import __version__
from maskwatch.errors import DataError, SettingError
from maskwatch.files import require_folder, write_json, write_text, writing
from maskwatch.io.environment import cpu_name, git_revision, versions
from maskwatch.io.settings import Record, read_settings
from maskwatch.io.text_files import harmless
from maskwatch.models.runtime import available_cpus
from maskwatch.schema import CLASSES
from maskwatch.training.data.files import file_sha256, why
from maskwatch.training.data.manifest import data_sha256
from maskwatch.training.loop import load_saved
from maskwatch.training.recipes.classifier import Recipe
from maskwatch.training.recipes.detector import DetectorRecipe
from maskwatch.training.run_files import (
    HISTORY,
    SCORES,
    locked,
    read_history,
    read_scores,
    remove_parts,
)

_PACKAGES = ("keras", "tensorflow-cpu", "tensorflow", "numpy", "opencv-python-headless", "pillow")

_SAID = frozenset({"state", "data_sha256", "weights_sha256", "counts", "sources", "versions"})
"""What every run.json has from its start, and what an export needs."""

_CHECKPOINT = re.compile(r"checkpoint-(\d+)\.keras")


def begun_with(table: pd.DataFrame, weights: Path | None) -> dict[str, str | None]:
    """What a run must still have to go on, beside its recipe: its data and its first weights.

    Raises:
        SettingError: the weights cannot be read.
    """
    try:
        digest = file_sha256(weights) if weights else None
    except OSError as error:
        raise SettingError(f"{weights}: cannot be read ({why(error)})") from error
    return {"data_sha256": data_sha256(table), "weights_sha256": digest}


class RunFolder:
    """Reads and writes one run.

    Attributes:
        path: the folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Have the folder, made where it is missing, to oneself.

        Two processes would each write their epochs into the history of the other.

        Raises:
            SettingError: another process is training there.
            DataError: the folder cannot be written.
        """
        require_folder(self.path)
        with locked(self.path):
            yield

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
            SettingError: the folder holds a finished run, one of another recipe, other data or
                other weights to begin with.
            DataError: the folder cannot be written.
        """
        begun = begun_with(table, weights)
        if (self.path / "run.json").exists():
            self._check_same(recipe, begun)
        elif self.kept_epochs():
            raise SettingError(
                f"{self.path}: holds checkpoints of a run that is not described there; choose "
                "another --out"
            )
        require_folder(self.path)
        remove_parts(self.path)
        last = self.kept_epochs()
        kept = [row for row in self.history() if row["epoch"] <= last] if last else []
        (self.path / SCORES).unlink(missing_ok=True)  # of a run that was cut off after its training
        write_text(self.path / "recipe.yaml", recipe.to_yaml())
        self._write_history(kept)
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
            sources=sorted(table["source"].unique().tolist()),
            counts=counts,
            parameters=parameters,
            **begun,
        )

    def kept_epochs(self) -> int:
        """Whole epochs in the newest checkpoint, which an interrupted run goes on from."""
        return self._checkpoint()[0]

    def history(self) -> list[dict[str, float]]:
        """One mapping an epoch, in order."""
        return read_history(self.path)

    def end_epoch(
        self, epoch: int, means: Mapping[str, float], seconds: float, model: Any | None
    ) -> None:
        """Write an epoch down, and keep the model so that the run can go on from here.

        The number in the checkpoint's name decides what is done: a run that is cut off between the
        two files loses an epoch, never its order.
        """
        values = {name: round(value, 6) for name, value in means.items()}
        row = {"epoch": epoch + 1, **values, "seconds": round(seconds, 2)}
        self._write_history([*self.history(), row])
        if model is not None:
            with writing(self.path / f"checkpoint-{epoch + 1}.keras") as part:
                model.save(part)
            (self.path / f"checkpoint-{epoch}.keras").unlink(missing_ok=True)

    def load_checkpoint(self) -> Any | None:
        """The model after the last whole epoch with its optimiser, None for a fresh run.

        Raises:
            DataError: it is damaged.
        """
        _, path = self._checkpoint()
        if path is None:
            return None
        try:
            return load_saved(path, to_train_on=True)
        except DataError as error:
            raise DataError(f"{error}; remove it and the run begins anew") from error

    def save_model(self, model: Any) -> None:
        """Keep the trained model."""
        with writing(self.path / "model.keras") as part:
            model.save(part)

    def load_model(self) -> Any:
        """The trained model, to answer and not to train on.

        Raises:
            DataError: the run has none, or a damaged one.
        """
        path = self.path / "model.keras"
        if not path.exists():
            raise DataError(f"{self.path}: no trained model in it; train it to the end first")
        return load_saved(path)

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
        if not isinstance(document, dict) or not document.keys() >= _SAID:
            raise DataError(
                f"{self.path}: not a whole run folder (its run.json lacks some of "
                f"{', '.join(sorted(_SAID))})"
            )
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
        write_json(self.path / SCORES, document, indent=2)
        draw_confusion(scores["confusion"], self.path / f"confusion-{part}.png")
        answers = table[["source", "sha256", "label", "group"]].map(harmless)
        for index, state in enumerate(CLASSES):
            answers[state.value] = np.round(probabilities[:, index].astype(float), 5)
        with writing(self.path / f"answers-{part}.csv") as file:
            answers.to_csv(file, index=False)

    def finish(self) -> None:
        """Mark the run as whole."""
        seconds = round(sum(row.get("seconds", 0) for row in self.history()), 1)
        self._update(state="finished", seconds=seconds)
        for checkpoint in self._checkpoints().values():  # only now are they of no more use
            checkpoint.unlink()

    def _checkpoint(self) -> tuple[int, Path | None]:
        """Number of whole epochs in the newest checkpoint, and its path."""
        found = self._checkpoints()
        newest = max(found, default=0)
        return newest, found.get(newest)

    def _checkpoints(self) -> dict[int, Path]:
        """The checkpoints by their numbers; files of somebody else's may have like names."""
        named = ((_CHECKPOINT.fullmatch(p.name), p) for p in self.path.glob("checkpoint-*.keras"))
        return {int(match[1]): path for match, path in named if match}

    def _write_history(self, rows: Sequence[Mapping[str, float]]) -> None:
        path = self.path / HISTORY
        with writing(path) as part, part.open("w", encoding="utf-8", newline="") as file:
            names = dict.fromkeys(name for row in rows for name in row)
            writer = csv.DictWriter(file, list(names) or ["epoch"])
            writer.writeheader()
            writer.writerows({**row, "epoch": int(row["epoch"])} for row in rows)

    def _check_same(self, recipe: Recipe | DetectorRecipe, begun: Mapping[str, object]) -> None:
        before = self.read()
        if before["state"] == "finished":
            raise SettingError(f"{self.path}: holds a finished run; choose another --out")
        others = [name for name, digest in begun.items() if before[name] != digest]
        if self.load_recipe(type(recipe)) != recipe or others:
            raise SettingError(
                f"{self.path}: holds an unfinished run of another recipe, other data or other "
                "--weights; choose another --out, or remove it"
            )

    def _update(self, **values: object) -> None:
        path = self.path / "run.json"
        before = self.read() if path.exists() else {}
        write_json(path, {**before, **values}, indent=2)


# The pictures of a run: curves, confusion matrix, architecture.

_BLUE, _ORANGE = "#0072B2", "#D55E00"  # Okabe and Ito: told apart by colour-blind readers


def draw_curves(history: Sequence[dict[str, float]], path: Path) -> None:
    """Accuracy (where there is one) and loss by epoch, as in the student report."""
    names = [name for name in ("accuracy", "loss") if name in history[0]]
    figure = Figure(figsize=(4.5 * len(names), 3.6), layout="constrained")
    for axis, name in zip(figure.subplots(1, len(names), squeeze=False)[0], names, strict=True):
        epochs = [row["epoch"] for row in history]
        axis.plot(epochs, [row[name] for row in history], "o-", color=_BLUE, label="training")
        validation = [row.get(f"val_{name}") for row in history]
        if any(value is not None for value in validation):
            axis.plot(epochs, validation, "s--", color=_ORANGE, label="validation")
        axis.set(xlabel="epoch", ylabel=name)
        axis.xaxis.get_major_locator().set_params(integer=True)
        axis.grid(alpha=0.3)
        axis.legend()
    with writing(path) as part:
        figure.savefig(part, dpi=120)


def draw_confusion(counts: Sequence[Sequence[int]], path: Path) -> None:
    """True class by answered class, the share of the true class as colour, counts as text."""
    table = np.asarray(counts, float)
    columns = [*CLASSES, "unsure"] if table[:, 3].any() else list(CLASSES)
    table = table[:, : len(columns)]
    share = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    figure = Figure(figsize=(1.3 * len(columns) + 2.2, 4.2), layout="constrained")
    axis = figure.subplots()
    axis.imshow(share, cmap="Blues", vmin=0, vmax=1)
    for (row, column), count in np.ndenumerate(table):
        colour = "white" if share[row, column] > 0.5 else "black"
        text = f"{int(count)}\n{share[row, column]:.1%}"
        axis.text(column, row, text, ha="center", va="center", color=colour)
    axis.set_xticks(range(len(columns)), [_words(name) for name in columns])
    axis.set_yticks(range(len(CLASSES)), [_words(name) for name in CLASSES])
    axis.set(xlabel="answered", ylabel="true")
    with writing(path) as part:
        figure.savefig(part, dpi=120)


def draw_architecture(network: Any, path: Path) -> None:
    """The network as a column of blocks: layer, output shape, parameters, whether it learns."""
    layers = [*network.backbone.layers, *network.head.layers[1:]]
    figure = Figure(figsize=(6.4, 0.62 * len(layers) + 0.3), layout="constrained")
    axis = figure.subplots()
    for index, layer in enumerate(layers):
        y = -index
        learning = sum(int(np.prod(weight.shape)) for weight in layer.trainable_weights)
        total = layer.count_params()
        colour = "#cfe6f5" if learning else "#ececec"
        box = {"boxstyle": "round,pad=0.45", "facecolor": colour, "edgecolor": "#444444"}
        shape = " x ".join(str(side) for side in layer.output.shape[1:])
        text = f"{layer.name}  ->  {shape}"
        if total:
            text += f"\n{total:,} parameters, {learning:,} learn"
        axis.text(0.5, y, text, ha="center", va="center", bbox=box, fontsize=9)
        if index:
            arrow = {"arrowstyle": "->", "color": "#444444"}
            axis.annotate("", (0.5, y + 0.36), (0.5, y + 0.64), arrowprops=arrow)
    axis.set(xlim=(0, 1), ylim=(0.6 - len(layers), 0.6))
    axis.axis("off")
    with writing(path) as part:
        figure.savefig(part, dpi=120)


def _words(name: str) -> str:
    return str(name).replace("_", "\n")
