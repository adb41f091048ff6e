"""How often each client may call, and how much of one thing there may be at once."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager

from maskwatch.service.problems import BUSY, Problem

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
