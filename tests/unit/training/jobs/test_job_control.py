"""Starting, refusing, stopping and deleting runs, with processes that do not train.

Run: pytest tests/unit/training/jobs/test_job_control.py
"""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

import pytest
from support.job_factory import fake_run, living_process, tiny_order, tiny_recipe
from support.waiting import until

from maskwatch.errors import DataError, SettingError
from maskwatch.training.jobs import control
from maskwatch.training.jobs.control import (
    BusyError,
    delete_job,
    resume_job,
    running_job,
    start_job,
    stop_job,
)
from maskwatch.training.jobs.folder import (
    GROUPED,
    LOG,
    REPORT,
    STOP,
    JobFolder,
    Order,
    State,
    Status,
    list_jobs,
    write_status,
)


def test_no_runs(tmp_path: Path) -> None:
    assert list_jobs(tmp_path / "none") == [] and list_jobs(tmp_path) == []
    assert running_job(tmp_path) is None


def test_runs_are_listed_newest_first_and_other_folders_are_not(tmp_path: Path) -> None:
    for name in ("tiny-1", "tiny-2", "best-1"):
        fake_run(tmp_path, name, State.STOPPED)
    (tmp_path / "cache").mkdir()
    (tmp_path / "file.txt").touch()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "order.yaml").write_text("data: []")
    (tmp_path / "tiny-1").rename(tmp_path / ".deleted-tiny-1")
    assert [job.name for job in list_jobs(tmp_path)] == ["best-1", "tiny-2"]


def test_one_run_at_a_time(tmp_path: Path) -> None:
    order = tiny_order(tmp_path / "faces")
    with living_process() as process:
        going = fake_run(tmp_path / "runs", "tiny-1", State.RUNNING, **process)
        other = fake_run(tmp_path / "runs", "tiny-2", State.STOPPED)
        assert running_job(tmp_path / "runs") == going
        for refused in (
            lambda: start_job(tmp_path / "runs", order, []),
            lambda: resume_job(other, []),
            lambda: resume_job(going, []),
            lambda: delete_job(going),
        ):
            with pytest.raises(BusyError, match="tiny-1 is being trained") as caught:
                refused()
            assert caught.value.name == "tiny-1"
        assert [job.name for job in list_jobs(tmp_path / "runs")] == ["tiny-2", "tiny-1"]
        delete_job(other)  # one that is not going on can go meanwhile
    assert running_job(tmp_path / "runs") is None
    assert [path.name for path in (tmp_path / "runs").iterdir() if path.is_dir()] == ["tiny-1"]


def test_a_run_has_the_name_of_its_recipe_and_the_first_free_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[Path] = []
    monkeypatch.setattr(control, "_launch", lambda job, weights: started.append(job.path))
    order = tiny_order(tmp_path / "faces")
    for expected in ("tiny-1", "tiny-2"):
        assert start_job(tmp_path / "runs", order, []).name == expected
    assert started == [tmp_path / "runs" / "tiny-1", tmp_path / "runs" / "tiny-2"]
    assert JobFolder(started[0]).order() == order


def test_a_process_that_ends_before_it_begins_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONHOME", str(tmp_path))  # no Python starts so
    job = start_job(tmp_path / "runs", tiny_order(tmp_path / "faces"), [])
    until(lambda: not job.status().is_alive, job.log_lines(20))
    assert job.status().state is State.FAILED
    assert "ended before it began (exit code 1)" in job.status().error
    assert any("encodings" in line for line in job.log_lines(50))


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file")
    with pytest.raises(DataError, match=r"runs: cannot be written"):
        start_job(tmp_path / "runs", tiny_order(tmp_path / "faces"), [])


def test_stopping_what_is_not_going_on_does_nothing(tmp_path: Path) -> None:
    job = fake_run(tmp_path, "tiny-1")
    stop_job(job)
    assert not (job.path / STOP).exists() and job.status().state is State.FINISHED


def test_a_removal_that_was_cut_off_is_finished_by_the_next_of_that_name(tmp_path: Path) -> None:
    fake_run(tmp_path, "tiny-1", State.STOPPED).path.rename(tmp_path / ".deleted-tiny-1")
    delete_job(fake_run(tmp_path, "tiny-1", State.STOPPED))
    assert not [path for path in tmp_path.iterdir() if path.is_dir()]


def test_a_process_with_the_number_of_a_dead_one_is_left_alone(tmp_path: Path) -> None:
    with living_process() as process:
        job = fake_run(tmp_path, "tiny-1", State.RUNNING, pid=process["pid"], process="earlier")
        stop_job(job)
        write_status(job.path, Status(State.RUNNING, **process))
        assert job.status().state is State.RUNNING  # it got no signal


def test_the_app_that_has_just_started_a_run_gets_no_signal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another app, or this one after a restart, may be asked to stop it before it has spoken."""
    told: list[int] = []
    with living_process() as app:
        job = fake_run(tmp_path, "tiny-1", State.RUNNING, is_only_started=True, **app)
        with monkeypatch.context() as patch:
            patch.setattr(os, "kill", lambda number, _: told.append(number))
            stop_job(job)
            assert told == [] and job.status().state is State.STOPPING
            write_status(job.path, Status(State.RUNNING, **app))  # now it says so itself
            stop_job(job)
            assert told == [app["pid"]]


def test_a_finished_run_is_not_resumed(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is finished"):
        resume_job(fake_run(tmp_path, "tiny-1"), [])


def test_windows_is_told_clearly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order = tiny_order(tmp_path / "faces")
    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(SettingError, match="Linux and macOS only"):
        start_job(tmp_path / "runs", order, [])
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("protocol", [GROUPED, REPORT])
def test_an_order_is_read_as_it_was_written(tmp_path: Path, protocol: str) -> None:
    job = JobFolder(tmp_path)
    job.write_order(Order(("/a/faces", "/b/faces"), protocol, tiny_recipe()))
    assert job.order() == Order(("/a/faces", "/b/faces"), protocol, tiny_recipe())
    assert list(job.order().sets) == ["a/faces", "b/faces"]


@pytest.mark.parametrize(
    "values", [{"data": ()}, {"protocol": "leaky"}], ids=lambda values: next(iter(values))
)
def test_a_senseless_order_is_refused(values: dict) -> None:
    with pytest.raises(SettingError, match=next(iter(values))):
        Order(**{"data": ("/a",), "protocol": GROUPED, "recipe": tiny_recipe(), **values})


def test_the_log_without_the_chatter_of_libraries(tmp_path: Path) -> None:
    job = fake_run(tmp_path, "tiny-1")
    assert job.log_lines(5) == ["Epoch 3/3", "last line"]
    assert job.log_lines(1) == ["last line"]
    (job.path / "log.txt").write_bytes(b"\xff\n" * 50_000 + b"end")
    assert job.log_lines(1) == ["end"]
    (job.path / "log.txt").unlink()
    assert job.log_lines(5) == []


@pytest.mark.parametrize("name", ["history.csv", "scores.json", "data.json", "classifier.json"])
@pytest.mark.parametrize("content", [None, b"", b"[7]", b"\xff\xfe"])
def test_damaged_files_of_a_run_are_as_if_they_were_not_there(
    tmp_path: Path, name: str, content: bytes | None
) -> None:
    job = fake_run(tmp_path, "tiny-1")
    if content is None:
        (job.path / name).unlink()
    else:
        (job.path / name).write_bytes(content)
    empty = {
        "history.csv": job.history,
        "scores.json": job.scores,
        "data.json": job.data,
        "classifier.json": job.card,
    }
    for other, read in empty.items():
        assert bool(read()) == (other != name)


def test_a_run_that_cannot_go_on_is_no_run_that_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = fake_run(tmp_path, "tiny-1", State.STOPPED)

    def no_process(*_: object, **__: object) -> None:
        raise OSError(errno.EAGAIN, "Resource temporarily unavailable")

    monkeypatch.setattr(control.subprocess, "Popen", no_process)
    with pytest.raises(DataError, match="resource temporarily unavailable"):
        resume_job(job, [])
    assert job.status().state is State.FAILED and running_job(tmp_path) is None
    (job.path / LOG).unlink(missing_ok=True)
    (job.path / LOG).mkdir()  # nor where its log cannot be opened
    with pytest.raises(DataError, match="is a directory"):
        resume_job(job, [])
    assert running_job(tmp_path) is None
    delete_job(job)
