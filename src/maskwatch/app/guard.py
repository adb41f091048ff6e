"""What stands before every call of the pages: by which name, into which frame, with how much.

Streamlit has no limit on what all visitors upload together, checks the name for WebSockets alone,
and sends no policy.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit import config

from maskwatch.app.kept import BESIDE_BYTES, kept_bytes
from maskwatch.io.addresses import is_own_host

_UPLOADS = "/_stcore/upload_file/"

# Streamlit's charts make code while they run, and its pages carry scripts and styles within them
_POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "media-src 'self' data: blob: mediastream:",
        "font-src 'self' data:",
        "worker-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'self'",  # the live video stands in a frame of its own
        # older browsers do not take 'self' to mean WebSockets too
        "connect-src 'self' data: blob:",
    )
)


class UploadBudget:
    """How much may lie in memory of what visitors uploaded, of one and of all together."""

    def __init__(self, total_bytes: int) -> None:
        """Set a limit.

        Args:
            total_bytes: of all visitors; one may have half of it.
        """
        self._total_bytes = total_bytes
        self._coming: Counter[str] = Counter()

    @contextmanager
    def reserve(self, session: str, length: int) -> Iterator[bool]:
        """Whether a file of so many bytes fits; while the block runs, it counts as there.

        Args:
            session: of the visitor.
            length: of the file.
        """
        taken = kept_bytes() + self._coming
        cost = length + BESIDE_BYTES
        fits = (
            taken.total() + cost <= self._total_bytes
            and taken[session] + cost <= self._total_bytes // 2
        )
        if not fits:
            yield False
            return
        self._coming[session] += cost
        try:
            yield True
        finally:
            self._coming[session] -= cost
            self._coming += Counter()  # drops those with nothing left


class Guard:
    """Lets a call through to Streamlit, or says why not."""

    def __init__(self, app: ASGIApp, budget: UploadBudget) -> None:
        self._app = app
        self._budget = budget

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one call, or one WebSocket from its beginning to its end."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        host = Headers(scope=scope).get("host", "")
        if not is_own_host(host, _named_hosts()):
            why = "These pages have no such name here; --server.allowedHosts gives them more."
            await _refuse(scope, receive, send, 421, why)
        elif scope["type"] == "http":
            await self._answer(scope, receive, _with_policy(send, host))
        else:
            await self._converse(scope, receive, send)

    async def _converse(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a WebSocket through; Streamlit may go on for a moment after its visitor has left."""
        has_left = False

        async def hear() -> Message:
            nonlocal has_left
            message = await receive()
            has_left = has_left or message["type"] == "websocket.disconnect"
            return message

        async def say(message: Message) -> None:
            nonlocal has_left
            try:
                await send(message)
            except Exception:  # each server has its own for a connection that is gone
                has_left = True
                raise

        try:
            await self._app(scope, hear, say)
        except Exception:
            if not has_left:
                raise

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        _, upload, place = scope["path"].partition(_UPLOADS)
        if not upload or scope["method"] != "PUT":
            await self._app(scope, receive, send)
            return
        declared = Headers(scope=scope).get("content-length", "")
        most_bytes = config.get_option("server.maxUploadSize") << 20
        length = int(declared) if declared.isdecimal() else most_bytes
        with self._budget.reserve(place.partition("/")[0], length) as fits:
            if fits:
                await self._app(scope, receive, send)
            else:
                await _refuse(scope, receive, send, 413, "There is no room for more photos.")


def _named_hosts() -> list[str]:
    """What the owner calls the pages, in Streamlit's own settings."""
    bound = (config.get_option(where) for where in ("server.address", "browser.serverAddress"))
    return [*config.get_option("server.allowedHosts"), *filter(None, bound)]


def _with_policy(send: Send, host: str) -> Send:
    async def send_with_policy(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers["content-security-policy"] = f"{_POLICY} ws://{host} wss://{host}"
            headers["x-content-type-options"] = "nosniff"
        await send(message)

    return send_with_policy


async def _refuse(scope: Scope, receive: Receive, send: Send, status: int, why: str) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
    else:
        await PlainTextResponse(why, status)(scope, receive, send)
