"""The process that opens pictures of strangers; `maskwatch.io.decoder_pool` starts it and ends it.

Run as `python -m maskwatch.io.decoder_process MEMORY_BYTES NICENESS`. Each request on standard
input is `REQUEST` and the bytes of an image file; each answer on standard output is `ANSWER` and
either the pixels, RGB uint8 row by row, or JSON that says why there are none. A file that takes
more processor time than its request grants ends the process.

What an image asks for is read off its structure first, without decoding it. Bytes and pixels are
limited elsewhere; a few formats can ask for far more work than either: a progressive JPEG goes over
all its pixels once for every scan, and a scan may be a dozen bytes long; a TIFF may cut its pixels
into a million strips, and let all of them lie at the same place.
"""

from __future__ import annotations

import faulthandler
import json
import os
import re
import signal
import struct
import sys
from contextlib import suppress
from typing import IO

import numpy as np

from maskwatch.errors import ImageError, ImageFault
from maskwatch.io.images import load_image

MAX_SCANS = 100
"""Of a JPEG; encoders make about ten, 64 with every bit apart."""

MAX_STRIPS = 65_536
"""Of a TIFF: strips or tiles; a file of one row each has as many as it has rows."""

_SCAN = b"\xff\xda"
# what follows the scan's own bytes: any marker but the two that belong to them
_MARKER = re.compile(rb"\xff([^\x00\xd0-\xd7\xff])")
_ALONE = frozenset(b"\x01\xd8")
_END = 0xD9
_STRIP_TAGS = frozenset({273, 279, 324, 325})
_LENGTH_TAGS = frozenset({279, 325})
_LENGTHS = {3: "H", 4: "I"}
# bytes of a value of each TIFF type
_SIZES = dict(enumerate((1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8), start=1))


def check_cost(content: bytes) -> None:
    """Refuse an image file that asks for far more work than its pixels need.

    Raises:
        ImageError: it does. Nothing is said of a file that is damaged or no image.
    """
    if content.startswith(b"\xff\xd8"):
        # what looks like a scan may stand in a thumbnail, or in a film behind the picture
        if content.count(_SCAN) > MAX_SCANS and _jpeg_scans(content) > MAX_SCANS:
            raise _too_much(f"a JPEG of more than {MAX_SCANS} scans")
    elif content[:4] in (b"II*\0", b"MM\0*"):
        strips, claimed_bytes = _tiff_claims(content)
        if strips > MAX_STRIPS:
            raise _too_much(f"a TIFF of {strips} strips, over the limit of {MAX_STRIPS}")
        if claimed_bytes > 4 * len(content):
            raise _too_much("a TIFF whose tags claim more bytes than it has")


def _jpeg_scans(content: bytes) -> int:
    """How many scans there are up to the end of the first picture, or one more than are borne."""
    scans, place = 0, 2
    while found := _MARKER.search(content, place):
        marker, place = found[1][0], found.end()
        if marker == _END:
            break
        if marker in _ALONE:
            continue
        scans += marker == _SCAN[1]
        if scans > MAX_SCANS:
            break
        place += int.from_bytes(content[place : place + 2], "big")
    return scans


def _tiff_claims(content: bytes) -> tuple[int, int]:
    """How many strips or tiles the first picture has, and how many bytes its tags say there are."""
    order = "<" if content.startswith(b"II") else ">"
    try:
        (place,) = struct.unpack_from(f"{order}I", content, 4)
        (count,) = struct.unpack_from(f"{order}H", content, place)
        entries = [
            struct.unpack_from(f"{order}HHII", content, place + 2 + 12 * index)
            for index in range(count)
        ]
        strips = max((values for tag, _, values, _ in entries if tag in _STRIP_TAGS), default=0)
        claimed_bytes = sum(values * _SIZES.get(kind, 1) for _, kind, values, _ in entries)
        for tag, kind, values, where in entries:
            # a single length stands in place of the address and is checked by whatever reads it
            if tag in _LENGTH_TAGS and kind in _LENGTHS and 1 < values <= MAX_STRIPS:
                lengths = struct.unpack_from(f"{order}{values}{_LENGTHS[kind]}", content, where)
                claimed_bytes += sum(lengths)
    except struct.error:
        return 0, 0
    return strips, claimed_bytes


def _too_much(what: str) -> ImageError:
    return ImageError("<bytes>", f"{what}: takes too long to open", ImageFault.TOO_SLOW)


REQUEST = struct.Struct("<QQd")
"""How many bytes the file has, how many pixels it may have, seconds of a processor it may take."""

ANSWER = struct.Struct("<QQ")
"""Width and height of the picture, or 0 and how many bytes of JSON follow."""

HANG_S = 60.0
"""So long may a picture take where other programs have all processors."""

KERNEL_COUNTS = hasattr(signal, "setitimer")
"""Whether the kernel ends a process that has had its time; on Windows a thread does, by the clock,
with exit code 1."""


def main() -> None:
    """Answer until nobody asks any more."""
    for number in (signal.SIGINT, signal.SIGTERM):  # go to a whole group; the parent decides
        signal.signal(number, signal.SIG_IGN)
    memory_bytes, niceness = map(int, sys.argv[1:])
    _bound_memory(memory_bytes)
    if niceness and hasattr(os, "nice"):
        os.nice(niceness)
    requests, answers = sys.stdin.buffer, sys.stdout.buffer
    with suppress(BrokenPipeError):
        while head := requests.read(REQUEST.size):
            length, max_pixels, cpu_s = REQUEST.unpack(head)
            _bound_time(cpu_s)
            _answer(requests.read(length), max_pixels, answers)
            _bound_time(0)


def _answer(content: bytes, max_pixels: int, answers: IO[bytes]) -> None:
    try:
        check_cost(content)
        image_rgb = np.ascontiguousarray(load_image(content, max_pixels))
    except ImageError as error:
        fault, reason = error.fault, error.reason
        if isinstance(error.__cause__, MemoryError):
            fault, reason = ImageFault.TOO_LARGE, "needs more memory than a picture is given"
        document = json.dumps([reason, fault]).encode()
        answers.write(ANSWER.pack(0, len(document)) + document)
    else:
        height, width = image_rgb.shape[:2]
        answers.write(ANSWER.pack(width, height))
        answers.write(image_rgb.data)
    answers.flush()


def _bound_memory(memory_bytes: int) -> None:
    """Let no file take more than this: an allocation beyond it fails, and with it that file."""
    with suppress(ImportError, OSError, ValueError):  # Windows has no such limit, macOS few
        import resource

        resource.setrlimit(resource.RLIMIT_DATA, (memory_bytes, memory_bytes))


def _bound_time(cpu_s: float) -> None:
    """End this process once it has used so much processor time from now on; 0 takes that back.

    And once it has waited for long, be it for a processor or for itself.
    """
    if KERNEL_COUNTS:
        signal.setitimer(signal.ITIMER_PROF, cpu_s)
        signal.setitimer(signal.ITIMER_REAL, HANG_S if cpu_s else 0)
    elif cpu_s:
        faulthandler.dump_traceback_later(cpu_s, exit=True)
    else:
        faulthandler.cancel_dump_traceback_later()


if __name__ == "__main__":
    main()
