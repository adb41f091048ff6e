"""A training run from a folder of pictures to an exported network, as a process of its own.

    python -m maskwatch.training.jobs.job FOLDER [--weights FILE]...

FOLDER holds an order (job_folder.py); job_control.py starts this. Each step leaves a file that is
whole or not there, so a run that ended in any way goes on where it was when it is started again.
"""

from __future__ import annotations

import os
import signal
import time
import traceback
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from maskwatch.errors import DataError, MaskWatchError, SettingError
from maskwatch.files import DISK_FULL, write_json
from maskwatch.models.card import SHIPPED_MODEL
from maskwatch.training.data.class_names import check_taught
from maskwatch.training.jobs.folder import (
    DATA,
    REPORT,
    STOP,
    JobFolder,
    Order,
    State,
    Status,
    Step,
    own_process,
    write_status,
)
from maskwatch.training.run_files import remove_parts

if TYPE_CHECKING:
    import pandas as pd

# How a job tells what it does: a status now and then, and the end.

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
        with suppress(DataError):
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


FOLDS = 5
"""A fifth of the pictures is for validation, as in the report."""

_NICE = 10
"""How far a run steps back behind the pages, which people wait for."""


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--weights", multiple=True, type=click.Path(path_type=Path), help="See `train`.")
def main(folder: Path, weights: tuple[Path, ...]) -> None:
    """Do, or go on with, what the order in FOLDER asks for."""
    os.nice(_NICE)
    job = JobFolder(folder)
    reporter = Reporter(folder)
    signal.signal(signal.SIGTERM, reporter.stop)
    state, error = State.FINISHED, ""
    try:
        work(job, weights, reporter)
    except Stopped:
        state = State.STOPPED
    except Exception as failure:
        state, error = State.FAILED, explain(failure)
        if not isinstance(failure, MaskWatchError):
            traceback.print_exc()
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if state is not State.FINISHED:
        print(error or "stopped")
        remove_parts(folder)  # on a full disk this makes room for the last word
    reporter.end(state, error)
    (folder / STOP).unlink(missing_ok=True)
    raise SystemExit(state is State.FAILED)


def work(job: JobFolder, files: Sequence[Path], reporter: Reporter) -> None:
    """All steps that are not done yet.

    Args:
        job: with its order.
        files: ImageNet weights of several widths, or exported classifiers to go on from; Keras
            downloads the former where there are none.
        reporter: is told how far it is.

    Raises:
        MaskWatchError: the data or the weights cannot be used.
        Stopped: somebody wants it to end.
        OSError: the disk is full, say.
    """
    reporter.begin(Step.STARTING)
    remove_parts(job.path)
    order = job.order()
    if _is_trained(job):
        table = _prepare(job, order, reporter)
    else:
        weights = fitting_weights(order, files)  # first: it is soon told, and reading takes minutes
        table = _prepare(job, order, reporter)
        _train(job, order, table, weights, reporter)
    reporter.begin(Step.EXPORTING)
    from maskwatch.training.classifier.export import export_run
    from maskwatch.training.run_folder import RunFolder

    card = export_run(RunFolder(job.path), table, job.model_path)
    print(f"{job.model_path.name}: {card.name}, sha256 {card.sha256[:12]}")
    if order.old_model:
        _compare(job, order, table, reporter)


def fitting_weights(order: Order, files: Sequence[Path]) -> Path | None:
    """The first file that fits the network of an order, None for Keras' download.

    A run that is compared with a model goes on from that; a recipe that keeps some of its start
    goes on from the shipped classifier where no other is given.

    Raises:
        SettingError: none does, or the download fails.
    """
    from maskwatch.training.classifier.network import build_network

    refusals = []
    for weights in _candidates(order, files):
        try:
            build_network(order.recipe.network, weights, order.recipe.seed)
            return weights
        except SettingError as error:
            refusals.append(error)
    raise refusals[-1]


def _candidates(order: Order, files: Sequence[Path]) -> Sequence[Path | None]:
    if order.old_model:
        return (Path(order.old_model),)
    if order.recipe.goes_on:
        return [path for path in files if path.suffix == ".onnx"] or (SHIPPED_MODEL,)
    return files or (None,)


def explain(failure: Exception) -> str:
    """Why a run failed and what to do, in one line."""
    reason = failure.__cause__ if isinstance(failure, MaskWatchError) else failure
    if isinstance(reason, OSError) and reason.errno in DISK_FULL:
        return "the disk is full; make room, then go on"
    if isinstance(failure, MaskWatchError):
        return " ".join(str(failure).split())
    if isinstance(failure, MemoryError):
        return "there is not enough memory for these pictures; take fewer, or a smaller input"
    lines = str(failure).strip().splitlines() or ["no more is known"]
    return f"{type(failure).__name__}: {lines[0]}"


def _prepare(job: JobFolder, order: Order, reporter: Reporter) -> pd.DataFrame:
    """The manifest with groups and parts."""
    from maskwatch.training.data.manifest import read_manifest, write_manifest

    read, audited, split = (job.path / f"{n}.parquet" for n in ("all", "audited", "split"))
    if not split.exists():
        if not audited.exists():
            if not read.exists():
                reporter.begin(Step.READING)
                write_manifest(_read(order), read)
            write_manifest(_audit(read_manifest(read), reporter), audited)
        reporter.begin(Step.SPLITTING)
        table = _split(read_manifest(audited), order)
        _write_facts(job, table)
        write_manifest(table, split)
    return read_manifest(split)


def _read(order: Order) -> pd.DataFrame:
    from maskwatch.training.data.collect import collect, counts_per_label
    from maskwatch.training.data.corrections import apply_corrections, read_corrections

    collection = collect(order.sets)
    for problem in collection.problems:
        print(f"left out: {problem}")
    for line in (*collection.notes, *collection.classes):
        print(line)
    table = collection.table
    if order.protocol != REPORT:  # the report took the labels as they were published
        table = apply_corrections(table, read_corrections()).table
    counts = counts_per_label(table)
    if sentence := check_taught(counts, f"{', '.join(order.sets)}: no picture"):
        print(f"warning: {sentence}")
    print(", ".join(f"{count:,} {label}" for label, count in counts.items() if count))
    return table


def _audit(table: pd.DataFrame, reporter: Reporter) -> pd.DataFrame:
    from maskwatch.training.data.audit import audit
    from maskwatch.training.data.near_duplicates import group_near_duplicates

    reporter.begin(Step.AUDITING, 2 * len(table))  # every row is read twice
    grouped, findings = audit(table, group_near_duplicates, reporter.advance)
    for problem in findings.unusable:
        print(f"left out: {problem}")
    print(f"{findings.usable_rows:,} usable pictures in {findings.groups:,} groups")
    return grouped


def _split(table: pd.DataFrame, order: Order) -> pd.DataFrame:
    from maskwatch.training.data.split import split_grouped, split_report

    if order.protocol == REPORT:
        return split_report(table)
    test = bool(order.old_model)
    return split_grouped(table, folds=FOLDS, seed=order.recipe.seed, test=test)


def _write_facts(job: JobFolder, table: pd.DataFrame) -> None:
    """What people should know of the data, for the page."""
    from maskwatch.training.data.collect import counts_per_label
    from maskwatch.training.data.split import twin_share

    parts = {str(name): counts_per_label(part) for name, part in table.groupby("split")}
    facts = {"parts": parts, "groups": table["group"].nunique(), "twin_share": twin_share(table)}
    write_json(job.path / DATA, facts)


def _is_trained(job: JobFolder) -> bool:
    """Whether only the export is left to do."""
    from maskwatch.training.run_folder import RunFolder

    return (job.path / "run.json").exists() and RunFolder(job.path).read()["state"] == "finished"


def _train(
    job: JobFolder, order: Order, table: pd.DataFrame, weights: Path | None, reporter: Reporter
) -> None:
    from maskwatch.training.classifier.train import train
    from maskwatch.training.run_folder import RunFolder

    run = RunFolder(job.path)
    reporter.begin_training(run.kept_epochs(), order.recipe.fit.epochs)
    train(order.recipe, table, run, weights, progress=reporter.trained)


def _compare(job: JobFolder, order: Order, table: pd.DataFrame, reporter: Reporter) -> None:
    from maskwatch.training.jobs.comparison import compare, write_comparison

    reporter.begin(Step.MEASURING, 2 * int((table["split"] == "test").sum()))
    compared = compare(table, Path(order.old_model), job.model_path, reporter.advance)
    for one in compared:
        print(
            f"{one.source}: {one.faces} faces held back, right about {one.old_right} before and "
            f"{one.new_right} now; {one.mended} mended, {one.spoilt} spoilt"
        )
    write_comparison(job.path, compared)


if __name__ == "__main__":
    main()
