"""This process: its memory, and ending in order when the system or a person asks for it."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

_ARENA_MAX = -8
"""M_ARENA_MAX of malloc.h."""

_ARENAS = 2


def limit_arenas() -> None:
    """Have all threads that begin from now on share two pools of memory.

    glibc gives threads pools of their own, up to eight a core, and each keeps what its threads
    needed at their busiest moment; so the memory of a program of many threads grows for a quarter
    of an hour. Elsewhere, and where MALLOC_ARENA_MAX is set in the environment, nothing changes.
    """
    if sys.platform == "linux" and "MALLOC_ARENA_MAX" not in os.environ:
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none
        if mallopt is not None:
            mallopt(_ARENA_MAX, _ARENAS)


@contextmanager
def stopping_on_signals(stop: Callable[[], None]) -> Iterator[None]:
    """Ctrl-C and SIGTERM call `stop`; a second one does what it always does."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.getsignal(number) for number in numbers}

    def restore() -> None:
        for number in numbers:
            signal.signal(number, before[number])

    def handle(number: int, frame: FrameType | None) -> None:
        restore()
        stop()

    for number in numbers:
        signal.signal(number, handle)
    try:
        yield
    finally:
        restore()
