"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

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
