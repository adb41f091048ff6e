"""`maskwatch app` as a process of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from support.ports import free_port
from support.waiting import LIMIT_S, until

# What streamlit-webrtc says now and then when the server stops while a browser is connected.
AT_THE_END = ("coroutine 'RTCPeerConnection.close' was never awaited", "Enable tracemalloc to get")
# What Streamlit says of itself where two of its threads are at one session on a slow machine; the
# page is drawn all the same, and no line of ours is in it.
RACE = re.compile(
    r"^[^\n]*Traceback(?:(?!Traceback|src/maskwatch).)*?"
    r"RuntimeError: dictionary changed size during iteration",
    re.DOTALL | re.MULTILINE,
)
COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def faults(log: str) -> str:
    """What a server has said, without what is known and not ours."""
    lines = COLOURS.sub("", log).splitlines()
    known = "\n".join(x for x in lines if not any(words in x for words in AT_THE_END))
    return RACE.sub("", known)


@contextmanager
def app_server(folder: Path, *options: str | Path) -> Iterator[str]:
    """Where the pages of a server are, until it is stopped by its process id.

    What it writes must hold no traceback and no warning.

    Args:
        folder: where it runs and leaves its log.
        options: of `maskwatch app`.
    """
    port = free_port()
    command = [sys.executable, "-W", "error::DeprecationWarning:maskwatch", "-m", "maskwatch"]
    log = folder / "log.txt"
    with log.open("w") as output:
        server = subprocess.Popen(
            [*command, "app", *options, "--server.port", str(port)],
            env={**os.environ, "STREAMLIT_SERVER_HEADLESS": "true"},
            cwd=folder,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        until(lambda: answers(port, server), "it answers")
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(LIMIT_S)
    said = faults(log.read_text())
    for word in ("Traceback", "deprecat", "Warning"):
        assert word not in said, said


def answers(port: int, server: subprocess.Popen[Any]) -> bool:
    """Whether the pages of this server can be asked for."""
    assert server.poll() is None, "the server ended by itself"
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=LIMIT_S).close()
    except OSError:
        return False
    return True
