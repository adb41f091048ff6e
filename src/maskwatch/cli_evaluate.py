"""`maskwatch evaluate`: what an exported classifier is worth, in numbers that cannot flatter."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from maskwatch.errors import SettingError

if TYPE_CHECKING:
    from maskwatch.training.evaluation.result import Evaluation

_FILE = click.Path(path_type=Path, dir_okay=False)
_FOLDER = click.Path(path_type=Path, file_okay=False)


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

    By class, source, size of the face and light; on spoilt, turned, dark and bright pictures; and
    how far its confidence can be trusted. Takes minutes. Writes OUT/evaluation.json, and
    OUT/evaluation.html and OUT/faces.png, which show faces: treat them like the data itself.
    """
    from maskwatch.training.evaluation.contest import enter
    from maskwatch.training.evaluation.page import doubts
    from maskwatch.training.evaluation.run import evaluate as run
    from maskwatch.training.evaluation.run import work
    from maskwatch.training.manifest import read_manifest

    pairs = [_pair(item) for item in left_out]
    contest = enter(model, read_manifest(data), data.name, part, baselines, pairs)
    with click.progressbar(length=work(contest), label="judging", file=sys.stderr) as bar:
        result = run(contest, out, bar.update)
    for sentence in doubts(result):
        click.echo(f"warning: {sentence}", err=True)
    _show(result)
    click.echo(f"{out}: evaluation.json, evaluation.html, faces.png")


def _pair(text: str) -> tuple[str, Path]:
    source, equals, path = text.partition("=")
    if not (source and equals and path):
        raise SettingError(f"--left-out {text}: must be SOURCE=MODEL.onnx")
    return source, Path(path)


def _show(result: Evaluation) -> None:
    contest = result.contest
    names = [entrant.name for entrant in contest.entrants]
    labels = [*names, "without it, all rows", f"without it, {contest.part_name}"]
    width = max(map(len, labels)) if result.left_out else max(map(len, names))

    def table(title: str, tables: Mapping[str, Mapping[str, Any]], part: str) -> None:
        row = tables[names[0]][part]
        click.echo(f"{title}: {row['n']:,} rows in {row['groups']:,} groups")
        for name in names:
            click.echo(f"  {name:<{width}}  {_cells(tables[name][part])}")

    click.echo(f"{'':<{width + 2}}  {_COLUMNS}")
    for part in result.scores[names[0]]:
        table(part, result.scores, part)
    for item in result.left_out:
        click.echo(f"{item.left_out.source} left out: {item.left_out.proof.value}")
        click.echo(f"  {labels[-2]:<{width}}  {_cells(item.rows)}")
        click.echo(f"  {labels[-1]:<{width}}  {_cells(item.part_rows)}")
        click.echo(f"  {names[0]:<{width}}  {_cells(item.own)}")
    _show_rest(result, names, width)


def _show_rest(result: Evaluation, names: list[str], width: int) -> None:
    lines: list[tuple[str, Callable[[str], str]]] = [
        (
            f"accuracy by size: {', '.join(result.sizes[names[0]])}",
            lambda name: _accuracies(result.sizes[name]),
        ),
        (
            f"accuracy by light: {', '.join(result.lights[names[0]])}",
            lambda name: _accuracies(result.lights[name]),
        ),
        (
            f"15 corruptions at 5 strengths, {result.sample['crops']} crops: accuracy clean, mean, "
            "points lost",
            lambda name: _spoilt(result.corruptions[name]),
        ),
        (
            f"turned by {_amounts(result.rotation[names[0]])} degrees: accuracy",
            lambda name: _sweep(result.rotation[name]),
        ),
        (
            f"brightness times {_amounts(result.brightness[names[0]])}: accuracy",
            lambda name: _sweep(result.brightness[name]),
        ),
        (
            "calibration error (ECE, 15 bins)",
            lambda name: _number(result.calibration[name]["all"].ece),
        ),
    ]
    for title, cells in lines:
        click.echo(title)
        for name in names:
            click.echo(f"  {name:<{width}}  {cells(name)}")
    click.echo("one crop in ONNX Runtime: median ms, p95 ms, times the first")
    for name, row in result.crop_ms.items():
        times = " ".join(f"{row[key]:>6.2f}" for key in ("median_ms", "p95_ms", "ratio"))
        click.echo(f"  {name:<{width}}  {times}")


_COLUMNS = (
    f"{'accuracy (95 %)':<21}{'macro F1 (95 %)':<21}{'unsure':<8}"
    "recall of mask, no mask, incorrect mask"
)


def _cells(scores: Mapping[str, Any]) -> str:
    recalls = "  ".join(_interval(row["recall"]) for row in scores["per_class"].values())
    unsure = scores["unsure_share"]["value"]
    return (
        f"{_interval(scores['accuracy']):<21}{_interval(scores['macro_f1']):<21}"
        f"{'-' if unsure is None else f'{unsure:.1%}':<8}{recalls}"
    )


def _accuracies(slices: Mapping[str, Any]) -> str:
    return "  ".join(_interval(row["accuracy"]) for row in slices.values())


def _spoilt(table: Mapping[str, Any]) -> str:
    drop = table["drop_points"]
    return (
        f"{_number(table['clean']['accuracy'])}  {_number(table['mean']['accuracy'])}  "
        f"{_number(drop['value'], 1)} ({_number(drop['low'], 1)}-{_number(drop['high'], 1)})"
    )


def _sweep(table: Mapping[str, Any]) -> str:
    return "  ".join(_number(row["accuracy"]) for row in table["all"])


def _amounts(table: Mapping[str, Any]) -> str:
    return ", ".join(f"{row['amount']:g}" for row in table["all"])


def _interval(score: Mapping[str, float | None]) -> str:
    if score["value"] is None:
        return "-"
    return f"{score['value']:.3f} ({score['low']:.3f}-{score['high']:.3f})"


def _number(value: float | None, digits: int = 3) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
