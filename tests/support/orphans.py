"""Ends what the tests started and left behind, also when they are killed themselves.

Training jobs and servers run in sessions of their own, so that nothing but this would end them.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import uuid
from contextlib import suppress
from pathlib import Path

MARK = "MASKWATCH_TESTS"
"""A variable that every process of these tests inherits."""


def end_with_me() -> None:
    """From now on, whatever this process starts ends at the latest when it does; Linux only."""
    if sys.platform != "linux":
        return
    os.environ[MARK] = uuid.uuid4().hex
    command = [sys.executable, "-S", "-E", __file__, str(os.getpid()), os.environ[MARK]]
    unmarked = {name: value for name, value in os.environ.items() if name != MARK}
    os.posix_spawn(sys.executable, command, unmarked, setsid=True)


def _end_all(mark: str) -> None:
    wanted = f"{MARK}={mark}".encode()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if wanted in (folder / "environ").read_bytes().split(b"\0"):
                os.kill(int(folder.name), signal.SIGKILL)
        except OSError:
            continue  # it ended by itself, or is not ours


if __name__ == "__main__":
    with suppress(ProcessLookupError):  # it has ended already
        select.select([os.pidfd_open(int(sys.argv[1]))], [], [])
    _end_all(sys.argv[2])
