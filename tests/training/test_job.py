"""Training jobs for real: from a folder of pictures to a network, through stops and kills.

Run: pytest tests/training/test_job.py
"""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.data_factory import folder_set
from support.job_factory import alter_jobs, fake_run, hold, tiny_order, tiny_recipe
from support.training_factory import random_base_weights
from support.waiting import until

from maskwatch import Analyzer, WholeImage
from maskwatch.errors import DataError
from maskwatch.models.card import SHIPPED_MODEL, card_path, load_model
from maskwatch.training.jobs.comparison import read_comparison
from maskwatch.training.jobs.control import resume_job, start_job, stop_job
from maskwatch.training.jobs.folder import GROUPED, REPORT, STOP, JobFolder, Order, State, Step
from maskwatch.training.jobs.job import explain, fitting_weights
from maskwatch.training.recipes.classifier import classifier_recipes, load_recipe
from maskwatch.training.run_folder import RunFolder


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("jobs")


@pytest.fixture(scope="module")
def weights(work: Path) -> Path:
    return random_base_weights(work)


@pytest.fixture(scope="module", autouse=True)
def in_jobs() -> Iterator[None]:
    """A short network on one core: as many runs in a row would slow each other down."""
    with pytest.MonkeyPatch.context() as patch:
        alter_jobs(patch)
        patch.setenv("OMP_NUM_THREADS", "1")
        yield


def wait_for_end(job: JobFolder) -> None:
    until(lambda: not job.status().is_alive, job.path)


def wait_for_checkpoint(job: JobFolder, epoch: int) -> int:
    """The number of its process, which is not this one."""
    checkpoint = job.path / f"checkpoint-{epoch}.keras"
    until(lambda: checkpoint.exists() or not job.status().is_alive, job.path)
    status = job.status()
    assert status.is_alive and not status.is_only_started, "\n".join(job.log_lines(30))
    return status.pid


def run_here(job: JobFolder, *weights: Path, limit_bytes: int | None = None) -> int:
    """The job in a process that may write no file larger than this."""
    command = [sys.executable, "-m", "maskwatch.training.jobs.job", str(job.path)]
    for path in weights:
        command += ["--weights", str(path)]

    def limit() -> None:
        if limit_bytes is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, limit_bytes))

    done = subprocess.run(command, preexec_fn=limit, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr or limit_bytes, done.stderr
    return done.returncode


def new_job(path: Path, order: Order) -> JobFolder:
    path.mkdir(parents=True)
    job = JobFolder(path)
    job.write_order(order)
    return job


@pytest.fixture(scope="module")
def whole(work: Path, weights: Path) -> JobFolder:
    """A run that nobody disturbed; three epochs of what is delivered to try the whole path with."""
    folder_set(work / "faces", 8)
    (work / "faces" / "with_mask" / "notes.txt").write_text("no picture")
    smoke = load_recipe(classifier_recipes()["smoke"])
    recipe = replace(
        smoke,
        network=replace(smoke.network, dropout=0.2),
        fit=replace(smoke.fit, epochs=3, learning_rate=0.003),
    )
    other = work / "other.weights.h5"
    other.write_bytes(b"of another width")
    order = Order((str(work / "faces"),), REPORT, recipe)
    job = start_job(work / "whole", order, [other, weights])
    assert job.status().is_alive
    wait_for_end(job)
    return job


def test_a_run_goes_from_pictures_to_a_network(work: Path, whole: JobFolder) -> None:
    status = whole.status()
    assert (status.state, status.error) == (State.FINISHED, ""), whole.log_lines(30)
    assert (status.epoch, status.epochs) == (3, 3)
    assert len(whole.history()) == 3 and whole.scores()["n"] == 3
    assert "twin_share" in whole.data()
    assert RunFolder(whole.path).read()["state"] == "finished"
    log = whole.log_lines(100)
    assert any("notes.txt: not the file name of a picture" in line for line in log)
    assert any(line.startswith("Epoch 3/3") for line in log)
    analyzer = Analyzer(whole.model_path, detector=WholeImage())
    assert analyzer.card.sha256 == whole.card()["sha256"]
    assert analyzer.analyze(work / "faces" / "with_mask" / "0.jpg").faces
    assert not list(whole.path.glob("*.part*")) and not list(whole.path.glob(".*.part"))


def test_a_run_from_the_model_in_use_is_compared_with_it_on_faces_that_it_did_not_learn(
    work: Path, whole: JobFolder
) -> None:
    order = replace(whole.order(), protocol=GROUPED, old_model=str(whole.model_path))
    order = replace(order, recipe=replace(order.recipe, fit=replace(order.recipe.fit, epochs=1)))
    job = new_job(work / "onwards-1", order)
    assert run_here(job) == 0
    parts = job.data()["parts"]
    (compared,) = read_comparison(job.path)
    assert sum(parts["test"].values()) == compared.faces > 0
    assert compared.source == "faces" and compared.old_learnt
    assert job.card()["scores"]["part"] == "test"
    assert RunFolder(job.path).read()["weights_sha256"] == whole.card()["sha256"]


def test_stopped_and_killed_it_ends_as_an_unbroken_one(
    work: Path, weights: Path, whole: JobFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        hold(patch, after_epoch=1)
        job = start_job(work / "broken", whole.order(), [weights])
        wait_for_checkpoint(job, 1)
        stop_job(job)
        wait_for_end(job)
        assert job.status().state is State.STOPPED and job.status().step is Step.TRAINING
        until(lambda: not (job.path / STOP).exists(), "it forgets that it was to stop")
        assert len(job.history()) == 1

        hold(patch, after_epoch=2)
        resume_job(job, [weights])
        os.kill(wait_for_checkpoint(job, 2), signal.SIGKILL)
        wait_for_end(job)
        assert job.status().state is State.LOST
        assert len(job.history()) == 2

    resume_job(job, [weights])
    wait_for_end(job)
    assert job.status().state is State.FINISHED, job.log_lines(30)
    assert len(job.history()) == len(whole.history()) == 3
    for name in ("loss", "val_loss", "accuracy"):
        values = [[row[name] for row in one.history()] for one in (job, whole)]
        assert np.allclose(*values, atol=1e-3), name
    assert job.scores() == whole.scores()


@pytest.mark.parametrize(
    ("data", "file", "words"),
    [
        ("one", "", "no picture shows no_mask or incorrect_mask"),
        pytest.param("empty", "", "no labelled picture", marks=pytest.mark.slow),
        pytest.param("gone", "", "no such folder", marks=pytest.mark.slow),
        pytest.param("all", "gone.h5", "no such weights file", marks=pytest.mark.slow),
    ],
)
def test_what_goes_wrong_is_told_in_one_line(
    tmp_path: Path, weights: Path, data: str, file: str, words: str
) -> None:
    (tmp_path / "empty").mkdir()
    folder_set(tmp_path / "one", 6, ("with_mask",))
    order = tiny_order(tmp_path / "all", tiny_recipe(epochs=1))
    job = new_job(tmp_path / "tiny-1", replace(order, data=(str(tmp_path / data),)))
    assert run_here(job, tmp_path / file if file else weights) == 1
    status = job.status()
    assert status.state is State.FAILED
    assert words in status.error and "\n" not in status.error
    assert job.log_lines(1) == [] and not list(job.path.glob("*.parquet"))


@pytest.mark.slow
def test_a_full_disk_is_told_and_the_run_goes_on_once_there_is_room(
    work: Path, weights: Path
) -> None:
    job = new_job(work / "full" / "tiny-1", tiny_order(work / "full-faces"))
    assert run_here(job, weights, limit_bytes=100_000) == 1
    status = job.status()
    assert (status.state, status.step) == (State.FAILED, Step.TRAINING)
    assert status.error and "\n" not in status.error
    assert not list(job.path.glob("*.part*"))
    assert run_here(job, weights) == 0
    assert job.status().state is State.FINISHED


@pytest.mark.slow
def test_a_trained_run_whose_export_was_cut_off_is_exported(work: Path, weights: Path) -> None:
    job = new_job(work / "again" / "tiny-1", tiny_order(work / "again-faces"))
    assert run_here(job, weights) == 0
    first, trained = job.card(), (job.path / "model.keras").stat().st_mtime_ns
    card_path(job.model_path).unlink()
    assert run_here(job, weights) == 0
    assert (job.path / "model.keras").stat().st_mtime_ns == trained
    assert job.card()["scores"] == first["scores"]
    _, card = load_model(job.model_path)  # file and card belong together
    assert card.sha256 == job.card()["sha256"]


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        (DataError("faces: no\npicture"), "faces: no picture"),
        (OSError(28, "No space left on device"), "the disk is full; make room, then go on"),
        (MemoryError(), "there is not enough memory"),
        (ValueError("first\nsecond"), "ValueError: first"),
        (ValueError(), "ValueError: no more is known"),
    ],
)
def test_every_failure_is_one_line(failure: Exception, words: str) -> None:
    assert words in explain(failure) and "\n" not in explain(failure)


@pytest.mark.usefixtures("all_layers")
def test_a_recipe_that_goes_on_begins_with_the_shipped_classifier(tmp_path: Path) -> None:
    recipe = load_recipe(classifier_recipes()["onwards"])
    order = Order((str(tmp_path),), REPORT, recipe)
    imagenet = tmp_path / "imagenet.weights.h5"
    assert fitting_weights(order, [imagenet]) == SHIPPED_MODEL
    own = tmp_path / "own.onnx"
    own.write_bytes(SHIPPED_MODEL.read_bytes())
    assert fitting_weights(order, [imagenet, own]) == own


def test_a_stop_before_the_first_step_is_heeded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SHORT_BASE")  # Keras is loaded for it, and there is nothing to train
    job = fake_run(tmp_path, "tiny-1", State.STOPPED)
    (job.path / STOP).touch()
    assert run_here(job) == 0
    assert job.status().state is State.STOPPED and not (job.path / STOP).exists()


def test_the_recipes_of_the_classifier_are_found() -> None:
    assert {"best", "report", "smoke"} <= set(classifier_recipes())
    assert not any(name.startswith("detector") for name in classifier_recipes())
    for path in classifier_recipes().values():
        assert load_recipe(path).name
