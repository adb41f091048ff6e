"""The process that opens pictures of strangers; `maskwatch.io.decoder_pool` starts it and ends it.

Run as `python -m maskwatch.io.decoder_process MEMORY_BYTES NICENESS`. Each request on standard
input is `REQUEST` and the bytes of an image file; each answer on standard output is `ANSWER` and
either the pixels, RGB uint8 row by row, or JSON that says why there are none. A file that takes
more processor time than its request grants ends the process.
"""

from __future__ import annotations

import faulthandler
import json
import os
import signal
import struct
import sys
from contextlib import suppress
from typing import IO

import numpy as np

from maskwatch.errors import ImageError, ImageFault
from maskwatch.io.decoding_cost import check_cost
from maskwatch.io.images import load_image

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
