"""`maskwatch data doubts`: which labels are probably wrong, for a person to look at."""

from __future__ import annotations

import sys
from pathlib import Path

import click

_OUT = click.Path(dir_okay=False, path_type=Path)
_FILE = click.Path(path_type=Path)


@click.command()
@click.argument("manifest_path", metavar="MANIFEST", type=_FILE)
@click.option("--out", type=_OUT, required=True, help="HTML file to write.")
@click.option("--csv", "csv_path", type=_OUT, help="Write the doubts as corrections to edit.")
@click.option("--weights", type=_FILE, help="ImageNet weights without top, for offline work.")
def doubts(manifest_path: Path, out: Path, csv_path: Path | None, weights: Path | None) -> None:
    """Find the labels of an audited MANIFEST that are probably wrong.

    They stand on one HTML page, the most doubted first, and with --csv in a file of the form that
    `maskwatch data manifest --corrections` takes. The page holds small pictures of the faces, so
    treat it like the data itself.
    """
    from maskwatch.training import doubts as doubting
    from maskwatch.training.corrections import write_corrections
    from maskwatch.training.manifest import read_manifest

    table = read_manifest(manifest_path)
    rows = doubting.judgeable(table)
    folds = doubting.deal_folds(rows)
    with click.progressbar(length=len(rows), label="reading", file=sys.stderr) as bar:
        features = doubting.pooled_features(rows, weights, progress=bar.update)
    probabilities = doubting.out_of_sample(rows, features, folds)
    found = doubting.find_doubts(rows, probabilities, len(table) - len(rows))
    doubting.write_page(found, table, manifest_path.stem, out)
    if csv_path:
        write_corrections(doubting.as_corrections(found), csv_path)
    share = len(found.table) / found.judged
    click.echo(f"{len(found.table)} of {found.judged} labels are doubted ({share:.1%})")
    click.echo(f"{out}: {out.stat().st_size / 1e6:.1f} MB")
