"""This process: its memory, its threads, and ending in order when it is asked to."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from types import FrameType
from typing import TypeVar

_ARENA_MAX = -8
"""M_ARENA_MAX of malloc.h."""

_ARENAS = 2

Item = TypeVar("Item")
Done = TypeVar("Done")


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


def in_order(do: Callable[[Item], Done], items: Iterable[Item], workers: int) -> Iterator[Done]:
    """What comes of each item, in their order; an exception comes where its result would.

    No more than twice as many as there are workers are begun before the first of them is taken, so
    that a slow reader fills no memory. Once nobody reads any more, none is begun.

    Args:
        do: called in threads, for several items at a time.
        items: taken as they are needed.
        workers: how many threads; with one, all is done in the thread that reads.
    """
    if workers == 1:
        yield from map(do, items)
        return
    begun: deque[Future[Done]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        try:
            for item in items:
                begun.append(pool.submit(do, item))
                if len(begun) == 2 * workers:
                    yield begun.popleft().result()
            while begun:
                yield begun.popleft().result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
