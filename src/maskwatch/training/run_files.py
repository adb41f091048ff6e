"""Reads what a run wrote down, also while it is going on, and clears away what a killed one left.

Needs no training framework.
"""

from __future__ import annotations

import csv
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

from maskwatch.errors import DataError, SettingError

HISTORY, SCORES = "history.csv", "scores.json"

Epoch = dict[str, float]
"""Values of an epoch by name: epoch (from 1), loss, accuracy, val_loss, val_accuracy, seconds."""


def read_history(run: Path) -> list[Epoch]:
    """The epochs of a run in order; empty before the first.

    Raises:
        DataError: the file is damaged, or of something else.
    """
    path = run / HISTORY
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = [{k: float(v) for k, v in row.items() if v} for row in csv.DictReader(file)]
        epochs = [row["epoch"] for row in rows]
        if any(later <= epoch for epoch, later in pairwise(epochs)):
            raise ValueError("its epochs are out of order")
    except FileNotFoundError:
        return []
    except (OSError, ValueError, TypeError, KeyError, csv.Error) as error:
        raise DataError(
            f"{path}: is damaged, or no history of a run ({error}); remove it to go on without the "
            "curves of the epochs before"
        ) from error
    return rows


def read_scores(run: Path) -> dict[str, Any]:
    """The scores of a run by part; empty before it is finished.

    Raises:
        DataError: the file is damaged.
    """
    path = run / SCORES
    try:
        return dict[str, Any](json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError) as error:
        raise DataError(f"{path}: is damaged ({error}); train anew") from error


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Have a run's folder to oneself; however the process ends, the lock ends with it.

    Raises:
        SettingError: another process has it.
    """
    handle = os.open(folder, os.O_RDONLY) if os.name == "posix" else None  # Windows has no flock
    try:
        if handle is not None:
            _lock(handle, folder)
        yield
    finally:
        if handle is not None:
            os.close(handle)


def _lock(handle: int, folder: Path) -> None:
    import fcntl

    with suppress(OSError):  # some file systems of networks know no locks
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise SettingError(
                f"{folder}: another process is training there; wait for its end or choose another "
                "--out"
            ) from error


_PART = re.compile(r"\..+\.[0-9a-f]{8}\.part(\.\w+)?")
"""How `files.writing` calls what is not whole yet."""


def remove_parts(folder: Path) -> None:
    """Remove what a process that was killed had begun to write."""
    for path in folder.iterdir():
        if _PART.fullmatch(path.name):
            with suppress(OSError):
                path.unlink()
