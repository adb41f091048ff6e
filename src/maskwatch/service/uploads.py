"""The body of a call -> images: raw bytes, a form or JSON, never more than the limits say.

Nothing is written to disk, and nothing in a body is taken for an address or a path.
"""

from __future__ import annotations

import base64
import codecs
import re
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from pydantic import ValidationError
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from maskwatch.service.documents import AnalyzeRequest
from maskwatch.service.engine import Engine, Upload
from maskwatch.service.limits import (
    MALFORMED,
    TOO_MANY_BYTES,
    TOO_MANY_IMAGES,
    UNUSABLE,
    WRONG_TYPE,
    Limits,
    Problem,
    one_line,
)

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

_PREAMBLE_BYTES = 1 << 16
"""What may stand before the first part of a form, which is for people (RFC 2046, 5.1.1)."""

FIELD = "images"
"""What each part of a form is called."""

_COMPRESSIONS = frozenset({"gzip", "x-gzip", "deflate", "br", "zstd", "compress"})
"""What `Content-Encoding` may say; taken for the image itself it would be a damaged one."""

_MARKS_AN_IMAGE = 64
"""Quotes, commas and brackets of JSON for each image: eleven, and some more in its name."""

_DATA_ADDRESS = re.compile(r"\s*data:[^,]{0,100};base64,", re.IGNORECASE)
"""Before the base64 of `canvas.toDataURL()` and of a FileReader."""


Body = list[Upload] | bytes
"""Images, or the JSON that holds them."""


async def read_body(request: Request, limits: Limits) -> Body:
    """The body of a call, once all of it is there.

    Raises:
        Problem: it is over a limit or not what it says it is.
        ClientDisconnect: the client went away.
    """
    coding = request.headers.get("content-encoding", "")
    if _COMPRESSIONS & set(re.split(r"[\s,]+", coding.lower())):
        raise Problem(WRONG_TYPE, f"send the body as it is, not compressed ({coding})")
    header = request.headers.get("content-type", "")
    media_type, options = parse_options_header(header)
    kind = media_type.decode("latin-1")
    if kind.startswith("image/"):
        return [Upload(await _read_all(request, limits))]
    if kind == "multipart/form-data":
        form = _Form(options.get(b"boundary", b""), limits)
        async for chunk in _chunks(request, limits):
            form.feed(chunk)
        return form.end()
    if kind == "application/json":
        return await _read_all(request, limits)
    raise Problem(
        WRONG_TYPE,
        f"send image/*, multipart/form-data or application/json, not {kind or 'an unnamed type'}",
    )


async def uploads_in(body: Body, engine: Engine) -> list[Upload]:
    """The images of a body, at least one; JSON waits for a thread in which it is looked at.

    Raises:
        Problem: they are over a limit, or there are none.
    """
    if isinstance(body, bytes):
        return await engine.run("parse", _from_json, body, engine.limits)
    return body


async def _chunks(request: Request, limits: Limits) -> AsyncIterator[bytes]:
    """The body as it arrives; what it says of its length is believed only where it is too much."""
    too_many = Problem(
        TOO_MANY_BYTES, f"the body is over the limit of {limits.body_bytes / 1e6:g} MB"
    )
    declared = request.headers.get("content-length", "0")
    if declared.isdecimal() and int(declared) > limits.body_bytes:
        raise too_many
    received = 0
    async for chunk in request.stream():
        received += len(chunk)
        if received > limits.body_bytes:
            raise too_many
        yield chunk


async def _read_all(request: Request, limits: Limits) -> bytes:
    body = bytearray()
    async for chunk in _chunks(request, limits):
        body += chunk
    return bytes(body)


class _Form:
    """Takes the parts of a form as its bytes come in."""

    def __init__(self, boundary: bytes, limits: Limits) -> None:
        self._limits = limits
        self._uploads: list[Upload] = []
        self._name = self._value = b""
        self._disposition = b""
        self._source: str | None = None
        self._content = bytearray()
        self._ended = False
        # what came before the first boundary; None once that is there
        self._preamble: bytearray | None = bytearray()
        self._opening = re.compile(rb"(?:\A|\r\n)--%b(?=--|\r\n)" % re.escape(boundary))
        self._opening_bytes = len(boundary) + 6
        callbacks: MultipartCallbacks = {
            "on_part_begin": self._begin_part,
            "on_header_field": self._add_to_name,
            "on_header_value": self._add_to_value,
            "on_header_end": self._end_header,
            "on_headers_finished": self._end_headers,
            "on_part_data": self._add_to_content,
            "on_part_end": self._end_part,
            "on_end": self._end,
        }
        try:
            if not boundary:
                raise FormParserError
            self._parser = MultipartParser(boundary, callbacks)
        except FormParserError as error:  # also where it is too long
            raise Problem(MALFORMED, "the form names no boundary") from error

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes."""
        if self._preamble is not None:
            chunk = self._skip(self._preamble, chunk)
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise Problem(MALFORMED, "the form is not as its boundary says") from error

    def end(self) -> list[Upload]:
        """The images, once all bytes are there."""
        if self._preamble:
            raise Problem(MALFORMED, "the form is not as its boundary says")
        if not self._ended:
            raise Problem(MALFORMED, "the form is cut short")
        return _at_least_one(self._uploads)

    def _skip(self, preamble: bytearray, chunk: bytes) -> bytes:
        """What is left of a chunk behind the preamble; nothing as long as that goes on."""
        seen = max(0, len(preamble) - self._opening_bytes)  # what was searched without success
        preamble += chunk
        if not seen:
            preamble[:] = preamble.lstrip(b"\r\n")
        if found := self._opening.search(preamble, seen):
            self._preamble = None
            return bytes(preamble[found.start() :])
        if len(preamble) > _PREAMBLE_BYTES:
            size = f"{_PREAMBLE_BYTES >> 10} kB"
            raise Problem(MALFORMED, f"the form has {size} of text before the first boundary")
        return b""

    def _begin_part(self) -> None:
        if len(self._uploads) == self._limits.images:
            raise _too_many_images(self._limits)
        self._disposition = b""
        self._content = bytearray()

    def _add_to_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _add_to_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _end_header(self) -> None:
        if self._name.lower() == b"content-disposition":
            self._disposition = self._value
        self._name = self._value = b""

    def _end_headers(self) -> None:
        _, options = parse_options_header(self._disposition)
        if (name := options.get(b"name", b"")) != FIELD.encode():
            said = name.decode("utf-8", "replace")
            raise Problem(UNUSABLE, f"each part of the form must be called {FIELD}, not {said!r}")
        source = options.get(b"filename")
        self._source = one_line(source.decode("utf-8", "replace")) if source else None

    def _add_to_content(self, data: bytes, start: int, end: int) -> None:
        self._content += data[start:end]

    def _end_part(self) -> None:
        self._uploads.append(Upload(bytes(self._content), self._source))

    def _end(self) -> None:
        self._ended = True


def _from_json(body: bytes, limits: Limits) -> list[Upload]:
    # counted first, for a list of all that is wrong with a million values is long; nothing in an
    # image has these characters but its name
    most = _MARKS_AN_IMAGE * (limits.images + 1)
    if sum(map(body.count, (b'"', b",", b"{", b"["))) > most:
        raise Problem(UNUSABLE, f"it holds more values than {limits.images} images need")
    try:
        # some programs on Windows begin what they write with a mark
        images = AnalyzeRequest.model_validate_json(body.removeprefix(codecs.BOM_UTF8)).images
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise Problem(UNUSABLE, f"{place}{place and ': '}{first['msg']}") from None
    if len(images) > limits.images:
        raise _too_many_images(limits)
    uploads = []
    for index, image in enumerate(images):
        try:
            content = _from_base64(image.data)
        except ValueError as error:
            raise Problem(UNUSABLE, f"images.{index}.data: no base64") from error
        uploads.append(Upload(content, image.source and one_line(image.source)))
    return _at_least_one(uploads)


def _from_base64(text: str) -> bytes:
    """The bytes of base64, also in lines, and also as browsers write it for an address of data.

    Raises:
        ValueError: it is none.
    """
    if address := _DATA_ADDRESS.match(text):
        text = text[address.end() :]
    return base64.b64decode("".join(text.split()), validate=True)


def _at_least_one(uploads: list[Upload]) -> list[Upload]:
    if not uploads:
        raise Problem(UNUSABLE, "no image in it")
    return uploads


def _too_many_images(limits: Limits) -> Problem:
    return Problem(TOO_MANY_IMAGES, f"more images than the limit of {limits.images}")
