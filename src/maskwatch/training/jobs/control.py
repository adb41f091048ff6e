"""Starts, stops, resumes and deletes training jobs; one runs at a time.

A job is a process in a session of its own, so it outlives the page and the app that started it.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from threading import Thread

from maskwatch.errors import DataError, SettingError
from maskwatch.files import explained
from maskwatch.training.jobs.folder import (
    LOG,
    STOP,
    JobFolder,
    Order,
    State,
    Status,
    list_jobs,
    own_process,
    read_status,
    write_status,
)

_LOCK = ".lock"


class BusyError(DataError):
    """Another training is going on.

    Attributes:
        name: of its run.
    """

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} is being trained; wait for its end or stop it first")
        self.name = name


def require_supported() -> None:
    """Raise where jobs cannot be started.

    Raises:
        SettingError: this is Windows, which lacks sessions of processes and locks of files.
    """
    if sys.platform == "win32":
        raise SettingError(
            "training from the page works on Linux and macOS only; use `maskwatch train` here"
        )


def running_job(runs: Path) -> JobFolder | None:
    """The job that is going on, None where there is none."""
    return next((job for job in list_jobs(runs) if job.status().is_alive), None)


def start_job(runs: Path, order: Order, weights: Sequence[Path]) -> JobFolder:
    """Begin a new run, named after its recipe.

    Args:
        runs: folder of all runs; made where it is missing.
        order: what to train on what.
        weights: see job.py.

    Raises:
        BusyError: another one is going on.
        DataError: the folder cannot be written.
        SettingError: this system has no means for it.
    """
    with _alone(runs):
        job = JobFolder(runs / _new_name(runs, order.recipe.name))
        try:
            with explained(job.path):
                job.path.mkdir()
                job.write_order(order)
                _launch(job, weights)
        except DataError:
            with suppress(OSError):
                shutil.rmtree(job.path)
            raise
        return job


def resume_job(job: JobFolder, weights: Sequence[Path]) -> None:
    """Let a run that was stopped, failed or was lost go on where it was.

    Raises:
        BusyError: another one, or this one, is going on.
        DataError: it is finished, or its folder cannot be written.
        SettingError: this system has no means for it.
    """
    with _alone(job.path.parent):
        if job.status().state is State.FINISHED:
            raise DataError(f"{job.name}: is finished")
        with explained(job.path):
            _launch(job, weights)


def stop_job(job: JobFolder) -> None:
    """Ask a run to stop; it can go on later from its last whole epoch.

    Raises:
        DataError: its folder cannot be written.
    """
    status = job.status()
    if not status.is_alive:
        return
    with explained(job.path):
        (job.path / STOP).touch()
    if not status.is_only_started:  # one that has not quite begun looks for the file
        with suppress(ProcessLookupError):
            os.kill(status.pid, signal.SIGTERM)


def delete_job(job: JobFolder) -> None:
    """Remove a run with all its files.

    Raises:
        BusyError: it is going on.
        DataError: it cannot be removed.
    """
    with _hold(job.path.parent):
        if job.status().is_alive:
            raise BusyError(job.name)
        try:
            # renamed first, so that no half of it is ever taken for a run
            gone = job.path.with_name(f".deleted-{job.name}")
            if gone.exists():  # what is left of one of that name, whose removal was cut off
                shutil.rmtree(gone)
            shutil.rmtree(job.path.rename(gone))
        except OSError as error:
            raise DataError(f"{job.path}: cannot be removed ({error.strerror})") from error


@contextmanager
def _hold(runs: Path) -> Iterator[None]:
    """Have the runs to oneself for a moment, among all pages and apps."""
    require_supported()
    import fcntl

    with explained(runs):
        runs.mkdir(parents=True, exist_ok=True)
        lock = (runs / _LOCK).open("a")
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # closing gives it back
        yield


@contextmanager
def _alone(runs: Path) -> Iterator[None]:
    """The same, and none of them is going on."""
    with _hold(runs):
        busy = running_job(runs)
        if busy:
            raise BusyError(busy.name)
        yield


def _new_name(runs: Path, recipe: str) -> str:
    taken = {path.name for path in runs.iterdir()}
    return next(name for n in range(1, len(taken) + 2) if (name := f"{recipe}-{n}") not in taken)


def _launch(job: JobFolder, weights: Sequence[Path]) -> None:
    """Start the process of a job. Until it says something itself, it counts as part of this one."""
    (job.path / STOP).unlink(missing_ok=True)
    begun = own_process(Status(State.RUNNING, is_only_started=True))
    command = [sys.executable, "-u", "-m", "maskwatch.training.jobs.job", str(job.path)]
    for path in weights:
        command += ["--weights", str(path)]
    with (job.path / LOG).open("ab") as log:
        write_status(job.path, begun)
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            write_status(job.path, replace(begun, state=State.FAILED, error=str(error)))
            raise
    Thread(target=_bury, args=(job, process, begun), name=f"end of {job.name}", daemon=True).start()


def _bury(job: JobFolder, process: subprocess.Popen[bytes], begun: Status) -> None:
    """Wait for the end of a process, which would stay as a zombie; say so if it never spoke.

    A run that was stopped may have been begun anew before its first process is quite gone.
    """
    process.wait()
    status = read_status(job.path)
    if status.is_alive and status.time_s == begun.time_s:
        error = f"it ended before it began (exit code {process.returncode}); its log says more"
        with suppress(DataError):
            write_status(job.path, replace(status, state=State.FAILED, error=error))
