"""What an evaluation found: the records of evaluation.json, and what its pictures are cut from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from maskwatch._version import __version__
from maskwatch.io.environment import cpu_name, git_revision, versions
from maskwatch.models.evaluation import EvaluatedData
from maskwatch.models.evaluation_document import (
    LEFT_OUT_ROWS,
    FullEvaluatedModel,
    FullEvaluation,
    FullLeftOutSource,
    Machine,
    MadeWith,
    MeanOfSources,
    MeanScores,
)
from maskwatch.models.runtime import available_cpus
from maskwatch.schema import CLASSES
from maskwatch.training.evaluation.answers import Answers
from maskwatch.training.evaluation.comparison import ComparedModel, Comparison
from maskwatch.training.evaluation.mistakes import Case

_PACKAGES = ("onnxruntime", "opencv-python-headless", "numpy", "pandas", "pillow")


@dataclass(frozen=True, slots=True)
class Result:
    """An evaluation.

    Attributes:
        comparison: what was evaluated.
        answers: what each model says of the rows of the part, the evaluated one first.
        found: all the numbers; what evaluation.json holds.
        mistakes: the worst ones of the evaluated model.
        unclear_cases: faces that nobody can judge and what the evaluated model says of them.
    """

    comparison: Comparison
    answers: Mapping[str, Answers]
    found: FullEvaluation
    mistakes: tuple[Case, ...]
    unclear_cases: tuple[Case, ...]


def made_with() -> MadeWith:
    """The program that runs, and where."""
    machine = Machine(cpu_name(), available_cpus())
    return MadeWith(__version__, git_revision(), versions(_PACKAGES), machine)


def describe_data(comparison: Comparison) -> EvaluatedData:
    """What was scored."""
    return EvaluatedData(
        manifest=comparison.manifest,
        data_sha256=comparison.data_sha256,
        part=comparison.part_name,
        rows=len(comparison.part.labels),
        groups=len(np.unique(comparison.part.groups)),
        rows_with_a_twin_in_training=comparison.twins,
    )


def describe_model(model: ComparedModel) -> FullEvaluatedModel:
    """A model in the words of its card."""
    card = model.card
    return FullEvaluatedModel(
        name=model.name,
        sha256=card.sha256,
        input_side_px=card.input_side_px,
        temperature=card.temperature,
        seen=model.seen.value,
        file=model.path.name,
        crop_margin_ratio=card.crop_margin_ratio,
        logit_shift=card.logit_shift,
        unsure_below=card.unsure_below,
    )


def left_out_means(left_out: Sequence[FullLeftOutSource]) -> dict[str, MeanScores]:
    """Mean over the left-out sources of every score, for each of LEFT_OUT_ROWS."""
    means = {}
    for which in LEFT_OUT_ROWS:
        rows = [item.by_name[which] for item in left_out]
        means[which] = MeanScores(
            accuracy=_mean([row.accuracy.value for row in rows]),
            macro_f1=_mean([row.macro_f1.value for row in rows]),
            unsure_share=_mean([row.unsure_share.value for row in rows]),
            ece=_mean([row.ece for row in rows]),
            recall={
                state.value: _mean([row.per_class[state.value].recall.value for row in rows])
                for state in CLASSES
            },
        )
    return means


def _mean(values: Sequence[float | None]) -> MeanOfSources:
    known = [value for value in values if value is not None]
    if not known:
        return MeanOfSources(None, None, None, 0)
    mean = round(sum(known) / len(known), 4)
    return MeanOfSources(mean, min(known), max(known), len(known))
