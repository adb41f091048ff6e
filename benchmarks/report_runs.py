"""The student report's recipe, run three ways, as one table.

    python benchmarks/report_runs.py --data all.parquet --audited audited.parquet --weights PATH.h5

Recipes: as the report describes it, as its code has it (two hidden layers), and with the value
range that the ImageNet weights expect. Ways: the report's own protocol (the first fifth of the
sorted files of each class validates), and five folds that keep every near-identical group on one
side. Both manifests hold kaggle-8982; the report's protocol takes it as it is, black picture
included. Runs that are finished are read, not repeated. The last line of output is one JSON
document.
"""

from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import Any

import click
import pandas as pd

from maskwatch.training.classifier.train import train
from maskwatch.training.data.manifest import read_manifest
from maskwatch.training.data.split import crossing_groups, split_grouped, split_report, twin_share
from maskwatch.training.recipes.classifier import load_recipe
from maskwatch.training.run_folder import RunFolder

RECIPES = Path(__file__).parent.parent / "recipes"
RESULT = Path(__file__).parent / "results" / "report_runs.json"
NAMES = ("report", "report-code", "report-scaled")
FOLDS = 5


@click.command()
@click.option("--data", required=True, type=click.Path(path_type=Path))
@click.option("--audited", required=True, type=click.Path(path_type=Path))
@click.option("--weights", type=click.Path(path_type=Path))
@click.option("--out", default="runs/report-table", type=click.Path(path_type=Path))
@click.option("--cache", default="runs/cache", type=click.Path(path_type=Path))
def main(data: Path, audited: Path, weights: Path | None, out: Path, cache: Path) -> None:
    table = reports_set(audited)
    splits = {"report": split_report(reports_set(data))}
    for fold in range(FOLDS):
        splits[f"grouped-{fold}"] = split_grouped(table, folds=FOLDS, fold=fold, seed=0, test=False)

    document: dict[str, Any] = {"leak": leak(split_report(table)), "runs": {}}
    for name in NAMES:
        recipe = load_recipe(RECIPES / f"{name}.yaml")
        for way, rows in splits.items():
            folder = RunFolder(out / f"{name}-{way}")
            if not folder.scores():
                train(recipe, rows, folder, weights, cache)
            document["runs"][f"{name}/{way}"] = summary(folder)
    document["machine"] = folder.read()["machine"]
    document["data_sha256"] = folder.read()["data_sha256"]
    RESULT.write_text(json.dumps(document, indent=2) + "\n")
    show(document["runs"])
    click.echo(json.dumps(document))


def reports_set(manifest: Path) -> pd.DataFrame:
    """The rows of the report's data set."""
    table = read_manifest(manifest)
    return table[table["source"] == "kaggle-8982"].reset_index(drop=True)


def leak(table: pd.DataFrame) -> dict[str, float]:
    """How much of the report's validation part has a near-identical picture in training."""
    return {"crossing_groups": crossing_groups(table), "twin_share": round(twin_share(table), 4)}


def summary(folder: RunFolder) -> dict[str, Any]:
    """The figures of a run that go into the table."""
    last, scores = folder.history()[-1], folder.scores()["val"]
    return {
        "train_accuracy": round(last["accuracy"], 4),
        "val": {name: scores[name] for name in ("n", "groups", "accuracy", "macro_f1")},
        "recall": {state: row["recall"]["value"] for state, row in scores["per_class"].items()},
        "seconds": folder.read()["seconds"],
    }


def show(runs: dict[str, Any]) -> None:
    """One line a run, and the mean and spread of the folds."""
    click.echo(f"{'run':<28}{'train':>8}{'val':>8}{'macro F1':>10}{'recall of incorrect':>21}")
    for name, run in runs.items():
        accuracy, macro_f1 = run["val"]["accuracy"]["value"], run["val"]["macro_f1"]["value"]
        recall = run["recall"]["incorrect_mask"]
        click.echo(
            f"{name:<28}{run['train_accuracy']:>8.4f}{accuracy:>8.4f}{macro_f1:>10.4f}{recall:>21.4f}"
        )
    for recipe in NAMES:
        folds = [run for name, run in runs.items() if name.startswith(f"{recipe}/grouped")]
        values = [run["val"]["accuracy"]["value"] for run in folds]
        recalls = [run["recall"]["incorrect_mask"] for run in folds]
        click.echo(
            f"{recipe}: {len(folds)} grouped folds, accuracy mean {statistics.mean(values):.4f}, "
            f"{min(values):.4f} to {max(values):.4f}; recall of incorrect mean "
            f"{statistics.mean(recalls):.4f}, {min(recalls):.4f} to {max(recalls):.4f}"
        )


if __name__ == "__main__":
    main()
