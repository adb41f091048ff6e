"""The whole evaluation: ask, score, corrupt, time; and the files it leaves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from maskwatch.bench.speed import interleaved
from maskwatch.files import require_folder, write_json, write_text, writing
from maskwatch.models.evaluation import Calibration
from maskwatch.models.evaluation_document import (
    FullEvaluation,
    FullLeftOutSource,
    FullScoresOfSource,
)
from maskwatch.models.records import to_json
from maskwatch.training.data.parts import Part
from maskwatch.training.evaluation.abstention import (
    calibration,
    risk_coverage,
    score_unclear,
    shown_unclear,
)
from maskwatch.training.evaluation.answers import Answers, Progress, ask_rows
from maskwatch.training.evaluation.comparison import ComparedModel, Comparison, LeftOut
from maskwatch.training.evaluation.corruptions import reasons
from maskwatch.training.evaluation.mistakes import Case, faces_sheet, worst_mistakes
from maskwatch.training.evaluation.model_card import card_text
from maskwatch.training.evaluation.page import evaluation_page
from maskwatch.training.evaluation.result import (
    Result,
    describe_data,
    describe_model,
    left_out_means,
    made_with,
)
from maskwatch.training.evaluation.robustness import (
    CONDITIONS,
    Robustness,
    corruption_table,
    describe_sample,
    measure_robustness,
    sample,
    sweep_table,
)
from maskwatch.training.evaluation.slices import (
    LOOK_SIDE_PX,
    NOT_SLICED,
    Views,
    measure_views,
    measured_slices,
    score_rows,
)
from maskwatch.training.metrics import score_slices
from maskwatch.vision.detect import FaceDetector

TIMED_RUNS = 200
"""Crops timed one by one per model, after one to warm up."""

FILES = ("evaluation.json", "evaluation.html", "model_card.md", "faces.png")
"""What an evaluation leaves in its folder."""


def work(comparison: Comparison) -> int:
    """How many rows and altered crops are looked at; what the progress adds up to."""
    models = len(comparison.models)
    rows = (len(comparison.part.labels) + len(comparison.unclear.labels)) * models
    rows += len(comparison.part.labels)  # where the detector looks for landmarks
    rows += sum(len(item.part.labels) for item in comparison.left_out)
    return rows + len(sample(comparison.part).labels) * len(CONDITIONS) * models


def evaluate(comparison: Comparison, out: Path, progress: Progress = lambda _n: None) -> Result:
    """Evaluates, and writes FILES into `out`.

    Args:
        comparison: from `load_comparison`.
        out: folder to write to.
        progress: called with how much was done since the last call, see `work`.

    Raises:
        DataError: images cannot be read, or the folder cannot be written.
    """
    require_folder(out)
    part, models = comparison.part, comparison.models
    answers = {e.name: ask_rows(e.classifier, part.table, progress) for e in models}
    own = answers[models[0].name]
    asked = _Asked(
        answers,
        {e.name: ask_rows(e.classifier, comparison.unclear.table, progress) for e in models},
        measure_views(part.table, FaceDetector(side_px=LOOK_SIDE_PX), progress),
        tuple(_score_left_out(item, comparison, own, progress) for item in comparison.left_out),
        measure_robustness(models, sample(part), progress),
    )
    result = _result(comparison, asked)
    page, card = evaluation_page(result), card_text(result)
    sheet = Image.fromarray(faces_sheet(part, own))
    write_json(out / "evaluation.json", to_json(result.found), indent=1)
    write_text(out / "evaluation.html", page)
    write_text(out / "model_card.md", card)
    with writing(out / "faces.png") as picture:
        sheet.save(picture)
    return result


def crop_times(models: tuple[ComparedModel, ...]) -> dict[str, dict[str, float]]:
    """Time of one crop from pixels to calibrated probabilities; ratios are to the first baseline.

    Without a baseline there is nothing to compare with, and the ratio is 1.
    """
    calls = {}
    for model in (*models[1:2], models[0], *models[2:]):
        side = model.card.input_side_px
        crop = np.random.default_rng(0).integers(0, 256, (1, side, side, 3), dtype=np.uint8)
        calls[model.name] = partial(model.classifier.probabilities, crop)
    return interleaved(calls for _ in range(TIMED_RUNS + 1))


@dataclass(frozen=True, slots=True)
class _Asked:
    """What was asked of the models, by their names, and of the detector."""

    answers: Mapping[str, Answers]
    unclear: Mapping[str, Answers]
    views: Views
    left_out: tuple[FullLeftOutSource, ...]
    robustness: Robustness


def _result(comparison: Comparison, asked: _Asked) -> Result:
    name = comparison.models[0].name
    mistakes = worst_mistakes(comparison.part, asked.answers[name])
    unclear_cases = shown_unclear(comparison.unclear, asked.unclear[name])
    found = _found(comparison, asked, mistakes, unclear_cases)
    return Result(comparison, asked.answers, found, mistakes, unclear_cases)


def _found(
    comparison: Comparison, asked: _Asked, mistakes: Sequence[Case], unclear_cases: Sequence[Case]
) -> FullEvaluation:
    part, answers, robustness = comparison.part, asked.answers, asked.robustness
    own = answers[comparison.models[0].name]
    slices = measured_slices(part, own.brightness, asked.views)
    return FullEvaluation(
        schema=FullEvaluation.SCHEMA,
        made_with=made_with(),
        data=describe_data(comparison),
        models=tuple(map(describe_model, comparison.models)),
        scores={
            name: score_slices(part, given.probabilities, given.unsure_below)
            for name, given in answers.items()
        },
        calibration={name: _calibrations(part, given) for name, given in answers.items()},
        unclear={
            name: score_unclear(comparison.unclear, given) for name, given in asked.unclear.items()
        },
        strictness={
            name: risk_coverage(part, given, comparison.unclear, asked.unclear[name])
            for name, given in answers.items()
        },
        **{
            kind: {name: score_rows(part, given, rows) for name, given in answers.items()}
            for kind, rows in slices.items()
        },
        not_sliced=NOT_SLICED,
        left_out=asked.left_out,
        left_out_mean=left_out_means(asked.left_out),
        imitated_by_training=reasons(),
        sample=describe_sample(robustness),
        corruptions={name: corruption_table(robustness, name) for name in answers},
        rotation_deg={name: sweep_table(robustness, name, "rotation") for name in answers},
        brightness_factor={name: sweep_table(robustness, name, "light") for name in answers},
        mistakes=tuple(case.shown for case in mistakes),
        unclear_cases=tuple(case.shown for case in unclear_cases),
        crop_ms=crop_times(comparison.models),
    )


def _calibrations(part: Part, answers: Answers) -> dict[str, Calibration]:
    """Over all rows, and over those of each source."""
    sources = part.table["source"].to_numpy(str)
    slices = {"all": np.ones(len(sources), bool)}
    slices |= {str(name): sources == name for name in np.unique(sources)}
    return {
        name: calibration(part.labels[rows], answers.probabilities[rows])
        for name, rows in slices.items()
    }


def _score_left_out(
    item: LeftOut, comparison: Comparison, own: Answers, progress: Progress
) -> FullLeftOutSource:
    answers = ask_rows(item.model.classifier, item.part.table, progress)
    everywhere = np.ones(len(item.part.labels), bool)
    in_part = (item.part.table["split"] == comparison.part_name).to_numpy()
    of_source = (comparison.part.table["source"] == item.source).to_numpy()
    card = item.model.card
    return FullLeftOutSource(
        source=item.source,
        proof=item.proof.value,
        without_source=_of_source(item.part, answers, everywhere),
        without_source_on_part=_of_source(item.part, answers, in_part),
        evaluated_model_on_part=_of_source(comparison.part, own, of_source),
        model=card.name,
        sha256=card.sha256,
    )


def _of_source(part: Part, answers: Answers, rows: NDArray[np.bool_]) -> FullScoresOfSource:
    """Scores of some rows (n,) of a part, and their calibration error."""
    scores = score_rows(part, answers, {"rows": rows})["rows"]
    values = {field.name: getattr(scores, field.name) for field in fields(scores)}
    ece = calibration(part.labels[rows], answers.probabilities[rows]).ece
    return FullScoresOfSource(**values, ece=ece)
