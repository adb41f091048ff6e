"""Ports to listen on that no other worker is given, and that no connection takes by itself."""

from __future__ import annotations

import itertools
import os
import socket

# Under the range that systems take for connections (from 32768 on Linux), a thousand a worker: what
# is free when it is asked for is free when a server starts. Where in it a worker begins differs, or
# two runs at a time on one computer would try the same ports.
_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:])
_FIRST = 20_000 + 1_000 * (_WORKER % 12)
_PORTS = itertools.cycle(_FIRST + (os.getpid() * 37 + step) % 1_000 for step in range(1_000))


def free_port() -> int:
    """A port of the loopback that nobody listens on; another one each time."""
    for port in itertools.islice(_PORTS, 1_000):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("no port is free")
