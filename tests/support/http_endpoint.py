"""A real web server on the loopback that takes alerts, or does what a script says instead."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

HANG = -1
"""Instead of a status: say nothing, until the end of the test."""
CUT = -2
"""Instead of a status: hang up."""


@dataclass
class Request:
    """What came."""

    headers: Message  # whose names may be written in any case
    body: bytes
    path: str

    @property
    def key(self) -> str:
        return self.headers["Idempotency-Key"]

    @property
    def document(self) -> dict[str, Any]:
        return json.loads(self.body)


@dataclass
class Endpoint:
    """Where it is, what it answers, and what came so far.

    Attributes:
        url: of the server.
        answers: a status for each request, the last one from then on.
    """

    url: str
    answers: list[int]
    requests: list[Request] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    def keys(self) -> list[str]:
        return [request.key for request in self.requests]

    @property
    def paths(self) -> list[str]:
        return [request.path for request in self.requests]


@contextmanager
def endpoint(*answers: int, port: int = 0, context: Any = None) -> Iterator[Endpoint]:
    """Serve in a thread; a context of ssl makes it https."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            number = min(len(there.requests), len(there.answers) - 1)
            status = there.answers[number]
            there.requests.append(Request(self.headers, body, self.path))
            if status == HANG:
                there.over.wait(120)
            elif status != CUT:
                with suppress(OSError):
                    self.send_response(status)
                    self.send_header("Location", "/elsewhere")
                    self.send_header("Content-Length", "0")
                    self.end_headers()

        do_GET = do_POST

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        allow_reuse_address = True

        def handle_error(self, *_: object) -> None:
            pass  # a client that does not trust it hangs up

    with Server(("127.0.0.1", port), Handler) as server:
        if context:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        scheme = "https" if context else "http"
        host = "localhost" if context else "127.0.0.1"
        there = Endpoint(
            f"{scheme}://{host}:{server.server_address[1]}/hook", list(answers) or [200]
        )
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield there
        finally:
            there.over.set()
            server.shutdown()
            thread.join()
