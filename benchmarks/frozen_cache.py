"""What the feature cache saves: the report's recipe with plain `fit` and with the cache.

    python benchmarks/frozen_cache.py --data split.parquet --weights PATH.weights.h5 --crops 640

Takes a seeded sample of the training part, trains two epochs each way on it, and once more with the
cache filled. Of the second epoch it prints crops a second, the time the report's five epochs over
7,188 crops would take at that pace, and the loss, which is the same in each way. The last line is
one JSON document, which also goes to benchmarks/results/frozen_cache.json.
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import replace
from pathlib import Path

import click
import pandas as pd

from maskwatch.training.classifier.train import train
from maskwatch.training.data.manifest import read_manifest
from maskwatch.training.recipes.classifier import Recipe, load_recipe
from maskwatch.training.run_folder import RunFolder

RECIPE = Path(__file__).parent.parent / "recipes" / "report.yaml"
RESULT = Path(__file__).parent / "results" / "frozen_cache.json"
REPORT_CROPS, REPORT_EPOCHS = 7188, 5


@click.command()
@click.option("--data", required=True, type=click.Path(path_type=Path))
@click.option("--weights", type=click.Path(path_type=Path))
@click.option("--crops", default=640, show_default=True)
def main(data: Path, weights: Path | None, crops: int) -> None:
    table = read_manifest(data)
    rows = table[table["split"] == "train"].sample(crops, random_state=0)
    recipe = load_recipe(RECIPE)
    # two epochs: the first one pays for building the graph and exporting the base
    recipe = replace(recipe, fit=replace(recipe.fit, epochs=2))
    with tempfile.TemporaryDirectory() as folder:
        ways = {
            "plain fit": last_epoch(recipe, rows, Path(folder, "a"), weights, None),
            "cache, first run": last_epoch(
                recipe, rows, Path(folder, "b"), weights, Path(folder, "c")
            ),
            "cache, next run": last_epoch(
                recipe, rows, Path(folder, "d"), weights, Path(folder, "c")
            ),
        }
    document = {
        name: {
            "crops_per_s": round(crops / row["seconds"], 1),
            "report_s": round(row["seconds"] / crops * REPORT_CROPS * REPORT_EPOCHS),
            "loss": row["loss"],
        }
        for name, row in ways.items()
    }
    for name, figures in document.items():
        click.echo(
            f"{name:<18}{figures['crops_per_s']:>8} crops/s, the report's five epochs in "
            f"{figures['report_s']} s, loss {figures['loss']:.4f}"
        )
    RESULT.write_text(json.dumps(document, indent=2) + "\n")
    click.echo(json.dumps(document))


def last_epoch(
    recipe: Recipe, rows: pd.DataFrame, path: Path, weights: Path | None, cache: Path | None
) -> dict[str, float]:
    """Train and return the last line of the history."""
    folder = RunFolder(path)
    train(recipe, rows, folder, weights, cache)
    return folder.history()[-1]


if __name__ == "__main__":
    main()
