"""`maskwatch data synthesise`: pictures of masks worn wrong, and their honest counterparts."""

from __future__ import annotations

import sys
from pathlib import Path

import click


@click.command()
@click.argument("manifest_path", metavar="MANIFEST", type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    help="New or empty folder for the pictures and synthetic.parquet.",
)
@click.option("--count", default=6000, show_default=True, help="Pictures; a tenth are unclear.")
@click.option("--seed", default=0, show_default=True, help="For everything that is drawn by lot.")
def synthesise(manifest_path: Path, out: Path, count: int, seed: int) -> None:
    """Put masks on the bare faces of a split MANIFEST, right and wrong.

    Of ten pictures three get each label; the tenth shows a hand, a cup or a veil before mouth and
    nose and is labelled unclear.
    Only photos of the train part are used, and each picture gets the group of the photo it was
    made from. OUT/synthetic.parquet holds the rows of MANIFEST and the new ones, ready for
    `maskwatch train --data`.
    """
    from maskwatch.detect import FaceDetector
    from maskwatch.training.catalog import ROW_LABELS, SYNTHETIC
    from maskwatch.training.collect import counts_per_label
    from maskwatch.training.manifest import data_sha256, read_manifest
    from maskwatch.training.synth.supply import find_supply, usable_rows
    from maskwatch.training.synth.synthesise import MANIFEST_NAME, check_request, write_pictures

    table = read_manifest(manifest_path)
    rows = usable_rows(table)
    check_request(out, count)
    # faces are looked for in cut-outs, where each is large
    detector = FaceDetector(side_px=256)
    with click.progressbar(length=len(rows), label="looking", file=sys.stderr) as bar:
        supply = find_supply(rows, detector, seed, count, bar.update)
    click.echo(f"{len(supply.faces)} bare faces, {len(supply.materials)} masks cut from photos")
    with click.progressbar(length=count, label="painting", file=sys.stderr) as bar:
        result = write_pictures(supply, table, out, count, seed, bar.update)
    counts = counts_per_label(result[result["source"] == SYNTHETIC])
    click.echo(", ".join(f"{counts[label]:,} {label}" for label in ROW_LABELS))
    click.echo(f"{out / MANIFEST_NAME}: {len(result)} rows, data {data_sha256(result)}")
