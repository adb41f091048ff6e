"""Waiting for what another thread or process does: the one loop that looks again and again."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

LIMIT_S = 300.0
"""After this a wait has failed, on any machine; nothing that is right comes near it."""


def until(
    condition: Callable[[], T], what: object = "what was waited for", pause_s: float = 0.02
) -> T:
    """What the condition gives once that is true.

    Args:
        condition: asked again and again.
        what: told when it never comes about.
        pause_s: between two questions.
    """
    end_s = time.monotonic() + LIMIT_S
    while not (found := condition()):
        assert time.monotonic() < end_s, f"not within {LIMIT_S:.0f} s: {what}"
        time.sleep(pause_s)
    return found
