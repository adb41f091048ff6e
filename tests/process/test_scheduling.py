"""A run of several tests at a time ends, also where one of them takes its process with it.

Run: pytest tests/process/test_scheduling.py
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support.paths import TESTS

CONFTEST = """
import pytest
from support.scheduling import Scheduling

@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    return Scheduling(config, log)
"""
DEADLY = """
import os, pathlib, signal

def test_before():
    pass

def test_that_dies_once():
    mark = pathlib.Path("died")
    if not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)

def test_after():
    pass
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs signals")
def test_what_a_killed_worker_had_still_to_do_is_done(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(CONFTEST)
    for number in range(30):  # many that are done by then: these are not to be handed on
        (tmp_path / f"test_{number:02}.py").write_text("def test_one(): pass")
    (tmp_path / "test_30.py").write_text(DEADLY)
    command = [sys.executable, "-m", "pytest", "-n", "2", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, "--dist", "loadfile", "--no-loadscope-reorder", "-q", str(tmp_path)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(TESTS)},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert "1 failed, 33 passed" in done.stdout, done.stdout + done.stderr
    assert "crashed while running 'test_30.py::test_that_dies_once'" in done.stdout
