"""Live answers on real films whose faces were labelled by eye.

    python benchmarks/street.py --films ../shared/data/video

Runs `maskwatch bench street` and puts its numbers into benchmarks/results/street.json; the last
line of output is the same document.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import click

from maskwatch.cli.bench import street

RESULT = Path(__file__).parent / "results" / "street.json"


@click.command()
@click.option(
    "--films",
    default="../shared/data/video",
    show_default=True,
    type=click.Path(path_type=Path),
)
@click.option("--model", type=click.Path(path_type=Path))
@click.option("--detector", type=click.Path(path_type=Path))
@click.option("--out", default="runs/bench", show_default=True, type=click.Path(path_type=Path))
@click.pass_context
def main(
    ctx: click.Context, films: Path, model: Path | None, detector: Path | None, out: Path
) -> None:
    ctx.invoke(street, folder=films, model=model, detector=detector, out=out)
    shutil.copyfile(out / RESULT.name, RESULT)


if __name__ == "__main__":
    main()
