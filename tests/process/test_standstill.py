"""A test that waits for what never comes ends with its process, and is told.

Run: pytest tests/process/test_standstill.py
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from support.paths import ROOT
from support.waiting import LIMIT_S

STUCK = """
import threading

def test_stuck():
    threading.Thread(target=threading.Event().wait).start()
    threading.Event().wait()
"""


def test_where_each_thread_stood_is_told(tmp_path: Path) -> None:
    (tmp_path / "test_stuck.py").write_text(STUCK)
    # ten seconds, so that a machine that stands still for some has begun the test by then
    command = [sys.executable, "-m", "pytest", "-c", ROOT / "pyproject.toml", tmp_path]
    command += ["--rootdir", tmp_path, "-o", "faulthandler_timeout=10", "-p", "no:cacheprovider"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S)
    assert done.returncode == 1
    assert "Timeout (0:00:10)!" in done.stderr
    assert "in test_stuck" in done.stderr and done.stderr.count("in wait") >= 2
