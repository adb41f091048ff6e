"""Ending in order when the system, or a person at the keyboard, asks for it."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


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
