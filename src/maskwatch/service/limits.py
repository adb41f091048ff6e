"""What the service bears: sizes, numbers and times, each with the answer for going beyond it."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import Any

from starlette.responses import JSONResponse

from maskwatch.errors import SettingError
from maskwatch.io.decoder_pool import PATIENT_S


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much of everything is accepted.

    Attributes:
        body_bytes: of one call, and of one frame of a stream; 413.
        image_pixels: of one picture, before it is decoded; 422, a picture among others an entry.
        open_s: seconds of a processor that it may take to open one picture; 422, or an entry.
        images: of one call; 413.
        calls: under way at once, from the first byte of the body to the answer; 503.
        sessions: streams at once; 503.
        connections: open at once; beyond them whoever has asked for nothing the longest is hung up
            on, and where all have a request under way the new one gets 503.
        rate_per_s: calls and new streams of one client, with as many in reserve as fit in a
            second; 429.
        header_s: until a request has begun with all its headers; the connection is closed.
        body_s: until the body is there; 408.
        answer_s: from then until the answer; 503. Also until an answer is taken; the connection is
            closed.
        idle_s: without a frame; the stream is closed.
        shutdown_s: for what is under way when the service is told to end.
    """

    body_bytes: int = 20_000_000
    image_pixels: int = 50_000_000
    open_s: float = PATIENT_S
    images: int = 16
    calls: int = 16
    sessions: int = 8
    connections: int = 256
    rate_per_s: float = 100.0
    header_s: float = 10.0
    body_s: float = 15.0
    answer_s: float = 30.0
    idle_s: float = 60.0
    shutdown_s: int = 30

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not 0 < value < math.inf:
                raise SettingError(f"limit {field.name}: must be above 0 and finite, not {value}")


# How often each client may call, and how much of one thing there may be at once.

# clients that are remembered; the one that was quiet the longest is forgotten first
_MOST_CLIENTS = 10_000


class RateLimiter:
    """A bucket of calls for each client that fills by itself, up to what fits in a second."""

    def __init__(self, per_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_s = per_s
        self._size = max(1.0, per_s)
        self._clock = clock
        self._buckets: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()

    def take(self, client: Hashable) -> float:
        """Count a call; how many seconds too early it comes, 0 if it is in time."""
        now_s = self._clock()
        left, seen_s = self._buckets.pop(client, (self._size, now_s))
        left = min(self._size, left + (now_s - seen_s) * self._per_s)
        in_time = left >= 1
        self._buckets[client] = (left - in_time, now_s)
        if len(self._buckets) > _MOST_CLIENTS:
            self._buckets.popitem(last=False)
        return 0.0 if in_time else (1 - left) / self._per_s


class Slots:
    """So many of one thing at once.

    Attributes:
        taken: how many are.
    """

    def __init__(self, most: int, what: str) -> None:
        self._most = most
        self._what = what
        self.taken = 0

    @contextmanager
    def take(self) -> Iterator[None]:
        """Hold one of them.

        Raises:
            Problem: all are taken.
        """
        if self.taken >= self._most:
            raise Problem(BUSY, f"all {self._most} {self._what} at once are taken")
        self.taken += 1
        try:
            yield
        finally:
            self.taken -= 1


# Every way in which the service says no: a status and one line of JSON, and nothing else.
#
# After RFC 9457, with plain names instead of addresses as types.

MEDIA_TYPE = "application/problem+json"

_MOST_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of refusal.

    Attributes:
        name: what programs tell it by.
        status: of HTTP.
        example: a detail that it may come with.
        retry_after_s: when to try again, None where that would not help.
    """

    name: str
    status: int
    example: str
    retry_after_s: int | None = None


MALFORMED = Kind("malformed", 400, "the form is cut short")
NO_KEY = Kind("no_key", 401, "give an API key: Authorization: Bearer KEY, or X-API-Key: KEY")
WRONG_KEY = Kind("wrong_key", 401, "this API key is not known")
FOREIGN_PAGE = Kind("foreign_page", 403, "pages of this origin may not call the service")
NO_ROUTE = Kind("no_route", 404, "there is nothing here; /openapi.json says what there is")
WRONG_METHOD = Kind("wrong_method", 405, "this route takes GET")
SLOW_BODY = Kind("slow_body", 408, "the body was not there within 15 s")
TOO_MANY_BYTES = Kind("too_many_bytes", 413, "the body is over the limit of 20 MB")
TOO_MANY_IMAGES = Kind("too_many_images", 413, "more images than the limit of 16")
WRONG_TYPE = Kind(
    "wrong_type", 415, "send image/*, multipart/form-data or application/json, not text/plain"
)
UNUSABLE = Kind("unusable", 422, "no image in it")
UNREADABLE = Kind("unreadable", 422, "damaged JPEG (image file is truncated)")
WRONG_HOST = Kind("wrong_host", 421, "the service is not called by this name here")
NO_WEBSOCKET = Kind("no_websocket", 426, "this route speaks WebSocket")
TOO_FAST = Kind("too_fast", 429, "more than 100 calls a second", retry_after_s=1)
INTERNAL = Kind("internal", 500, "something went wrong here; the log of the service says where")
BUSY = Kind("busy", 503, "all 16 calls at once are taken", retry_after_s=1)
TOO_LONG = Kind("too_long", 503, "there was no answer within 30 s", retry_after_s=5)
NOT_READY = Kind("not_ready", 503, "the networks are not warm yet", retry_after_s=1)
ENDING = Kind("ending", 503, "the service is ending", retry_after_s=5)


class Problem(Exception):
    """A call cannot be answered; carries what the client is told."""

    def __init__(
        self,
        kind: Kind,
        detail: str | None = None,
        *,
        retry_after_s: int | None = None,
        reports: Sequence[dict[str, Any]] = (),
    ) -> None:
        """Note what to say.

        Args:
            kind: of refusal.
            detail: one line for a person; the kind's example if None.
            retry_after_s: in whole seconds; the kind's if None.
            reports: one entry an image, where images are the reason.
        """
        self.kind = kind
        self.detail = one_line(detail or kind.example)
        self.retry_after_s = retry_after_s or kind.retry_after_s
        self.reports = tuple(reports)
        super().__init__(self.detail)

    def to_dict(self) -> dict[str, Any]:
        """What the body of the answer holds."""
        document = {"type": self.kind.name, "status": self.kind.status, "detail": self.detail}
        return document | ({"reports": list(self.reports)} if self.reports else {})

    def to_response(self) -> JSONResponse:
        """The answer."""
        headers = {"retry-after": str(self.retry_after_s)} if self.retry_after_s else {}
        if self.kind.status == 401:
            headers["www-authenticate"] = "Bearer"
        return JSONResponse(self.to_dict(), self.kind.status, headers, MEDIA_TYPE)


def one_line(text: str) -> str:
    """Text of others as one printable line of bearable length."""
    start = text[: 4 * _MOST_CHARACTERS]  # some of them may be no more than space
    line = " ".join("".join(c if c.isprintable() else " " for c in start).split())
    return line if len(line) <= _MOST_CHARACTERS else line[: _MOST_CHARACTERS - 1] + "…"
