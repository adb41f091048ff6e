"""Every way in which the service says no: a status and one line of JSON, and nothing else.

After RFC 9457, with plain names instead of addresses as types.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from starlette.responses import JSONResponse

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
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= _MOST_CHARACTERS else line[: _MOST_CHARACTERS - 1] + "…"
