"""Run, evaluation and manifest of a classifier -> the evidence beside it; refuses what differs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pandas as pd

from maskwatch.errors import DataError, EvidenceError
from maskwatch.evaluated import Evaluation
from maskwatch.evidence import (
    EVALUATION_FILE,
    Epoch,
    Evidence,
    TrainingFacts,
    read_document,
    write_evidence,
)
from maskwatch.model_card import ModelCard, load_model
from maskwatch.records import read_record
from maskwatch.training.data_facts import describe_data
from maskwatch.training.evaluation.contest import Proof, Seen
from maskwatch.training.manifest import data_sha256
from maskwatch.training.run_folder import RunFolder

CARD_FILE = "model_card.md"
"""In the folder of an evaluation."""


def pack(
    model_path: Path,
    run: RunFolder,
    evaluation: Path,
    table: pd.DataFrame,
    progress: Callable[[int], None] = lambda _rows: None,
) -> Path:
    """Writes the evidence of a model beside it.

    Args:
        model_path: the exported classifier.
        run: the training run that it came from.
        evaluation: the folder that `maskwatch evaluate` filled for it.
        table: the manifest that it was trained and evaluated on.
        progress: see data_facts.describe_data.

    Returns:
        The file.

    Raises:
        DataError: something is missing, or belongs to another model, run or manifest.
        ModelError: the model or its card is unusable.
    """
    _, card = load_model(model_path)
    digest = data_sha256(table)
    if card.training.get("data_sha256") != digest:
        raise DataError(f"{model_path}: was trained on another manifest than the one given")
    training = _training(run, card)
    evaluated = _evaluation(evaluation, card, digest)
    try:
        card_text = (evaluation / CARD_FILE).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise DataError(f"{evaluation / CARD_FILE}: cannot be read") from error
    data = describe_data(table, progress)
    try:
        return write_evidence(
            Evidence(card.sha256, data, training, evaluated, card_text), model_path
        )
    except OSError as error:
        raise DataError(f"{model_path.parent}: cannot be written ({error.strerror})") from error


def _training(folder: RunFolder, card: ModelCard) -> TrainingFacts:
    """What the run folder says, if it is the one that the card speaks of."""
    run = folder.read()
    if run.get("state") != "finished":
        raise DataError(f"{folder.path}: the run is not finished")
    if _run_facts(run, run.get("name")) != _run_facts(
        {**card.training, "counts": card.training.get("crops")},
        card.training.get("recipe", {}).get("name"),
    ):
        raise DataError(f"{folder.path}: is not the run that {card.name} was exported from")
    measured = [field.name for field in fields(Epoch)][1:]
    try:
        return TrainingFacts(
            name=run["name"],
            seconds=run["seconds"],
            cpu=run["machine"]["cpu"],
            cores=run["machine"]["cores"],
            parameters=run["parameters"],
            epochs=tuple(
                Epoch(int(row["epoch"]), *map(row.get, measured)) for row in folder.history()
            ),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{folder.path}: is not a whole run folder ({error})") from error


def _run_facts(said: dict[str, Any], name: str | None) -> dict[str, Any]:
    """What both a run folder and the card of its model say."""
    keys = ("data_sha256", "counts", "versions", "weights_sha256")
    return {"name": name, **{key: said.get(key) for key in keys}}


def _evaluation(folder: Path, card: ModelCard, digest: str) -> Evaluation:
    """The evaluation, if it is of this model on this manifest."""
    path = folder / EVALUATION_FILE
    try:
        evaluation = _named(read_record(Evaluation, read_document(path, Evaluation.SCHEMA)))
    except EvidenceError as error:
        raise DataError(str(error)) from error
    except ValueError as error:
        raise DataError(f"{path}: {error}; evaluate the model again") from error
    if evaluation.own.sha256 != card.sha256:
        raise DataError(f"{path}: is of another model file than {card.name}")
    if evaluation.data.data_sha256 != digest:
        raise DataError(f"{path}: is of another manifest than the one given")
    return evaluation


def _named(evaluation: Evaluation) -> Evaluation:
    """With names in place of sentences, which the page has in several languages."""
    models = [replace(item, seen=Seen(item.seen).name.lower()) for item in evaluation.models]
    left_out = [replace(it, proof=Proof(it.proof).name.lower()) for it in evaluation.left_out]
    return replace(evaluation, models=tuple(models), left_out=tuple(left_out))
