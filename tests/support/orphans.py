"""Ends what the tests started and left behind; if they were killed themselves, says by what.

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

_PROC = Path("/proc")


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
    for folder in _PROC.glob("[0-9]*"):
        try:
            if wanted in (folder / "environ").read_bytes().split(b"\0"):
                os.kill(int(folder.name), signal.SIGKILL)
        except OSError:
            continue  # it ended by itself, or is not ours


def _killer(pid: int) -> str | None:
    """By which signal a process has ended that nobody has asked for yet; None if by none.

    Fields as in https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html.
    """
    try:
        fields = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    state, exit_code = fields[0], int(fields[-1])
    if state != "Z" or not (number := exit_code & 0x7F):
        return None
    free = _number("meminfo", "MemAvailable:") // 1024
    ended = _number("vmstat", "oom_kill")
    name = signal.Signals(number).name
    return f"{name}; {free} MB are free, and {ended} processes ended for want of memory so far"


def _number(file: str, name: str) -> int:
    lines = (line.split() for line in (_PROC / file).read_text().splitlines())
    return next((int(line[1]) for line in lines if line[0] == name), 0)


if __name__ == "__main__":
    with suppress(ProcessLookupError):  # it has ended already
        select.select([os.pidfd_open(int(sys.argv[1]))], [], [])
    killer = _killer(int(sys.argv[1]))
    _end_all(sys.argv[2])
    if killer:
        print(f"\nThe tests of process {sys.argv[1]} were ended by {killer}", file=sys.stderr)
