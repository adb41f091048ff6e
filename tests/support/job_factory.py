"""Training jobs for tests: tiny real ones, and folders as a finished one leaves them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from maskwatch.models.card import ModelCard, load_model, write_card
from maskwatch.models.records import to_json
from maskwatch.training.jobs.folder import (
    GROUPED,
    JobFolder,
    Order,
    State,
    Status,
    Step,
    process_stamp,
    write_status,
)
from maskwatch.training.metrics import score
from maskwatch.training.recipes.classifier import AugmentRecipe, FitRecipe, NetworkRecipe, Recipe
from support.data_factory import folder_set
from support.paths import TESTS
from support.toy_model import write_toy_model

PER_CLASS = 6


def tiny_recipe(epochs: int = 2, name: str = "tiny") -> Recipe:
    """A second of training on one core."""
    return Recipe(
        name=name,
        network=NetworkRecipe(alpha=0.35, input_side_px=32, dense_units=8, dropout=0.2),
        augment=AugmentRecipe(rotation_deg=20, flip=True),
        fit=FitRecipe(learning_rate=0.003, batch_size=4, epochs=epochs),
    )


def tiny_order(folder: Path, recipe: Recipe | None = None, protocol: str = GROUPED) -> Order:
    """Pictures in a folder of their own, six of each class, and what to train on them."""
    if not folder.exists():
        folder_set(folder, PER_CLASS)
    return Order((str(folder),), protocol, recipe or tiny_recipe())


def alter_jobs(patch: pytest.MonkeyPatch) -> None:
    """Jobs that begin from now on have a short network, and heed `hold`."""
    folders = [str(TESTS / "support" / "in_jobs"), str(TESTS), os.environ.get("PYTHONPATH", "")]
    patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, folders)))
    patch.setenv("SHORT_BASE", "yes")


def hold(patch: pytest.MonkeyPatch, after_epoch: int) -> None:
    """Jobs that begin from now on wait after that epoch until they are stopped or killed."""
    patch.setenv("HELD_AFTER_EPOCH", str(after_epoch))


def fake_run(
    runs: Path,
    name: str,
    state: State = State.FINISHED,
    protocol: str = GROUPED,
    card: Mapping[str, Any] | None = None,
    **status: Any,
) -> JobFolder:
    """A run folder as a job leaves it, with a network that answers by colour.

    Args:
        runs: folder of all runs.
        name: of the run.
        state: what its status says.
        protocol: of its split.
        card: values of its network's card.
        status: values of its status.
    """
    job = JobFolder(runs / name)
    job.path.mkdir(parents=True)
    job.write_order(Order((str(runs.parent / "faces"),), protocol, tiny_recipe()))
    write_status(job.path, Status(state, **{"step": Step.EXPORTING, **status}))
    rows = ["epoch,loss,accuracy,val_loss,val_accuracy,seconds"]
    rows += [f"{n},{1 / n:.3f},{1 - 0.3 / n:.3f},{1.1 / n:.3f},0.{60 + n},1" for n in (1, 2, 3)]
    (job.path / "history.csv").write_text("\n".join(rows) + "\n")
    (job.path / "log.txt").write_text("Epoch 3/3\nI0000 00:00:17 port.cc:153] chatter\nlast line\n")
    if state is State.FINISHED:
        scores = _scores()
        (job.path / "scores.json").write_text(json.dumps({"val": scores}))
        facts = {"twin_share": 0.0 if protocol == GROUPED else 0.47}
        (job.path / "data.json").write_text(json.dumps(facts))
        values = {"name": f"toy of {name}", "scores": {"part": "val", "all": scores}}
        write_model(job.model_path, **{**values, **(card or {})})
    return job


@cache
def _scores() -> dict[str, Any]:
    """Of 27 right answers and 3 wrong ones; its intervals take a while."""
    labels = np.arange(30) % 3
    answers = np.eye(3)[np.where(np.arange(30) < 27, labels, 0)]
    scores: dict[str, Any] = to_json(score(labels, answers, list(range(30))))
    return scores


def write_model(path: Path, **card_values: Any) -> ModelCard:
    """The toy network under a name of its own."""
    toy = write_toy_model(path.parent, **card_values)
    _, card = load_model(toy)
    toy.rename(path)
    toy.with_suffix(".json").unlink()
    write_card(card, path)
    return card


@contextmanager
def living_process() -> Iterator[dict[str, Any]]:
    """A process that does nothing, as "pid" and "process" of a status."""
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    try:
        yield {"pid": process.pid, "process": process_stamp(process.pid)}
    finally:
        process.kill()
        process.wait()


def own_status(state: State = State.RUNNING, **values: Any) -> Status:
    """A status of this very process."""
    return Status(state, pid=os.getpid(), process=process_stamp(os.getpid()) or "", **values)
