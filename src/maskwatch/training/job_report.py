"""How a job tells what it does: a status now and then, and the end."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from maskwatch.training.job_status import STOP, State, Status, Step, own_process, write_status

_EVERY_S = 1.0


class Stopped(BaseException):
    """Somebody wants the job to end; no Exception, so that nothing on the way takes it for one."""


class Reporter:
    """Writes the status of the job that this process is."""

    def __init__(self, folder: Path) -> None:
        """Take the job over.

        Args:
            folder: of the job.
        """
        self._folder = folder
        self._status = own_process(Status(State.RUNNING))
        self._written_s = self._began_s = 0.0
        self._first = 0  # what was done of the step when its time began
        self._is_to_stop = False

    def stop(self, *_signal: object) -> None:
        """What the process does on SIGTERM.

        Raises:
            Stopped: always; again with the next batch or picture where a library swallowed it, as
                Keras' `pythonify_logs` does after each epoch and Python in every finalizer.
        """
        self._is_to_stop = True
        raise Stopped

    def begin(self, step: Step, total: int = 0) -> None:
        """A step begins; of `total` pictures, where that is known.

        Raises:
            Stopped: somebody wants the job to end.
        """
        self._begin(replace(self._status, step=step, done=0, total=total, left_s=None))

    def begin_training(self, epochs_done: int, epochs: int) -> None:
        """The training begins, perhaps after some epochs that were done before."""
        epoch = min(epochs_done + 1, epochs)
        status = replace(self._status, step=Step.TRAINING, done=0, total=0, left_s=None)
        self._begin(replace(status, epoch=epoch, epochs=epochs))

    def advance(self, count: int) -> None:
        """So many more pictures are done."""
        done = self._status.done + count
        self._tell(done, self._status.total, done, self._status.total)

    def trained(self, epoch: int, done: int, batches: int) -> None:
        """A batch is done; see train.Progress."""
        if not self._status.total:  # the first takes much longer than those that follow
            self._first, self._began_s = epoch * batches + done, time.monotonic()
        self._status = replace(self._status, epoch=epoch + 1)
        whole = self._status.epochs * batches
        self._tell(done, batches, epoch * batches + done, whole)

    def end(self, state: State, error: str) -> None:
        """The job's last word; on a full disk there may be none."""
        self._status = replace(self._status, state=state, error=error, left_s=None)
        with suppress(OSError):
            self._write()

    def _begin(self, status: Status) -> None:
        if (self._folder / STOP).exists():
            raise Stopped
        self._status, self._first, self._began_s = status, 0, time.monotonic()
        print(f"{time.strftime('%H:%M:%S')} {status.step}")
        self._write()

    def _tell(self, done: int, total: int, step_done: int, step_total: int) -> None:
        """Note what is done of what is shown, and of the whole step; write it now and then."""
        if self._is_to_stop:
            raise Stopped
        now_s = time.monotonic()
        here, left = step_done - self._first, step_total - step_done
        left_s = (now_s - self._began_s) / here * left if here and left else None
        self._status = replace(self._status, done=done, total=total, left_s=left_s)
        if now_s - self._written_s >= _EVERY_S or done == total:
            self._write()

    def _write(self) -> None:
        self._written_s = time.monotonic()
        write_status(self._folder, replace(self._status, time_s=time.time()))
