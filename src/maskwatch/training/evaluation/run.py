"""The whole evaluation: ask, score, spoil, time; and the files it leaves."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from maskwatch.detect import FaceDetector
from maskwatch.errors import DataError
from maskwatch.training.detector.timing import interleaved
from maskwatch.training.evaluation.answers import Answers, Progress, ask_rows
from maskwatch.training.evaluation.calibration import Calibration, calibration
from maskwatch.training.evaluation.card_text import card_text
from maskwatch.training.evaluation.contest import Contest, Entrant, LeftOut
from maskwatch.training.evaluation.mistakes import faces_sheet, worst_mistakes
from maskwatch.training.evaluation.page import evaluation_page
from maskwatch.training.evaluation.result import Evaluation, LeftOutScores
from maskwatch.training.evaluation.slices import measured_slices, score_rows
from maskwatch.training.evaluation.stress import CONDITIONS, Stress, run_stress, sample
from maskwatch.training.evaluation.stress_tables import (
    corruption_table,
    describe_sample,
    sweep_table,
)
from maskwatch.training.evaluation.strictness import strictness
from maskwatch.training.evaluation.unclear import score_unclear, shown_unclear
from maskwatch.training.evaluation.views import LOOK_SIDE_PX, Views, measure_views
from maskwatch.training.parts import Part, score_slices

TIMED_RUNS = 200
"""Crops timed one by one per model, after one to warm up."""

FILES = ("evaluation.json", "evaluation.html", "model_card.md", "faces.png")
"""What an evaluation leaves in its folder."""


def work(contest: Contest) -> int:
    """How many rows and altered crops are looked at; what the progress adds up to."""
    models = len(contest.entrants)
    rows = (len(contest.part.labels) + len(contest.unclear.labels)) * models
    rows += len(contest.part.labels)  # where the detector looks for landmarks
    rows += sum(len(item.part.labels) for item in contest.left_out)
    return rows + len(sample(contest.part).labels) * len(CONDITIONS) * models


def evaluate(contest: Contest, out: Path, progress: Progress = lambda _n: None) -> Evaluation:
    """Evaluates, and writes FILES into `out`.

    Args:
        contest: from `enter`.
        out: folder to write to.
        progress: called with how much was done since the last call, see `work`.

    Raises:
        DataError: images cannot be read, or the folder cannot be written.
    """
    with _explained(out):
        out.mkdir(parents=True, exist_ok=True)  # shows before the work whether it can be written
    part, entrants = contest.part, contest.entrants
    answers = {e.name: ask_rows(e.classifier, part.table, progress) for e in entrants}
    own = answers[entrants[0].name]
    asked = _Asked(
        answers,
        {e.name: ask_rows(e.classifier, contest.unclear.table, progress) for e in entrants},
        measure_views(part.table, FaceDetector(side_px=LOOK_SIDE_PX), progress),
        tuple(_score_left_out(item, contest, own, progress) for item in contest.left_out),
        run_stress(entrants, sample(part), progress),
    )
    result = _tables(contest, asked)
    page, card = evaluation_page(result), card_text(result)
    sheet = Image.fromarray(faces_sheet(part, own))
    with _explained(out):
        text = json.dumps(result.to_dict(), indent=1) + "\n"
        (out / "evaluation.json").write_text(text, encoding="utf-8")
        (out / "evaluation.html").write_text(page, encoding="utf-8")
        (out / "model_card.md").write_text(card, encoding="utf-8")
        sheet.save(out / "faces.png")
    return result


def crop_times(entrants: tuple[Entrant, ...]) -> dict[str, dict[str, float]]:
    """Time of one crop from pixels to calibrated probabilities; ratios are to the first baseline.

    Without a baseline there is nothing to compare with, and the ratio is 1.
    """
    calls = {}
    for entrant in (*entrants[1:2], entrants[0], *entrants[2:]):
        side = entrant.card.input_side_px
        crop = np.random.default_rng(0).integers(0, 256, (1, side, side, 3), dtype=np.uint8)
        calls[entrant.name] = partial(entrant.classifier.probabilities, crop)
    return interleaved(calls for _ in range(TIMED_RUNS + 1))


@dataclass(frozen=True, slots=True)
class _Asked:
    """What was asked of the models, by their names, and of the detector."""

    answers: Mapping[str, Answers]
    unclear: Mapping[str, Answers]
    views: Views
    left_out: tuple[LeftOutScores, ...]
    stress: Stress


def _tables(contest: Contest, asked: _Asked) -> Evaluation:
    part, answers, stress = contest.part, asked.answers, asked.stress
    evaluated = contest.entrants[0].name
    own = answers[evaluated]
    slices = measured_slices(part, own.brightness, asked.views)
    return Evaluation(
        contest=contest,
        answers=answers,
        scores={
            name: score_slices(part, given.probabilities, given.unsure_below)
            for name, given in answers.items()
        },
        calibration={name: _calibrations(part, given) for name, given in answers.items()},
        unclear={
            name: score_unclear(contest.unclear, given) for name, given in asked.unclear.items()
        },
        strictness={
            name: strictness(part, given, contest.unclear, asked.unclear[name])
            for name, given in answers.items()
        },
        measured={
            kind: {name: score_rows(part, given, rows) for name, given in answers.items()}
            for kind, rows in slices.items()
        },
        left_out=asked.left_out,
        sample=describe_sample(stress),
        corruptions={name: corruption_table(stress, name) for name in answers},
        rotation={name: sweep_table(stress, name, "rotation") for name in answers},
        brightness={name: sweep_table(stress, name, "light") for name in answers},
        mistakes=worst_mistakes(part, own),
        unclear_cases=shown_unclear(contest.unclear, asked.unclear[evaluated]),
        crop_ms=crop_times(contest.entrants),
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
    item: LeftOut, contest: Contest, own: Answers, progress: Progress
) -> LeftOutScores:
    answers = ask_rows(item.entrant.classifier, item.part.table, progress)
    everywhere = np.ones(len(item.part.labels), bool)
    in_part = (item.part.table["split"] == contest.part_name).to_numpy()
    of_source = (contest.part.table["source"] == item.source).to_numpy()
    return LeftOutScores(
        item,
        _with_ece(item.part, answers, everywhere),
        _with_ece(item.part, answers, in_part),
        _with_ece(contest.part, own, of_source),
    )


def _with_ece(part: Part, answers: Answers, rows: NDArray[np.bool_]) -> dict[str, Any]:
    """Scores of some rows (n,) of a part, and their calibration error."""
    scores = score_rows(part, answers, {"rows": rows})["rows"]
    return scores | {"ece": calibration(part.labels[rows], answers.probabilities[rows]).ece}


@contextmanager
def _explained(out: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DataError(f"{out}: cannot be written ({error.strerror})") from error
