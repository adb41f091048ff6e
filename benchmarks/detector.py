"""The shipped face detector on test photos and on two sets, neither trained nor chosen on.

    python benchmarks/detector.py --data ../shared/data --classifier-data split.parquet

Runs `maskwatch bench detector` for the shipped file at its settings for photos and live video, and
with --yunet FILE for OpenCV's detector on the same photos. States are scored on the test part of
the classifier's own manifest, which proves that it has not learnt from them. The numbers go to
benchmarks/results/detector.json; the page of missed faces goes to --out, because it shows other
people's photos. The last line of output is one JSON document.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import click

from maskwatch.cli.bench import detector

RESULT = Path(__file__).parent / "results" / "detector.json"
SETS = ("voc-853", "yolo-800", "macwin-498", "modelarts-286")


@click.command()
@click.option(
    "--data", default="../shared/data", show_default=True, type=click.Path(path_type=Path)
)
@click.option("--classifier-data", "manifest", required=True, type=click.Path(path_type=Path))
@click.option("--yunet", type=click.Path(path_type=Path))
@click.option("--out", default="runs/bench", show_default=True, type=click.Path(path_type=Path))
@click.pass_context
def main(ctx: click.Context, data: Path, manifest: Path, yunet: Path | None, out: Path) -> None:
    sets = tuple(f"{name}={data / name}" for name in SETS)
    faces = data / "faces.json"
    ctx.invoke(detector, sets=sets, manifest=manifest, yunet=yunet, faces=faces, out=out)
    shutil.copyfile(out / RESULT.name, RESULT)
    click.echo(json.dumps(json.loads(RESULT.read_text())))


if __name__ == "__main__":
    main()
