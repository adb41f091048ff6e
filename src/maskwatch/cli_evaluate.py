"""`maskwatch evaluate`: what an exported classifier is worth, in numbers that cannot flatter."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from maskwatch.errors import SettingError

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

    By class and source; by size, light, tilt, turn and sharpness of the face; on faces that nobody
    can judge; on spoilt, turned, dark and bright pictures; and how far its confidence can be
    trusted. Takes minutes. Writes OUT/evaluation.json, OUT/model_card.md, and OUT/evaluation.html
    and OUT/faces.png, which show faces: treat those two like the data itself.
    """
    from maskwatch.training.evaluation.contest import doubts, enter
    from maskwatch.training.evaluation.run import FILES, work
    from maskwatch.training.evaluation.run import evaluate as run
    from maskwatch.training.evaluation.table import table_lines
    from maskwatch.training.manifest import read_manifest

    pairs = [_pair(item) for item in left_out]
    contest = enter(model, read_manifest(data), data.name, part, baselines, pairs)
    with click.progressbar(length=work(contest), label="judging", file=sys.stderr) as bar:
        result = run(contest, out, bar.update)
    for sentence in doubts(contest):
        click.echo(f"warning: {sentence}", err=True)
    for line in table_lines(result):
        click.echo(line)
    click.echo(f"{out}: {', '.join(FILES)}")


def _pair(text: str) -> tuple[str, Path]:
    source, equals, path = text.partition("=")
    if not (source and equals and path):
        raise SettingError(f"--left-out {text}: must be SOURCE=MODEL.onnx")
    return source, Path(path)
