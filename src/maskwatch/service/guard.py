"""What stands before every route: who may call, how often, and what is told about it afterwards."""

from __future__ import annotations

import time
from collections.abc import Collection

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from maskwatch.service.engine import Engine
from maskwatch.service.keys import KeyRing
from maskwatch.service.log import logger
from maskwatch.service.problems import (
    FOREIGN_PAGE,
    INTERNAL,
    NO_KEY,
    TOO_FAST,
    WRONG_KEY,
    Problem,
)
from maskwatch.service.rate import RateLimiter

OPEN_PATHS = frozenset({"/health", "/ready", "/openapi.json"})
"""Need no key and are not counted against a client: what starts the service asks them."""

HUNG_UP = 499
"""The status that stands in the metrics where a client did not wait for its answer."""


class Guard:
    """Lets a call through to the routes, or answers why not; tells log and metrics of each."""

    def __init__(
        self,
        app: ASGIApp,
        engine: Engine,
        keys: KeyRing,
        origins: Collection[str],
        paths: Collection[str],
    ) -> None:
        """Stand before an application.

        Args:
            app: the routes.
            engine: whose limits and metrics these are.
            keys: who may call; everybody if there are none.
            origins: of pages that may call.
            paths: those that may be named in log and metrics.
        """
        self._app = app
        self._paths = frozenset(paths)
        self._engine = engine
        self._keys = keys
        self._origins = frozenset(origins)
        self._rate = RateLimiter(engine.limits.rate_per_s)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one call, or one stream from its beginning to its end."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        began_s = time.perf_counter()
        status = 0

        async def send_noted(message: Message) -> None:
            nonlocal status
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                status = message["status"]
            elif message["type"] == "websocket.accept":
                status = 101
            await send(message)

        try:
            self._check(scope)
            await self._app(scope, receive, send_noted)
        except Problem as problem:
            await problem.to_response()(scope, receive, send_noted)
        except Exception as error:  # a fault of ours: told where, but not to the client
            logger.error("internal error", exc_info=error)
            if status == 101:
                await send({"type": "websocket.close", "code": 1011, "reason": INTERNAL.name})
            elif not status:
                await Problem(INTERNAL).to_response()(scope, receive, send_noted)
        finally:
            self._tell(scope, status, time.perf_counter() - began_s)

    def _check(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        origin = headers.get("origin")
        # only browsers send it; a page must not use a service of this computer behind one's back
        if origin is not None and origin not in self._origins:
            raise Problem(FOREIGN_PAGE)
        if scope["path"] in OPEN_PATHS:
            return
        problem, client = None, scope["client"] and scope["client"][0]
        if self._keys:
            key = _key_of(headers)
            number = None if key is None else self._keys.find(key)
            if number is None:
                problem = Problem(NO_KEY if key is None else WRONG_KEY)
            else:
                client = number
        # who tries keys is slowed down as well
        if early_s := self._rate.take(client):
            detail = f"more than {self._engine.limits.rate_per_s:g} calls a second"
            raise Problem(TOO_FAST, detail, retry_after_s=int(early_s) + 1)
        if problem:
            raise problem

    def _tell(self, scope: Scope, status: int, took_s: float) -> None:
        # any other path is the client's to choose, and could be about somebody
        path = scope["path"] if scope["path"] in self._paths else "none"
        metrics = self._engine.metrics
        metrics.requests.labels(path, status).inc()
        if scope["type"] == "http":
            metrics.request_seconds.labels(path).observe(took_s)
        logger.info("%s %s %s in %.0f ms", scope["type"], path, status, took_s * 1000)


def _key_of(headers: Headers) -> str | None:
    scheme, _, key = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return key.strip()
    return headers.get("x-api-key")
