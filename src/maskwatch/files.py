"""Files that are written whole or not at all, and one message where that cannot be; their names."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryFile

from maskwatch.errors import DataError, MaskWatchError

DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
"""Why what is written does not fit: also more than one file may have, and a disk that fails."""


@contextmanager
def writing(path: Path, error: type[MaskWatchError] = DataError) -> Iterator[Path]:
    """Write a file beside its place, and put it there when it is whole and on the disk.

    Whatever ends the writing before, the file that was there is there still.

    Args:
        path: where it belongs; its folder is made where it is missing. What is no file, such as
            /dev/stdout, is written to as it is.
        error: what to raise.

    Yields:
        The path to write to; it ends as `path` does, for libraries that go by that.

    Raises:
        MaskWatchError: of the kind wanted: it cannot be written.

    Example:
        >>> with writing(Path("counts.csv")) as part:
        ...     part.write_text("mask,12")
    """
    with explained(path, error):
        if path.exists() and not path.is_file():
            yield path
            return
        place = _resolved(path)  # a link stays one
        if not place.parent.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
        part = place.with_name(f".{place.stem}.{os.urandom(4).hex()}.part{place.suffix}")
        try:
            yield part
            _settle(part, place)
        finally:
            with suppress(OSError):
                part.unlink(missing_ok=True)


@contextmanager
def explained(path: Path, error: type[MaskWatchError] = DataError) -> Iterator[None]:
    """Say of a file or folder that it cannot be written, where that is so."""
    try:
        yield
    except OSError as reason:
        why = (reason.strerror or type(reason).__name__).lower()
        raise error(f"{path}: cannot be written ({why})") from reason


def _resolved(path: Path) -> Path:
    """Where a path leads; of links that lead to each other Python up to 3.12 says no OSError."""
    try:
        return path.resolve()
    except RuntimeError as reason:
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP)) from reason


def require_folder(folder: Path, error: type[MaskWatchError] = DataError) -> None:
    """Make a folder where it is missing, and try to put a file into it: before the work for it.

    Raises:
        MaskWatchError: of the kind wanted: that cannot be done.
    """
    with explained(folder, error):
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            pass


def require_file(path: Path, error: type[MaskWatchError] = DataError) -> None:
    """The same for a file that `writing` is to write.

    Raises:
        MaskWatchError: of the kind wanted: it cannot be written.
    """
    with explained(path, error):
        if path.is_file() or not path.exists():
            require_folder(_resolved(path).parent, error)


def write_text(path: Path, text: str, error: type[MaskWatchError] = DataError) -> None:
    """Write a file of text, in UTF-8 and with line ends as they are.

    Raises:
        MaskWatchError: of the kind wanted: it cannot be written.
    """
    with writing(path, error) as part:
        part.write_text(text, encoding="utf-8", newline="")


def write_json(path: Path, document: object, indent: int | None = None) -> None:
    """Write a file of one JSON document.

    Raises:
        DataError: it cannot be written.
    """
    write_text(path, json.dumps(document, indent=indent) + "\n")


def home_folder() -> Path:
    """The user's folder; the current one for a user who has none, as in some containers."""
    try:
        return Path.home()
    except RuntimeError:
        return Path()


def _settle(part: Path, place: Path) -> None:
    """Put what is written in its place, once it is on the disk."""
    if place.exists():
        shutil.copymode(place, part)
    with part.open("rb") as file:
        os.fsync(file.fileno())
    part.replace(place)


def told_apart(names: Iterable[str], sameness: Callable[[str], str] = str) -> list[str]:
    """Names of which no two are the same: of equal ones the later get a number.

    Args:
        names: of files.
        sameness: two names are the same where this answers the same.
    """
    taken: set[str] = set()
    apart = []
    for name in names:
        stem, dot, suffix = name.rpartition(".")
        candidate, number = name, 1
        while sameness(candidate) in taken:
            number += 1
            candidate = f"{stem} ({number}){dot}{suffix}" if stem else f"{name} ({number})"
        taken.add(sameness(candidate))
        apart.append(candidate)
    return apart
