"""Alerts to a web server: an HTTPS request each, signed, under a number that stays the same.

The standard library does it. An alert now and then needs no pool of connections, and httpx would
bring seven packages for what is one call here; urllib checks certificates and knows the system's
proxies as well, which a server on this machine is not asked through. Redirects are not followed:
they would turn a POST into a GET that nobody reads.

The signature is that of Standard Webhooks 1.1 (standardwebhooks.com), for which receivers find
verifiers in most languages.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import json
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from email.message import Message
from functools import partial
from threading import Event, Thread
from typing import IO, Any
from urllib.parse import quote, urlsplit

from maskwatch._version import __version__
from maskwatch.watch.config import WebhookConfig, signing_key
from maskwatch.watch.outbox import Answer, Delivery, Outcome
from maskwatch.watch.pictures import FindPicture, no_picture, picture_of
from maskwatch.watch.rules import Alert

# of all that a client may have done wrong, these pass: nothing is there (a proxy says so as long as
# the receiver is not), too slow, too early, too many
_PASSING = (404, 408, 425, 429)
# and these are put right: the clock that a signature is dated by, a secret, a proxy's password
_PROOF = (401, 403, 407)
_TOO_LARGE = 413
# what may stand in an address as it is; %, for what is written %NN already
_PLAIN = "!#$%&'()*+,/:;=?@[]~"


def signature(secret: str, timestamp: int, body: bytes) -> str:
    """What the header X-MaskWatch-Signature holds; for receivers of before Standard Webhooks.

    Args:
        secret: shared with the receiver.
        timestamp: of the attempt, in UTC seconds since the epoch; also a header, so that the
            receiver can turn down what is older than some minutes.
        body: of the request.
    """
    signed = f"{timestamp}.".encode() + body
    return "sha256=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


def standard_signature(secret: str, number: str, timestamp: int, body: bytes) -> str:
    """What the header webhook-signature holds.

    Args:
        secret: shared with the receiver: whsec_ and the key in base64, or the key as it is.
        number: of the alert, the header webhook-id.
        timestamp: of the attempt, in UTC seconds since the epoch, the header webhook-timestamp.
        body: of the request.
    """
    key = signing_key(secret)
    signed = f"{number}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


class Webhook:
    """Sends alerts to one address; see Sink."""

    def __init__(
        self,
        config: WebhookConfig,
        now_s: Callable[[], float] = time.time,
        find_picture: FindPicture = no_picture,
    ) -> None:
        """Nothing is sent yet.

        Args:
            config: where to, and how.
            now_s: UTC seconds since the epoch.
            find_picture: of an event, where it is still kept.
        """
        self._config = config
        self._now_s = now_s
        self._find_picture = find_picture

    @property
    def name(self) -> str:
        """What messages call it; the address may hold a password."""
        return self._config.name

    def send(self, delivery: Delivery) -> Answer:
        """Make one request; whatever happens within the time there is is an answer.

        A server that finds it too large gets it without its picture, which is worth less.
        """
        answer = self._try(delivery, self._config.picture)
        if answer == _judge(_TOO_LARGE) and self._config.picture:
            return self._try(delivery, False)
        return answer

    def _try(self, delivery: Delivery, picture: bool) -> Answer:
        attempt = _Attempt(partial(self._request, delivery, picture), self._config.is_here)
        return attempt.answer(self._config.timeout_s)

    def _request(self, delivery: Delivery, picture: bool) -> urllib.request.Request:
        body, timestamp = self._body(delivery.alert, picture).encode(), int(self._now_s())
        number, secret = delivery.alert.alert_id, self._config.secret
        headers = {
            "Content-Type": "application/json",
            "User-Agent": f"MaskWatch/{__version__}",
            "Idempotency-Key": number,
            "webhook-id": number,
            "webhook-timestamp": str(timestamp),
            "X-MaskWatch-Timestamp": str(timestamp),
        }
        if secret:
            headers["webhook-signature"] = standard_signature(secret, number, timestamp, body)
            headers["X-MaskWatch-Signature"] = signature(secret, timestamp, body)
        return urllib.request.Request(_ascii(self._config.url), body, headers, method="POST")

    def _body(self, alert: Alert, wanted: bool) -> str:
        """The alert, and where it is wanted and still kept, the picture in it."""
        picture = picture_of(alert, wanted, self._find_picture)
        if picture is None:
            return alert.body
        encoded = base64.b64encode(picture.content).decode()
        told = {"media_type": picture.media_type, "base64": encoded}
        return json.dumps({**json.loads(alert.body), "picture": told}, ensure_ascii=False)


class _Attempt:
    """One request in a thread of its own.

    urllib has a limit for each step: to look up a name, to connect, for each part of an answer. A
    server that sends a byte now and then holds it as long as it likes, so the whole has a limit
    here. When that is over the connection is shut; a step that nothing wakes ends by its own limit.
    """

    def __init__(self, request: Callable[[], urllib.request.Request], is_here: bool) -> None:
        self._request = request
        self._is_here = is_here
        self._connections: list[socket.socket] = []
        self._over = False
        self._done = Event()
        self._answer = Answer(Outcome.UNREACHABLE)

    def answer(self, timeout_s: float) -> Answer:
        """Make the request, and say what became of it."""
        Thread(target=self._work, args=(timeout_s,), name="webhook", daemon=True).start()
        if self._done.wait(timeout_s):
            return self._answer
        self._over = True
        for connection in self._connections:
            _shut(connection)
        return Answer(Outcome.UNREACHABLE, f"no answer within {timeout_s:g} s")

    def note(self, connection: socket.socket) -> None:
        """There is a connection now; it may be too late for it."""
        self._connections.append(connection)
        if self._over:
            _shut(connection)

    def _work(self, timeout_s: float) -> None:
        try:
            self._answer = self._ask(timeout_s)
        except Exception as error:  # what a server may make http.client stumble over is endless
            reason = f"its address or answer cannot be understood ({type(error).__name__})"
            self._answer = Answer(Outcome.NOT_NOW, reason)
        self._done.set()

    def _ask(self, timeout_s: float) -> Answer:
        # a proxy would look for this machine on its own
        proxies = urllib.request.ProxyHandler({} if self._is_here else None)
        opener = urllib.request.build_opener(proxies, _NoRedirect, _Telling(self.note))
        try:
            with opener.open(self._request(), timeout=timeout_s) as response:
                return _judge(response.status)
        except urllib.error.HTTPError as error:
            with error:
                return _judge(error.code)
        except TimeoutError:
            reason = f"no answer within {timeout_s:g} s"
        except urllib.error.URLError as error:
            reason = f"cannot be reached ({_words(error.reason)})"
        except (OSError, http.client.HTTPException) as error:
            reason = f"the connection broke ({type(error).__name__})"
        return Answer(Outcome.UNREACHABLE, reason)


def _shut(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


def _ascii(url: str) -> str:
    """An address in the letters that HTTP has."""
    parts = urlsplit(url)
    host = parts.netloc.encode("idna").decode() if not parts.netloc.isascii() else parts.netloc
    return quote(parts._replace(netloc=host).geturl(), safe=_PLAIN)


def _judge(code: int) -> Answer:
    if 200 <= code < 300:
        return Answer(Outcome.SENT)
    reason = f"answers {code}"
    if 400 <= code < 500 and code not in (*_PASSING, *_PROOF):
        return Answer(Outcome.NEVER, reason)
    return Answer(Outcome.NOT_NOW, reason)


def _words(reason: object) -> str:
    """Why a connection fails; what is no error of the system may hold the address."""
    if isinstance(reason, TimeoutError):
        return "timed out"
    return getattr(reason, "strerror", None) or type(reason).__name__


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def http_error_302(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Message
    ) -> None:
        """Leave it alone, wherever it leads: urllib would read the address first."""

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302


class _Telling(urllib.request.HTTPHandler, urllib.request.HTTPSHandler):
    """Tells of each connection when it is made."""

    def __init__(self, note: Callable[[socket.socket], None]) -> None:
        super().__init__()
        self._note = note

    def http_open(self, req: urllib.request.Request) -> Any:
        return self.do_open(partial(self._connection, http.client.HTTPConnection), req)

    def https_open(self, req: urllib.request.Request) -> Any:
        return self.do_open(partial(self._connection, http.client.HTTPSConnection), req)

    def _connection(
        self, kind: type[http.client.HTTPConnection], *args: Any, **named: Any
    ) -> http.client.HTTPConnection:
        connection = kind(*args, **named)
        connect = connection.connect

        def connect_and_tell() -> None:
            connect()
            self._note(connection.sock)

        connection.connect = connect_and_tell  # type: ignore[method-assign]
        return connection
