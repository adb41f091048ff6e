"""`maskwatch predict`: pictures in; table, JSON lines, CSV or COCO, and annotated copies out."""

from __future__ import annotations

import importlib
import os
import re
import signal
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TypeVar

import click
from click.core import ParameterSource

import maskwatch
from maskwatch.batch.run import Count, Engine, Run
from maskwatch.batch.storage import MANIFESTS
from maskwatch.cli.main import (
    INTERRUPTED,
    batch_options,
    counted,
    device_option,
    network_options,
    show_error,
    tiles_option,
)
from maskwatch.errors import BatchError, ImageError, InputError, SettingError
from maskwatch.files import require_folder
from maskwatch.io.image_kinds import HEAD_BYTES, kind_of
from maskwatch.io.images import list_images
from maskwatch.io.process import in_order
from maskwatch.io.report import FORMATS, Result
from maskwatch.io.shown import marked, plan_copies, without_copies, write_picture
from maskwatch.io.style import STYLES
from maskwatch.io.text_files import marked_encoding, visible
from maskwatch.models.runtime import available_cpus, share
from maskwatch.pipeline import Networks
from maskwatch.schema import MaskState
from maskwatch.vision.tiles import Tiles

_T = TypeVar("_T")

_FILES = {".csv": "csv", ".json": "jsonl", ".jsonl": "jsonl"}
"""What somebody who names a file for --out wants of --format."""
_MANY = 5
"""From this number of images on, a terminal shows a progress bar."""


@click.command(
    epilog="""
\b
Exit codes:
  0  every image was judged, though perhaps without a face in it
  1  at least one image could not be read, or its copy not be written; the others were judged
  2  wrong usage
  3  a model cannot be loaded
  130  stopped by Ctrl-C

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
@click.option(
    "--blur", is_flag=True, help="With --save: make heads in the copies too coarse to tell who."
)
@network_options
@tiles_option
@device_option
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
    blur: bool,
    model: Path | None,
    detector: Path | None,
    detector_side_px: int | None,
    tiles: Tiles,
    device: str | None,
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
    if whole_image and (detector or detector_side_px is not None or tiles != "off"):
        raise SettingError("--whole-image: looks for no faces, so it goes with no detector option")
    if blur and not save:
        raise SettingError("--blur: is for the copies that --save DIR writes; give that as well")
    if out is not None:
        if save or context.get_parameter_source("format_name") is ParameterSource.COMMANDLINE:
            raise SettingError(
                "--out: writes Parquet files only, so it goes without --format and --save"
            )
        _check_folder(out)
        networks = Networks(model, detector, detector_side_px, whole_image, tiles, device=device)
        named = [line for source in sources for line in _named(source)]
        if not named:
            raise SettingError("-: the list on standard input names no picture")
        sys.exit(predict_many(named, out, networks, engine or "local", workers))
    if engine or workers:
        raise SettingError("--engine and --workers: go with --out FOLDER only")
    named = [line for source in sources for line in _named(source)]
    _refuse_lists(named)
    paths = list(dict.fromkeys(list_images(named)))
    if save:
        paths = _without_copies(paths, named, save)
    workers = min(available_cpus(), len(paths)) or 1
    finder = maskwatch.WholeImage() if whole_image else detector
    copies = plan_copies(paths, named, save) if save else {}
    # on a terminal that also gets the lines themselves, a bar would only be in their way
    is_shown = sys.stdout is not None and sys.stdout.isatty()
    streams = format_name in ("jsonl", "csv") and is_shown
    show_bar = len(paths) >= _MANY and sys.stderr.isatty() and not streams
    failed = False

    def judge(path: Path) -> tuple[Result, InputError | None]:
        try:
            report = analyzer.analyze(path)
        except ImageError as error:
            return error, error
        try:
            if path in copies:
                write_picture(marked(report, path, blur), copies[path])
        except InputError as error:  # what was found is told all the same
            return report, error
        return report, None

    def results() -> Iterator[Result]:
        nonlocal failed
        judged = in_order(judge, paths, workers)
        with _bar(judged, len(paths)) if show_bar else nullcontext(judged) as progress:
            for result, error in progress:
                if error:
                    failed = True
                    if show_bar:
                        click.echo("\r\x1b[K", nl=False, err=True)  # the line is the bar's
                    show_error(error)
                yield result

    with share(available_cpus() // workers):  # a picture a core: so cores wait least for others
        analyzer = maskwatch.Analyzer(model, finder, detector_side_px, tiles, device)
        if save:
            require_folder(save)
        for line in FORMATS[format_name](results()):
            # click would take out of a file what only a terminal must not get
            click.echo(line, color=not is_shown)
    sys.exit(1 if failed else 0)


def _without_copies(paths: Sequence[Path], named: Sequence[str], save: Path) -> list[Path]:
    """Leave out what an earlier run has saved, and say so."""
    left = without_copies(paths, named, save)
    if number := len(paths) - len(left):
        inside = f"lies in a folder that is searched; {counted(number, 'picture')} in it left out"
        click.echo(f"--save {visible(str(save))}: {inside}", err=True)
    return left or [Path(source) for source in named]


def _bar(results: Iterable[_T], length: int) -> AbstractContextManager[Iterable[_T]]:
    return click.progressbar(results, length=length, file=sys.stderr, show_pos=True)


def _refuse_lists(named: Iterable[str]) -> None:
    for source in named:
        if source.lower().endswith(MANIFESTS) and not os.path.isdir(source):  # noqa: PTH112
            raise SettingError(f"{source}: a list of pictures goes with --out FOLDER only")


def _check_folder(out: str) -> None:
    _check_named("--out", out)
    ending = Path(out).suffix.lower()
    if ending in _FILES:
        raise SettingError(
            f"--out {out}: is to be the name of a folder; for one file: --format {_FILES[ending]} "
            f"> {out}"
        )


def _named(source: str) -> list[str]:
    """What a SOURCE stands for: itself, or the lines of standard input."""
    _check_named("SOURCE", source)
    if source != "-":
        return [source]
    if sys.stdin is None:
        raise SettingError("-: a list of names is expected on standard input, which is closed")
    content = sys.stdin.buffer.read()
    if b"\0" in content and kind_of(content[:HEAD_BYTES]):
        raise SettingError(
            "-: a list of names is expected, one a line, not a picture; give the picture's name"
        )
    try:
        text = content.decode(marked_encoding(content) or sys.stdin.encoding, "surrogateescape")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise SettingError("-: a list of names is expected, one a line, in plain text")
    # not splitlines, for which some letters that a name may hold end a line as well
    return [line for line in re.split(r"\r\n|\r|\n", text) if line]


def _check_named(option: str, value: str) -> None:
    """Refuse an empty name, which stands for the current folder: a variable that is not set."""
    if not value:
        raise SettingError(f"{option}: is empty; for the current folder give .")


# `maskwatch predict --out`: a large set with progress, that may be cut off and gone on with.

ENGINES = {
    "local": ("maskwatch.batch.worker", "judge_here"),
    "ray": ("maskwatch.batch.ray", "judge_on_ray"),
}

_TERMINAL_EVERY_S, _LOG_EVERY_S = 0.5, 30.0
"""How often to tell a terminal, and anything else, how far it is."""


def predict_many(
    sources: Sequence[str], out: str, networks: Networks, engine: str, workers: int | None
) -> int:
    """Judge all pictures, or go on with that; the exit code."""
    with _stopping_on_sigterm():
        try:
            run = Run(sources, out, networks)
        except KeyboardInterrupt:
            click.echo("Stopped before the first picture.", err=True)
            return INTERRUPTED
        if run.done:
            click.echo(f"{run.done:,} of {run.pictures:,} pictures were judged before", err=True)
        progress = Progress(run.pictures, run.done)
        try:
            module, name = ENGINES[engine]
            judge: Engine = getattr(importlib.import_module(module), name)
            for count in run.judge(judge, workers):
                progress.add(count)
        except KeyboardInterrupt:
            progress.end()
            click.echo(f"Stopped. {_go_on(progress)}", err=True)
            return INTERRUPTED
        except BatchError as error:
            progress.end()
            raise BatchError(f"{error}. {_go_on(progress)}") from error
    progress.end()
    click.echo(summary(progress.count, before=run.done))
    click.echo(f"written to {out.rstrip('/')}/")
    return 0


class Progress:
    """Says on standard error how far it is, how fast, and how long it will take."""

    def __init__(self, pictures: int, done: int) -> None:
        self.pictures, self.done = pictures, done
        self.count = Count.of(())
        self._terminal = sys.stderr.isatty()
        self._began_s = self._told_s = time.monotonic()

    def add(self, count: Count) -> None:
        """Some more are done; tell, if it is time."""
        self.count += count
        self.done += count.pictures
        now_s = time.monotonic()
        if now_s - self._told_s >= (_TERMINAL_EVERY_S if self._terminal else _LOG_EVERY_S):
            self._told_s = now_s
            line = progress_line(
                self.done,
                self.pictures,
                self.count.errors,
                self.count.pictures,
                now_s - self._began_s,
            )
            click.echo(
                f"\r\x1b[K{line}" if self._terminal else line, nl=not self._terminal, err=True
            )

    def end(self) -> None:
        """Leave the line to others."""
        if self._terminal:
            click.echo("\r\x1b[K", nl=False, err=True)


def progress_line(done: int, pictures: int, errors: int, judged: int, seconds: float) -> str:
    """How far a run is, of which so many pictures were judged in the last so many seconds."""
    rate = judged / seconds
    parts = [f"{done:,} of {pictures:,} pictures ({done / pictures:.1%})"]
    parts += [f"{rate:.1f} a second", f"{duration((pictures - done) / rate)} left"]
    return ", ".join(parts + ([f"{errors:,} could not be judged"] if errors else []))


def duration(seconds: float) -> str:
    """A time in its two largest units."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours} h"
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def summary(count: Count, before: int) -> str:
    """What was found, in a line or two; of pictures that were judged before, only how many."""
    if before and not count.pictures:
        return f"nothing was left to judge: {counted(before, 'picture')} judged before"
    faces = ", ".join(
        f"{count.states[state]:,} {STYLES[state].label.lower()}"
        for state in MaskState
        if count.states[state]
    )
    judged = f"judged now, {before:,} before; of those now" if before else "judged"
    line = (
        f"{counted(count.pictures, 'picture')} {judged}: {count.with_faces:,} with faces, "
        f"{count.without:,} without, {count.errors:,} could not be judged"
    )
    return f"{line}\n{counted(count.states.total(), 'face')}: {faces}" if faces else line


def _go_on(progress: Progress) -> str:
    return (
        f"{progress.done:,} of {progress.pictures:,} pictures are done and kept; the same command "
        "goes on from there"
    )


@contextmanager
def _stopping_on_sigterm() -> Iterator[None]:
    """SIGTERM does what Ctrl-C does: that is how machines are taken back."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
