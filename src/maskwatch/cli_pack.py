"""`maskwatch pack`: what the page about a model shows, in one file beside the model."""

from __future__ import annotations

import sys
from pathlib import Path

import click

_FILE = click.Path(path_type=Path, dir_okay=False)
_FOLDER = click.Path(path_type=Path, file_okay=False)


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
    from maskwatch.training.data_facts import judged_rows
    from maskwatch.training.manifest import read_manifest
    from maskwatch.training.pack import pack as write
    from maskwatch.training.run_folder import RunFolder

    table = read_manifest(data)
    total = len(judged_rows(table))
    with click.progressbar(length=total, label="reading", file=sys.stderr) as bar:
        path = write(model, RunFolder(run_path), evaluation, table, bar.update)
    click.echo(f"{path}: {path.stat().st_size / 1e3:.0f} kB")
