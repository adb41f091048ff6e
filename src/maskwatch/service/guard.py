"""What stands before every route: who may call, how often, and what is told about it afterwards."""

from __future__ import annotations

import hashlib
import hmac
import re
import time
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from urllib.parse import quote

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from maskwatch.errors import SettingError
from maskwatch.io.addresses import is_own_host
from maskwatch.io.text_files import marked_encoding
from maskwatch.service.engine import Engine, logger
from maskwatch.service.limits import (
    FOREIGN_PAGE,
    INTERNAL,
    NO_KEY,
    TOO_FAST,
    WRONG_HOST,
    WRONG_KEY,
    Problem,
    RateLimiter,
)
from maskwatch.service.pages import DOCS_PATHS, PAGE_PATH, is_page

OPEN_PATHS = frozenset({"/health", "/ready", "/openapi.json", *DOCS_PATHS})
"""Need no key and are not counted against a client: what starts the service asks them, or a person
who wants to know what it is."""

_SAFE_HEADERS = {
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
}
"""Answers are for programs: a browser is to show none as a page or within one. Only what is a page
brings headers of its own, and keeps them; a browser would take two policies for both together."""

_WHOLE_TARGET = re.compile(r"(?:https?|wss?)://([^/?#]*)", re.IGNORECASE)
"""Before the path in a request to a proxy, which every server must take as well."""

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
        hosts: Collection[str] | None = (),
    ) -> None:
        """Stand before an application.

        Args:
            app: the routes.
            engine: whose limits and metrics these are.
            keys: who may call; everybody if there are none.
            origins: of pages that may call.
            paths: those that may be named in log and metrics.
            hosts: names that a call may go to besides this computer's own; any if None.
        """
        self._app = app
        self._paths = frozenset(paths)
        self._engine = engine
        self._keys = keys
        self._origins = frozenset(origins)
        self._hosts = hosts
        self._rate = RateLimiter(engine.limits.rate_per_s)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one call, or one stream from its beginning to its end."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        began_s = time.perf_counter()
        status = 0
        scope = _without_host(scope)
        has_body = scope.get("method") != "HEAD"
        if not has_body:  # says what GET would say, wherever there is GET
            scope = {**scope, "method": "GET"}

        async def send_noted(message: Message) -> None:
            nonlocal status
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                status = message["status"]
                message = _safe(message)
            elif message["type"] == "websocket.accept":
                status = 101
            elif message["type"] == "websocket.close" and not status:
                status = 403  # which is what servers make of it
            elif message["type"] == "http.response.body" and not has_body:
                message = {**message, "body": b""}
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
        if self._hosts is not None and not is_own_host(headers.get("host", ""), self._hosts):
            raise Problem(WRONG_HOST)
        if is_page(scope["path"]):  # files that are the same for everybody
            return
        origin = headers.get("origin")
        # only browsers send it; a page must not use a service of this computer behind one's back
        if origin is not None and origin not in self._origins and not _is_own(origin, headers):
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
        path = PAGE_PATH if is_page(scope["path"]) else scope["path"]
        path = path if path in self._paths else "none"
        metrics = self._engine.metrics
        metrics.requests.labels(path, status).inc()
        if scope["type"] == "http":
            metrics.request_seconds.labels(path).observe(took_s)
        logger.info("%s %s %s in %.0f ms", scope["type"], path, status, took_s * 1000)


def _without_host(scope: Scope) -> Scope:
    """A call whose target is a path; one that is a whole address has the say over `Host`.

    So it is in RFC 9112, 3.2.2.
    """
    found = _WHOLE_TARGET.match(scope["path"])
    if not found:
        return scope
    path = scope["path"][found.end() :] or "/"
    headers = [(name, value) for name, value in scope["headers"] if name != b"host"]
    headers.append((b"host", found[1].encode("latin-1", "replace")))
    return {**scope, "path": path, "raw_path": quote(path).encode(), "headers": headers}


def _safe(message: Message) -> Message:
    headers = MutableHeaders(raw=list(message.get("headers", ())))
    for name, value in _SAFE_HEADERS.items():
        headers.setdefault(name, value)
    return {**message, "headers": headers.raw}


def _is_own(origin: str, headers: Headers) -> bool:
    """Whether a page of this very service asks; that the host is no other was looked at before."""
    return origin.partition("://")[2] == headers.get("host", "") != ""


def _key_of(headers: Headers) -> str | None:
    scheme, _, key = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return key.strip()
    return headers.get("x-api-key")


# API keys: who may call. Only their hashes are kept.

KEYS_VARIABLE = "MASKWATCH_API_KEYS"
"""Holds keys, separated by white space or commas."""

_LEAST_CHARACTERS = 20
_MAKE_ONE = "python -c 'import secrets; print(secrets.token_urlsafe(32))' makes one"


class KeyRing:
    """The keys that open the service. Several, so that one can be replaced while both work."""

    def __init__(self, keys: Iterable[str] = ()) -> None:
        """Keep the hashes of keys.

        Args:
            keys: each a key, or `sha256:` and the hash of one in 64 hexadecimal digits.

        Raises:
            SettingError: a key is short enough to be guessed or cannot be sent, or a hash is none.
        """
        # a key is random and long, so one plain hash is as safe as a slow one
        self._hashes = tuple(_hash(key, index) for index, key in enumerate(keys, start=1))

    def __len__(self) -> int:
        """How many keys there are."""
        return len(self._hashes)

    def find(self, key: str) -> int | None:
        """Which key this is, None if it is none of them; takes as long either way."""
        digest = _digest(key)
        found = None
        for index, known in enumerate(self._hashes):
            if hmac.compare_digest(digest, known):
                found = index
        return found


def load_keys(environment: Mapping[str, str], file: Path | None = None) -> KeyRing:
    """The keys of the environment variable, and of a file with one a line.

    Empty lines and those that begin with # are skipped.

    Raises:
        SettingError: the file cannot be read or holds none, or a key cannot be used.
    """
    keys = re.split(r"[\s,]+", environment.get(KEYS_VARIABLE, ""))
    if file is not None:
        try:
            content = file.read_bytes()
            text = content.decode(marked_encoding(content) or "utf-8")
        except (OSError, ValueError) as error:
            raise SettingError(f"--api-key-file {file}: cannot be read") from error
        lines = [line.strip() for line in text.splitlines()]
        in_file = [line for line in lines if line and not line.startswith("#")]
        if not in_file:
            raise SettingError(f"--api-key-file {file}: holds no key; {_MAKE_ONE}")
        keys += in_file
    return KeyRing(key for key in keys if key)


def _hash(key: str, number: int) -> bytes:
    if key.startswith("sha256:"):
        if not re.fullmatch(r"sha256:[0-9a-fA-F]{64}", key):
            raise SettingError(f"API key {number}: sha256: needs 64 hexadecimal digits after it")
        return bytes.fromhex(key.removeprefix("sha256:"))
    if not (key.isascii() and key.isprintable()):
        raise SettingError(f"API key {number}: holds more than printable ASCII; {_MAKE_ONE}")
    if " #" in key:
        raise SettingError(
            f"API key {number}: has a comment behind it; give that a line of its own"
        )
    if len(key) < _LEAST_CHARACTERS:
        raise SettingError(
            f"API key {number}: has {len(key)} characters, fewer than {_LEAST_CHARACTERS}; "
            f"{_MAKE_ONE}"
        )
    return _digest(key)


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()
