"""`maskwatch train`, `tune` and `export`: thin doors to maskwatch.training."""

from __future__ import annotations

import os
from pathlib import Path

import click

from maskwatch.errors import MissingExtraError

# TensorFlow's start-up chatter goes to stderr and tells a user nothing
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

_FILE = click.Path(path_type=Path, dir_okay=False)
_FOLDER = click.Path(path_type=Path, file_okay=False)


@click.command()
@click.argument("recipe", type=_FILE)
@click.option("--data", required=True, type=_FILE, help="Manifest with a split.")
@click.option("--out", type=_FOLDER, help="Run folder; runs/NAME of the recipe if not given.")
@click.option("--weights", type=_FILE, help="ImageNet weights without top, for offline work.")
@click.option(
    "--cache",
    type=_FOLDER,
    help="Keep the features of a frozen base here and train the head on them.",
)
def train(
    recipe: Path, data: Path, out: Path | None, weights: Path | None, cache: Path | None
) -> None:
    """Train RECIPE (a YAML file) on a manifest and write a run folder.

    A run that was cut off goes on when the same command is given again.
    """
    _require_training()
    from maskwatch.training import train as training
    from maskwatch.training.manifest import read_manifest
    from maskwatch.training.recipe import load_recipe
    from maskwatch.training.run_folder import RunFolder

    settings = load_recipe(recipe)
    folder = RunFolder(out or Path("runs") / settings.name)
    training.train(settings, read_manifest(data), folder, weights, cache)
    _print_scores(folder)


def _print_scores(folder: object) -> None:
    from maskwatch.training.run_folder import RunFolder

    assert isinstance(folder, RunFolder)
    for part, scores in folder.scores().items():
        accuracy, macro_f1 = scores["accuracy"], scores["macro_f1"]
        click.echo(
            f"{part}: {scores['n']} crops in {scores['groups']} groups, "
            f"accuracy {accuracy['value']:.4f} ({accuracy['low']:.4f}-{accuracy['high']:.4f}), "
            f"macro F1 {macro_f1['value']:.4f} ({macro_f1['low']:.4f}-{macro_f1['high']:.4f})"
        )
        for name, row in scores["per_class"].items():
            if row["n"]:
                cells = "  ".join(
                    f"{what} {row[what]['value']:.3f}" if row[what]["value"] is not None else ""
                    for what in ("precision", "recall", "f1")
                )
                click.echo(f"  {name:<15} {row['n']:>6}  {cells}")
    click.echo(f"run folder: {folder.path}")


def _require_training() -> None:
    try:
        import keras  # noqa: F401  # looks for a backend too
    except ImportError as error:
        raise MissingExtraError("training", "train") from error
