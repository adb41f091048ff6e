"""Programs that a test runs: they end with it, and are killed where they do not."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

END_S = 120.0
"""How long a program may take to end when it is asked to."""


@contextmanager
def running(
    command: Sequence[str | Path],
    log: Path,
    variables: Mapping[str, str] | None = None,
    handed: Sequence[int] = (),
    end_s: float = END_S,
) -> Iterator[subprocess.Popen[bytes]]:
    """A program until the block ends.

    Args:
        command: with its arguments.
        log: the file for what it says.
        variables: of its environment; None for those of this process.
        handed: open files that it gets as well.
        end_s: how long it may take to end.
    """
    with log.open("w") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=output, env=variables, pass_fds=handed
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(end_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def unmeasured() -> dict[str, str]:
    """The environment of a process that may not write all it wants: `make coverage` asks for more.

    It would say that its measurement cannot be written.
    """
    return {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
