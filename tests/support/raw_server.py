"""A server on the loopback that says the same bytes to whoever calls, whatever is asked."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from socketserver import BaseRequestHandler, ThreadingTCPServer


class _Answer(BaseRequestHandler):
    def handle(self) -> None:
        assert isinstance(self.server, Answering)
        with suppress(OSError):  # it has hung up
            if self.request.recv(65536):
                for part in self.server.said:
                    self.request.sendall(part)
        self.server.answered += 1


class Answering(ThreadingTCPServer):
    """Such a server.

    Attributes:
        answered: calls so far that were answered and hung up on.
    """

    allow_reuse_address = True
    daemon_threads = False  # so that the end waits for them, and none keeps a connection

    def __init__(self, said: Iterable[bytes]) -> None:
        self.said = said
        self.answered = 0
        super().__init__(("127.0.0.1", 0), _Answer)

    @property
    def port(self) -> int:
        return int(self.server_address[1])


@contextmanager
def answering(said: Iterable[bytes]) -> Iterator[Answering]:
    """Serve in a thread, which ends with the block, and with it all connections."""
    with Answering(said) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
