"""Who is served next, where more comes than can be done: the newest of each, in turn."""

from __future__ import annotations

import threading
from collections import Counter
from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class FairQueue(Generic[Key, Value]):
    """Holds the newest value of each key. Of those that wait, the one served longest ago is next.

    So each gets the same share where there is too little for all, whatever it offers; who offers
    less than its share gets all it wants. A key that is being served is not served twice at once.

    Attributes:
        dropped: by key, how many values gave way to newer ones.
    """

    def __init__(self) -> None:
        self.dropped: Counter[Key] = Counter()
        self._waiting: dict[Key, Value] = {}
        self._served_at: Counter[Key] = Counter()  # by key, how many had been served by then
        self._served_count = 0
        self._served: set[Key] = set()
        self._changed = threading.Condition()

    def put(self, key: Key, value: Value) -> None:
        """Offer a value; it takes the place of the key's last one, if nobody has taken that."""
        with self._changed:
            self.dropped[key] += key in self._waiting
            self._waiting[key] = value
            self._changed.notify()

    def take(self, timeout_s: float) -> tuple[Key, Value] | None:
        """The key whose turn it is, and its newest value; None if there is none in time.

        Whoever takes it calls `done` afterwards.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._next() is not None, timeout_s)
            key = self._next()
            if key is None:
                return None
            self._served.add(key)
            self._served_count += 1
            self._served_at[key] = self._served_count
            return key, self._waiting.pop(key)

    def done(self, key: Key) -> None:
        """The key has been served."""
        with self._changed:
            self._served.discard(key)
            self._changed.notify()

    def is_idle(self, key: Key) -> bool:
        """Whether nothing of this key waits or is being served."""
        with self._changed:
            return key not in self._waiting and key not in self._served

    def _next(self) -> Key | None:
        free = [key for key in self._waiting if key not in self._served]
        return min(free, key=self._served_at.__getitem__, default=None)
