"""How steady live labels are, on films of test faces and on the real webcam film.

    python benchmarks/flicker.py --data split.parquet        # --model FILE for another classifier

Runs `maskwatch bench flicker` and puts its numbers into benchmarks/results/flicker.json; the last
line of output is the same document.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import click

from maskwatch.cli.bench import flicker

RESULT = Path(__file__).parent / "results" / "flicker.json"


@click.command()
@click.option("--data", "manifest", required=True, type=click.Path(path_type=Path))
@click.option("--model", type=click.Path(path_type=Path))
@click.option("--films", default=36, show_default=True)
@click.option(
    "--webcam",
    default="../shared/data/video/webcam_on_off.gif",
    show_default=True,
    type=click.Path(path_type=Path),
)
@click.option("--out", default="runs/bench", show_default=True, type=click.Path(path_type=Path))
@click.pass_context
def main(
    ctx: click.Context, manifest: Path, model: Path | None, films: int, webcam: Path, out: Path
) -> None:
    ctx.invoke(flicker, manifest=manifest, model=model, films=films, webcam=webcam, out=out)
    shutil.copyfile(out / RESULT.name, RESULT)


if __name__ == "__main__":
    main()
