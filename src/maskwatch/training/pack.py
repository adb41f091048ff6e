"""Run, evaluation and manifest of a classifier -> the evidence beside it; refuses what differs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from maskwatch.errors import DataError, EvidenceError
from maskwatch.models.card import ModelCard, load_model
from maskwatch.models.evaluation import Evaluation
from maskwatch.models.evidence import (
    EVALUATION_FILE,
    ClassFacts,
    DataFacts,
    Epoch,
    Evidence,
    Leak,
    Source,
    TrainingFacts,
    read_document,
    write_evidence,
)
from maskwatch.models.records import read_record, to_json
from maskwatch.training.data.audit import TINY_FACE_PX
from maskwatch.training.data.catalog import LABELS, ROW_LABELS, SYNTHETIC, UNCLEAR, source_licence
from maskwatch.training.data.charts import count_group_sizes
from maskwatch.training.data.collect import counts_per_label
from maskwatch.training.data.manifest import PARTS, data_sha256
from maskwatch.training.data.report import (
    brightness_scores,
    measure_usable,
    photo_by_photo,
    split_leaks,
)
from maskwatch.training.data.split import crossing_groups, twin_share
from maskwatch.training.evaluation.comparison import Proof, Seen
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
        progress: see `describe_data`.

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
    return write_evidence(Evidence(card.sha256, data, training, evaluated, card_text), model_path)


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
        document: Any = read_document(path, Evaluation.SCHEMA)
        evaluation = _named(read_record(Evaluation, document))
    except EvidenceError as error:
        raise DataError(str(error)) from error
    except ValueError as error:
        raise DataError(f"{path}: {error}; evaluate the model again") from error
    if evaluation.own.sha256 != card.sha256:
        raise DataError(f"{path}: is of another model file than {card.name}")
    if _calibration(document["models"][0]) != _calibration(to_json(card)):
        raise DataError(f"{path}: is of {card.name} before it was calibrated anew; evaluate it")
    if evaluation.data.data_sha256 != digest:
        raise DataError(f"{path}: is of another manifest than the one given")
    return evaluation


def _calibration(said: Mapping[str, Any]) -> tuple[Any, ...]:
    """What a card and an evaluation say of how a network's probabilities are read."""
    shift = said.get("logit_shift") or (0.0, 0.0, 0.0)
    return said.get("temperature"), tuple(shift), said.get("unsure_below")


def _named(evaluation: Evaluation) -> Evaluation:
    """With names in place of sentences, which the page has in several languages."""
    models = [replace(item, seen=Seen(item.seen).name.lower()) for item in evaluation.models]
    left_out = [replace(it, proof=Proof(it.proof).name.lower()) for it in evaluation.left_out]
    return replace(evaluation, models=tuple(models), left_out=tuple(left_out))


# A manifest in counts: what the page about a model says of its data, without a picture.

SIZE_EDGES_PX = (0, 10, TINY_FACE_PX, 40, 80, 160, 320, 640)
BRIGHTNESS_EDGES = tuple(range(0, 257, 16))

OWN_SPLIT = "its own"
"""The split that the manifest comes with, beside those of split_leaks."""


def judged_rows(table: pd.DataFrame) -> pd.DataFrame:
    """The real faces that show one of the classes."""
    return table[(table["source"] != SYNTHETIC) & (table["label"] != UNCLEAR)]


def describe_data(
    table: pd.DataFrame, progress: Callable[[int], None] = lambda _rows: None
) -> DataFacts:
    """Counts everything.

    Args:
        table: a manifest with groups and a split.
        progress: called with the number of rows read since the last call, in all those of
            `judged_rows`.

    Raises:
        DataError: there are no real faces, no groups or no split, or a picture is unusable.
    """
    real = photo_by_photo(judged_rows(table))
    if real.empty or real[["group", "split"]].isna().any(axis=None):
        raise DataError("the manifest has no real faces, no groups or no split")
    measures = measure_usable(real, progress)
    is_tiny = measures["face_px"] < TINY_FACE_PX
    files = real.groupby("group")["sha256"].nunique()
    leaks, _ = split_leaks(real)
    own = Leak(OWN_SPLIT, twin_share(real), crossing_groups(real))
    return DataFacts(
        sha256=data_sha256(table),
        synthetic=SYNTHETIC,
        sources=tuple(
            _source(str(name), rows, int(is_tiny[real["source"] == name].sum()))
            for name, rows in table.groupby("source")
        ),
        files=real["sha256"].nunique(),
        groups=len(files),
        groups_across_sources=int((real.groupby("group")["source"].nunique() > 1).sum()),
        groups_by_files=count_group_sizes(files.tolist()),
        classes={
            label: _class(rows, measures.loc[rows.index])
            for label in LABELS
            if len(rows := real[real["label"] == label])
        },
        size_edges_px=SIZE_EDGES_PX,
        brightness_edges=BRIGHTNESS_EDGES,
        tiny_px=TINY_FACE_PX,
        leaks=(*leaks, own),
        brightness_alone=tuple(brightness_scores(real, measures["brightness"])),
    )


def _source(name: str, rows: pd.DataFrame, tiny: int) -> Source:
    groups = rows.groupby("label")["group"].nunique()
    return Source(
        name=name,
        licence=source_licence(name),
        rows={part: counts_per_label(rows[rows["split"] == part]) for part in PARTS},
        groups={label: int(groups.get(label, 0)) for label in ROW_LABELS},
        tiny=tiny,
    )


def _class(rows: pd.DataFrame, measures: pd.DataFrame) -> ClassFacts:
    sizes, _ = np.histogram(measures["face_px"], (*SIZE_EDGES_PX, np.inf))
    brightness, _ = np.histogram(measures["brightness"], BRIGHTNESS_EDGES)
    quartiles = np.quantile(measures["brightness"], (0.25, 0.5, 0.75))
    return ClassFacts(
        rows=len(rows),
        groups=rows["group"].nunique(),
        sizes=tuple(sizes.tolist()),
        brightness=tuple(brightness.tolist()),
        brightness_quartiles=tuple(np.round(quartiles, 1).tolist()),
    )
