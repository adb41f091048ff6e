"""A training run from a folder of pictures to an exported network, as a process of its own.

    python -m maskwatch.training.job FOLDER [--weights FILE]...

FOLDER holds an order (job_folder.py); job_control.py starts this. Each step leaves a file that is
whole or not there, so a run that ended in any way goes on where it was when it is started again.
"""

from __future__ import annotations

import errno
import json
import os
import signal
import traceback
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from maskwatch.errors import DataError, MaskWatchError, SettingError
from maskwatch.model_card import SHIPPED_MODEL
from maskwatch.training.catalog import LABELS
from maskwatch.training.job_folder import DATA, REPORT, JobFolder, Order
from maskwatch.training.job_report import Reporter, Stopped
from maskwatch.training.job_status import STOP, State, Step

if TYPE_CHECKING:
    import pandas as pd

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
        _remove_parts(folder)  # on a full disk this makes room for the last word
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
    _remove_parts(job.path)
    order = job.order()
    if _is_trained(job):
        table = _prepare(job, order, reporter)
    else:
        weights = fitting_weights(order, files)  # first: it is soon told, and reading takes minutes
        table = _prepare(job, order, reporter)
        _train(job, order, table, weights, reporter)
    reporter.begin(Step.EXPORTING)
    from maskwatch.training.export import export_run
    from maskwatch.training.run_folder import RunFolder

    card = export_run(RunFolder(job.path), table, job.model_path)
    print(f"{job.model_path.name}: {card.name}, sha256 {card.sha256[:12]}")


def fitting_weights(order: Order, files: Sequence[Path]) -> Path | None:
    """The first file that fits the network of an order, None for Keras' download.

    A recipe that keeps some of its start goes on from the shipped classifier where no other is
    given.

    Raises:
        SettingError: none does, or the download fails.
    """
    from maskwatch.training.network import build_network

    refusals = []
    for weights in _candidates(order, files):
        try:
            build_network(order.recipe.network, weights, order.recipe.seed)
            return weights
        except SettingError as error:
            refusals.append(error)
    raise refusals[-1]


def _candidates(order: Order, files: Sequence[Path]) -> Sequence[Path | None]:
    if order.recipe.fit.start_share:
        return [path for path in files if path.suffix == ".onnx"] or (SHIPPED_MODEL,)
    return files or (None,)


def explain(failure: Exception) -> str:
    """Why a run failed and what to do, in one line."""
    if isinstance(failure, MaskWatchError):
        return " ".join(str(failure).split())
    if isinstance(failure, OSError) and failure.errno in (errno.ENOSPC, errno.EDQUOT):
        return "the disk is full; make room, then go on"
    if isinstance(failure, MemoryError):
        return "there is not enough memory for these pictures; take fewer, or a smaller input"
    lines = str(failure).strip().splitlines() or ["no more is known"]
    return f"{type(failure).__name__}: {lines[0]}"


def _prepare(job: JobFolder, order: Order, reporter: Reporter) -> pd.DataFrame:
    """The manifest with groups and parts."""
    from maskwatch.training.manifest import read_manifest, write_manifest

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
    from maskwatch.training.collect import collect, counts_per_label
    from maskwatch.training.corrections import apply_corrections, read_corrections

    collection = collect(order.sets)
    for problem in collection.problems:
        print(f"left out: {problem}")
    table = collection.table
    if order.protocol != REPORT:  # the report took the labels as they were published
        table = apply_corrections(table, read_corrections()).table
    counts = counts_per_label(table)
    missing = [label for label in LABELS if not counts[label]]
    if missing:
        names = ", ".join(order.sets)
        raise DataError(f"{names}: no picture shows {' or '.join(missing)}; all three are needed")
    print(", ".join(f"{count:,} {label}" for label, count in counts.items() if count))
    return table


def _audit(table: pd.DataFrame, reporter: Reporter) -> pd.DataFrame:
    from maskwatch.training.audit import audit
    from maskwatch.training.neardup import group_near_duplicates

    reporter.begin(Step.AUDITING, 2 * len(table))  # every row is read twice
    grouped, findings = audit(table, group_near_duplicates, reporter.advance)
    for problem in findings.unusable:
        print(f"left out: {problem}")
    print(f"{findings.usable_rows:,} usable pictures in {findings.groups:,} groups")
    return grouped


def _split(table: pd.DataFrame, order: Order) -> pd.DataFrame:
    from maskwatch.training.split import split_grouped, split_report

    if order.protocol == REPORT:
        return split_report(table)
    return split_grouped(table, folds=FOLDS, seed=order.recipe.seed)


def _write_facts(job: JobFolder, table: pd.DataFrame) -> None:
    """What people should know of the data, for the page."""
    from maskwatch.training.collect import counts_per_label
    from maskwatch.training.split import twin_share

    parts = {str(name): counts_per_label(part) for name, part in table.groupby("split")}
    facts = {"parts": parts, "groups": table["group"].nunique(), "twin_share": twin_share(table)}
    part = job.path / f"{DATA}.part"
    part.write_text(json.dumps(facts) + "\n", encoding="utf-8")
    part.replace(job.path / DATA)


def _is_trained(job: JobFolder) -> bool:
    """Whether only the export is left to do."""
    from maskwatch.training.run_folder import RunFolder

    return (job.path / "run.json").exists() and RunFolder(job.path).read()["state"] == "finished"


def _train(
    job: JobFolder, order: Order, table: pd.DataFrame, weights: Path | None, reporter: Reporter
) -> None:
    from maskwatch.training.run_folder import RunFolder
    from maskwatch.training.train import train

    run = RunFolder(job.path)
    reporter.begin_training(run.epochs_done(), order.recipe.fit.epochs)
    train(order.recipe, table, run, weights, progress=reporter.trained)


def _remove_parts(folder: Path) -> None:
    """What a run that was cut off had begun to write."""
    for pattern in ("*.part", ".*.part", "*.part.*"):
        for path in folder.glob(pattern):
            with suppress(OSError):
                path.unlink()


if __name__ == "__main__":
    main()
