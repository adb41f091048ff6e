"""A visitor's film while it is judged and after; without Streamlit.

The film lies in a temporary folder only as long as it is judged, in a process of its own, one film
at a time for all visitors. What is left of it is in memory, for as long as the visitor's session.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock, Thread, Timer
from typing import Any
from weakref import finalize

from maskwatch.app.film_faces import FilmFace, read_faces
from maskwatch.app.film_process import FACES, MARKED, ROWS, FilmOrder
from maskwatch.schema import MaskState

FILM_MB = 100
"""How large a film may be."""

FILM_SUFFIXES = ("mp4", "m4v", "mov", "webm", "mkv", "avi")

UNFORESEEN = "unforeseen"
"""The analysis of a film ended by itself."""

LIMIT_S = 3600.0
"""A film is judged for so long at most."""

_RUNNING = Lock()
_STOP_S = 5.0
# in which a film that was told to stop mostly has ended


@dataclass(frozen=True, slots=True)
class FilmState:
    """How far a film is.

    Attributes:
        time_s: up to where it is judged.
        length_s: of the film; 0 if it does not say.
        people: people by the state each showed longest.
        face_s: seconds of faces, by state.
        fault: the kind of what is wrong, a VideoFault or UNFORESEEN; "" if nothing.
        stopped: whether it was told to end, and the rest of the film is not judged.
        ended: whether there is nothing more to come.
        marked: the film with what was found drawn on it, as MP4; empty before the end.
        rows: a row for each face and frame, as CSV; empty before the end.
        faces: those whose answers can be corrected, where the order was to cut them out.
    """

    time_s: float = 0.0
    length_s: float = 0.0
    people: Mapping[MaskState, int] = field(default_factory=dict)
    face_s: Mapping[MaskState, float] = field(default_factory=dict)
    fault: str = ""
    stopped: bool = False
    ended: bool = False
    marked: bytes = b""
    rows: bytes = b""
    faces: tuple[FilmFace, ...] = ()

    @property
    def share(self) -> float:
        """How much of the film is judged, from 0 to 1."""
        return min(1.0, self.time_s / self.length_s) if self.length_s else 0.0


class Film:
    """One film; it is judged from now on.

    Attributes:
        name: what the visitor calls it.
    """

    def __init__(self, name: str, content: bytes, order: FilmOrder) -> None:
        """Begin.

        Args:
            name: see above.
            content: of the file.
            order: how to judge; which file, is filled in here.

        Raises:
            BlockingIOError: another film is being judged.
            OSError: there is no room for it, or no process can be started.
        """
        if not _RUNNING.acquire(timeout=_STOP_S):
            raise BlockingIOError(name)
        self.name = name
        try:
            self._work = _begin(name, content, order)
            self._end = finalize(self, self._work.stop)  # a session that is over wants nothing
            # a daemon, or the program would end only when the film does
            Thread(target=self._work.follow, name="film", daemon=True).start()
        except BaseException:
            _RUNNING.release()
            raise

    @property
    def state(self) -> FilmState:
        """How far it is."""
        return self._work.state

    def stop(self) -> None:
        """End it, see _Work.stop."""
        self._end()

    def sizes_bytes(self) -> list[int]:
        """How large what is kept of it is."""
        faces = sum(face.seen.image_rgb.nbytes for face in self.state.faces)
        return [len(self.state.marked), len(self.state.rows), faces]


def _begin(name: str, content: bytes, order: FilmOrder) -> _Work:
    """Start the process that judges it."""
    folder = TemporaryDirectory(prefix="maskwatch-film-", ignore_cleanup_errors=True)
    film = Path(folder.name, f"film{Path(name).suffix}")
    command = replace(order, film=str(film), name=name).to_json()
    try:
        film.write_bytes(content)
        process = subprocess.Popen(
            [sys.executable, "-m", "maskwatch.app.film_process", command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )
    except OSError:
        folder.cleanup()
        raise
    return _Work(process, folder)


class _Work:
    """What the thread knows; not the film, which it would keep alive."""

    def __init__(self, process: subprocess.Popen[str], folder: TemporaryDirectory[str]) -> None:
        self.state = FilmState()
        self._process = process
        self._folder = folder
        self._told_to_stop = False

    def stop(self) -> None:
        """End it; what was judged so far is kept where that can be."""
        self._told_to_stop = True
        self._process.terminate()

    def follow(self) -> None:
        """Hear how far it is until the end, and take what it leaves; then the next may come."""
        left: dict[str, Any] | None = None
        try:
            self._listen()
            left = self._left()
        finally:
            self._folder.cleanup()
            _RUNNING.release()
            died = bool(self._process.returncode)
            # before it can end in order it just dies of being told to
            stopped = self.state.stopped or (died and self._told_to_stop)
            failed = left is None or (died and not stopped)
            fault = self.state.fault or (UNFORESEEN if failed else "")
            state = replace(self.state, stopped=stopped, fault=fault)
            self.state = replace(state, ended=True, **(left or {}))

    def _listen(self) -> None:
        limit = Timer(LIMIT_S, self._process.terminate)
        limit.daemon = True
        limit.start()
        try:
            with self._process:  # closes what it says, and waits for it
                for line in self._process.stdout or ():
                    self._hear(json.loads(line))
        finally:
            limit.cancel()

    def _left(self) -> dict[str, Any]:
        found = Path(self._folder.name)
        marked, rows = (_content(found / name) for name in (MARKED, ROWS))
        return {"marked": marked, "rows": rows, "faces": read_faces(found / FACES)}

    def _hear(self, told: dict[str, Any]) -> None:
        if "error" in told:
            self.state = replace(self.state, fault=told["error"])
            return
        if "stopped" in told:
            self.state = replace(self.state, stopped=told["stopped"])
            return
        people, face_s = (
            {MaskState(name): n for name, n in told[key].items()} for key in ("people", "face_s")
        )
        self.state = FilmState(told["time_s"], told["length_s"], people, face_s)


def _content(path: Path) -> bytes:
    return path.read_bytes() if path.exists() else b""
