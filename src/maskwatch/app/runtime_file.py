"""ONNX Runtime's WebAssembly for visitors' browsers, such that they keep it compiled.

Streamlit hands it out as a packed file that a browser may not keep. Where its pages stand behind
`door.py`, the same address answers with WebAssembly; elsewhere the page unpacks the file itself.
"""

from __future__ import annotations

import functools
import hashlib

from starlette.responses import FileResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from maskwatch.web.bundle import PAGE

_FILE = PAGE / "ort" / "ort-wasm-simd-threaded.wasm.gz"
_HEADERS = {
    "Content-Encoding": "gzip",
    "Cache-Control": "public, max-age=31536000, immutable",  # others are asked for by another name
}


@functools.cache  # the page asks at each run, and it is 4 MB
def runtime_name() -> str:
    """The name of its content, by which the page asks for it."""
    return hashlib.sha256(_FILE.read_bytes()).hexdigest()


class RuntimeFile:
    """Answers for the one file, and lets everything else through to Streamlit."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one call."""
        if scope["type"] == "http" and scope["path"].endswith(f"/ort/{_FILE.name}"):
            response = FileResponse(_FILE, headers=_HEADERS, media_type="application/wasm")
            await response(scope, receive, send)
        else:
            await self._app(scope, receive, send)
