"""The server of the page of the cameras: who may ask for what, in a thread of its own."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from maskwatch.errors import SettingError
from maskwatch.service.guard import KeyRing
from maskwatch.service.limits import INTERNAL, NO_KEY, WRONG_KEY, Limits, Problem
from maskwatch.service.server import Server, listen
from maskwatch.watch.config import PageConfig, WatchConfig
from maskwatch.watch.page_app import Desk, page_app
from maskwatch.watch.supervisor import Watch
from maskwatch.web.camera_page import POLICY, build_camera_page

_LOG = logging.getLogger(__name__)

_FAREWELL_S = 3
_HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}


class Role(StrEnum):
    """What a key opens: everything, or neither pictures nor settings."""

    OWNER = "owner"
    VIEWER = "viewer"


class Gate:
    """Lets through who has a key; the files of the page are the same for everybody."""

    def __init__(self, app: ASGIApp, config: PageConfig) -> None:
        """Stand before the routes.

        Args:
            app: the routes.
            config: the keys; so long that nobody hits on one by trying.
        """
        self._app = app
        self._keys = KeyRing((*config.owner_keys, *config.viewer_keys))
        self._owners = len(config.owner_keys)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one call."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        is_api, answered = scope["path"].startswith("/api/"), False

        async def send_safe(message: Message) -> None:
            nonlocal answered
            answered = True
            if message["type"] == "http.response.start":
                headers = MutableHeaders(raw=list(message.get("headers", ())))
                headers.update(_HEADERS)
                if is_api:  # it is about people
                    headers["cache-control"] = "no-store"
                message = {**message, "headers": headers.raw}
            await send(message)

        try:
            if is_api:
                scope.setdefault("state", {})["role"] = self._role(scope)
            await self._app(scope, receive, send_safe)
        except Problem as problem:
            await problem.to_response()(scope, receive, send_safe)
        except Exception as error:  # a fault of ours: told here, but not to the client
            _LOG.error("page: internal error", exc_info=error)
            if not answered:
                await Problem(INTERNAL).to_response()(scope, receive, send_safe)

    def _role(self, scope: Scope) -> Role:
        scheme, _, key = Headers(scope=scope).get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            raise Problem(NO_KEY, "give a key: Authorization: Bearer KEY")
        number = self._keys.find(key.strip())
        if number is None:
            raise Problem(WRONG_KEY, "this key is not known")
        return Role.OWNER if number < self._owners else Role.VIEWER


@contextmanager
def serving_page(
    watching: Watch, settings: WatchConfig, host: str, port: int
) -> Iterator[tuple[str, int]]:
    """Serve the page until the block ends.

    Args:
        watching: what it shows.
        settings: as the owner wrote them, with keys for the page.
        host: to listen on.
        port: the same; 0 takes any.

    Yields:
        Host and port.

    Raises:
        SettingError: there is no key, or nothing to listen on.
    """
    if settings.page is None:
        raise SettingError("--page PORT needs page.owner_keys or page.viewer_keys in the settings")
    app = Gate(page_app(Desk(watching, settings), build_camera_page()), settings.page)
    limits = Limits(shutdown_s=_FAREWELL_S)
    with listen(host, port, False, ("--page-host", "--page")) as listener:
        server = Server(app, limits, lambda: None)
        thread = threading.Thread(target=server.run, args=([listener],), name="page", daemon=True)
        thread.start()
        try:
            yield listener.getsockname()[:2]
        finally:
            server.stop()
            thread.join()
