"""Alerts to a web server: an HTTPS request each, signed, under a number that stays the same.

The standard library does it. An alert now and then needs no pool of connections, and httpx would
bring seven packages for what is one call here; urllib checks certificates and knows the system's
proxies as well. Redirects are not followed: they would turn a POST into a GET that nobody reads.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from email.message import Message
from typing import IO, Any
from urllib.parse import urlsplit

from maskwatch._version import __version__
from maskwatch.watch.config import WebhookConfig
from maskwatch.watch.queue import Delivery
from maskwatch.watch.sending import Answer, Outcome

# of all that a client may have done wrong, these pass: too slow, too early, too many
_PASSING = (408, 425, 429)


def signature(secret: str, timestamp: int, body: bytes) -> str:
    """What the header X-MaskWatch-Signature holds.

    Args:
        secret: shared with the receiver.
        timestamp: of the attempt, in UTC seconds since the epoch; also a header, so that the
            receiver can turn down what is older than some minutes.
        body: of the request.
    """
    signed = f"{timestamp}.".encode() + body
    return "sha256=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


class Webhook:
    """Sends alerts to one address; see Sink."""

    def __init__(self, config: WebhookConfig, now_s: Callable[[], float] = time.time) -> None:
        """Nothing is sent yet.

        Args:
            config: where to, and how.
            now_s: UTC seconds since the epoch.
        """
        self._config = config
        self._now_s = now_s
        self._opener = urllib.request.build_opener(_NoRedirect)

    @property
    def name(self) -> str:
        """What messages call it; the address may hold a password."""
        return self._config.name

    def send(self, delivery: Delivery) -> Answer:
        """Make one request; whatever happens is an answer."""
        body, timestamp = delivery.alert.body.encode(), int(self._now_s())
        headers = {
            "Content-Type": "application/json",
            "User-Agent": f"MaskWatch/{__version__}",
            "Idempotency-Key": delivery.alert.alert_id,
            "X-MaskWatch-Timestamp": str(timestamp),
        }
        if self._config.secret:
            headers["X-MaskWatch-Signature"] = signature(self._config.secret, timestamp, body)
        request = urllib.request.Request(self._config.url, body, headers, method="POST")
        try:
            with self._opener.open(request, timeout=self._config.timeout_s) as response:
                return _judge(response.status)
        except urllib.error.HTTPError as error:
            with error:
                return _judge(error.code)
        except TimeoutError:
            reason = f"no answer within {self._config.timeout_s:g} s"
        except urllib.error.URLError as error:
            reason = f"cannot be reached ({_words(error.reason)})"
        except (OSError, http.client.HTTPException) as error:
            reason = f"the connection broke ({type(error).__name__})"
        return Answer(Outcome.UNREACHABLE, reason)


def host_of(url: str) -> str:
    """Where an address leads, without what may be secret in it."""
    parts = urlsplit(url)
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{parts.hostname}{port}/..."


def _judge(code: int) -> Answer:
    if 200 <= code < 300:
        return Answer(Outcome.SENT)
    reason = f"answers {code}"
    if 400 <= code < 500 and code not in _PASSING:
        return Answer(Outcome.NEVER, reason)
    return Answer(Outcome.NOT_NOW, reason)


def _words(reason: object) -> str:
    """Why a connection fails; what is no error of the system may hold the address."""
    if isinstance(reason, TimeoutError):
        return "timed out"
    return getattr(reason, "strerror", None) or type(reason).__name__


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: Message,
        newurl: str,
    ) -> Any:
        return None
