"""What an evaluation found, and its one serialised form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from maskwatch._version import __version__
from maskwatch.runtime import available_cpus
from maskwatch.training.environment import cpu_name, git_revision, versions
from maskwatch.training.evaluation.answers import Answers
from maskwatch.training.evaluation.calibration import Calibration
from maskwatch.training.evaluation.contest import Contest, Entrant, LeftOut
from maskwatch.training.evaluation.mistakes import Mistake
from maskwatch.training.evaluation.slices import NOT_SLICED

EVALUATION_SCHEMA = "maskwatch.evaluation/1"

_PACKAGES = ("onnxruntime", "opencv-python-headless", "numpy", "pandas", "pillow")


@dataclass(frozen=True, slots=True)
class LeftOutScores:
    """A source in the eyes of a model that never saw it, and of the evaluated one.

    Attributes:
        left_out: the source and the model without it.
        rows: the model without it, on all rows of the source.
        part_rows: the same model on those rows that are in the evaluated part.
        own: the evaluated model on those.
    """

    left_out: LeftOut
    rows: dict[str, Any]
    part_rows: dict[str, Any]
    own: dict[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        card = self.left_out.entrant.card
        return {
            "source": self.left_out.source,
            "model": card.name,
            "sha256": card.sha256,
            "proof": self.left_out.proof.value,
            "without_source": self.rows,
            "without_source_on_part": self.part_rows,
            "evaluated_model_on_part": self.own,
        }


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The result; every mapping is by name of the model, the evaluated one first.

    Attributes:
        contest: what was evaluated.
        answers: what each model says of the rows of the part.
        scores: see parts.score_slices.
        calibration: by slice, "all" first.
        sizes: scores by size of the face.
        lights: scores by light.
        left_out: a row for each model trained without a source.
        sample: which crops were altered.
        corruptions: see stress_tables.corruption_table.
        rotation: see stress_tables.sweep_table.
        brightness: the same for light.
        mistakes: the worst ones of the evaluated model.
        crop_ms: median, 95th percentile and ratio of the time of one crop.
    """

    contest: Contest
    answers: Mapping[str, Answers]
    scores: Mapping[str, dict[str, Any]]
    calibration: Mapping[str, Mapping[str, Calibration]]
    sizes: Mapping[str, dict[str, Any]]
    lights: Mapping[str, dict[str, Any]]
    left_out: tuple[LeftOutScores, ...]
    sample: Mapping[str, Any]
    corruptions: Mapping[str, dict[str, Any]]
    rotation: Mapping[str, dict[str, Any]]
    brightness: Mapping[str, dict[str, Any]]
    mistakes: tuple[Mistake, ...]
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
            "sizes": self.sizes,
            "lights": self.lights,
            "not_sliced": list(NOT_SLICED),
            "left_out": [row.to_dict() for row in self.left_out],
            "sample": self.sample,
            "corruptions": self.corruptions,
            "rotation_deg": self.rotation,
            "brightness_factor": self.brightness,
            "mistakes": [mistake.to_dict() for mistake in self.mistakes],
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
        "unsure_below": card.unsure_below,
        "seen": entrant.seen.value,
    }
