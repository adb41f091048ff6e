"""What an evaluation found, and its one serialised form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from maskwatch._version import __version__
from maskwatch.runtime import available_cpus
from maskwatch.schema import CLASSES
from maskwatch.training.environment import cpu_name, git_revision, versions
from maskwatch.training.evaluation.answers import Answers
from maskwatch.training.evaluation.calibration import Calibration
from maskwatch.training.evaluation.contest import Contest, Entrant, LeftOut
from maskwatch.training.evaluation.imitated import reasons
from maskwatch.training.evaluation.mistakes import Case
from maskwatch.training.evaluation.slices import NOT_SLICED

EVALUATION_SCHEMA = "maskwatch.evaluation/1"

_PACKAGES = ("onnxruntime", "opencv-python-headless", "numpy", "pandas", "pillow")


@dataclass(frozen=True, slots=True)
class LeftOutScores:
    """A source in the eyes of a model that never saw it, and of the evaluated one.

    Attributes:
        left_out: the source and the model without it.
        rows: scores of the model without it, on all rows of the source, with its calibration error
            as "ece".
        part_rows: those of the same model on those rows that are in the evaluated part.
        own: those of the evaluated model on the same.
    """

    left_out: LeftOut
    rows: dict[str, Any]
    part_rows: dict[str, Any]
    own: dict[str, Any]

    @property
    def by_name(self) -> dict[str, dict[str, Any]]:
        """The three by their names in evaluation.json."""
        return dict(zip(LEFT_OUT_ROWS, (self.rows, self.part_rows, self.own), strict=True))

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        card = self.left_out.entrant.card
        return {
            "source": self.left_out.source,
            "model": card.name,
            "sha256": card.sha256,
            "proof": self.left_out.proof.value,
            **self.by_name,
        }


LEFT_OUT_ROWS = ("without_source", "without_source_on_part", "evaluated_model_on_part")


def left_out_means(left_out: Sequence[LeftOutScores]) -> dict[str, dict[str, Any]]:
    """Mean over the left-out sources of every score, each source alike whatever its size.

    Returns:
        For each of LEFT_OUT_ROWS "accuracy", "macro_f1", "unsure_share", "ece" and the recall of
        each class, as {"value", "low", "high", "sources"}: low and high are the lowest and highest
        source, and `sources` counts those where the score is defined.
    """
    means: dict[str, dict[str, Any]] = {}
    for which in LEFT_OUT_ROWS:
        rows = [item.by_name[which] for item in left_out]
        means[which] = {
            name: _mean([row[name]["value"] for row in rows])
            for name in ("accuracy", "macro_f1", "unsure_share")
        }
        means[which]["ece"] = _mean([row["ece"] for row in rows])
        means[which]["recall"] = {
            state.value: _mean([row["per_class"][state.value]["recall"]["value"] for row in rows])
            for state in CLASSES
        }
    return means


def _mean(values: Sequence[float | None]) -> dict[str, float | int | None]:
    known = [value for value in values if value is not None]
    if not known:
        return {"value": None, "low": None, "high": None, "sources": 0}
    mean = round(sum(known) / len(known), 4)
    return {"value": mean, "low": min(known), "high": max(known), "sources": len(known)}


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The result; every mapping is by name of the model, the evaluated one first.

    Attributes:
        contest: what was evaluated.
        answers: what each model says of the rows of the part.
        scores: see parts.score_slices.
        calibration: by source, "all" first.
        unclear: what each model says of faces that nobody can judge, see unclear.score_unclear.
        strictness: what other thresholds for "unsure" bring, see strictness.strictness.
        measured: scores by what was measured of a face, by the names in slices.MEASURES first.
        left_out: a row for each model trained without a source.
        sample: which crops were altered.
        corruptions: see stress_tables.corruption_table.
        rotation: see stress_tables.sweep_table.
        brightness: the same for light.
        mistakes: the worst ones of the evaluated model.
        unclear_cases: faces that nobody can judge and what the evaluated model says of them.
        crop_ms: median, 95th percentile and ratio of the time of one crop.
    """

    contest: Contest
    answers: Mapping[str, Answers]
    scores: Mapping[str, dict[str, Any]]
    calibration: Mapping[str, Mapping[str, Calibration]]
    unclear: Mapping[str, dict[str, Any]]
    strictness: Mapping[str, list[dict[str, Any]]]
    measured: Mapping[str, Mapping[str, dict[str, Any]]]
    left_out: tuple[LeftOutScores, ...]
    sample: Mapping[str, Any]
    corruptions: Mapping[str, dict[str, Any]]
    rotation: Mapping[str, dict[str, Any]]
    brightness: Mapping[str, dict[str, Any]]
    mistakes: tuple[Case, ...]
    unclear_cases: tuple[Case, ...]
    crop_ms: Mapping[str, Mapping[str, float]]

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain JSON values, with what it was made with."""
        contest = self.contest
        return {
            "schema": EVALUATION_SCHEMA,
            "made_with": {
                "maskwatch": __version__,
                "revision": git_revision(),
                "versions": versions(_PACKAGES),
                "machine": {"cpu": cpu_name(), "cores": available_cpus()},
            },
            "data": {
                "manifest": contest.manifest,
                "data_sha256": contest.data_sha256,
                "part": contest.part_name,
                "rows": len(contest.part.labels),
                "groups": len(np.unique(contest.part.groups)),
                "rows_with_a_twin_in_training": contest.twins,
            },
            "models": [_describe(entrant) for entrant in contest.entrants],
            "scores": self.scores,
            "calibration": {
                name: {part: values.to_dict() for part, values in parts.items()}
                for name, parts in self.calibration.items()
            },
            "unclear": self.unclear,
            "strictness": self.strictness,
            **self.measured,
            "not_sliced": list(NOT_SLICED),
            "left_out": [row.to_dict() for row in self.left_out],
            "left_out_mean": left_out_means(self.left_out),
            "imitated_by_training": reasons(),
            "sample": self.sample,
            "corruptions": self.corruptions,
            "rotation_deg": self.rotation,
            "brightness_factor": self.brightness,
            "mistakes": [case.to_dict() for case in self.mistakes],
            "unclear_cases": [case.to_dict() for case in self.unclear_cases],
            "crop_ms": self.crop_ms,
        }


def _describe(entrant: Entrant) -> dict[str, Any]:
    card = entrant.card
    return {
        "name": entrant.name,
        "file": entrant.path.name,
        "sha256": card.sha256,
        "input_side_px": card.input_side_px,
        "crop_margin_ratio": card.crop_margin_ratio,
        "temperature": card.temperature,
        "logit_shift": list(card.logit_shift),
        "unsure_below": card.unsure_below,
        "seen": entrant.seen.value,
    }
