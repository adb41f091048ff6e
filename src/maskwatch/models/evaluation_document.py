"""The whole evaluation.json: the records that ship with a model, and what only the document holds.

A `Full...` record is the one of the same name in evaluation.py with the rest of its values.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from maskwatch.models.evaluation import (
    Accuracy,
    Corruptions,
    Estimate,
    EvaluatedModel,
    Evaluation,
    Imitated,
    LeftOutSource,
    Loss,
    Mistake,
    Sample,
    Scores,
    ScoresOfSource,
    Sweep,
    SweepPoint,
    Unclear,
)


@dataclass(frozen=True, slots=True)
class FullScores(Scores):
    """With the threshold below which answers are unsure."""

    unsure_below: float


@dataclass(frozen=True, slots=True)
class FullScoresOfSource(ScoresOfSource):
    """Likewise."""

    unsure_below: float


@dataclass(frozen=True, slots=True)
class FullUnclear(Unclear):
    """With the mean probability of the likeliest class."""

    confidence: float | None


@dataclass(frozen=True, slots=True)
class Threshold:
    """What would be with a threshold for "unsure".

    Attributes:
        unsure_below: the threshold.
        is_own: it is that of the model card.
        unsure_share: of the rows with one of the three labels.
        accuracy_of_answers: of those that are not unsure.
        unclear_unsure_share: of the faces that nobody can judge.
        wrong_answers: given in spite of it.
        withheld_right: right answers that become unsure.
        withheld_wrong: wrong ones that do.
    """

    unsure_below: float
    is_own: bool
    unsure_share: Estimate
    accuracy_of_answers: Estimate
    unclear_unsure_share: Estimate
    wrong_answers: int
    withheld_right: int
    withheld_wrong: int


@dataclass(frozen=True, slots=True)
class FullAccuracy(Accuracy):
    """With the share of UNSURE."""

    unsure_share: float | None


@dataclass(frozen=True, slots=True)
class AlteredAccuracy(FullAccuracy):
    """That of a family at a strength, and how many points it is below clean."""

    drop_points: float | None


@dataclass(frozen=True, slots=True)
class FullLoss(Loss):
    """With the share of UNSURE."""

    mean: FullAccuracy


@dataclass(frozen=True, slots=True)
class FullCorruptions(Corruptions):
    """With the shares of UNSURE, and the points lost by family and strength."""

    mean: FullAccuracy
    clean: FullAccuracy
    families: Mapping[str, tuple[AlteredAccuracy, ...]]
    unpractised: FullLoss


@dataclass(frozen=True, slots=True)
class FullSweepPoint(SweepPoint):
    """With the number of crops, the share of UNSURE and the recall of each class."""

    n: int
    unsure_share: float | None
    recall: Mapping[str, float | None]


@dataclass(frozen=True, slots=True)
class FullSweep(Sweep):
    """Whole pictures have no surroundings to turn into the crop, so they stand apart from faces."""

    all: tuple[FullSweepPoint, ...]
    faces: tuple[FullSweepPoint, ...]
    pictures: tuple[FullSweepPoint, ...]

    @property
    def by_kind(self) -> dict[str, tuple[FullSweepPoint, ...]]:
        """All crops, faces, and whole pictures."""
        return {"all": self.all, "faces": self.faces, "pictures": self.pictures}


@dataclass(frozen=True, slots=True)
class FullImitated(Imitated):
    """With why it is thought so."""

    reason: str


@dataclass(frozen=True, slots=True)
class FullSample(Sample):
    """How many crops were altered, and how they were drawn."""

    per_class: Mapping[str, int]
    faces: int
    pictures: int
    groups: int
    most_per_group_and_class: int
    seed: int


@dataclass(frozen=True, slots=True)
class FullEvaluatedModel(EvaluatedModel):
    """With what its card says of how it is used."""

    file: str
    crop_margin_ratio: float
    logit_shift: tuple[float, ...]
    unsure_below: float


@dataclass(frozen=True, slots=True)
class FullLeftOutSource(LeftOutSource):
    """With the model that never saw it."""

    without_source: FullScoresOfSource
    without_source_on_part: FullScoresOfSource
    evaluated_model_on_part: FullScoresOfSource
    model: str
    sha256: str

    @property
    def by_name(self) -> dict[str, FullScoresOfSource]:
        """The three by their names in the document."""
        return {name: getattr(self, name) for name in LEFT_OUT_ROWS}


LEFT_OUT_ROWS = ("without_source", "without_source_on_part", "evaluated_model_on_part")


@dataclass(frozen=True, slots=True)
class MeanOfSources(Estimate):
    """A mean in which every source weighs alike; its ends are the lowest and highest source.

    Attributes:
        sources: how many there are where the score is defined.
    """

    sources: int


@dataclass(frozen=True, slots=True)
class MeanScores:
    """Scores of left-out sources in the mean; recall is by class."""

    accuracy: MeanOfSources
    macro_f1: MeanOfSources
    unsure_share: MeanOfSources
    ece: MeanOfSources
    recall: Mapping[str, MeanOfSources]


@dataclass(frozen=True, slots=True)
class ShownFace(Mistake):
    """A face and what was answered; its picture is named by its content, not by its place."""

    sha256: str
    box_xyxy: tuple[float, ...] | None


@dataclass(frozen=True, slots=True)
class Machine:
    """Where an evaluation was made."""

    cpu: str
    cores: int


@dataclass(frozen=True, slots=True)
class MadeWith:
    """The program that made an evaluation."""

    maskwatch: str
    revision: str | None
    versions: Mapping[str, str]
    machine: Machine


@dataclass(frozen=True, slots=True)
class FullEvaluation(Evaluation):
    """An evaluation.json, by its names.

    Mappings are by the name of the model, and then of the slice, except `left_out_mean`, which is
    by LEFT_OUT_ROWS.
    """

    models: tuple[FullEvaluatedModel, ...]
    scores: Mapping[str, Mapping[str, FullScores]]
    unclear: Mapping[str, FullUnclear]
    sizes: Mapping[str, Mapping[str, FullScores]]
    yaws: Mapping[str, Mapping[str, FullScores]]
    left_out: tuple[FullLeftOutSource, ...]
    imitated_by_training: Mapping[str, FullImitated]
    sample: FullSample
    corruptions: Mapping[str, FullCorruptions]
    rotation_deg: Mapping[str, FullSweep]
    brightness_factor: Mapping[str, FullSweep]
    made_with: MadeWith
    strictness: Mapping[str, tuple[Threshold, ...]]  # a key of the file
    lights: Mapping[str, Mapping[str, FullScores]]
    rolls: Mapping[str, Mapping[str, FullScores]]
    sharpness: Mapping[str, Mapping[str, FullScores]]
    tones: Mapping[str, Mapping[str, FullScores]]
    not_sliced: tuple[str, ...]
    left_out_mean: Mapping[str, MeanScores]
    mistakes: tuple[ShownFace, ...]
    unclear_cases: tuple[ShownFace, ...]
    crop_ms: Mapping[str, Mapping[str, float]]
