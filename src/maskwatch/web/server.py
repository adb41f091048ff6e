"""The page on this computer: its files over HTTP, from memory, to nobody else."""

from __future__ import annotations

import errno
import hashlib
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import PurePosixPath
from typing import Any

from maskwatch.errors import SettingError

HOST = "127.0.0.1"

POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self' blob:; "
    "connect-src 'self'; img-src 'self' blob:; media-src 'self' blob:; style-src 'self'; "
    "manifest-src 'self'; base-uri 'none'; form-action 'none'"
)
"""What the page may load, and where from: its own host only. It stands in index.html as well, for
hosts that send no headers."""

HEADERS = {
    "Content-Security-Policy": f"{POLICY}; frame-ancestors 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}

_KINDS = {
    ".css": "text/css; charset=utf-8",
    ".gz": "application/gzip",
    ".html": "text/html; charset=utf-8",
    ".jpg": "image/jpeg",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".mjs": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".webmanifest": "application/manifest+json",
}


@dataclass(frozen=True, slots=True)
class PageFile:
    """A file of the page as HTTP hands it out.

    Attributes:
        content: of the file.
        headers: of the answer, with a tag by which a browser asks for changes only.
    """

    content: bytes
    headers: Mapping[str, str]


def page_file(files: Mapping[str, bytes], path: str) -> PageFile | None:
    """A file of the page; None where there is no such file.

    Args:
        files: of the page, by path.
        path: what is asked for, "" for the page itself.
    """
    name = path or "index.html"
    content = files.get(name)
    if content is None:
        return None
    kind = _KINDS.get(PurePosixPath(name).suffix, "application/octet-stream")
    tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    return PageFile(content, {**HEADERS, "Content-Type": kind, "ETag": tag})


def page_server(files: Mapping[str, bytes], port: int) -> ThreadingHTTPServer:
    """A server of the page's files on this computer's own address, which listens already.

    Raises:
        SettingError: the port cannot be had.
    """

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            found = page_file(files, self.path.partition("?")[0].removeprefix("/"))
            if found is None:
                self._send(HTTPStatus.NOT_FOUND, b"", {"Content-Type": "text/plain"})
            elif self.headers.get("If-None-Match") == found.headers["ETag"]:
                self._send(HTTPStatus.NOT_MODIFIED, b"", found.headers)
            else:
                self._send(HTTPStatus.OK, found.content, found.headers)

        do_HEAD = do_GET

        def _send(self, status: HTTPStatus, content: bytes, headers: Mapping[str, str]) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Who looks at the page is nobody's business."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            if not isinstance(sys.exception(), ConnectionError):  # the visitor has left
                super().handle_error(request, client_address)

    try:
        return Server((HOST, port), Handler)
    except OSError as error:
        raise SettingError(f"--port {port}: {why_no_port(error)}") from error


def why_no_port(error: Exception) -> str:
    """What is wrong with a port on which nothing can listen, and what to do."""
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        return "in use by another program; give another, or 0 for any"
    if isinstance(error, OverflowError):
        return "no port has this number; give one up to 65535, or 0 for any"
    reason = getattr(error, "strerror", None) or "not an address"
    return f"cannot listen there ({reason.partition(' (')[0].lower()})"
