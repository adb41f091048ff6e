"""`maskwatch predict --out`: a large set with progress, that may be cut off and gone on with."""

from __future__ import annotations

import importlib
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import click

from maskwatch.batch.run import Count, Engine, Run
from maskwatch.errors import BatchError
from maskwatch.networks import Networks
from maskwatch.schema import MaskState
from maskwatch.style import STYLES

ENGINES = {
    "local": ("maskwatch.batch.local", "judge_here"),
    "ray": ("maskwatch.batch.ray_engine", "judge_on_ray"),
}

INTERRUPTED = 130
"""What a shell gives a command that Ctrl-C ended."""

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
    click.echo(summary(progress.count))
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


def summary(count: Count) -> str:
    """What this run found, in a line or two."""
    faces = ", ".join(
        f"{count.states[state]:,} {STYLES[state].label.lower()}"
        for state in MaskState
        if count.states[state]
    )
    line = (
        f"{count.pictures:,} pictures judged: {count.with_faces:,} with faces, {count.without:,} "
        f"without, {count.errors:,} could not be judged"
    )
    return f"{line}\n{count.states.total():,} faces: {faces}" if faces else line


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
