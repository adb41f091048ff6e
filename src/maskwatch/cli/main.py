"""The command line: parse, call, print. Each command's module is loaded when it is asked for.

So `maskwatch predict` starts fast and needs no optional package, and a failure that MaskWatch
explains is one line on standard error and an exit code, never a traceback.
"""

from __future__ import annotations

import importlib
import io
import itertools
import math
import os
import sys
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from maskwatch._version import __version__
from maskwatch.errors import MaskWatchError, MissingExtraError, ModelError, SettingError
from maskwatch.files import DISK_FULL, require_file
from maskwatch.io.text_files import visible
from maskwatch.models.device import DEVICES

_COMMANDS = {
    "predict": ("maskwatch.cli.predict", "", "Judge the masks in pictures."),
    "live": ("maskwatch.cli.live", "live", "Judge the masks in a camera, a stream or a video."),
    "watch": (
        "maskwatch.cli.watch",
        "watch",
        "Watch many cameras, keep events and tell of violations.",
    ),
    "events": ("maskwatch.cli.events", "", "Export or delete kept events and counts."),
    "app": (
        "maskwatch.cli.app",
        "app",
        "Open the pages for photos and live video in a browser.",
    ),
    "serve": (
        "maskwatch.cli.serve",
        "serve",
        "Judge the masks in pictures and frames that come over HTTP.",
    ),
    "web": (
        "maskwatch.cli.web",
        "",
        "Judge photos, films and the webcam in the browser itself, with no server.",
    ),
    "data": ("maskwatch.cli.data", "train", "Fetch, check and split data sets."),
    "train": ("maskwatch.cli.train", "train", "Train a classifier from a recipe."),
    "tune": ("maskwatch.cli.train", "train", "Search for better training settings."),
    "export": (
        "maskwatch.cli.train",
        "train",
        "Turn a training run into an ONNX file and a card.",
    ),
    "calibrate": (
        "maskwatch.cli.train",
        "train",
        "Let a classifier's probabilities fit other pictures.",
    ),
    "evaluate": (
        "maskwatch.cli.train",
        "train",
        "Score an exported classifier in numbers that cannot flatter.",
    ),
    "pack": (
        "maskwatch.cli.train",
        "train",
        "Pack what is known of a classifier for the page about it.",
    ),
    "train-detector": ("maskwatch.cli.train", "train", "Train a face detector from a recipe."),
    "export-detector": (
        "maskwatch.cli.train",
        "train",
        "Turn a detector's run into an ONNX file and a card.",
    ),
    "bench": (
        "maskwatch.cli.bench",
        "train",
        "Measure the speed here, or a model on fixed test photos.",
    ),
    "doctor": ("maskwatch.cli.doctor", "", "Say what is installed, and what is wrong."),
}
"""Command -> the module that holds a click command of that name, its extra, and what it does."""

INTERRUPTED = 130
"""What a shell gives a command that Ctrl-C ended."""

_EXIT_CODES: dict[type[MaskWatchError], int] = {SettingError: 2, ModelError: 3}


class LazyGroup(click.Group):
    """Loads a command's module when it is run, and turns MaskWatch's errors into exit codes."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order in which one meets them."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """Import a command."""
        if name not in _COMMANDS:
            return None
        try:
            module = importlib.import_module(_COMMANDS[name][0])
        except ImportError as error:
            if (explained := _explained(error, name)) is None:
                raise
            raise explained from error
        command: click.Command = getattr(module, name.replace("-", "_"))
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, about) for name, (*_, about) in _COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> object:
        """Run a command."""
        try:
            return super().invoke(ctx)
        except MaskWatchError as error:
            show_error(error)
            ctx.exit(_EXIT_CODES.get(type(error), 1))
        except OSError as error:
            if error.errno not in DISK_FULL:
                raise
            where = error.filename or "the output"
            show_error(MaskWatchError(f"{where}: cannot be written ({_words(error)})"))
            if not error.filename:
                drop_output()
            ctx.exit(1)
        except ImportError as error:
            explained = _explained(error, str(ctx.invoked_subcommand))
            if explained is None:
                raise
            show_error(explained)
            ctx.exit(1)
        except KeyboardInterrupt:
            click.echo("Stopped.", err=True)
            ctx.exit(INTERRUPTED)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="maskwatch")
def cli() -> None:
    """MaskWatch: for every face, is the mask worn, worn incorrectly or missing?"""


def _explained(error: ImportError, command: str) -> MaskWatchError | None:
    """What to do about a package that cannot be loaded; None where it is one of our own."""
    if str(error.name).startswith("maskwatch"):
        return None
    extra = _COMMANDS[command][1]
    if extra and isinstance(error, ModuleNotFoundError):
        return MissingExtraError(f"maskwatch {command}", extra)
    return MaskWatchError(f"a package cannot be loaded ({error}); `maskwatch doctor` says more")


def _words(error: OSError) -> str:
    return (error.strerror or type(error).__name__).lower()


class TriedPath(click.Path):
    """A file to write after long work; whether that can be done shows before it.

    Attributes:
        in_place: whether it may be the very file that is read.
    """

    def __init__(self, in_place: bool = False, **given: Any) -> None:
        super().__init__(**given)
        self.in_place = in_place

    def convert(self, *given: Any) -> Path:
        """The path that was given, once it has been tried."""
        path = Path(os.fsdecode(super().convert(*given)))
        require_file(path)
        return path


class CarefulCommand(click.Command):
    """Refuses to write a TriedPath over another file that it reads or writes."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run it, if all its files are apart."""
        given = [(param, ctx.params.get(param.name or "")) for param in self.get_params(ctx)]
        paths = [(param, os.path.realpath(path)) for param, path in given if isinstance(path, Path)]
        for (one, path), (other, again) in itertools.combinations(paths, 2):
            if path == again and _collide(one, other):
                names = f"{other.get_error_hint(ctx)} and {one.get_error_hint(ctx)}"
                raise SettingError(f"{names}: both name {path}; give two files")
        return super().invoke(ctx)


def _collide(one: click.Parameter, other: click.Parameter) -> bool:
    """Whether one of two files would be lost if they were the same."""
    written = [each.type for each in (one, other) if isinstance(each.type, TriedPath)]
    return len(written) == 2 or any(not kind.in_place for kind in written)


class Range(click.FloatRange):
    """Numbers from one to another, and not NaN, which click finds in every range."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """The number that was given."""
        number: float = super().convert(value, param, ctx)
        if math.isnan(number):
            self.fail("must be a number", param, ctx)
        return number


def drop_output() -> None:
    """Let what is still buffered for standard output not complain when Python ends."""
    with suppress(OSError, ValueError):  # it is no file
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def counted(count: int, noun: str) -> str:
    """Such as 1 picture, 2,000 pictures."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def show_error(error: MaskWatchError) -> None:
    """Print an error as one line on standard error, whatever a file name in it holds."""
    click.echo(f"Error: {visible(' '.join(str(error).splitlines()))}", err=True)


def main() -> None:
    """Entry point of the `maskwatch` command."""
    # what Pillow remarks on odd but readable files is noise beside one line an image
    warnings.filterwarnings("ignore", module="PIL")
    # file names need not be valid text; an odd one must not end a run
    for stream, errors in (
        (sys.stdin, "surrogateescape"),
        (sys.stdout, "backslashreplace"),
        (sys.stderr, "backslashreplace"),
    ):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=errors)
    cli()


# Options that several commands share.

_FILE = click.Path(path_type=Path)


def network_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds --model, --detector and --detector-side-px, what Analyzer takes, to a command."""
    options = (
        click.option(
            "--model",
            type=_FILE,
            metavar="FILE",
            help="An ONNX classifier with its card beside it, instead of the shipped one.",
        ),
        click.option(
            "--detector",
            type=_FILE,
            metavar="FILE",
            help="An ONNX face detector with its card beside it, instead of the shipped one.",
        ),
        click.option(
            "--detector-side-px",
            type=int,
            metavar="N",
            help="Scale the longer side of a picture to N before looking for faces: more finds "
            "smaller faces and takes longer.",
        ),
    )
    for option in reversed(options):  # each goes on top of those before it
        command = option(command)
    return command


device_option = click.option(
    "--device",
    type=click.Choice(DEVICES),
    help="What the networks run on. auto, if neither this nor MASKWATCH_DEVICE says: OpenVINO or "
    "CUDA where installed, faster here and of the same answers, else the processor as it is.",
)

tiles_option = click.option(
    "--tiles",
    type=click.Choice(["off", "auto"]),
    default="off",
    show_default=True,
    help="auto: search photos of more than 2,000 pixels tile by tile as well, for faces from 12 "
    "pixels on. A photo of 20 megapixels has 37 tiles and takes some twelve times as long.",
)


def batch_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds --out, --engine and --workers, for more pictures than one waits for, to a command."""
    options = (
        click.option(
            "--out",
            metavar="FOLDER",
            help="For very many pictures: write Parquet files to FOLDER, a path or an address such "
            "as s3://bucket/run, instead of lines to standard output. The same command goes on "
            "where it was cut off.",
        ),
        click.option(
            "--engine",
            type=click.Choice(["local", "ray"]),
            help="With --out: judge with processes of this machine (the default) or with Ray.",
        ),
        click.option(
            "--workers",
            type=click.IntRange(min=1),
            metavar="N",
            help="With --out: how many processes judge; one a core if not given.",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command
