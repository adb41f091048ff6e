"""A run: plan it, or go on with it, judge what is left, write each chunk's rows.

The files of the chunks are the only record of what is done. Each is written whole or not at all, so
a run may be cut off anywhere, and even be given twice at once, without a row lost or doubled.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maskwatch._version import __version__
from maskwatch.batch.plan import (
    ERROR,
    FACE,
    NO_FACE,
    PLAN_NAME,
    UNREACHABLE,
    Chunk,
    Plan,
    Row,
    encode_plan,
)
from maskwatch.batch.storage import Folder, encode_rows, is_address, list_pictures, open_folder
from maskwatch.batch.worker import Judged, Task
from maskwatch.errors import BatchError, MissingExtraError, SettingError
from maskwatch.pipeline import Networks

Engine = Callable[[Iterable[Chunk], Task, int | None], Judged]
"""Judges chunks with so many workers, in any order; one a core if None."""

_BEGUN_IN = "folder"
"""Key of the folder that relative names start from, wherever the run is gone on with."""

_OLDER_HASHES = 2
"""So many of `network_hashes` are in older plans: none of what the cards say."""

_OUTAGE = 8
"""A store that gives none of so many pictures in a row is down, or its credentials have expired."""


@dataclass(frozen=True, slots=True)
class Count:
    """What became of some pictures.

    Attributes:
        pictures: how many; with_faces, without and errors add up to it.
        with_faces: in which a face was found.
        without: in which none was.
        errors: that could not be judged.
        states: faces by state.
    """

    pictures: int
    with_faces: int
    without: int
    errors: int
    states: Counter[str]

    @classmethod
    def of(cls, rows: Sequence[Row]) -> Count:
        """Count the pictures of whole chunks."""
        statuses = Counter(row["status"] for row in rows if not row.get("face"))
        states = Counter(row["state"] for row in rows if row["status"] == FACE)
        return cls(
            pictures=statuses.total(),
            with_faces=statuses[FACE],
            without=statuses[NO_FACE],
            errors=statuses[ERROR],
            states=states,
        )

    def __add__(self, other: Count) -> Count:
        """The sum of both."""
        return Count(
            self.pictures + other.pictures,
            self.with_faces + other.with_faces,
            self.without + other.without,
            self.errors + other.errors,
            self.states + other.states,
        )


class Run:
    """The pictures of some sources, on their way into a folder.

    Attributes:
        pictures: how many the run has.
        done: how many of them were judged before.
    """

    def __init__(self, sources: Sequence[str], out: str, networks: Networks) -> None:
        """Begin a run, or go on with the one that is in the folder.

        Args:
            sources: folders, patterns, manifests, pictures; paths or addresses.
            out: where the output goes, a path or an address.
            networks: what judges.

        Raises:
            MissingExtraError: the packages for Parquet files are not installed.
            ModelError: a network cannot be loaded.
            InputError: there are no pictures, the folder holds something else, or the current one
                is gone.
            BatchError: the folder cannot be written to.
        """
        try:
            import pyarrow  # noqa: F401
        except ModuleNotFoundError as error:
            raise MissingExtraError("--out", "batch") from error
        self._here = _current_folder()
        self._networks = networks.pinned()
        self._folder: Folder = open_folder(out)
        about = _describe(sources, self._networks)
        present = self._folder.names()
        if PLAN_NAME not in present:
            # one that begins with a dot was left by a run that was killed, or is being written
            if any(name.endswith(".parquet") and not name.startswith(".") for name in present):
                raise SettingError(f"--out {out}: holds Parquet files that are no run of MaskWatch")
            self._begin(list_pictures(sources), about)
        self._plan = Plan(self._folder.read(PLAN_NAME), f"{out}/{PLAN_NAME}")
        other = sorted(k for k in about if not _is_same(self._plan.about.get(k), about[k]))
        if other:
            raise SettingError(
                f"--out {out}: holds a run with other {', '.join(other)}; give another folder, or "
                "what that one was begun with"
            )
        self.pictures = self._plan.pictures
        self._present = present - self._folder.cut_off(present)
        self.done = self.pictures - sum(len(chunk.names) for chunk in self._left())

    def judge(self, engine: Engine, workers: int | None = None) -> Iterator[Count]:
        """Judge what is left, and yield what became of each chunk once its rows are written.

        Raises:
            BatchError: the run cannot go on.
        """
        if self.done == self.pictures:
            return
        task = Task(self._networks, self._plan.about.get(_BEGUN_IN, self._here))
        # closing: whatever ends this ends the workers as well
        with closing(engine(self._left(), task, workers)) as judged:
            for chunk, rows in _without_outage(judged, some_came=self.done > 0):
                self._folder.write(chunk.file_name, encode_rows(rows))
                yield Count.of(rows)

    def _begin(self, names: Sequence[str], about: dict[str, Any]) -> None:
        """Write the plan down, unless another run has done so while this one looked for names."""
        if PLAN_NAME not in self._folder.names():
            begun = about | {_BEGUN_IN: self._here}
            self._folder.write(PLAN_NAME, encode_plan(names, begun))

    def _left(self) -> Iterator[Chunk]:
        return (chunk for chunk in self._plan.chunks() if chunk.file_name not in self._present)


def _current_folder() -> str:
    try:
        return str(Path.cwd())
    except FileNotFoundError as error:
        raise SettingError("the current folder was removed; change to another one") from error


def _describe(sources: Sequence[str], networks: Networks) -> dict[str, Any]:
    """What must be the same for a run to be gone on with; the names are for people."""
    places = [s if is_address(s) else os.path.abspath(s) for s in sources]  # noqa: PTH100
    return {
        "sources": hashlib.sha256(b"\0".join(map(os.fsencode, places))).hexdigest(),
        "networks": networks.hashes and list(networks.hashes),
        "detector side": networks.detector_side_px,
        **({} if networks.tiles == "off" else {"tiles": networks.tiles}),  # older runs have none
        "version of MaskWatch": __version__,
    }


def _is_same(begun: Any, now: Any) -> bool:
    """Whether something is as when a run was begun; an older one does not know the cards."""
    if isinstance(begun, list) and isinstance(now, list) and len(begun) == _OLDER_HASHES:
        now = now[:_OLDER_HASHES]
    return bool(begun == now)


def _without_outage(
    judged: Iterable[tuple[Chunk, list[Row]]], some_came: bool
) -> Iterator[tuple[Chunk, list[Row]]]:
    """The chunks whose rows are final; those without any picture wait for one that has some.

    Args:
        judged: chunks with their rows.
        some_came: whether pictures of this run could be fetched before.

    Raises:
        BatchError: there is an outage; what waited has no rows, and is judged when it is over.
    """
    waiting: list[tuple[Chunk, list[Row]]] = []
    for chunk, rows in judged:
        waiting.append((chunk, rows))
        if any(row.get("fault") != UNREACHABLE for row in rows):
            some_came = True
            yield from waiting
            waiting = []
        elif sum(len(chunk.names) for chunk, _ in waiting) >= _OUTAGE:
            raise _outage(rows[0])
    if waiting and not some_came:
        raise _outage(waiting[0][1][0])
    yield from waiting


def _outage(row: Row) -> BatchError:
    return BatchError(f"{row['source']}: {row['error']}, nor can others be fetched")
