"""The folder of a training job: what was asked for, how it is, and all that came of it.

order.yaml           what to train on what
status.json          how it is, see job_status.py
stop                 somebody wants it to stop
log.txt              what it printed
all.parquet          its pictures; audited.parquet with groups, split.parquet with parts
data.json            what the audit and the split found
classifier.onnx      the exported network, with its card and golden tensors
comparison.json      how it does on held-back faces beside the model in use, see comparison.py
...                  and everything that run_folder.py writes

Needs no training framework, so that the page can read it.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Any

from maskwatch.errors import DataError, SettingError
from maskwatch.files import write_json, write_text
from maskwatch.io.settings import read_settings, require
from maskwatch.models.card import card_path
from maskwatch.training.jobs.data_folders import named_folders
from maskwatch.training.recipes.classifier import Recipe, write_record
from maskwatch.training.run_files import SCORES, Epoch, read_history

GROUPED, REPORT = "grouped", "report"
PROTOCOLS = (GROUPED, REPORT)
"""Splits: near-identical pictures on one side, or as the student report did it; see split.py."""

ORDER, LOG, MODEL, DATA = "order.yaml", "log.txt", "classifier.onnx", "data.json"

_LOG_BYTES = 20_000
# what TensorFlow's own libraries say of themselves, such as "I0000 00:00:1795612780.98 port.cc"
_CHATTER = re.compile(r"[IW]\d{4} \d|WARNING: All log messages before absl")


@dataclass(frozen=True, slots=True)
class Order:
    """What to train on what.

    Attributes:
        data: folders of the sets.
        protocol: one of PROTOCOLS.
        recipe: how to train.
        old_model: ONNX file of the classifier in use; "" for a run that has nothing to do with it.
            Otherwise the run goes on from it, holds back a test part and compares both on that.
    """

    data: tuple[str, ...]
    protocol: str
    recipe: Recipe
    old_model: str = ""

    def __post_init__(self) -> None:
        require(bool(self.data), "data", "at least one folder")
        valid = f"one of {', '.join(PROTOCOLS)}"
        require(self.protocol in PROTOCOLS, "protocol", valid)
        if self.old_model:
            require(self.protocol == GROUPED, "protocol", f"{GROUPED}, where models are compared")

    @property
    def sets(self) -> dict[str, Path]:
        """The folders by the name that their pictures have as `source`."""
        return named_folders(map(Path, self.data))


@dataclass(frozen=True, slots=True)
class JobFolder:
    """Reads a job; see above for what is in it."""

    path: Path

    @property
    def name(self) -> str:
        """What the run is called."""
        return self.path.name

    @property
    def model_path(self) -> Path:
        """Where the exported network is, or will be."""
        return self.path / MODEL

    def order(self) -> Order:
        """What was asked for.

        Raises:
            SettingError: it cannot be read.
        """
        path = self.path / ORDER
        try:
            return _read_order(path, path.stat().st_mtime_ns)
        except OSError as error:
            raise SettingError(f"{path}: cannot be read ({error.strerror})") from error

    def write_order(self, order: Order) -> None:
        """Write what is asked for.

        Raises:
            DataError: it cannot be written.
        """
        write_text(self.path / ORDER, write_record(order))

    def status(self) -> Status:
        """How it is now."""
        return read_status(self.path)

    def history(self) -> list[Epoch]:
        """The epochs so far; none where they cannot be read."""
        try:
            return read_history(self.path)
        except DataError:
            return []

    def scores(self) -> dict[str, Any]:
        """Scores of the validation part; empty before there are any."""
        scores: dict[str, Any] = _read_json(self.path / SCORES).get("val", {})
        return scores

    def data(self) -> dict[str, Any]:
        """What audit and split found; empty before that."""
        return _read_json(self.path / DATA)

    def card(self) -> dict[str, Any]:
        """The card of the exported network as it stands there; empty before there is one."""
        return _read_json(card_path(self.model_path))

    def log_lines(self, count: int) -> list[str]:
        """The last lines of what it printed."""
        try:
            with (self.path / LOG).open("rb") as file:
                file.seek(max(0, file.seek(0, 2) - _LOG_BYTES))
                text = file.read().decode("utf-8", errors="replace")
        except OSError:
            return []
        lines = [line.rstrip() for line in text.splitlines()]
        return [line for line in lines if line and not _CHATTER.match(line)][-count:]


@lru_cache(maxsize=512)
def _read_order(path: Path, _changed_ns: int) -> Order:
    """YAML is slow, and a page reads all orders again and again."""
    return read_settings(path, Order)


def list_jobs(runs: Path) -> list[JobFolder]:
    """The jobs in a folder, the newest first; what is no job is passed over."""
    found = [JobFolder(path) for path in runs.iterdir()] if runs.is_dir() else []
    return sorted(filter(_is_job, found), key=lambda job: (_age(job), job.name), reverse=True)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}


def _is_job(job: JobFolder) -> bool:
    try:
        return bool(not job.name.startswith(".") and job.order())
    except SettingError:
        return False


def _age(job: JobFolder) -> int:
    try:
        return (job.path / ORDER).stat().st_mtime_ns
    except OSError:  # somebody has just deleted it
        return 0


# What a training job says of itself: a small JSON file, written whole or not at all.
#
# A job that was killed can write nothing any more, so a reader also asks whether its process is
# still there: the very process, told by its start time from a later one with the same number.

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
    MEASURING = "measuring"


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
        is_only_started: the process is that of the app which started it: it has not spoken yet.
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
    is_only_started: bool = False
    time_s: float = 0.0

    @property
    def is_alive(self) -> bool:
        """Whether the job still has its process."""
        return self.state in (State.RUNNING, State.STOPPING)


def write_status(folder: Path, status: Status) -> None:
    """Put the status of a job in place of the one before, in one step.

    Raises:
        DataError: the disk is full or the folder is gone.
    """
    if not folder.is_dir():  # a run that somebody has deleted must not come back
        raise DataError(f"{folder}: is gone")
    write_json(folder / STATUS, asdict(status))


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
