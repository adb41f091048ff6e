"""What tests start ends with them, however they end.

Run: pytest tests/process/test_orphans.py
"""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support.paths import TESTS
from support.programs import running
from support.waiting import until

# as a test that starts a training job, which has a session of its own
TESTING = """
import subprocess, sys, time
from support.orphans import end_with_me

end_with_me()
command = [sys.executable, "-c", "import time; time.sleep(3600)"]
print(subprocess.Popen(command, start_new_session=True).pid, flush=True)
if sys.argv[1] == "killed":
    time.sleep(3600)
"""


DEAF = """
import signal, time

signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("it hears", flush=True)
time.sleep(3600)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="it looks into /proc")
@pytest.mark.parametrize("end", ["killed", "over"])
def test_a_process_that_was_left_behind_is_ended(end: str) -> None:
    command = [sys.executable, "-W", "ignore", "-c", TESTING, end]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=TESTS, stdout=pipe, stderr=pipe, text=True) as tests:
        assert tests.stdout and tests.stderr
        left = int(tests.stdout.readline())
        if end == "killed":
            tests.send_signal(signal.SIGKILL)
        until(lambda: not _runs(left), "it has ended")
        said = tests.stderr.read()  # up to the end of whoever ended it
    assert ("were ended by SIGKILL" in said) == (end == "killed"), said


def test_a_program_that_does_not_end_is_killed(tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    with running([sys.executable, "-c", DEAF], log, end_s=0.1) as program:
        until(log.read_text, "it hears")
    assert program.returncode == -signal.SIGKILL


def _runs(process_id: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{process_id}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):  # the second where it goes as it is read
        return False
