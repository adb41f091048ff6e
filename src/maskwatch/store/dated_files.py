"""Files about people that are kept for a time: for their owner alone, their moment in their names.

So they go in time whatever becomes of their content, and whether they were finished or cut off.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from maskwatch.errors import DataError
from maskwatch.files import explained, writing
from maskwatch.store.clock import believable

DAY_S = 24 * 60 * 60

_TIME = "%Y%m%dT%H%M%SZ"
_MOMENT = r"\d{8}T\d{6}Z"


def moment_of(time_s: float) -> str:
    """What a name begins with.

    Args:
        time_s: UTC seconds since the epoch.
    """
    return datetime.fromtimestamp(time_s, UTC).strftime(_TIME)


def write_private(path: Path, content: bytes) -> None:
    """Write a file that nobody but its owner can read; the same holds for folders that it lacks.

    Raises:
        DataError: it cannot be written; what was there before is there still.
    """
    with explained(path):
        _make_folder(path.parent)
    with writing(path) as part, open(part, "wb", opener=_for_the_owner) as file:
        file.write(content)


class DatedFiles:
    """The files of some folders whose names begin with a moment; all others are passed over."""

    def __init__(self, folders: Sequence[Path], rest: str, suffixes: Sequence[str]) -> None:
        """Remember where; nothing is opened.

        Args:
            folders: may be missing.
            rest: what follows the moment in a name, as a regular expression.
            suffixes: with which a name ends, such as ".png".
        """
        self._folders = folders
        ends = "|".join(map(re.escape, suffixes))
        # those that are being written, or were cut off, are .NAME.xxxxxxxx.part.SUFFIX
        self._name = re.compile(rf"\.?({_MOMENT}){rest}(\.[0-9a-f]{{8}}\.part)?({ends})(\.part)?")

    def purge(self, before_s: float) -> list[Path]:
        """Delete what is from before a moment, finished or not.

        Args:
            before_s: UTC seconds since the epoch.

        Returns:
            What was deleted.

        Raises:
            DataError: a folder cannot be read, or a file not be deleted; the others are.
        """
        deleted, failed = [], None
        for path, time_s in self._dated():
            if time_s >= before_s:
                continue
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                failed = DataError(f"{path}: cannot be deleted ({error.strerror})")
            else:
                deleted.append(path)
        if failed:
            raise failed
        return deleted

    def take_for_new(self, now_s: float) -> None:
        """Date files of no moment that can be true today: they must go in time, and not before.

        The clock was put right. Where it has just lost its time, nothing is dated by it.

        Args:
            now_s: UTC seconds since the epoch.

        Raises:
            DataError: a folder cannot be read, or a file not be renamed; the others are.
        """
        if (span := believable(now_s)) is None:
            return
        failed = None
        for path, time_s in self._dated():
            if span[0] <= time_s <= span[1]:
                continue
            name = re.sub(_MOMENT, moment_of(now_s), path.name, count=1)
            try:
                path.rename(path.with_name(name))
            except FileNotFoundError:  # somebody else was faster
                continue
            except OSError as error:
                failed = DataError(f"{path}: cannot be renamed ({error.strerror})")
        if failed:
            raise failed

    def time_of(self, name: str) -> float | None:
        """The moment in a name, in UTC seconds since the epoch; None for any other file."""
        named = self._name.fullmatch(name)
        try:
            return named and datetime.strptime(named[1], _TIME).replace(tzinfo=UTC).timestamp()
        except ValueError:  # 31 February
            return None

    def names(self, folder: Path) -> list[str]:
        """Of those of a folder that are finished.

        Raises:
            DataError: it cannot be read.
        """
        return [name for name in _names(folder) if name[0] != "." and self._name.fullmatch(name)]

    def paths(self) -> list[Path]:
        """Of all folders, finished or cut off.

        Raises:
            DataError: a folder cannot be read.
        """
        return [
            folder / name
            for folder in self._folders
            for name in _names(folder)
            if self._name.fullmatch(name)
        ]

    def _dated(self) -> list[tuple[Path, float]]:
        dated = ((path, self.time_of(path.name)) for path in self.paths())
        return [(path, time_s) for path, time_s in dated if time_s is not None]


def _names(folder: Path) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return [entry.name for entry in entries if not entry.is_dir()]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise DataError(f"{folder}: cannot be read ({error.strerror})") from error


def _make_folder(folder: Path) -> None:
    """With those above it that are missing, for which Path.mkdir would not heed the mode."""
    if not folder.parent.exists():
        _make_folder(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)


def _for_the_owner(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
