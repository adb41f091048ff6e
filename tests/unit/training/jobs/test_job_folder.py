"""What a job says of itself: written whole, read whatever lies there, and never believed when dead.

Run: pytest tests/unit/training/jobs/test_job_folder.py
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.job_factory import living_process, own_status

from maskwatch.training.jobs import folder as job_folder
from maskwatch.training.jobs.folder import (
    STATUS,
    STOP,
    State,
    Status,
    Step,
    process_stamp,
    read_status,
    write_status,
)

NUMBERS = st.integers(0, 10**9)
ENDED = (State.STOPPED, State.FAILED, State.FINISHED)


@settings(deadline=None, max_examples=50)
@given(
    status=st.builds(
        Status,
        state=st.sampled_from(ENDED),
        step=st.sampled_from(Step),
        done=NUMBERS,
        total=NUMBERS,
        epoch=NUMBERS,
        epochs=NUMBERS,
        left_s=st.none() | st.floats(0, 1e9),
        error=st.text(),
        pid=NUMBERS,
        process=st.text(),
        time_s=st.floats(0, 1e10),
    )
)
def test_what_was_written_is_read(tmp_path_factory: pytest.TempPathFactory, status: Status) -> None:
    folder = tmp_path_factory.mktemp("job")
    write_status(folder, Status(State.RUNNING))
    write_status(folder, status)
    assert read_status(folder) == status
    assert [path.name for path in folder.iterdir()] == [STATUS]


WHOLE = '{"state": "stopped", "step": "training"}'


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        "7",
        '"running"',
        "{}",
        WHOLE[:20],
        '{"state": "odd", "step": "reading"}',
        '{"state": "running"}',
        '{"step": "reading"}',
        '{"state": "running", "step": "reading", "colour": 1}',
    ],
)
def test_a_status_that_cannot_be_read_means_lost(tmp_path: Path, text: str) -> None:
    (tmp_path / STATUS).write_text(text)
    assert read_status(tmp_path).state is State.LOST


def test_no_status_means_lost(tmp_path: Path) -> None:
    assert read_status(tmp_path).state is State.LOST


def test_a_living_process_is_running_and_stopping_once_it_was_asked(tmp_path: Path) -> None:
    write_status(tmp_path, own_status())
    assert read_status(tmp_path).state is State.RUNNING and read_status(tmp_path).is_alive
    (tmp_path / STOP).touch()
    assert read_status(tmp_path).state is State.STOPPING and read_status(tmp_path).is_alive


def test_a_killed_process_is_lost_and_stopped_if_it_was_asked(tmp_path: Path) -> None:
    with living_process() as process:
        write_status(tmp_path, Status(State.RUNNING, **process))
        assert read_status(tmp_path).state is State.RUNNING
    assert read_status(tmp_path).state is State.LOST and not read_status(tmp_path).is_alive
    (tmp_path / STOP).touch()
    assert read_status(tmp_path).state is State.STOPPED


def test_another_process_with_the_same_number_is_not_taken_for_it(tmp_path: Path) -> None:
    write_status(tmp_path, replace(own_status(), process="of an earlier start"))
    assert read_status(tmp_path).state is State.LOST


@pytest.mark.parametrize("stamp", [job_folder._stamp_from_proc, job_folder._stamp_from_ps])
def test_a_process_has_one_stamp_until_it_is_gone(stamp, monkeypatch: pytest.MonkeyPatch) -> None:
    try:
        assert stamp(os.getpid())
    except (AssertionError, OSError):
        pytest.skip("this system cannot tell")
    with living_process() as process:
        pid = int(process["pid"])
        first = stamp(pid)
        assert first and stamp(pid) == first
    assert stamp(pid) is None


@pytest.mark.parametrize("stamp", [job_folder._stamp_from_proc, job_folder._stamp_from_ps])
def test_a_zombie_is_gone(stamp) -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    try:
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # has ended, is not buried
        assert stamp(child.pid) is None
    finally:
        child.wait()


def test_no_process_has_no_stamp() -> None:
    assert process_stamp(2**22 + 12345) is None


def test_the_file_is_plain_json(tmp_path: Path) -> None:
    write_status(tmp_path, Status(State.FAILED, Step.READING, error="why"))
    document = json.loads((tmp_path / STATUS).read_text())
    assert (document["state"], document["step"], document["error"]) == ("failed", "reading", "why")
