"""`maskwatch predict`: pictures in; table, JSON lines, CSV or COCO, and annotated copies out."""

# ruff: noqa: PTH100, PTH110, PTH112

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from itertools import takewhile
from pathlib import Path

import click
from click.core import ParameterSource
from PIL import Image

import maskwatch
from maskwatch.cli import show_error
from maskwatch.cli_batch import predict_many
from maskwatch.cli_options import batch_options, network_options
from maskwatch.draw import annotate
from maskwatch.errors import ImageError, SettingError
from maskwatch.networks import Networks
from maskwatch.report import FORMATS, Result
from maskwatch.schema import ImageRGB
from maskwatch.sources import list_images, load_image

_MANY = 5
"""From this number of images on, a terminal shows a progress bar."""


@click.command(
    epilog="""
\b
Exit codes:
  0  every image was judged, though perhaps without a face in it
  1  at least one image could not be read; the others were judged
  2  wrong usage
  3  a model cannot be loaded

\b
With --out:
  0    every picture has its row, those that cannot be read one that says why
  1    the run cannot go on; what is done is kept
  130  stopped by Ctrl-C or SIGTERM; what is done is kept
"""
)
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@click.option(
    "--format",
    "format_name",
    type=click.Choice(list(FORMATS)),
    default="table",
    show_default=True,
    help="What standard output gets.",
)
@click.option(
    "--save",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Also write annotated copies to DIR, with the sub-folders of the source.",
)
@network_options
@click.option(
    "--whole-image",
    is_flag=True,
    help="Take each picture for one face instead of looking for faces.",
)
@batch_options
@click.pass_context
def predict(
    context: click.Context,
    sources: tuple[str, ...],
    format_name: str,
    save: Path | None,
    model: Path | None,
    detector: Path | None,
    detector_side_px: int | None,
    whole_image: bool,
    out: str | None,
    engine: str | None,
    workers: int | None,
) -> None:
    """Judge the masks in pictures.

    SOURCE is a picture, a folder (with its sub-folders), a glob pattern, or - for a list of these
    on standard input, one a line. With --out it may also be an address such as s3://bucket/photos,
    or a Parquet or CSV file whose column image_path names pictures.
    """
    if whole_image and (detector or detector_side_px is not None):
        raise SettingError("--whole-image: looks for no faces, so it goes with no detector option")
    if out is not None:
        if save or context.get_parameter_source("format_name") is ParameterSource.COMMANDLINE:
            raise SettingError(
                "--out: writes Parquet files only, so it goes without --format and --save"
            )
        networks = Networks(model, detector, detector_side_px, whole_image)
        named = [line for source in sources for line in _named(source)]
        sys.exit(predict_many(named, out, networks, engine or "local", workers))
    if engine or workers:
        raise SettingError("--engine and --workers: go with --out FOLDER only")
    finder = maskwatch.WholeImage() if whole_image else detector
    analyzer = maskwatch.Analyzer(model, finder, detector_side_px)
    named = [line for source in sources for line in _named(source)]
    paths = list(dict.fromkeys(list_images(named)))
    copies = _plan_copies(paths, _root(named), save) if save else {}
    # on a terminal that also gets the lines themselves, a bar would only be in their way
    streams = format_name in ("jsonl", "csv") and sys.stdout.isatty()
    show_bar = len(paths) >= _MANY and sys.stderr.isatty() and not streams
    failed = False

    def results() -> Iterator[Result]:
        nonlocal failed
        with _bar(paths) if show_bar else nullcontext(paths) as progress:
            for path in progress:
                try:
                    image_rgb = load_image(path)
                except ImageError as error:
                    failed = True
                    if show_bar:
                        click.echo("\r\x1b[K", nl=False, err=True)  # the line is the bar's
                    show_error(error)
                    yield error
                    continue
                report = replace(analyzer.analyze(image_rgb), source=str(path))
                if path in copies:
                    _write(annotate(image_rgb, report), copies[path])
                yield report

    for line in FORMATS[format_name](results()):
        click.echo(line)
    sys.exit(1 if failed else 0)


def _bar(paths: list[Path]) -> AbstractContextManager[Iterable[Path]]:
    return click.progressbar(paths, file=sys.stderr, show_pos=True)


def _named(source: str) -> list[str]:
    """What a SOURCE stands for: itself, or the lines of standard input."""
    if source != "-":
        return [source]
    return [line for line in sys.stdin.read().splitlines() if line]


def _root(named: Iterable[str]) -> Path:
    """The folder below which copies keep their sub-folders: what all sources have in common."""
    folders = [os.path.abspath(_folder(source)) for source in named]
    return Path(os.path.commonpath(folders)) if folders else Path.cwd()


def _folder(source: str) -> Path:
    """The folder a source speaks of: itself, the one it lies in, or the one its pattern starts in.

    (os.path instead of Path, which raises where it may not look.)
    """
    path = Path(source)
    if os.path.isdir(path):
        return path
    if os.path.exists(path):
        return path.parent
    return Path(*takewhile(lambda part: not set(part) & set("*?["), path.parent.parts))


def _plan_copies(paths: Iterable[Path], root: Path, save: Path) -> dict[Path, Path]:
    """Where the copy of each image goes; refuses to begin if one would replace an image."""
    copies = {}
    for path in paths:
        target = save / os.path.relpath(path, root)
        if target.suffix.lower() not in (".jpg", ".jpeg", ".png"):
            target = target.with_name(f"{target.name}.png")
        copies[path] = target
    images = {_identity(path) for path in copies} - {None}
    for target in copies.values():
        if _identity(target) in images:
            raise SettingError(f"--save {save}: would overwrite the image {target}")
    return copies


def _identity(path: Path) -> tuple[int, int] | None:
    """The same for every name of one file, through links and capital letters."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return None
    return status.st_dev, status.st_ino


def _write(image_rgb: ImageRGB, target: Path) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image_rgb).save(target, quality=92)
    except OSError as error:
        raise SettingError(f"--save: cannot write {target} ({error.strerror})") from error
