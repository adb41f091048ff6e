"""What a training job says of itself: a small JSON file, written whole or not at all.

A job that was killed can write nothing any more, so a reader also asks whether its process is still
there: the very process, told by its start time from a later one with the same number.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import Path

STATUS, STOP = "status.json", "stop"
"""Files of a job: what it says of itself, and the wish of somebody that it stop."""

_PROC = Path("/proc")


class Step(StrEnum):
    """What a job does, in this order."""

    STARTING = "starting"
    READING = "reading"
    AUDITING = "auditing"
    SPLITTING = "splitting"
    TRAINING = "training"
    EXPORTING = "exporting"


class State(StrEnum):
    """How a job is."""

    RUNNING = "running"
    STOPPING = "stopping"
    STOPPED = "stopped"
    FAILED = "failed"
    LOST = "lost"
    """Its process is gone and left no word: killed, out of memory, or the computer was off."""
    FINISHED = "finished"


@dataclass(frozen=True, slots=True)
class Status:
    """The last word of a job.

    Attributes:
        state: never STOPPING or LOST in the file; see read_status.
        step: what it does, or did last.
        done: how much of the step, or of the epoch, is done, in pictures or batches; where all
            pictures are read, what follows takes an unknown time.
        total: of how much; 0 where that is not known.
        epoch: the one in training, from 1.
        epochs: of how many.
        left_s: how long the step will still take; None where that is not known.
        error: why it failed, in one line.
        pid: number of its process.
        process: see process_stamp.
        time_s: when this was written, since the epoch.
    """

    state: State
    step: Step = Step.STARTING
    done: int = 0
    total: int = 0
    epoch: int = 0
    epochs: int = 0
    left_s: float | None = None
    error: str = ""
    pid: int = 0
    process: str = ""
    time_s: float = 0.0

    @property
    def is_alive(self) -> bool:
        """Whether the job still has its process."""
        return self.state in (State.RUNNING, State.STOPPING)


def write_status(folder: Path, status: Status) -> None:
    """Put the status of a job in place of the one before, in one step.

    Raises:
        OSError: the disk is full or the folder is gone.
    """
    part = folder / f".{STATUS}.{os.getpid()}.part"
    part.write_text(json.dumps(asdict(status)) + "\n", encoding="utf-8")
    part.replace(folder / STATUS)


def read_status(folder: Path) -> Status:
    """How a job is now, with what its process alone can tell; LOST where nothing can be read."""
    try:
        values = json.loads((folder / STATUS).read_text(encoding="utf-8"))
        values |= {"state": State(values["state"]), "step": Step(values["step"])}
        status = Status(**values)
    except (OSError, ValueError, TypeError, AttributeError, KeyError):
        return Status(State.LOST)
    if status.state is not State.RUNNING:
        return status
    asked_to_stop = (folder / STOP).exists()
    if process_stamp(status.pid) == status.process:
        state = State.STOPPING if asked_to_stop else State.RUNNING
    else:
        state = State.STOPPED if asked_to_stop else State.LOST
    return replace(status, state=state)


def own_process(status: Status) -> Status:
    """The status as one of this process, written now."""
    pid = os.getpid()
    return replace(status, pid=pid, process=process_stamp(pid) or "", time_s=time.time())


def process_stamp(pid: int) -> str | None:
    """What tells a process from a later one with the same number; None for one that is gone."""
    if (_PROC / "self" / "stat").exists():
        return _stamp_from_proc(pid)
    return _stamp_from_ps(pid)


def _stamp_from_proc(pid: int) -> str | None:
    """On Linux: which start of the computer, and how long after it."""
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
        stat = (_PROC / str(pid) / "stat").read_text()
    except OSError:
        return None
    state, *rest = stat.rpartition(")")[2].split()  # a name may hold blanks and brackets
    return None if state in ("Z", "X") else f"{boot} {rest[18]}"


def _stamp_from_ps(pid: int) -> str | None:
    """Elsewhere, such as on macOS: the second in which it began."""
    command = ["ps", "-o", "stat=,lstart=", "-p", str(pid)]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=True, env={**os.environ, "LC_ALL": "C"}
        )
    except (OSError, subprocess.SubprocessError):
        return None
    state, _, began = done.stdout.strip().partition(" ")
    return None if state.startswith("Z") or not began else " ".join(began.split())
