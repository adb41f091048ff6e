"""`maskwatch train`, `tune`, `export` and their like for the detector: thin doors."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from maskwatch.cli.main import TriedPath
from maskwatch.errors import MissingExtraError, SettingError
from maskwatch.models.evaluation import Estimate

if TYPE_CHECKING:
    from maskwatch.models.card import ModelCard
    from maskwatch.training.run_folder import RunFolder

_FILE = click.Path(path_type=Path, dir_okay=False)
_RECIPE = click.Path(path_type=Path, dir_okay=False, exists=True)  # TensorFlow takes long to load
_FOLDER = click.Path(path_type=Path, file_okay=False)


class _OnnxOut(TriedPath):
    """An ONNX file to write."""

    def convert(self, value: Any, *beside: Any) -> Path:
        path = Path(os.fsdecode(value))
        if path.suffix.lower() != ".onnx":  # its card would take the place of PATH.json
            raise SettingError(f"{path}: must end in .onnx; its card goes beside it, in .json")
        return super().convert(value, *beside)


_ONNX_OUT = _OnnxOut(dir_okay=False, path_type=Path)
_WEIGHTS = click.option(
    "--weights",
    type=_FILE,
    help="ImageNet weights without top (.h5), for offline work; or an exported classifier (.onnx), "
    "such as the shipped one, to go on from.",
)


@click.command()
@click.argument("recipe", type=_RECIPE)
@click.option("--data", required=True, type=_FILE, help="Manifest with a split.")
@click.option("--out", type=_FOLDER, help="Run folder; runs/NAME of the recipe if not given.")
@_WEIGHTS
@click.option(
    "--cache",
    type=_FOLDER,
    help="Keep the features of a frozen base here and train the head on them.",
)
@click.option(
    "--teacher",
    type=_FILE,
    help="Exported classifier (.onnx) for a recipe with fit.teacher_share; the shipped one if not "
    "given.",
)
def train(
    recipe: Path,
    data: Path,
    out: Path | None,
    weights: Path | None,
    cache: Path | None,
    teacher: Path | None,
) -> None:
    """Train RECIPE (a YAML file) on a manifest and write a run folder.

    A run that was cut off goes on when the same command is given again.
    """
    _require_training()
    from maskwatch.training.classifier import train as training
    from maskwatch.training.data.manifest import read_manifest
    from maskwatch.training.recipes.classifier import load_recipe
    from maskwatch.training.run_folder import RunFolder

    settings = load_recipe(recipe)
    folder = RunFolder(out or Path("runs") / settings.name)
    training.train(settings, read_manifest(data), folder, weights, cache, teacher=teacher)
    _print_scores(folder)


@click.command()
@click.argument("recipe", type=_RECIPE)
@click.option("--data", required=True, type=_FILE, help="Manifest with train and val parts.")
@click.option("--out", type=_FOLDER, help="Study folder; runs/NAME-tune if not given.")
@_WEIGHTS
@click.option("--cache", type=_FOLDER, help="As in `maskwatch train`, for frozen trials.")
@click.option("--trials", default=20, show_default=True, type=click.IntRange(1))
def tune(
    recipe: Path,
    data: Path,
    out: Path | None,
    weights: Path | None,
    cache: Path | None,
    trials: int,
) -> None:
    """Search learning rate, dropout, epochs and unfrozen depth, starting from RECIPE.

    A search that was cut off goes on when the same command is given again.
    """
    _require_training()
    from maskwatch.training.classifier.tune import tune as search
    from maskwatch.training.data.manifest import read_manifest
    from maskwatch.training.recipes.classifier import load_recipe

    settings = load_recipe(recipe)
    folder = out or Path("runs") / f"{settings.name}-tune"
    best = search(settings, read_manifest(data), folder, weights, cache, trials).best_trial
    chosen = ", ".join(f"{name} {value}" for name, value in best.params.items())
    click.echo(
        f"best of {trials}: trial {best.number}, macro F1 {best.value:.4f} on val ({chosen})"
    )
    click.echo(f"study folder: {folder}")


@click.command()
@click.argument("run", type=_FOLDER)
@click.option("--data", required=True, type=_FILE, help="The manifest of the run.")
@click.option("--out", type=_ONNX_OUT, help="ONNX file to write; RUN/classifier.onnx if not given.")
def export(run: Path, data: Path, out: Path | None) -> None:
    """Turn the model of RUN into an ONNX file with its card and golden tensors, and score it."""
    _require_training()
    from maskwatch.training.classifier.export import export_run
    from maskwatch.training.data.manifest import read_manifest
    from maskwatch.training.run_folder import RunFolder

    model_path = out or run / "classifier.onnx"
    card = export_run(RunFolder(run), read_manifest(data), model_path)
    megabytes = model_path.stat().st_size / 1e6
    click.echo(f"{model_path}: {megabytes:.1f} MB, {card.name}, sha256 {card.sha256[:12]}")
    click.echo(f"largest difference from Keras: {card.training['parity_with_keras']:.1e}")
    _print_calibrated(card)


@click.command()
@click.argument("model", type=_FILE)
@click.option("--data", required=True, type=_FILE, help="Manifest with a val part.")
@click.option(
    "--out", required=True, type=_ONNX_OUT, help="ONNX file to write, its card beside it."
)
def calibrate(model: Path, data: Path, out: Path) -> None:
    """Write a copy of MODEL (.onnx) whose probabilities fit the pictures of a manifest.

    Nothing is trained. The copy takes the three states for as frequent as in the val part: of a
    camera, with its pictures as they came. Where masks worn incorrectly are rarer than in training,
    fewer are called out in vain, and some that are worn wrong are missed.
    """
    _require_training()
    from maskwatch.training.classifier.export import recalibrate
    from maskwatch.training.data.manifest import read_manifest

    card = recalibrate(model, read_manifest(data), out)
    click.echo(f"{out}: {card.name}, sha256 {card.sha256[:12]}")
    _print_calibrated(card)


@click.command("train-detector")
@click.argument("recipe", type=_RECIPE)
@click.option("--data", required=True, type=_FILE, help="Manifest with groups.")
@click.option("--faces", required=True, type=_FILE, help="Faces another detector found (JSON).")
@click.option("--out", type=_FOLDER, help="Run folder; runs/NAME of the recipe if not given.")
@click.option(
    "--weights",
    type=_FILE,
    help="ImageNet weights without top (.h5), or what to go on from: model.keras of a detector's "
    "run, or an exported .onnx, such as the shipped one.",
)
@click.option(
    "--teacher", type=_FILE, help="ONNX file of YuNet, for a recipe that imitates its scores."
)
def train_detector(
    recipe: Path,
    data: Path,
    faces: Path,
    out: Path | None,
    weights: Path | None,
    teacher: Path | None,
) -> None:
    """Train the face detector by RECIPE (a YAML file) and write a run folder.

    A run that was cut off goes on when the same command is given again.
    """
    _require_training()
    from maskwatch.io.settings import read_settings
    from maskwatch.training.data.machine_faces import read_found_faces
    from maskwatch.training.data.manifest import read_manifest
    from maskwatch.training.detector import train as training
    from maskwatch.training.recipes.detector import DetectorRecipe
    from maskwatch.training.run_folder import RunFolder

    settings = read_settings(recipe, DetectorRecipe)
    folder = RunFolder(out or Path("runs") / settings.name)
    found = read_found_faces(faces)
    training.train_detector(settings, read_manifest(data), found, folder, weights, teacher)
    click.echo(f"run folder: {folder.path}")


@click.command("export-detector")
@click.argument("run", type=_FOLDER)
@click.option("--data", required=True, type=_FILE, help="The manifest of the run.")
@click.option("--faces", required=True, type=_FILE, help="The found faces of the run (JSON).")
@click.option("--out", type=_ONNX_OUT, help="ONNX file to write; RUN/detector.onnx if not given.")
def export_detector(run: Path, data: Path, faces: Path, out: Path | None) -> None:
    """Turn the detector of RUN into an ONNX file with its card and golden tensors, and score it."""
    _require_training()
    from maskwatch.training.data.machine_faces import read_found_faces
    from maskwatch.training.data.manifest import read_manifest
    from maskwatch.training.detector import train as exporting
    from maskwatch.training.run_folder import RunFolder

    model_path = out or run / "detector.onnx"
    found = read_found_faces(faces)
    card = exporting.export_detector(RunFolder(run), read_manifest(data), found, model_path)
    megabytes = model_path.stat().st_size / 1e6
    click.echo(f"{model_path}: {megabytes:.1f} MB, {card.name}, sha256 {card.sha256[:12]}")
    click.echo(f"largest difference from Keras: {card.training['parity_with_keras']:.1e}")
    click.echo(f"lowest score of a face {card.min_score}, in live video {card.live_min_score}")
    for name, scores in card.scores.items():
        ap50, recall = _interval(scores["ap50"]), _interval(scores["recall"])
        click.echo(f"{name}: AP50 {ap50}, recall at 0.1 false faces a photo {recall}")


def _print_scores(folder: RunFolder) -> None:
    for part, scores in folder.scores().items():
        _print_part(part, scores)
    click.echo(f"run folder: {folder.path}")


def _print_part(part: str, scores: Mapping[str, Any]) -> None:
    accuracy, macro_f1 = scores["accuracy"], scores["macro_f1"]
    click.echo(
        f"{part}: {scores['n']} crops in {scores['groups']} groups, "
        f"accuracy {_interval(accuracy)}, macro F1 {_interval(macro_f1)}, "
        f"unsure {scores['unsure_share']['value']:.1%}"
    )
    for name, row in scores["per_class"].items():
        cells = "  ".join(
            f"{what} {_interval(row[what])}" for what in ("precision", "recall", "f1")
        )
        click.echo(f"  {name:<15} {row['n']:>6}  {cells}")


def _interval(score: Mapping[str, float | None]) -> str:
    return Estimate(**score).text()


def _print_calibrated(card: ModelCard) -> None:
    click.echo(f"temperature {card.temperature}, unsure below {card.unsure_below}")
    if any(card.logit_shift):
        pairs = zip(card.classes, card.logit_shift, strict=True)
        click.echo("shifts " + ", ".join(f"{state} {shift:+.2f}" for state, shift in pairs))
    _print_part(card.scores["part"], card.scores["all"])


def _require_training() -> None:
    import maskwatch.training  # noqa: F401  # first: it sets what TensorFlow reads on import

    try:
        import keras  # noqa: F401  # looks for a backend too
    except ImportError as error:
        raise MissingExtraError("training", "train") from error


# `maskwatch evaluate`: what an exported classifier is worth, in numbers that cannot flatter.


@click.command()
@click.argument("model", type=_FILE)
@click.option("--data", required=True, type=_FILE, help="Manifest with a split.")
@click.option(
    "--part",
    type=click.Choice(["train", "val", "test"]),
    default="test",
    show_default=True,
    help="Part of the split to score.",
)
@click.option(
    "--baseline",
    "baselines",
    multiple=True,
    type=_FILE,
    metavar="OTHER.onnx",
    help="Another model, scored on the same rows. Repeat it for several.",
)
@click.option(
    "--left-out",
    "left_out",
    multiple=True,
    metavar="SOURCE=MODEL.onnx",
    help="A model that was trained without a source, to score on it. Repeat it for several.",
)
@click.option("--out", required=True, type=_FOLDER, help="Folder to fill.")
def evaluate(
    model: Path,
    data: Path,
    part: str,
    baselines: tuple[Path, ...],
    left_out: tuple[str, ...],
    out: Path,
) -> None:
    """Score MODEL (an ONNX file with its card) on one part of a manifest, and try to break it.

    By class and source; by size, light, tilt, turn and sharpness of the face; on faces that nobody
    can judge; on corrupted, turned, dark and bright pictures; and how far its confidence can be
    trusted. Takes minutes. Writes OUT/evaluation.json, OUT/model_card.md, and OUT/evaluation.html
    and OUT/faces.png, which show faces: treat those two like the data itself.
    """
    from maskwatch.training.data.manifest import read_manifest
    from maskwatch.training.evaluation.comparison import caveats, load_comparison
    from maskwatch.training.evaluation.run import FILES, work
    from maskwatch.training.evaluation.run import evaluate as run
    from maskwatch.training.evaluation.table import table_lines

    pairs = [_pair(item) for item in left_out]
    comparison = load_comparison(model, read_manifest(data), data.name, part, baselines, pairs)
    with click.progressbar(length=work(comparison), label="judging", file=sys.stderr) as bar:
        result = run(comparison, out, bar.update)
    for sentence in caveats(comparison):
        click.echo(f"warning: {sentence}", err=True)
    for line in table_lines(result):
        click.echo(line)
    click.echo(f"{out}: {', '.join(FILES)}")


def _pair(text: str) -> tuple[str, Path]:
    source, equals, path = text.partition("=")
    if not (source and equals and path):
        raise SettingError(f"--left-out {text}: must be SOURCE=MODEL.onnx")
    return source, Path(path)


# `maskwatch pack`: what the page about a model shows, in one file beside the model.


@click.command()
@click.argument("model", type=_FILE)
@click.option("--run", "run_path", required=True, type=_FOLDER, help="Run folder it came from.")
@click.option(
    "--evaluation", required=True, type=_FOLDER, help="Folder that `maskwatch evaluate` filled."
)
@click.option("--data", required=True, type=_FILE, help="Manifest of the run and the evaluation.")
def pack(model: Path, run_path: Path, evaluation: Path, data: Path) -> None:
    """Pack what is known of MODEL (an ONNX file with its card) for the page about it.

    Writes MODEL's name with the ending .evidence.json: counts of the data, the curves of the run
    and the scores of the evaluation, no picture. Whatever belongs to another model is refused.
    """
    from maskwatch.training.data.manifest import read_manifest
    from maskwatch.training.pack import judged_rows
    from maskwatch.training.pack import pack as write
    from maskwatch.training.run_folder import RunFolder

    table = read_manifest(data)
    total = len(judged_rows(table))
    with click.progressbar(length=total, label="reading", file=sys.stderr) as bar:
        path = write(model, RunFolder(run_path), evaluation, table, bar.update)
    click.echo(f"{path}: {path.stat().st_size / 1e3:.0f} kB")
