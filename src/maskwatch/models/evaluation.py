"""The records of an evaluation.json that is read again: what a model scored, and on what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from maskwatch.schema import CLASSES, MaskState

SCORE = "{value:.3f} ({low:.3f}-{high:.3f})"
POINTS = "{value:.1f} ({low:.1f} to {high:.1f})"
"""How an estimate is written: a score, and points of accuracy, which may be negative."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with the ends of its 95 % interval, None where it is undefined.

    Points of accuracy are 0 to 100 and may be negative, everything else is 0 to 1.
    """

    value: float | None
    low: float | None
    high: float | None

    def text(self, form: str = SCORE) -> str:
        """The value with its interval in words of the reports, or a dash where there is none."""
        if self.value is None:
            return "-"
        return form.format(value=self.value, low=self.low, high=self.high)


UNDEFINED = Estimate(None, None, None)


def number(value: float | None, digits: int = 3) -> str:
    """A number, or a dash where there is none."""
    return "-" if value is None else f"{value:.{digits}f}"


def share(value: float | None) -> str:
    """A share from 0 to 1 in percent."""
    return "-" if value is None else f"{value:.1%}"


@dataclass(frozen=True, slots=True)
class ClassScores:
    """Of the faces of a class: their number, and how they were judged."""

    n: int
    precision: Estimate
    recall: Estimate
    f1: Estimate

    @property
    def occurs(self) -> bool:
        """Whether there are any, or some were answered: answers without a face are false alarms."""
        return bool(self.n) or self.precision.value is not None


@dataclass(frozen=True, slots=True)
class Scores:
    """What a model scored on some faces.

    Attributes:
        n: faces.
        groups: different photos among them; the unit of the intervals.
        accuracy: UNSURE counts as not found.
        macro_f1: mean over the classes that occur.
        unsure_share: of all faces.
        per_class: by the names of schema.CLASSES.
        confusion: true class in the order of schema.CLASSES by answer, the last being UNSURE.
    """

    n: int
    groups: int
    accuracy: Estimate
    macro_f1: Estimate
    unsure_share: Estimate
    per_class: Mapping[str, ClassScores]
    confusion: tuple[tuple[int, ...], ...]

    def __post_init__(self) -> None:
        if [len(row) for row in self.confusion] != [len(CLASSES) + 1] * len(CLASSES):
            raise ValueError("the confusion must be 3 rows of 4 counts")
        if set(self.per_class) != set(CLASSES):
            raise ValueError(f"scores per class must be of {', '.join(CLASSES)}")


@dataclass(frozen=True, slots=True)
class ScoresOfSource(Scores):
    """The same, of all faces of a source, with the calibration error."""

    ece: float | None


@dataclass(frozen=True, slots=True)
class Bin:
    """The answers whose confidence lies in (low, high]; means are None where there is none."""

    low: float
    high: float
    n: int
    confidence: float | None
    accuracy: float | None


@dataclass(frozen=True, slots=True)
class Calibration:
    """How well confidence foretells being right; see training/evaluation/abstention.py.

    Attributes:
        n: number of answers.
        ece: mean distance of confidence from accuracy over the bins, by their number of answers;
            None without answers.
        confidence: mean over all answers.
        accuracy: share of right ones; the likeliest class counts, also where the verdict is UNSURE.
        bins: of equal width, ascending.
    """

    n: int
    ece: float | None
    confidence: float | None
    accuracy: float | None
    bins: tuple[Bin, ...]


@dataclass(frozen=True, slots=True)
class Unclear:
    """What was answered of faces that nobody can judge; only UNSURE is right."""

    n: int
    groups: int
    unsure_share: Estimate
    answers: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Mean recall of the classes."""

    accuracy: float | None


@dataclass(frozen=True, slots=True)
class Loss:
    """Accuracy on corrupted pictures, and how many points of accuracy are lost to clean ones."""

    mean: Accuracy
    drop_points: Estimate


@dataclass(frozen=True, slots=True)
class Corruptions(Loss):
    """The same over all families of corruptions.

    Attributes:
        clean: before.
        families: accuracy by family and strength, weakest first.
        unpractised: of the families that training does not imitate.
    """

    clean: Accuracy
    families: Mapping[str, tuple[Accuracy, ...]]
    unpractised: Loss


@dataclass(frozen=True, slots=True)
class SweepPoint:
    """Accuracy where pictures are turned by `amount` degrees, or made so many times as bright."""

    amount: float
    accuracy: float | None


@dataclass(frozen=True, slots=True)
class Sweep:
    """Points in ascending order of their amount."""

    all: tuple[SweepPoint, ...]


@dataclass(frozen=True, slots=True)
class Imitated:
    """Whether training draws something akin to a family of corruptions."""

    imitated: bool


@dataclass(frozen=True, slots=True)
class Sample:
    """How many crops were altered."""

    crops: int


@dataclass(frozen=True, slots=True)
class Mistake:
    """A wrong answer.

    Attributes:
        label: what the data says that the face shows.
        answer: what the model says.
        confidence: how sure it is.
        source: the data set.
    """

    label: MaskState
    answer: MaskState
    confidence: float
    source: str


@dataclass(frozen=True, slots=True)
class EvaluatedModel:
    """A model that was scored.

    Attributes:
        name: how tables call it.
        sha256: of its file.
        input_side_px: of its crops.
        temperature: of its calibration.
        seen: what its card says of the rows: a sentence of comparison.Seen, packed as its name.
    """

    name: str
    sha256: str
    input_side_px: int
    temperature: float
    seen: str


@dataclass(frozen=True, slots=True)
class LeftOutSource:
    """A source in the eyes of a model that never saw it, and of the evaluated one.

    Attributes:
        source: its name.
        proof: how it is known that the model never saw it: a sentence of comparison.Proof, packed
            as its name.
        without_source: that model on all its faces.
        without_source_on_part: the same on the evaluated part.
        evaluated_model_on_part: the evaluated model there.
    """

    source: str
    proof: str
    without_source: ScoresOfSource
    without_source_on_part: ScoresOfSource
    evaluated_model_on_part: ScoresOfSource


@dataclass(frozen=True, slots=True)
class EvaluatedData:
    """The part of a manifest that was scored."""

    manifest: str
    data_sha256: str
    part: str
    rows: int
    groups: int
    rows_with_a_twin_in_training: int


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What the page shows of an evaluation.json, by its names.

    Mappings are by the name of the model, and then of the slice; the evaluated model is the first
    of `models`.
    """

    schema: str
    data: EvaluatedData
    models: tuple[EvaluatedModel, ...]
    scores: Mapping[str, Mapping[str, Scores]]
    calibration: Mapping[str, Mapping[str, Calibration]]
    unclear: Mapping[str, Unclear]
    sizes: Mapping[str, Mapping[str, Scores]]
    yaws: Mapping[str, Mapping[str, Scores]]
    left_out: tuple[LeftOutSource, ...]
    imitated_by_training: Mapping[str, Imitated]
    sample: Sample
    corruptions: Mapping[str, Corruptions]
    rotation_deg: Mapping[str, Sweep]
    brightness_factor: Mapping[str, Sweep]

    SCHEMA: ClassVar[str] = "maskwatch.evaluation/1"

    def __post_init__(self) -> None:
        if self.schema != self.SCHEMA:
            raise ValueError(f"its schema is {self.schema!r}, this version reads {self.SCHEMA!r}")
        names = {model.name for model in self.models}
        by_model: tuple[Mapping[str, object], ...] = (
            self.scores,
            self.calibration,
            self.unclear,
            self.sizes,
            self.yaws,
            self.corruptions,
            self.rotation_deg,
            self.brightness_factor,
        )
        if not names or any(set(item) != names for item in by_model):
            raise ValueError("not every model has every score")
        if any(
            "all" not in slices for slices in (*self.scores.values(), *self.calibration.values())
        ):
            raise ValueError("there is no score of all rows")

    @property
    def own(self) -> EvaluatedModel:
        """The evaluated model."""
        return self.models[0]

    @property
    def worst_left_out(self) -> LeftOutSource | None:
        """The left-out source of which fewest faces are judged rightly."""
        known = [item for item in self.left_out if item.without_source.accuracy.value is not None]
        return min(known, key=lambda item: item.without_source.accuracy.value or 0, default=None)

    @property
    def left_out_accuracy(self) -> Estimate:
        """Accuracy on left-out sources: of one with its interval, of several their mean.

        In the mean every source weighs alike, and its ends are the lowest and highest source.
        """
        known = [item.without_source.accuracy for item in self.left_out]
        values = [score.value for score in known if score.value is not None]
        if len(values) < 2:
            return next((score for score in known if score.value is not None), UNDEFINED)
        return Estimate(sum(values) / len(values), min(values), max(values))
