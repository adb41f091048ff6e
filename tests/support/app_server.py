"""`maskwatch app` as a process of its own, and the Chromium to look at it with."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
CHROMIUM_OPTIONS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
# What streamlit-webrtc says now and then when the server stops while a browser is connected.
AT_THE_END = ("coroutine 'RTCPeerConnection.close' was never awaited", "Enable tracemalloc to get")


@contextmanager
def app_server(folder: Path, *options: str | Path) -> Iterator[str]:
    """Where the pages of a server are, until it is stopped by its process id.

    What it writes must hold no traceback and no warning.

    Args:
        folder: where it runs and leaves its log.
        options: of `maskwatch app`.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
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
        _wait_for(f"http://127.0.0.1:{port}/_stcore/health", server)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(timeout=120)
    said = "\n".join(
        line
        for line in log.read_text().splitlines()
        if not any(words in line for words in AT_THE_END)
    )
    for word in ("Traceback", "deprecat", "Warning"):
        assert word not in said, said


def _wait_for(url: str, server: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 120
    while time.monotonic() < end:
        assert server.poll() is None, "the server ended by itself"
        try:
            urllib.request.urlopen(url, timeout=30).close()
            return
        except OSError:
            time.sleep(0.2)
    raise AssertionError(f"nothing answers at {url}")
