"""The C library's pools of memory, in programs of many threads."""

from __future__ import annotations

import ctypes
import os
import sys

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
