"""Evidence of a toy model whose every number is made up, to see that the page shows these."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from maskwatch.models.evaluation import (
    UNDEFINED,
    Accuracy,
    Bin,
    Calibration,
    ClassScores,
    Corruptions,
    Estimate,
    EvaluatedData,
    EvaluatedModel,
    Evaluation,
    Imitated,
    LeftOutSource,
    Loss,
    Sample,
    Scores,
    ScoresOfSource,
    Sweep,
    SweepPoint,
    Unclear,
)
from maskwatch.models.evidence import (
    BrightnessScore,
    ClassFacts,
    DataFacts,
    Epoch,
    Evidence,
    Leak,
    Source,
    TrainingFacts,
    write_evidence,
)
from maskwatch.models.records import to_json
from maskwatch.schema import CLASSES

OWN, OTHER = "toy 1", "report-toy 1"


def around(value: float) -> Estimate:
    return Estimate(value, value - 0.05, value + 0.02)


def scores(accuracy: float, n: int = 40) -> Scores:
    """Right answers on the diagonal; what is missing of a mask is taken for one worn wrong."""
    per_class = {
        state.value: ClassScores(n, around(accuracy), around(accuracy - 0.01), around(accuracy))
        for state in CLASSES
    }
    right = round(accuracy * n)
    confusion = ((right, 0, n - right, 0), (0, n, 0, 0), (1, 0, n - 2, 1))
    return Scores(3 * n, n, around(accuracy), around(accuracy), UNDEFINED, per_class, confusion)


def of_source(accuracy: float, n: int) -> ScoresOfSource:
    made = scores(accuracy, n)
    names = ("accuracy", "macro_f1", "unsure_share", "per_class", "confusion")
    return ScoresOfSource(n, n, *(getattr(made, name) for name in names), ece=0.123)


def evaluation(sha256: str, seen: str = "no", twins: int = 0) -> Evaluation:
    def each(first: Any, second: Any) -> dict[str, Any]:
        return {OWN: first, OTHER: second}

    def calibrated(ece: float) -> Calibration:
        return Calibration(120, ece, 0.9, 0.8, (Bin(0.8, 1.0, 120, 0.9, 0.8),))

    def corrupted(clean: float) -> Corruptions:
        strengths = tuple(Accuracy(clean - 0.05 * step) for step in range(1, 6))
        lost = Estimate(12.3, 10.0, 15.0)
        hard = tuple(Accuracy(0.2) for _ in range(5))
        families = {"fog": strengths, "frost": hard}
        return Corruptions(
            Accuracy(0.5), lost, Accuracy(clean), families, Loss(Accuracy(0.4), around(0.3))
        )

    def swept(low: float) -> Sweep:
        return Sweep(tuple(SweepPoint(x, low + 0.1 * k) for k, x in enumerate((-45.0, 0.0, 1.3))))

    def sliced(*names: str) -> dict[str, Any]:
        return each(
            {name: scores(0.6 + 0.1 * k) for k, name in enumerate(names)},
            {name: scores(0.5) for name in names},
        )

    models = (
        EvaluatedModel(OWN, sha256, 32, 1.0, seen),
        EvaluatedModel(OTHER, "0" * 64, 48, 1.0, "unknown"),
    )
    return Evaluation(
        schema=Evaluation.SCHEMA,
        data=EvaluatedData("drawn.parquet", "d" * 64, "test", 1234, 567, twins),
        models=models,
        scores=sliced("all", "<b>drawn</b> faces"),
        calibration=each(
            {"all": calibrated(0.1), "drawn": calibrated(0.2)}, {"all": calibrated(0)}
        ),
        unclear=each(Unclear(9, 3, around(0.25), {}), Unclear(9, 3, around(0.1), {})),
        sizes=sliced("under 20 px", "whole pictures"),
        yaws=sliced("turned under 15°", "no landmarks found"),
        left_out=(
            LeftOutSource(
                "elsewhere", "counts", of_source(0.45, 77), of_source(0.5, 7), of_source(0.9, 7)
            ),
        ),
        imitated_by_training={"fog": Imitated(True), "frost": Imitated(False)},
        sample=Sample(51),
        corruptions=each(corrupted(0.9), corrupted(0.7)),
        rotation_deg=each(swept(0.6), swept(0.4)),
        brightness_factor=each(swept(0.7), swept(0.3)),
    )


def data_facts() -> DataFacts:
    labels = [state.value for state in CLASSES]
    rows = {"train": dict(zip((*labels, "unclear"), (100, 50, 20, 3), strict=True))}
    facts = {
        label: ClassFacts(n, groups, (n - 7, 7), (n, 0), (light, light + 10.0, light + 20.0))
        for label, n, groups, light in zip(
            labels, (100, 50, 20), (90, 40, 2), (90.0, 95.0, 40.0), strict=True
        )
    }
    return DataFacts(
        sha256="d" * 64,
        synthetic="synthetic",
        sources=(
            Source("<b>drawn</b>", "CC0", rows, dict(zip(labels, (90, 40, 2), strict=True)), 21),
            Source("synthetic", "own", {"train": dict.fromkeys(labels, 4)}, {}, 0),
        ),
        files=150,
        groups=132,
        groups_across_sources=11,
        groups_by_files={"1": 120, "2": 12},
        classes=facts,
        size_edges_px=(0, 20),
        brightness_edges=(0, 128, 256),
        tiny_px=20,
        leaks=(Leak("random 80/20", 0.81, 14), Leak("its own", 0.0, 0)),
        brightness_alone=(BrightnessScore("all", 0.71, 1 / 3),),
    )


def training_facts() -> TrainingFacts:
    epochs = (
        Epoch(1, 0.5, 1.25, 0.6, 1.0),
        Epoch(2, 0.7, 0.5, 0.85, 0.4),
        Epoch(3, 0.8, 0.4, 0.83, 0.41),
    )
    return TrainingFacts("toy-recipe", 120.0, "<b>toy</b> CPU", 2, 1234567, epochs)


def evidence(sha256: str, **changes: Any) -> Evidence:
    """Of the model with this hash; `changes` are of the evaluation."""
    card = "# Model card: toy\n\nWhat a toy is for."
    return Evidence(sha256, data_facts(), training_facts(), evaluation(sha256, **changes), card)


def write_toy_evidence(model_path: Path, **changes: Any) -> Path:
    """Beside a model file."""
    sha256 = hashlib.sha256(model_path.read_bytes()).hexdigest()
    return write_evidence(evidence(sha256, **changes), model_path)


def document(sha256: str) -> dict[str, Any]:
    return {"schema": Evidence.schema, **to_json(evidence(sha256))}
