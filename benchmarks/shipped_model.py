"""The shipped model beside the report's, on the same pictures that neither was trained on.

    python benchmarks/shipped_model.py --data split.parquet --weights PATH.weights.h5

Scores the exported file through ONNX Runtime on the `test` part, source by source. On the same rows
it scores the report's system (its code's recipe), which it first trains on what the report had: the
kaggle-8982 rows of the other parts. The last line of output is one JSON document.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import numpy as np

from maskwatch.classify import Classifier
from maskwatch.model_card import SHIPPED_MODEL
from maskwatch.training.crops import load_canvases
from maskwatch.training.manifest import data_sha256, read_manifest
from maskwatch.training.parts import Part, score_slices, take_part
from maskwatch.training.recipe import Recipe, load_recipe
from maskwatch.training.run_folder import RunFolder
from maskwatch.training.train import predict, train

RECIPE = Path(__file__).parent.parent / "recipes" / "report-code.yaml"
RESULT = Path(__file__).parent / "results" / "shipped_model.json"


@click.command()
@click.option("--data", required=True, type=click.Path(path_type=Path))
@click.option("--weights", type=click.Path(path_type=Path))
@click.option("--out", default="runs/report-table/baseline", type=click.Path(path_type=Path))
@click.option("--cache", default="runs/cache", type=click.Path(path_type=Path))
def main(data: Path, weights: Path | None, out: Path, cache: Path) -> None:
    table = read_manifest(data)
    test, run = take_part(table, "test"), RunFolder(out)
    if not run.scores():
        reports_data = table[(table["source"] == "kaggle-8982") & (table["split"] != "test")]
        train(load_recipe(RECIPE), reports_data, run, weights, cache)
    classifier = Classifier(SHIPPED_MODEL)
    answers = {
        "shipped": (shipped_answers(classifier, test), classifier.card.unsure_below),
        # the report has no unsure
        "report": (predict(run.load_model(), test, run.load_recipe(Recipe)), 0.0),
    }
    document: dict[str, Any] = {
        "data_sha256": data_sha256(table),
        "model_sha256": classifier.card.sha256,
        **{name: score_slices(test, *given) for name, given in answers.items()},
    }
    for name in answers:
        for source, scores in document[name].items():
            show(name, source, scores)
    RESULT.write_text(json.dumps(document, indent=2) + "\n")
    click.echo(json.dumps(document))


def shipped_answers(classifier: Classifier, part: Part) -> np.ndarray:
    """Calibrated probabilities (n, 3) of the shipped file."""
    card = classifier.card
    crops = load_canvases(part.table, card.input_side_px, card.crop_margin_ratio, 0)
    return classifier.probabilities(crops)


def show(name: str, source: str, scores: dict[str, Any]) -> None:
    """One line: size, accuracy with its interval, recalls, share of unsure."""
    recalls = "  ".join(
        f"{state} {row['recall']['value']:.3f}"
        for state, row in scores["per_class"].items()
        if row["n"]
    )
    accuracy, unsure = scores["accuracy"], scores["unsure_share"]["value"]
    click.echo(
        f"{name:<8}{source:<28}{scores['n']:>6}  accuracy {accuracy['value']:.3f} "
        f"({accuracy['low']:.3f}-{accuracy['high']:.3f})  "
        f"macro F1 {scores['macro_f1']['value']:.3f}  unsure {unsure:.3f}  recall: {recalls}"
    )


if __name__ == "__main__":
    main()
